/*
 * Transports under TLS: a client and a server on one loop, over a socket pair; each test once with
 * the handshakes on the loop, and once on a thread pool, whose threads come from pthread_create().
 */
#include "sockets.h"

#include "../tls/certificates.h"
#include "transport/transport.h"

enum { MUCH = 3 * 1024 * 1024 };

struct party {
    struct transport transport;
    size_t received, sent;
    unsigned openings, ends, sends, closings;
    enum error end, send_error;
    bool sends_all; /* the whole pattern, from its opening on */
    bool pauses;    /* at every piece; the test starts it again */
    bool close_when_opened, close_when_received, close_when_sent, close_when_ended;
};

static struct tls_context *client_context, *server_context, *strict_context;
static struct party client, server;
static struct pool *pool; /* NULL: handshakes on the loop */
static struct pool_port port;
static uint8_t pattern[MUCH];

static struct party *party_of(struct transport *transport) {
    return container_of(transport, struct party, transport);
}

static void send_on(struct party *party) {
    if (party->sends_all && party->sent < MUCH && !transport_is_sending(&party->transport))
        transport_send(&party->transport, pattern + party->sent, MUCH - party->sent);
}

static void opened(struct transport *transport) {
    struct party *party = party_of(transport);
    party->openings++;
    if (party->close_when_opened)
        transport_close(transport);
    else
        send_on(party);
}

static void received(struct transport *transport, uint8_t *data, size_t size) {
    struct party *party = party_of(transport);
    assert_int_equal(party->openings, 1);
    assert_memory_equal(data, pattern + party->received, size);
    party->received += size;
    if (party->pauses)
        transport_pause_receive(transport);
    if (party->close_when_received)
        transport_close(transport);
}

static void ended(struct transport *transport, enum error error) {
    struct party *party = party_of(transport);
    party->ends++;
    party->end = error;
    if (party->close_when_ended)
        transport_close(transport);
}

static void sent(struct transport *transport, size_t size, enum error error) {
    struct party *party = party_of(transport);
    assert_false(transport_is_sending(transport));
    party->sends++;
    party->sent += size;
    party->send_error = error;
    if (party->close_when_sent)
        transport_close(transport);
    else if (error == ERROR_NONE)
        send_on(party);
}

static void closed(struct transport *transport) {
    party_of(transport)->closings++;
}

static const struct transport_events events = {
    .opened = opened, .received = received, .ended = ended, .sent = sent, .closed = closed};

/* ---- starting and ending --------------------------------------------------------------------- */

static enum error init_secure(struct party *party, int descriptor, struct tls *tls) {
    return transport_init_secure_on_pool(&party->transport, &loop, descriptor, tls,
                                         pool == NULL ? NULL : &port, &events);
}

static int open_loop_and_pool(void **state) {
    int result = open_loop(state);
    if (result == 0 && pool_new(2, &pool) != ERROR_NONE)
        return -1;
    pool_port_init(&port, pool, &loop);
    return result;
}

static int close_loop_and_pool(void **state) {
    pool_free(pool);
    pool = NULL;
    return close_loop(state);
}

#define pool_test(name) \
    cmocka_unit_test_setup_teardown(name, open_loop_and_pool, close_loop_and_pool)

static void start_server(int descriptor) {
    struct tls *tls;
    server = (struct party){.end = ERROR_NONE};
    assert_int_equal(tls_server_new(server_context, &tls), ERROR_NONE);
    assert_int_equal(init_secure(&server, descriptor, tls), ERROR_NONE);
}

static void start_client(int descriptor, struct tls_context *context, const char *host) {
    struct tls *tls;
    client = (struct party){.end = ERROR_NONE};
    assert_int_equal(tls_client_new(context, bytes_of(host), NULL, &tls), ERROR_NONE);
    assert_int_equal(init_secure(&client, descriptor, tls), ERROR_NONE);
}

static void start(void) {
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    start_server(pair[0]);
    start_client(pair[1], client_context, "example.test");
}

static void open_both(void) {
    start();
    wait_for(client.openings == 1 && server.openings == 1);
}

static void end_party(struct party *party) {
    transport_close(&party->transport);
    transport_close(&party->transport);
    wait_for(party->closings == 1);
    assert_null(party->transport.secure);
}

