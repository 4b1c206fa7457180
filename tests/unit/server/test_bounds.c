/* What peers may not do: each bound has its status, and the connection ends behind it. */
#include "http_test.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

static struct http_server_options options;

static int open_server(void **state) {
    options = site_options;
    return open_loop(state);
}

#define bounds_test(name) cmocka_unit_test_setup_teardown(name, open_server, close_loop)

static void refuse_text(const char *request, const char *status_line) {
    expect_refusal(request, strlen(request), status_line);
}

/* ---- bad requests ---------------------------------------------------------------------------- */

static void malformed_requests(void **state) {
    (void)state;
    static const struct {
        const char *request, *status_line;
    } cases[] = {
        {"nonsense\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", "HTTP/1.1 400 "},
        {"GET / HTTP/1.1\r\nHost : x\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
         "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400 "},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "HTTP/1.1 400 "},
        {"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 "},
        {"FROBNICATE / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 501 "},
        {"GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 "},
    };
    open_site(&options);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refuse_text(cases[i].request, cases[i].status_line);
    assert_int_equal(statistic(bad_requests), sizeof cases / sizeof *cases - 1);
    assert_int_equal(statistic(requests), 1);
    close_site();
}

static void lines_and_heads_that_are_too_long(void **state) {
    (void)state;
    static char request[40000];
    open_site(&options);
    int lead = snprintf(request, sizeof request, "GET /");
    memset(request + lead, 'a', 9000);
    snprintf(request + lead + 9000, 100, " HTTP/1.1\r\nHost: x\r\n\r\n");
    refuse_text(request, "HTTP/1.1 414 ");
    lead = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    memset(request + lead, 'a', 9000);
    snprintf(request + lead + 9000, 100, "\r\n\r\n");
    refuse_text(request, "HTTP/1.1 431 ");
    size_t used = (size_t)snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(request + used, sizeof request - used, "X%d: y\r\n", i);
    snprintf(request + used, sizeof request - used, "\r\n");
    refuse_text(request, "HTTP/1.1 431 ");
    /* without an end, too: who never ends a line is not waited for */
    memset(request, 'a', sizeof request);
    expect_refusal(request, sizeof request, "HTTP/1.1 4");
    close_site();
}

