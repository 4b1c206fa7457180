/* A transport without TLS passes everything straight through. */
#include "sockets.h"

#include "transport/transport.h"

struct user {
    struct transport transport;
    uint8_t received[64];
    size_t received_size;
    size_t sent;
    enum error end, send_error;
    unsigned ends, sends, closings;
};

static struct user user;

static struct user *user_of(struct transport *transport) {
    return container_of(transport, struct user, transport);
}

static void received(struct transport *transport, uint8_t *data, size_t size) {
    struct user *self = user_of(transport);
    assert_true(self->received_size + size <= sizeof self->received);
    memcpy(self->received + self->received_size, data, size);
    self->received_size += size;
}

static void ended(struct transport *transport, enum error error) {
    user_of(transport)->ends++;
    user_of(transport)->end = error;
}

static void sent(struct transport *transport, size_t size, enum error error) {
    struct user *self = user_of(transport);
    assert_false(transport_is_sending(transport));
    self->sends++;
    self->sent += size;
    self->send_error = error;
}

static void closed(struct transport *transport) {
    user_of(transport)->closings++;
}

static const struct transport_events events = {
    .received = received, .ended = ended, .sent = sent, .closed = closed};

static void start(int pair[2]) {
    make_tcp_pair(pair);
    user = (struct user){.end = ERROR_NONE};
    transport_init_plain(&user.transport, &loop, pair[0], &events);
    assert_null(transport_tls(&user.transport));
}

static void finish(void) {
    transport_close(&user.transport);
    transport_close(&user.transport);
    wait_for(user.closings == 1);
}

static void bytes_to_and_fro(void **state) {
    (void)state;
    int pair[2];
    char back[8] = "";
    start(pair);
    transport_start_receive(&user.transport);
    assert_int_equal(write(pair[1], "hello", 5), 5);
    wait_for(user.received_size == 5);
    assert_memory_equal(user.received, "hello", 5);
    transport_send(&user.transport, "world", 5);
    assert_true(transport_is_sending(&user.transport));
    wait_for(user.sent == 5);
    wait_for(read(pair[1], back, sizeof back) == 5);
    assert_string_equal(back, "world");
    transport_pause_receive(&user.transport);
    turn_a_while();
    assert_int_equal(write(pair[1], "!", 1), 1);
    turn_a_while();
    assert_int_equal(user.received_size, 5);
    transport_start_receive(&user.transport);
    wait_for(user.received_size == 6);
    finish();
    close(pair[1]);
}

static void half_closes(void **state) {
    (void)state;
    int pair[2];
    char byte;
    start(pair);
    transport_start_receive(&user.transport);
    transport_shutdown(&user.transport);
    wait_for(read(pair[1], &byte, 1) == 0);
    shutdown(pair[1], SHUT_WR);
    wait_for(user.ends == 1);
    assert_int_equal(user.end, ERROR_END_OF_STREAM);
    finish();
    close(pair[1]);
}

static void a_send_can_be_cancelled(void **state) {
    (void)state;
    static const uint8_t much[16 * 1024 * 1024];
    int pair[2];
    start(pair);
    for (unsigned i = 0; user.send_error == ERROR_NONE && user.sends == i; i++) {
        transport_send(&user.transport, much, sizeof much);
        turn_a_while();
        if (user.sends == i) /* the peer does not read: this one waits */
            transport_cancel_send(&user.transport);
        wait_for(user.sends == i + 1);
    }
    assert_int_equal(user.send_error, ERROR_CANCELLED);
    finish();
    close(pair[1]);
}

static void a_reset_ends_it(void **state) {
    (void)state;
    int pair[2];
    start(pair);
    transport_start_receive(&user.transport);
    turn();
    reset_connection(pair[1]);
    wait_for(user.ends == 1);
    assert_int_equal(user.end, ERROR_CONNECTION_RESET);
    finish();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(bytes_to_and_fro),
        loop_test(half_closes),
        loop_test(a_send_can_be_cancelled),
        loop_test(a_reset_ends_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