static void finish(void) {
    end_party(&client);
    end_party(&server);
    turn();
    assert_int_equal(client.closings + server.closings, 2);
    assert_true(client.ends <= 1 && server.ends <= 1);
}

/* ---- data ------------------------------------------------------------------------------------ */

static void handshake_and_a_few_bytes(void **state) {
    (void)state;
    open_both();
    assert_non_null(tls_version_name(transport_tls(&client.transport)));
    transport_send(&client.transport, pattern, 5);
    transport_send(&server.transport, pattern, 7);
    assert_true(transport_is_sending(&client.transport));
    wait_for(client.received == 7 && server.received == 5);
    assert_int_equal(client.sent, 5);
    assert_int_equal(server.sent, 7);
    finish();
}

static void much_both_ways_at_once(void **state) {
    (void)state;
    start();
    client.sends_all = server.sends_all = true;
    wait_for(client.received == MUCH && server.received == MUCH);
    wait_for(client.sent == MUCH && server.sent == MUCH);
    assert_true(client.sends > 1); /* no send takes it all: what is encrypted is bounded */
    finish();
}

static void much_both_ways_with_pauses(void **state) {
    (void)state;
    start();
    client.sends_all = server.sends_all = true;
    client.pauses = server.pauses = true;
    while (client.received < MUCH || server.received < MUCH) {
        transport_start_receive(&client.transport);
        transport_start_receive(&server.transport);
        turn();
    }
    wait_for(client.sent == MUCH && server.sent == MUCH);
    finish();
}

