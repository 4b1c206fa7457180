/* Each operation of the ring with each of its ends, on real sockets. */
#include "ring_test.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "ring/socket.h"

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* A listener on a port that the kernel picks; `address` tells it. */
static int listen_somewhere(struct sockaddr_in *address) {
    int listener;
    socklen_t size = sizeof *address;
    *address = loopback(0);
    assert_int_equal(socket_listen(ring, (struct sockaddr *)address, size, false, &listener),
                     ERROR_NONE);
    assert_int_equal(socket_local(ring, listener, (struct sockaddr *)address, &size), ERROR_NONE);
    return listener;
}

/* ---- receive --------------------------------------------------------------------------------- */

static void receive_goes_on_until_the_end_of_the_stream(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    struct record receive = RECORD;
    ring_receive(ring, &receive.operation, pair[0]);
    assert_true(operation_is_armed(&receive.operation));
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(write(pair[1], "abc", i), i);
        wait_for(receive.completions == i);
        assert_int_equal(receive.last_byte, "abc"[i - 1]);
        assert_int_equal(receive.ends, 0);
    }
    close(pair[1]);
    wait_for(receive.ends == 1);
    assert_int_equal(receive.error, ERROR_END_OF_STREAM);
    assert_int_equal(receive.size, 6);
    close(pair[0]);
}

static void check_and_scribble(struct operation *operation, const struct completion *completion) {
    struct record *record = container_of(operation, struct record, operation);
    for (uint32_t i = 0; i < completion->size; i++)
        assert_int_equal(completion->data[i], (uint8_t)(record->size + i));
    if (completion->size > 0)
        memset(completion->data, 0xEE, completion->size);
    record_completed(operation, completion);
}

static void received_data_is_writable_and_whole(void **state) {
    (void)state;
    static const struct handler handler = {"scribble", check_and_scribble};
    static uint8_t sent[256 * 1024];
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)i;
    int pair[2];
    make_pair(pair);
    struct record receive = {.operation.handler = &handler}, send = RECORD;
    ring_receive(ring, &receive.operation, pair[0]);
    while (send.size < 16 * sizeof sent) {
        size_t from = send.size % sizeof sent;
        unsigned before = send.completions;
        ring_send(ring, &send.operation, pair[1], sent + from, sizeof sent - from);
        wait_for(send.completions > before);
        assert_int_equal(send.error, ERROR_NONE);
    }
    wait_for(receive.size == send.size);
    end_record(&receive);
    close(pair[0]);
    close(pair[1]);
}

static void receive_of_a_reset_connection(void **state) {
    (void)state;
    struct sockaddr_in address;
    int listener = listen_somewhere(&address);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int server = accept(listener, NULL, NULL);
    struct record receive = RECORD;
    ring_receive(ring, &receive.operation, server);
    turn();
    const struct linger reset = {.l_onoff = 1};
    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(client);
    wait_for(receive.ends == 1);
    assert_int_equal(receive.error, ERROR_CONNECTION_RESET);
    close(server);
    close(listener);
}

/* ---- send ------------------------------------------------------------------------------------ */

static void send_may_take_less_than_asked_and_waits_for_room(void **state) {
    (void)state;
    static const uint8_t data[8 * 1024 * 1024];
    int pair[2];
    make_pair(pair);
    struct record send = RECORD;
    ring_send(ring, &send.operation, pair[0], data, sizeof data);
    wait_for(send.ends == 1);
    assert_int_equal(send.error, ERROR_NONE);
    assert_in_range(send.size, 1, sizeof data - 1);
    /* the socket is full now: the next one waits until the peer reads */
    struct record second = RECORD;
    ring_send(ring, &second.operation, pair[0], data, sizeof data);
    turn();
    turn();
    assert_int_equal(second.completions, 0);
    static uint8_t drain[1024 * 1024];
    assert_true(read(pair[1], drain, sizeof drain) > 0);
    wait_for(second.ends == 1);
    assert_true(second.size > 0);
    close(pair[0]);
    close(pair[1]);
}

static void send_to_a_closed_peer_is_an_error_and_no_signal(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    close(pair[1]);
    struct record send = RECORD;
    ring_send(ring, &send.operation, pair[0], "x", 1);
    wait_for(send.ends == 1);
    assert_int_equal(send.error, ERROR_CONNECTION_RESET);
    close(pair[0]);
}

/* ---- accept and connect ---------------------------------------------------------------------- */

