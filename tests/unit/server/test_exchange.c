/* Requests and responses of well-behaved clients. */
#include "http_test.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

/* What is longer than a receive buffer comes in pieces, so that their order can be tested. */
static int open_server(void **state) {
    (void)state;
    struct ring_options options = ring_default_options;
    options.bundle = 1;
    if (open_loop_with(&options) != 0)
        return -1;
    open_site(&site_options);
    return 0;
}

static int close_server(void **state) {
    close_site();
    return close_loop(state);
}

#define server_test(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

static void requests_one_after_another(void **state) {
    (void)state;
    struct client client = open_client();
    for (unsigned i = 1; i <= 5; i++) {
        say(&client, GET);
        expect_times(&client, "\r\n\r\nhello", i);
    }
    assert_int_equal(times(&client, "HTTP/1.1 200 OK\r\n"), 5);
    assert_int_equal(times(&client, "Content-Length: 5\r\n"), 5);
    assert_int_equal(times(&client, "Date: "), 5);
    assert_int_equal(times(&client, "Connection: close"), 0);
    assert_int_equal(statistic(requests), 5);
    assert_int_equal(statistic(accepted), 1);
    assert_int_equal(statistic(open), 1);
    close_client(&client);
    wait_for(statistic(open) == 0);
    assert_int_equal(site.closings, 1);
}

static void a_request_in_single_bytes(void **state) {
    (void)state;
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "
                                  "3\r\n\r\nabcGET / HTTP/1.1\r\nHost: x\r\n\r\n";
    struct client client = open_client();
    for (size_t i = 0; i < sizeof request - 1; i++) {
        say_bytes(&client, request + i, 1);
        turn();
    }
    expect(&client, "\r\n\r\nabc");
    expect(&client, "hello");
    close_client(&client);
}

static void pipelined_requests_are_answered_in_order(void **state) {
    (void)state;
    struct client client = open_client();
    char all[20 * 100] = "";
    for (int i = 0; i < 20; i++)
        snprintf(all + strlen(all), sizeof all - strlen(all),
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n<%02d>", i);
    say(&client, all);
    expect(&client, "<19>");
    const char *at = client.input;
    for (int i = 0; i < 20; i++) {
        char body[32];
        snprintf(body, sizeof body, "<%02d>", i);
        at = strstr(at, body);
        assert_non_null(at);
    }
    assert_int_equal(statistic(requests), 20);
    close_client(&client);
}

/* Much more than may wait behind a request: the connection stops reading, and goes on later. */
static void a_flood_of_pipelined_requests(void **state) {
    (void)state;
    enum { REQUESTS = 4000 };
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.late != NULL);
    unsigned sent = 0;
    while (sent < REQUESTS &&
           send(client.socket, GET, sizeof GET - 1, MSG_NOSIGNAL) == sizeof GET - 1)
        sent++;
    turn_a_while();
    assert_int_equal(statistic(requests), 1);
    assert_non_null(site.late);
    answer_with(site.late, 200, bytes_of("late"));
    while (sent < REQUESTS) {
        ssize_t size = send(client.socket, GET, sizeof GET - 1, MSG_NOSIGNAL);
        assert_true(size < 0 || size == sizeof GET - 1);
        sent += size > 0;
        if (size < 0)
            turn();
        hear(&client);
    }
    wait_for(hear(&client) && statistic(requests) == REQUESTS + 1);
    expect_times(&client, "hello", REQUESTS);
    assert_int_equal(times(&client, "late"), 1);
    close_client(&client);
}

static void a_head_request_gets_no_body(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n" GET);
    expect(&client, "hello");
    assert_int_equal(times(&client, "Content-Length: 5\r\n"), 2);
    assert_int_equal(times(&client, "hello"), 1);
    close_client(&client);
}

static void a_response_without_content(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n" GET);
    expect(&client, "hello");
    assert_int_equal(times(&client, "HTTP/1.1 204 No Content\r\n"), 1);
    assert_int_equal(times(&client, "Content-Length"), 1);
    close_client(&client);
}

static void bodies_by_length_and_in_chunks(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
                 "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    expect_times(&client, "HTTP/1.1 200 OK", 3);
    assert_int_equal(times(&client, "\r\n\r\nabcdefgHTTP"), 1);
    assert_int_equal(times(&client, "\r\n\r\nhiHTTP"), 1);
    close_client(&client);
}

static void who_asks_to_close_is_closed(void **state) {
    (void)state;
    static const char *const requests[] = {
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    };
    for (int i = 0; i < 2; i++) {
        struct client client = open_client();
        say(&client, requests[i]);
        expect_end(&client);
        assert_int_equal(times(&client, "Connection: close\r\n"), 1);
        assert_int_equal(times(&client, "hello"), 1);
        close_client(&client);
    }
}

static void a_response_bigger_than_the_socket_s_buffer(void **state) {
    (void)state;
    struct client client = open_client();
    const int small = 128 * 1024;
    setsockopt(client.socket, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    say(&client, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n" GET);
    wait_for(statistic(requests) == 1);
    turn_a_while();
    assert_int_equal(statistic(requests), 1); /* the second waits for the first's answer */
    expect(&client, "\r\n\r\nhello");
    const char *body = strstr(client.input, "\r\n\r\n") + 4;
    for (size_t i = 0; i < BIG; i++)
        if (body[i] != (char)('a' + i % 23))
            fail_msg("byte %zu differs", i);
    close_client(&client);
}

static void an_answer_given_later(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.late != NULL);
    turn_a_while();
    assert_int_equal(client.size, 0);
    answer_with(site.late, 200, bytes_of("at last"));
    expect(&client, "at last");
    close_client(&client);
}

static void a_response_that_cannot_be_written_closes(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, "GET /forged HTTP/1.1\r\nHost: x\r\n\r\n");
    expect_end(&client);
    assert_int_equal(client.size, 0);
    close_client(&client);
}