static void a_reader_that_pauses_holds_the_sender(void **state) {
    (void)state;
    open_both();
    transport_pause_receive(&client.transport);
    turn_a_while();
    server.sends_all = true;
    send_on(&server);
    size_t before = SIZE_MAX;
    while (server.sent != before) {
        before = server.sent;
        turn_a_while();
    }
    assert_true(server.sent < MUCH && transport_is_sending(&server.transport));
    /* what is encrypted goes out, so it is taken; the next send waits for that */
    unsigned sends = server.sends;
    transport_cancel_send(&server.transport);
    wait_for(server.sends == sends + 1);
    assert_int_equal(server.send_error, ERROR_NONE);
    before = server.sent;
    turn_a_while();
    assert_true(transport_is_sending(&server.transport));
    transport_cancel_send(&server.transport);
    wait_for(server.sends == sends + 2);
    assert_int_equal(server.send_error, ERROR_CANCELLED);
    assert_int_equal(server.sent, before);
    assert_false(transport_is_sending(&server.transport));
    transport_start_receive(&client.transport);
    send_on(&server);
    wait_for(client.received == MUCH);
    finish();
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void a_shutdown_leaves_the_other_direction_open(void **state) {
    (void)state;
    open_both();
    transport_send(&client.transport, pattern, 10);
    transport_shutdown(&client.transport);
    wait_for(server.ends == 1);
    assert_int_equal(server.end, ERROR_END_OF_STREAM);
    assert_int_equal(server.received, 10);
    transport_send(&server.transport, pattern, 20);
    wait_for(client.received == 20);
    assert_int_equal(client.ends, 0);
    finish();
}

static void a_close_says_goodbye(void **state) {
    (void)state;
    open_both();
    end_party(&client);
    wait_for(server.ends == 1);
    assert_int_equal(server.end, ERROR_END_OF_STREAM);
    finish();
}

static void an_end_without_goodbye_is_truncation(void **state) {
    (void)state;
    open_both();
    transport_send(&client.transport, pattern, 10);
    wait_for(client.sent == 10);
    shutdown(client.transport.stream.descriptor, SHUT_WR);
    wait_for(server.ends == 1);
    assert_int_equal(server.end, ERROR_TLS_TRUNCATED);
    assert_int_equal(server.received, 10);
    finish();
}

static void an_end_during_the_handshake(void **state) {
    (void)state;
    start();
    shutdown(client.transport.stream.descriptor, SHUT_WR);
    wait_for(server.ends == 1);
    assert_int_equal(server.end, ERROR_TLS_TRUNCATED);
    assert_int_equal(server.openings, 0);
    finish();
}

static void a_reset_is_told(void **state) {
    (void)state;
    int pair[2];
    make_tcp_pair(pair);
    start_server(pair[0]);
    start_client(pair[1], client_context, "example.test");
    wait_for(client.openings == 1 && server.openings == 1);
    const struct linger now = {.l_onoff = 1};
    setsockopt(client.transport.stream.descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    /* unread data and no time to linger: the kernel resets */
    stream_close(&client.transport.stream);
    wait_for(client.closings == 1 && server.ends == 1);
    assert_int_equal(server.end, ERROR_CONNECTION_RESET);
    transport_send(&server.transport, pattern, 10);
    wait_for(server.sends == 1);
    assert_int_equal(server.send_error, ERROR_CONNECTION_RESET);
    transport_send(&server.transport, pattern, 10);
    wait_for(server.sends == 2); /* who sends behind a gap is told, too */
    assert_int_not_equal(server.send_error, ERROR_NONE);
    assert_int_equal(server.sent, 0);
    assert_int_equal(server.ends, 1);
    finish();
}

/* ---- failed handshakes ----------------------------------------------------------------------- */

static void a_stranger_s_certificate_is_refused_and_the_server_told(void **state) {
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    start_server(pair[0]);
    start_client(pair[1], strict_context, "example.test");
    wait_for(client.ends == 1 && server.ends == 1);
    assert_int_equal(client.end, ERROR_TLS_UNTRUSTED);
    assert_int_not_equal(server.end, ERROR_NONE);
    assert_int_not_equal(server.end, ERROR_END_OF_STREAM);
    assert_int_equal(client.openings, 0);
    finish();
}

static void a_wrong_name_is_refused(void **state) {
    (void)state;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    start_server(pair[0]);
    start_client(pair[1], client_context, "wrong.test");
    client.close_when_ended = true;
    wait_for(client.closings == 1 && server.ends == 1);
    assert_int_equal(client.end, ERROR_TLS_WRONG_NAME);
    finish();
}

static void a_peer_that_speaks_something_else(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start_server(pair[0]);
    assert_int_equal(write(pair[1], "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27), 27);
    wait_for(server.ends == 1);
    assert_int_not_equal(server.end, ERROR_NONE);
    assert_int_not_equal(server.end, ERROR_END_OF_STREAM);
    end_party(&server);
    close(pair[1]);
}

/* ---- closing --------------------------------------------------------------------------------- */

static void closed_at_each_step_of_the_handshake(void **state) {
    (void)state;
    for (int turns = 0; turns < 8; turns++) {
        for (int which = 0; which < 2; which++) {
            start();
            for (int i = 0; i < turns; i++)
                loop_turn(&loop, 0);
            end_party(which == 0 ? &client : &server);
            struct party *other = which == 0 ? &server : &client;
            wait_for(other->ends == 1);
            finish();
        }
    }
}

static void closed_by_its_own_events(void **state) {
    (void)state;
    for (int which = 0; which < 4; which++) {
        start();
        client.close_when_opened = which == 0;
        client.close_when_received = which == 1;
        client.close_when_sent = which == 2;
        client.close_when_ended = which == 3;
        client.sends_all = which == 2;
        server.sends_all = which == 1;
        if (which == 3) {
            wait_for(server.openings == 1);
            transport_shutdown(&server.transport);
        }
        wait_for(client.closings == 1);
        assert_int_equal(client.openings, 1);
        finish();
    }
}

static void closed_with_a_send_in_flight(void **state) {
    (void)state;
    open_both();
    transport_pause_receive(&client.transport);
    server.sends_all = true;
    send_on(&server);
    turn_a_while();
    end_party(&server);
    finish();
}

/* ---- out of memory --------------------------------------------------------------------------- */

static void no_memory_to_begin(void **state) {
    (void)state;
    int pair[2];
    struct tls *tls;
    make_pair(pair);
    assert_int_equal(tls_server_new(server_context, &tls), ERROR_NONE);
    memory_fail_after(0, 1);
    assert_int_equal(transport_init_secure(&server.transport, &loop, pair[0], tls, &events),
                     ERROR_NO_MEMORY);
    memory_fail_after(0, 0);
    tls_free(tls);
    close(pair[0]);
    close(pair[1]);
}

/* A send that cannot be encrypted is over too: it is told, and not from inside the call. */
static void no_memory_to_encrypt(void **state) {
    (void)state;
    open_both();
    wait_for(!stream_is_sending(&server.transport.stream)); /* session tickets */
    memory_fail_after(0, SIZE_MAX);
    transport_send(&server.transport, pattern, MUCH);
    memory_fail_after(0, 0);
    assert_int_equal(server.sends, 0);
    assert_true(transport_is_sending(&server.transport));
    wait_for(server.sends == 1);
    assert_int_equal(server.send_error, ERROR_NO_MEMORY);
    assert_int_equal(server.sent, 0);
    assert_false(transport_is_sending(&server.transport));
    finish();
    open_both();
    wait_for(!stream_is_sending(&server.transport.stream)); /* session tickets */
    memory_fail_after(0, SIZE_MAX);
    transport_send(&server.transport, pattern, MUCH);
    memory_fail_after(0, 0);
    end_party(&server); /* closed before it was told */
    assert_int_equal(server.sends, 0);
    finish();
}

/* The library makes its tables for this thread at the first handshake, and keeps them. */
static void warm_up(void) {
    open_loop(NULL);
    open_both();
    finish();
    loop_fini(&loop);
    ring_free(loop.ring);
}

static int make_contexts(void **state) {
    struct tls_detail detail;
    if (make_certificates(state) != 0)
        return -1;
    for (size_t i = 0; i < MUCH; i++)
        pattern[i] = (uint8_t)(i % 251);
    const struct tls_client_options trusting = {.authority_file = path_of("authorities.pem")};
    const struct tls_client_options strict = {.authority_file = path_of("stranger-root.pem")};
    if (tls_context_new_client(&trusting, &client_context, &detail) != ERROR_NONE ||
        tls_context_new_client(&strict, &strict_context, &detail) != ERROR_NONE)
        return -1;
    const struct tls_server_options serving = {.certificate_file = path_of("good.pem"),
                                               .key_file = path_of("good.key")};
    if (tls_context_new_server(&serving, &server_context, &detail) != ERROR_NONE)
        return -1;
    warm_up();
    return 0;
}

static int free_contexts(void **state) {
    tls_context_free(client_context);
    tls_context_free(strict_context);
    tls_context_free(server_context);
    tls_library_fini();
    return remove_certificates(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(handshake_and_a_few_bytes),
        loop_test(much_both_ways_at_once),
        loop_test(much_both_ways_with_pauses),
        loop_test(a_reader_that_pauses_holds_the_sender),
        loop_test(a_shutdown_leaves_the_other_direction_open),
        loop_test(a_close_says_goodbye),
        loop_test(an_end_without_goodbye_is_truncation),
        loop_test(an_end_during_the_handshake),
        loop_test(a_reset_is_told),
        loop_test(a_stranger_s_certificate_is_refused_and_the_server_told),
        loop_test(a_wrong_name_is_refused),
        loop_test(a_peer_that_speaks_something_else),
        loop_test(closed_at_each_step_of_the_handshake),
        loop_test(closed_by_its_own_events),
        loop_test(closed_with_a_send_in_flight),
        loop_test(no_memory_to_begin),
        loop_test(no_memory_to_encrypt),
        pool_test(handshake_and_a_few_bytes),
        pool_test(much_both_ways_at_once),
        pool_test(much_both_ways_with_pauses),
        pool_test(a_reader_that_pauses_holds_the_sender),
        pool_test(a_shutdown_leaves_the_other_direction_open),
        pool_test(a_close_says_goodbye),
        pool_test(an_end_without_goodbye_is_truncation),
        pool_test(an_end_during_the_handshake),
        pool_test(a_reset_is_told),
        pool_test(a_stranger_s_certificate_is_refused_and_the_server_told),
        pool_test(a_wrong_name_is_refused),
        pool_test(a_peer_that_speaks_something_else),
        pool_test(closed_at_each_step_of_the_handshake),
        pool_test(closed_by_its_own_events),
        pool_test(closed_with_a_send_in_flight),
    };
    return cmocka_run_group_tests(tests, make_contexts, free_contexts);
}
