/* Streams: echo, pausing, each end, and closing in each phase. */
#include "sockets.h"

#include "net/stream.h"

enum { MUCH = 8 * 1024 * 1024 };

struct user {
    struct stream stream;
    size_t received;
    size_t sent;
    unsigned sends;
    unsigned ends;
    unsigned closings;
    enum error end;
    enum error send_error;
    bool in_order; /* every byte was the next one of the pattern */
    bool pause;    /* at every piece */
    bool close_when_received, close_when_sent, close_when_ended;
    bool echoes;
};

static struct user user;
static uint8_t pattern[MUCH];

static struct user *user_of(struct stream *stream) {
    return container_of(stream, struct user, stream);
}

static void received(struct stream *stream, uint8_t *data, size_t size) {
    struct user *self = user_of(stream);
    assert_false(stream->closing);
    self->in_order &= memcmp(data, pattern + self->received, size) == 0;
    self->received += size;
    memset(data, 0, size);
    if (self->pause)
        stream_pause_receive(stream);
    if (self->echoes)
        stream_send(stream, pattern + self->received - size, size);
    if (self->close_when_received)
        stream_close(stream);
}

static void ended(struct stream *stream, enum error error) {
    struct user *self = user_of(stream);
    assert_false(stream->closing);
    self->ends++;
    self->end = error;
    if (self->close_when_ended)
        stream_close(stream);
}

static void sent(struct stream *stream, size_t size, enum error error) {
    struct user *self = user_of(stream);
    assert_false(stream->closing || stream_is_sending(stream));
    self->sends++;
    self->sent += size;
    self->send_error = error;
    if (self->close_when_sent)
        stream_close(stream);
}

static void closed(struct stream *stream) {
    user_of(stream)->closings++;
    memset(stream, 0xEE, sizeof *stream); /* the memory is the owner's again */
}

static const struct stream_events events = {
    .received = received, .ended = ended, .sent = sent, .closed = closed};

static void start(int descriptor) {
    for (size_t i = 0; i < MUCH && pattern[1] == 0; i++)
        pattern[i] = (uint8_t)(i % 251);
    user = (struct user){.in_order = true};
    stream_init(&user.stream, &loop, descriptor, &events);
}

static void finish(void) {
    stream_close(&user.stream);
    stream_close(&user.stream);
    assert_int_equal(user.closings, 0);
    wait_for(user.closings == 1);
    assert_true(user.in_order);
    turn();
    assert_int_equal(user.closings, 1);
}

/* Writes what fits; returns how much. */
static size_t write_pattern(int peer, size_t from, size_t size) {
    ssize_t written = send(peer, pattern + from, size, MSG_NOSIGNAL);
    return written > 0 ? (size_t)written : 0;
}

/* ---- data ------------------------------------------------------------------------------------ */

static void echo(void **state) {
    (void)state;
    int pair[2];
    uint8_t back[64];
    make_pair(pair);
    start(pair[0]);
    user.echoes = true;
    stream_start_receive(&user.stream);
    stream_start_receive(&user.stream);
    for (unsigned i = 1; i <= 20; i++) {
        write_pattern(pair[1], user.received, i);
        wait_for(user.sends == i);
        assert_int_equal(read(pair[1], back, sizeof back), i);
        assert_memory_equal(back, pattern + user.received - i, i);
    }
    finish();
    close(pair[1]);
}

static void a_stream_that_is_not_asked_does_not_receive(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    write_pattern(pair[1], 0, 10);
    turn_a_while();
    assert_int_equal(user.received, 0);
    stream_start_receive(&user.stream);
    wait_for(user.received == 10);
    finish();
    close(pair[1]);
}

static void pausing_at_every_piece_loses_nothing(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    user.pause = true;
    size_t written = 0;
    while (user.received < MUCH / 4) {
        written += write_pattern(pair[1], written, MUCH / 4 - written);
        stream_start_receive(&user.stream);
        turn();
    }
    assert_int_equal(user.received, MUCH / 4);
    finish();
    close(pair[1]);
}

static void paused_it_stops_soon_and_goes_on_when_asked(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    write_pattern(pair[1], 0, 5);
    wait_for(user.received == 5);
    stream_pause_receive(&user.stream);
    stream_pause_receive(&user.stream);
    wait_for(!operation_is_armed(&user.stream.receive));
    write_pattern(pair[1], 5, 5);
    turn_a_while();
    assert_int_equal(user.received, 5);
    stream_start_receive(&user.stream);
    wait_for(user.received == 10);
    /* started again before the pause came through */
    stream_pause_receive(&user.stream);
    stream_start_receive(&user.stream);
    write_pattern(pair[1], 10, 5);
    wait_for(user.received == 15);
    finish();
    close(pair[1]);
}

static void a_big_send_is_taken_piece_by_piece(void **state) {
    (void)state;
    int pair[2];
    static uint8_t back[MUCH];
    size_t read_so_far = 0;
    make_pair(pair);
    start(pair[0]);
    while (read_so_far < MUCH) {
        if (!stream_is_sending(&user.stream) && user.sent < MUCH)
            stream_send(&user.stream, pattern + user.sent, MUCH - user.sent);
        loop_turn(&loop, 0);
        ssize_t size = read(pair[1], back + read_so_far, MUCH - read_so_far);
        read_so_far += size > 0 ? (size_t)size : 0;
        assert_int_equal(user.send_error, ERROR_NONE);
    }
    wait_for(!stream_is_sending(&user.stream));
    assert_int_equal(user.sent, MUCH);
    assert_true(user.sends > 1);
    assert_memory_equal(back, pattern, MUCH);
    finish();
    close(pair[1]);
}