static void accept_goes_on_connection_after_connection(void **state) {
    (void)state;
    struct sockaddr_in address;
    int listener = listen_somewhere(&address);
    struct record accepting = RECORD;
    ring_accept(ring, &accepting.operation, listener);
    for (unsigned i = 1; i <= 3; i++) {
        int client;
        struct record connecting = RECORD;
        assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &client), ERROR_NONE);
        ring_connect(ring, &connecting.operation, client, (struct sockaddr *)&address,
                     sizeof address);
        wait_for(connecting.ends == 1 && accepting.completions == i);
        assert_int_equal(connecting.error, ERROR_NONE);
        assert_int_equal(accepting.error, ERROR_NONE);
        struct sockaddr_in from, own;
        socklen_t from_size = sizeof from, own_size = sizeof own;
        assert_int_equal(
            socket_peer(ring, accepting.descriptor, (struct sockaddr *)&from, &from_size),
            ERROR_NONE);
        assert_int_equal(socket_local(ring, client, (struct sockaddr *)&own, &own_size),
                         ERROR_NONE);
        assert_int_equal(from.sin_port, own.sin_port);
        ring_close(ring, accepting.descriptor);
        ring_close(ring, client);
    }
    end_record(&accepting);
    assert_int_equal(accepting.error, ERROR_CANCELLED);
    close(listener);
}

static void connect_is_refused(void **state) {
    (void)state;
    struct sockaddr_in address;
    int listener = listen_somewhere(&address);
    close(listener);
    int client;
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &client), ERROR_NONE);
    struct record connecting = RECORD;
    ring_connect(ring, &connecting.operation, client, (struct sockaddr *)&address, sizeof address);
    wait_for(connecting.ends == 1);
    assert_int_equal(connecting.error, ERROR_CONNECTION_REFUSED);
    close(client);
}

/* ---- poll ------------------------------------------------------------------------------------ */

static void poll_waits_once_for_each_direction(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    struct record reading = RECORD, writing = RECORD;
    ring_poll(ring, &reading.operation, pair[0], POLL_FOR_READING);
    ring_poll(ring, &writing.operation, pair[0], POLL_FOR_WRITING);
    wait_for(writing.ends == 1);
    assert_int_equal(writing.error, ERROR_NONE);
    assert_int_equal(reading.completions, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    wait_for(reading.ends == 1);
    assert_int_equal(reading.error, ERROR_NONE);
    ring_poll(ring, &reading.operation, pair[0], POLL_FOR_READING | POLL_FOR_WRITING);
    wait_for(reading.ends == 2);
    assert_int_equal(writing.completions, 1);
    close(pair[0]);
    close(pair[1]);
}

/* ---- cancel ---------------------------------------------------------------------------------- */

static void cancel_ends_each_kind_once(void **state) {
    (void)state;
    static const uint8_t data[8 * 1024 * 1024];
    struct sockaddr_in address;
    int listener = listen_somewhere(&address), pair[2];
    make_pair(pair);
    struct record fill = RECORD;
    ring_send(ring, &fill.operation, pair[0], data, sizeof data);
    wait_for(fill.ends == 1);
    struct record accepting = RECORD, receiving = RECORD, sending = RECORD, polling = RECORD;
    ring_accept(ring, &accepting.operation, listener);
    ring_receive(ring, &receiving.operation, pair[0]);
    ring_send(ring, &sending.operation, pair[0], data, sizeof data);
    ring_poll(ring, &polling.operation, pair[0], POLL_FOR_READING);
    struct record *all[] = {&accepting, &receiving, &sending, &polling};
    turn();
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        assert_int_equal(all[i]->completions, 0);
        ring_cancel(ring, &all[i]->operation);
        ring_cancel(ring, &all[i]->operation);
        assert_true(operation_is_armed(&all[i]->operation));
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        wait_for(all[i]->ends == 1);
        assert_int_equal(all[i]->error, ERROR_CANCELLED);
        assert_int_equal(all[i]->completions, 1);
        ring_cancel(ring, &all[i]->operation); /* idle now: nothing happens */
    }
    turn();
    assert_int_equal(receiving.completions, 1);
    close(pair[0]);
    close(pair[1]);
    close(listener);
}

