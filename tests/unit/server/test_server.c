/* The server's life: listening, leaving HTTP, and closing in each state of its connections. */
#include "http_test.h"

#define GET "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

/* ---- listening ------------------------------------------------------------------------------- */

static void both_loopback_addresses_share_a_port(void **state) {
    (void)state;
    struct endpoint endpoints[2];
    size_t count;
    site = (struct site){0};
    assert_int_equal(endpoint_parse(bytes_of("localhost:0"), endpoints, &count), ERROR_NONE);
    http_server_init(&site.server, &loop, &site_options, &site_events, NULL);
    assert_int_equal(http_server_listen(&site.server, endpoints, count, NULL), ERROR_NONE);
    assert_int_equal(site.server.listeners_open, count);
    assert_int_not_equal(endpoint_port(&endpoints[0]), 0);
    assert_int_equal(endpoint_port(&endpoints[0]), endpoint_port(&endpoints[1]));
    for (size_t i = 0; i < count; i++) {
        site.address = endpoint_address(&endpoints[i]);
        struct client client = open_client();
        say(&client, GET);
        expect(&client, "hello");
        close_client(&client);
    }
    close_site();
}

static void an_address_of_another_machine_is_passed_over(void **state) {
    (void)state;
    static const uint8_t elsewhere[4] = {192, 0, 2, 1};
    struct address addresses[2] = {address_v4(elsewhere, 0), loopback(0)};
    struct endpoint endpoints[2] = {endpoint_of(&addresses[0]), endpoint_of(&addresses[1])};
    site = (struct site){0};
    http_server_init(&site.server, &loop, &site_options, &site_events, NULL);
    assert_int_equal(http_server_listen(&site.server, endpoints, 2, NULL), ERROR_NONE);
    assert_int_equal(site.server.listener_count, 1);
    site.address = endpoint_address(&endpoints[1]);
    struct client client = open_client();
    say(&client, GET);
    expect(&client, "hello");
    close_client(&client);
    close_site();
}

static void no_address_of_this_machine(void **state) {
    (void)state;
    static const uint8_t elsewhere[4] = {192, 0, 2, 1};
    struct address address = address_v4(elsewhere, 0);
    struct endpoint endpoint = endpoint_of(&address);
    site = (struct site){0};
    http_server_init(&site.server, &loop, &site_options, &site_events, NULL);
    assert_int_equal(http_server_listen(&site.server, &endpoint, 1, NULL),
                     ERROR_ADDRESS_UNAVAILABLE);
    close_site();
}

/* One of two is taken: none is listened on, whichever it is. */
static void an_address_in_use(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++) {
        struct address taken = loopback(0), free = taken;
        int stranger = listen_at(&taken, 1);
        struct endpoint endpoints[2] = {endpoint_of(&free), endpoint_of(&free)};
        endpoints[which] = endpoint_of(&taken);
        site = (struct site){0};
        http_server_init(&site.server, &loop, &site_options, &site_events, NULL);
        assert_int_equal(http_server_listen(&site.server, endpoints, 2, NULL),
                         ERROR_ADDRESS_IN_USE);
        wait_for(site.server.listeners_open == 0);
        close_site();
        close(stranger);
    }
}

static void stopping_to_listen_leaves_connections_alone(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, GET);
    expect(&client, "hello");
    http_server_stop_listening(&site.server);
    wait_for(site.server.listeners_open == 0);
    say(&client, GET);
    expect_times(&client, "hello", 2);
    close_client(&client);
    wait_for(statistic(open) == 0);
    close_site();
}

/* ---- leaving HTTP ---------------------------------------------------------------------------- */

#define UPGRADE "GET /upgrade HTTP/1.1\r\nHost: x\r\n\r\n"

static struct site_connection *upgraded(void) {
    return container_of(site.upgraded, struct site_connection, connection);
}

static void an_upgrade_hands_over_what_came_behind(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, UPGRADE "first bytes");
    expect(&client, "HTTP/1.1 101 ");
    assert_int_equal(upgraded()->behind_size, 11);
    assert_memory_equal(upgraded()->behind, "first bytes", 11);
    assert_int_equal(site.upgrade_received, 0);
    say(&client, "and more");
    expect(&client, "and more");
    shutdown(client.socket, SHUT_WR);
    wait_for(site.upgrade_closings == 1);
    assert_int_equal(site.upgrade_ends, 1);
    assert_int_equal(site.closings, 0); /* that event is HTTP's */
    assert_int_equal(statistic(open), 0);
    close_client(&client);
    close_site();
}

static void an_upgrade_behind_another_request(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, GET UPGRADE "behind");
    expect(&client, "HTTP/1.1 101 ");
    assert_int_equal(times(&client, "hello"), 1);
    assert_int_equal(upgraded()->behind_size, 6);
    close_client(&client);
    wait_for(site.upgrade_closings == 1);
    close_site();
}

static void an_upgrade_given_later(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.late != NULL);
    say(&client, "behind");
    turn_a_while();
    upgrade(site.late);
    expect(&client, "HTTP/1.1 101 ");
    assert_int_equal(upgraded()->behind_size, 6);
    close_client(&client);
    wait_for(site.upgrade_closings == 1);
    close_site();
}