static void bodies_that_are_too_large(void **state) {
    (void)state;
    static char request[5000];
    open_site(&options);
    int lead = snprintf(request, sizeof request,
                        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n");
    memset(request + lead, 'b', 1001);
    expect_refusal(request, (size_t)lead + 1001, "HTTP/1.1 413 ");
    lead = snprintf(request, sizeof request,
                    "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n");
    memset(request + lead, 'b', 1024);
    expect_refusal(request, (size_t)lead + 1024, "HTTP/1.1 413 ");
    struct client client = open_client(); /* just at the bound */
    lead = snprintf(request, sizeof request,
                    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n");
    memset(request + lead, 'b', 1000);
    say_bytes(&client, request, (size_t)lead + 1000);
    expect(&client, "HTTP/1.1 200 OK");
    close_client(&client);
    close_site();
}

/* The answer must arrive although the peer goes on sending: no reset overtakes it. */
static void a_refused_peer_that_goes_on_sending_still_reads_why(void **state) {
    (void)state;
    static const char much[200000];
    open_site(&options);
    struct client client = open_client();
    say(&client, "nonsense\r\n\r\n");
    size_t sent = 0;
    while (sent < 5 * sizeof much && !client.ended) {
        ssize_t size = send(client.socket, much, sizeof much, MSG_NOSIGNAL);
        sent += size > 0 ? (size_t)size : 0;
        turn();
        hear(&client);
        assert_false(client.reset);
    }
    expect(&client, "HTTP/1.1 400 ");
    close_client(&client);
    wait_for(statistic(open) == 0);
    close_site();
}

/* Who neither reads nor closes is not waited for longer than a moment. */
static void a_refused_peer_that_stays_is_closed(void **state) {
    (void)state;
    open_site(&options);
    struct client client = open_client();
    say(&client, "nonsense\r\n\r\n");
    expect_end(&client);
    wait_for(statistic(open) == 0);
    close_client(&client);
    close_site();
}

/* The second request is malformed; the first is answered as if nothing were. */
static void a_bad_request_behind_a_good_one(void **state) {
    (void)state;
    open_site(&options);
    struct client client = open_client();
    say(&client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n");
    expect_end(&client);
    assert_int_equal(times(&client, "HTTP/1.1 200 OK\r\n"), 1);
    assert_int_equal(times(&client, "HTTP/1.1 400 Bad Request\r\n"), 1);
    assert_int_equal(times(&client, "\r\n\r\n400 Bad Request: "), 1); /* no HEAD any more */
    close_client(&client);
    close_site();
}

/* ---- time ------------------------------------------------------------------------------------ */

static void a_head_that_does_not_come(void **state) {
    (void)state;
    options.head_timeout = 50 * MILLISECOND;
    open_site(&options);
    struct client silent = open_client();
    expect_end(&silent);
    assert_int_equal(silent.size, 0);
    assert_int_equal(statistic(head_timeouts), 1);
    close_client(&silent);
    close_site();
}

/* The time runs from the connection's start, whatever trickles in. */
static void a_head_that_trickles(void **state) {
    (void)state;
    options.head_timeout = 100 * MILLISECOND;
    open_site(&options);
    struct client client = open_client();
    uint64_t said = ring_now(loop.ring), began = said;
    say(&client, "GET / HTTP/1.1\r\n");
    while (client.size == 0) {
        assert_true(ring_now(loop.ring) < began + PATIENCE);
        if (ring_now(loop.ring) > said + 10 * MILLISECOND) {
            send(client.socket, "X: y\r\n", 6, MSG_NOSIGNAL);
            said = ring_now(loop.ring);
        }
        turn();
        hear(&client);
    }
    expect(&client, "HTTP/1.1 408 Request Timeout");
    expect_end(&client);
    assert_int_equal(statistic(head_timeouts), 1);
    close_client(&client);
    close_site();
}

static void a_kept_alive_connection_has_its_own_times(void **state) {
    (void)state;
    options.head_timeout = 50 * MILLISECOND;
    options.idle_timeout = HOUR;
    open_site(&options);
    struct client client = open_client();
    say(&client, GET);
    expect(&client, "hello");
    uint64_t until = ring_now(loop.ring) + 3 * options.head_timeout;
    while (ring_now(loop.ring) < until)
        turn();
    assert_int_equal(statistic(open), 1);
    say(&client, "G"); /* from here on the head's time runs */
    expect(&client, "HTTP/1.1 408 ");
    expect_end(&client);
    close_client(&client);
    close_site();
}

static void an_idle_connection_is_closed_silently(void **state) {
    (void)state;
    options.idle_timeout = 50 * MILLISECOND;
    open_site(&options);
    struct client client = open_client();
    say(&client, GET);
    expect_end(&client);
    assert_int_equal(times(&client, "HTTP/1.1 "), 1);
    assert_int_equal(statistic(head_timeouts), 0);
    close_client(&client);
    close_site();
}

static void a_reader_that_never_reads(void **state) {
    (void)state;
    options.idle_timeout = 200 * MILLISECOND;
    open_site(&options);
    struct client client = open_client();
    for (int i = 0; i < 8; i++)
        say(&client, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.closings == 1);
    close_client(&client);
    close_site();
}

/* ---- number ---------------------------------------------------------------------------------- */

static void one_connection_too_many(void **state) {
    (void)state;
    struct admission admission;
    admission_init(&admission, &(struct admission_limits){.connections = 2});
    options.admission = &admission;
    open_site(&options);
    struct client first = open_client(), second = open_client();
    wait_for(statistic(open) == 2);
    struct client third = open_client();
    expect_end(&third);
    assert_int_equal(times(&third, "HTTP/1.1 503 Service Unavailable\r\n"), 1);
    assert_int_equal(times(&third, "Retry-After: "), 1);
    assert_int_equal(statistic(refused), 1);
    say(&first, GET);
    expect(&first, "hello");
    close_client(&first);
    wait_for(statistic(open) == 1);
    struct client fourth = open_client();
    say(&fourth, GET);
    expect(&fourth, "hello");
    close_client(&second);
    close_client(&third);
    close_client(&fourth);
    close_site();
    admission_fini(&admission);
}

static void too_many_connections_a_second(void **state) {
    (void)state;
    struct admission admission;
    admission_init(&admission, &(struct admission_limits){.accepts = {1, 2}});
    options.admission = &admission;
    open_site(&options);
    struct client clients[3];
    for (int i = 0; i < 3; i++)
        clients[i] = open_client();
    expect_end(&clients[2]);
    assert_int_equal(times(&clients[2], "HTTP/1.1 503 Service Unavailable\r\n"), 1);
    assert_int_equal(times(&clients[2], "Retry-After: "), 1);
    assert_int_equal(statistic(refused_rate), 1);
    assert_int_equal(statistic(accepted), 2);
    for (int i = 0; i < 3; i++)
        close_client(&clients[i]);
    close_site();
    admission_fini(&admission);
}

/* It is closed without a word; who was there stays, also when it has left HTTP. */
static void too_many_connections_from_one_address(void **state) {
    (void)state;
    struct admission admission;
    admission_init(&admission, &(struct admission_limits){.per_address = 2});
    options.admission = &admission;
    open_site(&options);
    struct client first = open_client(), second = open_client();
    say(&first, "GET /upgrade HTTP/1.1\r\nHost: x\r\n\r\n");
    expect(&first, "101 Switching Protocols");
    wait_for(statistic(open) == 2);
    struct client third = open_client();
    expect_end(&third);
    assert_int_equal(third.size, 0);
    assert_int_equal(statistic(refused_address), 1);
    close_client(&first);
    wait_for(statistic(open) == 1);
    struct client fourth = open_client();
    say(&fourth, GET);
    expect(&fourth, "hello");
    close_client(&second);
    close_client(&third);
    close_client(&fourth);
    close_site();
    admission_fini(&admission);
}

static void out_of_descriptors_the_others_live_on(void **state) {
    (void)state;
    limit_descriptors(4); /* the listener, both clients and one of their connections */
    open_site(&options);
    struct client client = open_client();
    say(&client, GET);
    expect(&client, "hello");
    struct client waiting = open_client();
    wait_for(statistic(accept_pauses) > 0);
    say(&client, GET);
    expect_times(&client, "hello", 2);
    unlimit_descriptors();
    say(&waiting, GET);
    expect(&waiting, "hello");
    close_client(&client);
    close_client(&waiting);
    close_site();
}

/* Whatever allocation fails: an answer, a refusal or an end, and nothing is lost. */
static void out_of_memory(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0, failures = 1; failures > 0; skip++) {
        open_site(&options);
        struct client client = open_client();
        memory_fail_after(skip, 1);
        say(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
                     "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        expect_end(&client);
        failures = memory_failures();
        memory_fail_after(0, 0);
        if (failures == 0) {
            assert_int_equal(times(&client, "body"), 1);
            assert_int_equal(times(&client, "hello"), 1);
        }
        close_client(&client);
        close_site();
    }
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        bounds_test(malformed_requests),
        bounds_test(lines_and_heads_that_are_too_long),
        bounds_test(bodies_that_are_too_large),
        bounds_test(a_refused_peer_that_goes_on_sending_still_reads_why),
        bounds_test(a_refused_peer_that_stays_is_closed),
        bounds_test(a_bad_request_behind_a_good_one),
        bounds_test(a_head_that_does_not_come),
        bounds_test(a_head_that_trickles),
        bounds_test(a_kept_alive_connection_has_its_own_times),
        bounds_test(an_idle_connection_is_closed_silently),
        bounds_test(a_reader_that_never_reads),
        bounds_test(one_connection_too_many),
        bounds_test(too_many_connections_a_second),
        bounds_test(too_many_connections_from_one_address),
        bounds_test(out_of_descriptors_the_others_live_on),
        bounds_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