static void cancel_in_the_turn_that_armed(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    struct record receive = RECORD;
    ring_receive(ring, &receive.operation, pair[0]);
    end_record(&receive);
    assert_int_equal(receive.error, ERROR_CANCELLED);
    /* and the next life of the same operation is not cancelled by it */
    ring_receive(ring, &receive.operation, pair[0]);
    assert_int_equal(write(pair[1], "x", 1), 1);
    wait_for(receive.size == 1);
    end_record(&receive);
    close(pair[0]);
    close(pair[1]);
}

/* Data that arrives around a cancel is handed out before it or stays in the socket. */
static void cancel_racing_data_loses_nothing(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    struct record receive = RECORD;
    size_t sent = 0;
    for (unsigned round = 0; round < 500; round++) {
        ring_receive(ring, &receive.operation, pair[0]);
        if (round % 3 == 0)
            ring_turn(ring, 0, call_handler, NULL);
        if (round % 2 == 0)
            ring_cancel(ring, &receive.operation);
        assert_int_equal(write(pair[1], "abcd", 4), 4);
        sent += 4;
        if (round % 5 == 0)
            ring_turn(ring, 0, call_handler, NULL);
        end_record(&receive);
        assert_int_equal(receive.error, ERROR_CANCELLED);
        assert_int_equal(receive.ends, round + 1);
    }
    ring_receive(ring, &receive.operation, pair[0]);
    wait_for(receive.size == sent);
    end_record(&receive);
    close(pair[0]);
    close(pair[1]);
}

struct rearming {
    struct record record;
    int descriptor;
    unsigned lives;
};

static void arm_again_when_cancelled(struct operation *operation,
                                     const struct completion *completion) {
    struct rearming *rearming = container_of(operation, struct rearming, record.operation);
    record_completed(operation, completion);
    if (completion->error == ERROR_CANCELLED && --rearming->lives > 0) {
        ring_receive(ring, operation, rearming->descriptor);
        ring_cancel(ring, operation);
    }
}

static void an_operation_may_be_armed_again_by_its_own_end(void **state) {
    (void)state;
    static const struct handler handler = {"rearm", arm_again_when_cancelled};
    int pair[2];
    make_pair(pair);
    struct rearming rearming = {
        .record.operation.handler = &handler, .descriptor = pair[0], .lives = 100};
    ring_receive(ring, &rearming.record.operation, pair[0]);
    ring_cancel(ring, &rearming.record.operation);
    wait_for(rearming.lives == 0);
    assert_int_equal(rearming.record.ends, 100);
    assert_false(operation_is_armed(&rearming.record.operation));
    close(pair[0]);
    close(pair[1]);
}

static unsigned freed;

static void free_at_the_end(struct operation *operation, const struct completion *completion) {
    if (completion->more)
        return;
    free(container_of(operation, struct record, operation));
    freed++;
}

static void the_last_completion_may_free_the_operation(void **state) {
    (void)state;
    static const struct handler handler = {"free", free_at_the_end};
    freed = 0;
    for (int i = 0; i < 3; i++) {
        int pair[2];
        make_pair(pair);
        struct record *receive = calloc(1, sizeof *receive);
        receive->operation.handler = &handler;
        ring_receive(ring, &receive->operation, pair[0]);
        turn();
        assert_int_equal(write(pair[1], "x", 1), 1);
        if (i == 0)
            ring_cancel(ring, &receive->operation);
        if (i != 1)
            shutdown(pair[1], SHUT_WR);
        else
            shutdown(pair[0], SHUT_RD);
        wait_for(freed == (unsigned)i + 1);
        close(pair[0]);
        close(pair[1]);
    }
}

/* ---- shutdown and close ---------------------------------------------------------------------- */

static void shutdown_ends_one_side(void **state) {
    (void)state;
    int pair[2];
    make_pair(pair);
    struct record mine = RECORD, theirs = RECORD;
    ring_receive(ring, &mine.operation, pair[0]);
    ring_receive(ring, &theirs.operation, pair[1]);
    ring_shutdown(ring, pair[0]);
    wait_for(theirs.ends == 1);
    assert_int_equal(theirs.error, ERROR_END_OF_STREAM);
    assert_int_equal(mine.completions, 0);
    assert_int_equal(write(pair[1], "x", 1), 1);
    wait_for(mine.size == 1);
    end_record(&mine);
    ring_close(ring, pair[0]);
    ring_close(ring, pair[1]);
}