/* More behind the request than may wait: receiving had paused, and goes on. */
static void an_upgrade_with_much_behind(void **state) {
    (void)state;
    static char much[100000];
    memset(much, 'm', sizeof much);
    open_site(&site_options);
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.late != NULL);
    say_bytes(&client, much, sizeof much);
    turn_a_while();
    upgrade(site.late);
    expect(&client, "HTTP/1.1 101 ");
    say(&client, "the end");
    expect(&client, "the end");
    close_client(&client);
    wait_for(site.upgrade_closings == 1);
    close_site();
}

/* The peer's end came before the upgrade: there is nobody to talk to, so it closes. */
static void an_upgrade_of_a_half_closed_connection(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.late != NULL);
    shutdown(client.socket, SHUT_WR);
    turn_a_while();
    assert_non_null(site.late);
    upgrade(site.late);
    wait_for(site.upgrade_closings == 1);
    expect_end(&client);
    close_client(&client);
    close_site();
}

static void closing_asks_upgraded_connections_their_own_way(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, UPGRADE);
    expect(&client, "HTTP/1.1 101 ");
    close_site();
    assert_int_equal(site.upgrade_cancels, 1);
    assert_int_equal(site.upgrade_closings, 1);
    expect_end(&client);
    close_client(&client);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void closed_with_nobody_there(void **state) {
    (void)state;
    open_site(&site_options);
    close_site();
    site = (struct site){0};
    http_server_init(&site.server, &loop, &site_options, &site_events, NULL);
    close_site(); /* never listened */
}

static void closed_while_reading_and_idle(void **state) {
    (void)state;
    open_site(&site_options);
    struct client silent = open_client(), half = open_client(), idle = open_client();
    say(&half, "GET / HT");
    say(&idle, GET);
    expect(&idle, "hello");
    wait_for(statistic(open) == 3);
    close_site();
    assert_int_equal(site.closings, 3);
    expect_end(&silent);
    expect_end(&half);
    expect_end(&idle);
    close_client(&silent);
    close_client(&half);
    close_client(&idle);
}

static void closed_while_a_request_awaits_its_answer(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n" GET);
    wait_for(site.late != NULL);
    http_server_close(&site.server, site_ended);
    turn_a_while();
    assert_int_equal(site.ends, 0);
    answer_with(site.late, 200, bytes_of("last words"));
    expect_end(&client);
    assert_int_equal(times(&client, "last words"), 1);
    assert_int_equal(times(&client, "Connection: close\r\n"), 1);
    assert_int_equal(times(&client, "HTTP/1.1 "), 1);
    close_client(&client);
    wait_for(site.ends == 1);
}

static void closed_while_responding(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n" GET);
    wait_for(statistic(requests) == 1);
    http_server_close(&site.server, site_ended);
    expect_end(&client);
    assert_false(client.reset);
    const char *body = strstr(client.input, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), BIG);
    close_client(&client);
    wait_for(site.ends == 1);
}

/* The peer is gone before its answer: whoever prepares it is told, and must let go. */
static void a_peer_that_resets_while_it_waits(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.late != NULL);
    reset_connection(client.socket);
    wait_for(site.late == NULL);
    assert_int_equal(site.closings, 1);
    memory_free(client.input);
    close_site();
}

static void a_peer_that_resets_while_it_is_answered(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    for (int i = 0; i < 4; i++)
        say(&client, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(statistic(requests) >= 1);
    turn_a_while();
    reset_connection(client.socket);
    wait_for(site.closings == 1);
    memory_free(client.input);
    close_site();
}

static void answered_when_it_is_closing_already(void **state) {
    (void)state;
    open_site(&site_options);
    struct client client = open_client();
    say(&client, "GET /late HTTP/1.1\r\nHost: x\r\n\r\n");
    wait_for(site.late != NULL);
    transport_close(&site.late->transport);
    answer_with(site.late, 200, bytes_of("too late"));
    http_connection_refuse(site.late, 500, "too late");
    expect_end(&client);
    assert_int_equal(client.size, 0);
    close_client(&client);
    wait_for(site.closings == 1);
    close_site();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(both_loopback_addresses_share_a_port),
        loop_test(an_address_of_another_machine_is_passed_over),
        loop_test(no_address_of_this_machine),
        loop_test(an_address_in_use),
        loop_test(stopping_to_listen_leaves_connections_alone),
        loop_test(an_upgrade_hands_over_what_came_behind),
        loop_test(an_upgrade_behind_another_request),
        loop_test(an_upgrade_given_later),
        loop_test(an_upgrade_with_much_behind),
        loop_test(an_upgrade_of_a_half_closed_connection),
        loop_test(closing_asks_upgraded_connections_their_own_way),
        loop_test(closed_with_nobody_there),
        loop_test(closed_while_reading_and_idle),
        loop_test(closed_while_a_request_awaits_its_answer),
        loop_test(closed_while_responding),
        loop_test(a_peer_that_resets_while_it_waits),
        loop_test(a_peer_that_resets_while_it_is_answered),
        loop_test(answered_when_it_is_closing_already),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