static void a_send_in_flight_can_be_cancelled(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    stream_send(&user.stream, pattern, MUCH);
    wait_for(user.sends == 1);
    stream_send(&user.stream, pattern + user.sent, MUCH - user.sent);
    turn_a_while();
    assert_int_equal(user.sends, 1);
    stream_cancel_send(&user.stream);
    wait_for(user.sends == 2);
    assert_int_equal(user.send_error, ERROR_CANCELLED);
    finish();
    close(pair[1]);
}

/* ---- ends ------------------------------------------------------------------------------------ */

static void the_peer_s_half_close_leaves_sending_open(void **state) {
    (void)state;
    int pair[2];
    char back[8];
    make_tcp_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    write_pattern(pair[1], 0, 3);
    shutdown(pair[1], SHUT_WR);
    wait_for(user.ends == 1);
    assert_int_equal(user.end, ERROR_END_OF_STREAM);
    assert_int_equal(user.received, 3);
    stream_start_receive(&user.stream);
    stream_pause_receive(&user.stream);
    stream_send(&user.stream, pattern, 5);
    wait_for(user.sent == 5);
    wait_for(read(pair[1], back, sizeof back) == 5);
    assert_int_equal(user.ends, 1);
    finish();
    close(pair[1]);
}

static void our_half_close_leaves_receiving_open(void **state) {
    (void)state;
    int pair[2];
    char back[8];
    make_tcp_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    stream_send(&user.stream, pattern, 5);
    wait_for(user.sent == 5);
    stream_shutdown(&user.stream);
    wait_for(read(pair[1], back, sizeof back) == 5);
    wait_for(read(pair[1], back, sizeof back) == 0);
    write_pattern(pair[1], 0, 3);
    wait_for(user.received == 3);
    assert_int_equal(user.ends, 0);
    finish();
    close(pair[1]);
}

static void a_reset_is_told_to_both_sides(void **state) {
    (void)state;
    int pair[2];
    make_tcp_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    turn();
    reset_connection(pair[1]);
    wait_for(user.ends == 1);
    assert_int_equal(user.end, ERROR_CONNECTION_RESET);
    stream_send(&user.stream, pattern, 5);
    wait_for(user.sends == 1);
    assert_int_equal(user.send_error, ERROR_CONNECTION_RESET);
    assert_int_equal(user.sent, 0);
    finish();
}

/* ---- closing --------------------------------------------------------------------------------- */

static void closed_while_idle(void **state) {
    (void)state;
    int pair[2];
    char byte;
    make_pair(pair);
    start(pair[0]);
    finish();
    wait_for(read(pair[1], &byte, 1) == 0);
    close(pair[1]);
}

static void closed_while_receiving(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    turn();
    finish();
    assert_int_equal(user.ends, 0);
    close(pair[1]);
}

static void closed_while_pausing(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    turn();
    stream_pause_receive(&user.stream);
    finish();
    close(pair[1]);
}

static void closed_while_a_send_waits(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    stream_send(&user.stream, pattern, MUCH);
    wait_for(user.sends == 1);
    stream_send(&user.stream, pattern, MUCH);
    turn();
    finish();
    assert_int_equal(user.sends, 1);
    close(pair[1]);
}

static void closed_with_data_at_the_door(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    start(pair[0]);
    stream_start_receive(&user.stream);
    stream_send(&user.stream, pattern, 10);
    write_pattern(pair[1], 0, 100000);
    finish();
    assert_int_equal(user.received, 0);
    assert_int_equal(user.sends, 0);
    close(pair[1]);
}

static void closed_by_its_own_events(void **state) {
    (void)state;
    for (int which = 0; which < 3; which++) {
        int pair[2];
        make_pair(pair);
        start(pair[0]);
        user.close_when_received = which == 0;
        user.close_when_sent = which == 1;
        user.close_when_ended = which == 2;
        stream_start_receive(&user.stream);
        if (which == 0)
            write_pattern(pair[1], 0, 30000);
        if (which == 1)
            stream_send(&user.stream, pattern, 10);
        if (which == 2)
            shutdown(pair[1], SHUT_WR);
        wait_for(user.closings == 1);
        assert_int_equal((user.received > 0) + user.sends + user.ends, 1);
        close(pair[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(echo),
        loop_test(a_stream_that_is_not_asked_does_not_receive),
        loop_test(pausing_at_every_piece_loses_nothing),
        loop_test(paused_it_stops_soon_and_goes_on_when_asked),
        loop_test(a_big_send_is_taken_piece_by_piece),
        loop_test(a_send_in_flight_can_be_cancelled),
        loop_test(the_peer_s_half_close_leaves_sending_open),
        loop_test(our_half_close_leaves_receiving_open),
        loop_test(a_reset_is_told_to_both_sides),
        loop_test(closed_while_idle),
        loop_test(closed_while_receiving),
        loop_test(closed_while_pausing),
        loop_test(closed_while_a_send_waits),
        loop_test(closed_with_data_at_the_door),
        loop_test(closed_by_its_own_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
