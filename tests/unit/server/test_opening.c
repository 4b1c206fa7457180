/* What comes before HTTP: PROXY headers, and whom they and X-Forwarded-For make the client. */
#include "http_test.h"

#define PROXY "PROXY TCP4 192.0.2.1 192.0.2.2 1234 80\r\n"
#define WHERE "GET /where HTTP/1.1\r\nHost: x\r\n"

static const struct http_listening proxied = {.proxy_protocol = true};
static struct network trusted;
static struct http_server_options options;

static int set_up(void **state) {
    options = site_options;
    assert_true(network_parse(bytes_of("127.0.0.0/8"), &trusted));
    options.trusted = &trusted;
    options.trusted_count = 1;
    return open_loop(state);
}

#define opening_test(test) cmocka_unit_test_setup_teardown(test, set_up, close_loop)

static void check_where(const char *request, const char *expected) {
    struct client client = open_client();
    say(&client, request);
    expect(&client, expected);
    close_client(&client);
}

static void a_header_says_where_it_comes_from(void **state) {
    (void)state;
    open_site_as(&options, &proxied);
    check_where(PROXY WHERE "\r\n", "192.0.2.1:1234");
    check_where("PROXY UNKNOWN\r\n" WHERE "\r\n", "127.0.0.1:");
    check_where("PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n" WHERE "\r\n", "192.0.2.7:1");
    assert_int_equal(statistic(proxy_headers), 3);
    assert_int_equal(statistic(proxy_headers_refused), 0);
    close_site();
}

/* The client of the header is no proxy, so what it says of others is not believed; one that is may
 * go on. */
static void a_header_and_a_field(void **state) {
    (void)state;
    open_site_as(&options, &proxied);
    check_where(PROXY WHERE "X-Forwarded-For: 1.1.1.1\r\n\r\n", "192.0.2.1:1234");
    check_where("PROXY TCP4 127.0.0.9 127.0.0.1 1 2\r\n" WHERE "X-Forwarded-For: 192.0.2.3\r\n\r\n",
                "192.0.2.3:0");
    close_site();
}

/* It may be the client of a proxy that only passes on bytes, who writes the field. */
static void a_field_behind_a_header_that_names_nobody(void **state) {
    (void)state;
    static const char local[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    static const char unspecified[] = "\r\n\r\n\0\r\nQUIT\n\x21\0\0\0";
    static const char request[] = WHERE "X-Forwarded-For: 192.0.2.3\r\n\r\n";
    open_site_as(&options, &proxied);
    for (int kind = 0; kind < 3; kind++) {
        struct client client = open_client();
        if (kind == 0)
            say(&client, "PROXY UNKNOWN\r\n");
        else
            say_bytes(&client, kind == 1 ? local : unspecified, sizeof local - 1);
        say(&client, request);
        say(&client, request);
        expect_times(&client, "127.0.0.1:", 2);
        close_client(&client);
    }
    close_site();
}

static void a_header_that_trickles(void **state) {
    (void)state;
    static const char request[] = PROXY WHERE "\r\n" WHERE "\r\n";
    open_site_as(&options, &proxied);
    struct client client = open_client();
    for (size_t i = 0; i + 1 < sizeof request; i++) {
        say_bytes(&client, &request[i], 1);
        turn_a_while();
    }
    expect_times(&client, "192.0.2.1:1234", 2);
    close_client(&client);
    close_site();
}

static void what_is_no_header_ends_the_connection(void **state) {
    (void)state;
    static const char *const cases[] = {WHERE "\r\n", "PROXY TCP4 x\r\n" WHERE "\r\n",
                                        "\r\n\r\nPROXY UNKNOWN\r\n"};
    open_site_as(&options, &proxied);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct client client = open_client();
        say(&client, cases[i]);
        expect_end(&client);
        assert_int_equal(client.size, 0);
        close_client(&client);
        assert_int_equal(statistic(proxy_headers_refused), i + 1);
    }
    assert_int_equal(statistic(requests), 0);
    close_site();
}