/* ---- 100 Continue ---------------------------------------------------------------------------- */

#define EXPECTS \
    "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"

static void a_body_is_invited(void **state) {
    (void)state;
    struct client client = open_client();
    for (unsigned i = 1; i <= 2; i++) {
        say(&client, EXPECTS);
        expect_times(&client, "HTTP/1.1 100 Continue\r\n\r\n", i);
        say(&client, "body");
        expect_times(&client, "\r\n\r\nbody", i);
    }
    close_client(&client);
}

static void a_body_that_came_along_needs_no_invitation(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, EXPECTS "body");
    expect(&client, "\r\n\r\nbody");
    assert_int_equal(times(&client, "100 Continue"), 0);
    close_client(&client);
}

/*
 * A request whose head ends exactly with a receive buffer, so that the loop gets the head and what
 * is behind it as two pieces in one turn: the body overtakes the invitation.
 */
static void say_in_two_pieces(struct client *client, const char *lead, const char *behind) {
    char request[2 * 8192];
    size_t head = ring_default_options.buffer_size;
    static const char end[] = "\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";
    assert_true(head + strlen(behind) < sizeof request);
    int filling = (int)(head - strlen(lead) - (sizeof end - 1));
    snprintf(request, sizeof request, "%s%0*d%s%s", lead, filling, 0, end, behind);
    say_bytes(client, request, head + strlen(behind));
}

static void a_body_that_does_not_wait_for_its_invitation(void **state) {
    (void)state;
    struct client client = open_client();
    for (unsigned i = 1; i <= 3; i++) {
        say_in_two_pieces(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nPadding: ", "body" GET);
        expect_times(&client, "hello", i);
    }
    assert_int_equal(times(&client, "100 Continue"), 3);
    assert_int_equal(times(&client, "\r\n\r\nbodyHTTP/1.1 200"), 3);
    say_in_two_pieces(&client, "POST /echo HTTP/1.1\r\nHost: x\r\nPadding: ", "last");
    shutdown(client.socket, SHUT_WR);
    expect_end(&client);
    assert_int_equal(times(&client, "\r\n\r\nlast"), 1);
    close_client(&client);
}

static void an_upgrade_whose_body_does_not_wait(void **state) {
    (void)state;
    struct client client = open_client();
    say_in_two_pieces(&client, "GET /upgrade HTTP/1.1\r\nHost: x\r\nPadding: ", "bodybehind");
    expect(&client, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching");
    assert_int_equal(container_of(site.upgraded, struct site_connection, connection)->behind_size,
                     6);
    close_client(&client);
    wait_for(site.upgrade_closings == 1);
}

static void a_last_request_whose_body_does_not_wait(void **state) {
    (void)state;
    struct client client = open_client();
    say_in_two_pieces(&client,
                      "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nPadding: ", "body");
    expect_end(&client);
    assert_int_equal(times(&client, "\r\n\r\nbody"), 1);
    close_client(&client);
}

/* ---- peers that end their side --------------------------------------------------------------- */

static void a_half_closed_peer_still_gets_its_answers(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, GET GET "GET /late HTTP/1.1\r\nHost: x\r\n\r\n" GET);
    shutdown(client.socket, SHUT_WR);
    wait_for(site.late != NULL);
    turn_a_while();
    answer_with(site.late, 200, bytes_of("late"));
    expect_end(&client);
    assert_int_equal(times(&client, "hello"), 3);
    assert_int_equal(times(&client, "late"), 1);
    close_client(&client);
}

static void a_half_request_behind_is_no_reason_to_stay(void **state) {
    (void)state;
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\nGET / HT");
    shutdown(client.socket, SHUT_WR);
    wait_for(site.late != NULL);
    turn_a_while();
    answer_with(site.late, 200, bytes_of("late"));
    expect_end(&client);
    assert_int_equal(times(&client, "HTTP/1.1 200"), 1);
    close_client(&client);
}

static void a_peer_that_ends_between_and_within_requests(void **state) {
    (void)state;
    static const char *const requests[] = {
        GET, "GET / HTTP/1.1\r\nHo",
        "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx"};
    for (int i = 0; i < 3; i++) {
        struct client client = open_client();
        say(&client, requests[i]);
        if (i == 0)
            expect(&client, "hello");
        shutdown(client.socket, SHUT_WR);
        expect_end(&client);
        assert_int_equal(times(&client, "HTTP/1.1"), i == 0);
        close_client(&client);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        server_test(requests_one_after_another),
        server_test(a_request_in_single_bytes),
        server_test(pipelined_requests_are_answered_in_order),
        server_test(a_flood_of_pipelined_requests),
        server_test(a_head_request_gets_no_body),
        server_test(a_response_without_content),
        server_test(bodies_by_length_and_in_chunks),
        server_test(who_asks_to_close_is_closed),
        server_test(a_response_bigger_than_the_socket_s_buffer),
        server_test(an_answer_given_later),
        server_test(a_response_that_cannot_be_written_closes),
        server_test(a_body_is_invited),
        server_test(a_body_that_came_along_needs_no_invitation),
        server_test(a_body_that_does_not_wait_for_its_invitation),
        server_test(an_upgrade_whose_body_does_not_wait),
        server_test(a_last_request_whose_body_does_not_wait),
        server_test(a_half_closed_peer_still_gets_its_answers),
        server_test(a_half_request_behind_is_no_reason_to_stay),
        server_test(a_peer_that_ends_between_and_within_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