/* The number of a closed descriptor is soon another connection's. */
static void shutdown_before_close_never_hits_the_next_owner(void **state) {
    (void)state;
    for (int round = 0; round < 100; round++) {
        int pair[2], next[2];
        char byte;
        make_pair(pair);
        ring_shutdown(ring, pair[0]);
        ring_close(ring, pair[0]);
        ring_turn(ring, 0, call_handler, NULL);
        make_pair(next);
        assert_int_equal(read(pair[1], &byte, 1), 0);
        ring_turn(ring, ring_now(ring) + MILLISECOND, call_handler, NULL);
        assert_int_equal(recv(next[0], &byte, 1, MSG_DONTWAIT), -1);
        assert_int_equal(recv(next[1], &byte, 1, MSG_DONTWAIT), -1);
        close(pair[1]);
        close(next[0]);
        close(next[1]);
    }
}

/* ---- many, time, randomness ------------------------------------------------------------------ */

static void ten_thousand_operations(void **state) {
    (void)state;
    enum { COUNT = 10000 };
    int pair[2];
    make_pair(pair);
    struct record *polls = calloc(COUNT, sizeof *polls);
    unsigned ended = 0;
    for (size_t i = 0; i < COUNT; i++) {
        polls[i] = RECORD;
        ring_poll(ring, &polls[i].operation, pair[0], POLL_FOR_READING);
    }
    assert_int_equal(ring->statistics.operations, COUNT);
    turn();
    for (size_t i = 0; i < COUNT; i += 2)
        ring_cancel(ring, &polls[i].operation);
    turn();
    assert_int_equal(write(pair[1], "x", 1), 1);
    while (ended < COUNT) {
        turn();
        ended = 0;
        for (size_t i = 0; i < COUNT; i++)
            ended += polls[i].ends;
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(polls[i].completions, 1);
        assert_int_equal(polls[i].error, i % 2 == 0 ? ERROR_CANCELLED : ERROR_NONE);
    }
    assert_true(ring->statistics.completions >= COUNT);
    free(polls);
    close(pair[0]);
    close(pair[1]);
}

static void a_turn_waits_until_its_deadline(void **state) {
    (void)state;
    uint64_t before = ring_now(ring);
    ring_turn(ring, 0, call_handler, NULL);
    ring_turn(ring, before, call_handler, NULL);
    ring_turn(ring, before + 50 * MILLISECOND, call_handler, NULL);
    assert_true(ring_now(ring) >= before + 50 * MILLISECOND);
    int pair[2];
    make_pair(pair);
    struct record receive = RECORD;
    before = ring_now(ring);
    ring_receive(ring, &receive.operation, pair[0]);
    ring_turn(ring, before + 50 * MILLISECOND, call_handler, NULL);
    assert_true(ring_now(ring) >= before + 50 * MILLISECOND);
    assert_int_equal(write(pair[1], "x", 1), 1);
    ring_turn(ring, UINT64_MAX, call_handler, NULL);
    assert_int_equal(receive.size, 1);
    end_record(&receive);
    close(pair[0]);
    close(pair[1]);
}

static void clocks_and_random_numbers(void **state) {
    (void)state;
    assert_true(ring_wall(ring) / SECOND > 1700000000);
    uint8_t a[1000] = {0}, b[1000] = {0};
    ring_random(ring, a, sizeof a);
    ring_random(ring, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    unsigned tail = 0;
    for (size_t i = sizeof a - 16; i < sizeof a; i++)
        tail |= a[i];
    assert_true(tail != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ring_test(receive_goes_on_until_the_end_of_the_stream),
        ring_test(received_data_is_writable_and_whole),
        ring_test(receive_of_a_reset_connection),
        ring_test(send_may_take_less_than_asked_and_waits_for_room),
        ring_test(send_to_a_closed_peer_is_an_error_and_no_signal),
        ring_test(accept_goes_on_connection_after_connection),
        ring_test(connect_is_refused),
        ring_test(poll_waits_once_for_each_direction),
        ring_test(cancel_ends_each_kind_once),
        ring_test(cancel_in_the_turn_that_armed),
        ring_test(cancel_racing_data_loses_nothing),
        ring_test(an_operation_may_be_armed_again_by_its_own_end),
        ring_test(the_last_completion_may_free_the_operation),
        ring_test(shutdown_ends_one_side),
        ring_test(shutdown_before_close_never_hits_the_next_owner),
        ring_test(ten_thousand_operations),
        ring_test(a_turn_waits_until_its_deadline),
        ring_test(clocks_and_random_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