static void who_is_no_proxy_may_not_connect(void **state) {
    (void)state;
    options.trusted_count = 0;
    open_site_as(&options, &proxied);
    struct client client = open_client();
    expect_end(&client);
    assert_int_equal(client.size, 0);
    assert_int_equal(statistic(proxy_headers_refused), 1);
    close_client(&client);
    close_site();
}

static void a_header_that_does_not_come(void **state) {
    (void)state;
    options.head_timeout = 100 * MILLISECOND;
    open_site_as(&options, &proxied);
    struct client silent = open_client(), half = open_client(), ended = open_client();
    say(&half, "PROXY TCP4 192");
    say(&ended, "PROXY");
    shutdown(ended.socket, SHUT_WR);
    expect_end(&silent);
    expect_end(&half);
    expect_end(&ended);
    assert_int_equal(silent.size + half.size + ended.size, 0);
    assert_int_equal(statistic(head_timeouts), 2);
    close_client(&silent);
    close_client(&half);
    close_client(&ended);
    close_site();
}

static void closed_before_the_header_came(void **state) {
    (void)state;
    open_site_as(&options, &proxied);
    struct client client = open_client();
    say(&client, "PROXY");
    wait_for(statistic(open) == 1);
    turn_a_while();
    close_site();
    expect_end(&client);
    close_client(&client);
}

/* The proxy's own address is not counted, those that it speaks for are. */
static void clients_of_a_proxy_are_counted_by_their_own_addresses(void **state) {
    (void)state;
    struct admission admission;
    admission_init(&admission, &(struct admission_limits){.per_address = 1});
    options.admission = &admission;
    open_site_as(&options, &proxied);
    struct client clients[3];
    const char *const headers[] = {PROXY, "PROXY TCP4 192.0.2.2 192.0.2.2 1234 80\r\n", PROXY};
    for (int i = 0; i < 3; i++) {
        clients[i] = open_client();
        say(&clients[i], headers[i]);
        say(&clients[i], WHERE "\r\n");
        if (i < 2)
            expect(&clients[i], "192.0.2.");
    }
    expect_end(&clients[2]);
    assert_int_equal(clients[2].size, 0);
    assert_int_equal(statistic(refused_address), 1);
    for (int i = 0; i < 3; i++)
        close_client(&clients[i]);
    close_site();
    admission_fini(&admission);
}

static void a_field_of_a_proxy_is_believed_without_a_header(void **state) {
    (void)state;
    open_site(&options);
    check_where(WHERE "X-Forwarded-For: 1.1.1.1, 192.0.2.3\r\n\r\n", "192.0.2.3:0");
    check_where(WHERE "\r\n", "127.0.0.1:");
    close_site();
    options.trusted_count = 0;
    open_site(&options);
    check_where(WHERE "X-Forwarded-For: 192.0.2.3\r\n\r\n", "127.0.0.1:");
    close_site();
}

static void out_of_memory(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0, failures = 1; failures > 0; skip++) {
        open_site_as(&options, &proxied);
        struct client client = open_client();
        memory_fail_after(skip, 1);
        say(&client, PROXY "GET /where HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        expect_end(&client);
        failures = memory_failures();
        memory_fail_after(0, 0);
        if (failures == 0)
            assert_int_equal(times(&client, "192.0.2.1:1234"), 1);
        close_client(&client);
        close_site();
    }
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        opening_test(a_header_says_where_it_comes_from),
        opening_test(a_header_and_a_field),
        opening_test(a_field_behind_a_header_that_names_nobody),
        opening_test(a_header_that_trickles),
        opening_test(what_is_no_header_ends_the_connection),
        opening_test(who_is_no_proxy_may_not_connect),
        opening_test(a_header_that_does_not_come),
        opening_test(closed_before_the_header_came),
        opening_test(clients_of_a_proxy_are_counted_by_their_own_addresses),
        opening_test(a_field_of_a_proxy_is_believed_without_a_header),
        opening_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
