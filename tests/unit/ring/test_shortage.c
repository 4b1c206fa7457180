/* Rings that are too small for what is asked of them: nothing is lost, nobody starves. */
#include "ring_test.h"

#include <stdlib.h>

enum { SOCKETS = 100, PIECE = 700 };

static int pairs[SOCKETS][2];
static struct record receives[SOCKETS];
static bool refill;

static int open_two_buffers(void **state) {
    (void)state;
    return open_ring_with(
        &(struct ring_options){.entries = 256, .buffer_count = 2, .buffer_size = 512});
}

static int open_eight_entries(void **state) {
    (void)state;
    return open_ring_with(
        &(struct ring_options){.entries = 8, .buffer_count = 64, .buffer_size = 512});
}

static void write_piece(size_t i) {
    static const uint8_t piece[PIECE];
    assert_int_equal(send(pairs[i][1], piece, sizeof piece, MSG_DONTWAIT), PIECE);
}

/* A busy peer: whenever something is read, it has written more. */
static void received(struct operation *operation, const struct completion *completion) {
    struct record *record = container_of(operation, struct record, operation);
    record_completed(operation, completion);
    if (refill && completion->size > 0) {
        static const uint8_t piece[PIECE];
        send(pairs[record - receives][1], piece, sizeof piece, MSG_DONTWAIT);
    }
}

static const struct handler receive_handler = {"receive", received};

static void open_sockets(void) {
    refill = false;
    for (size_t i = 0; i < SOCKETS; i++) {
        make_pair(pairs[i]);
        receives[i] = (struct record){.operation.handler = &receive_handler};
    }
}

static void receive_on_all(void) {
    for (size_t i = 0; i < SOCKETS; i++)
        ring_receive(ring, &receives[i].operation, pairs[i][0]);
}

static size_t total(void) {
    size_t sum = 0;
    for (size_t i = 0; i < SOCKETS; i++)
        sum += receives[i].size;
    return sum;
}

static void close_sockets(void) {
    refill = false;
    for (size_t i = 0; i < SOCKETS; i++)
        ring_cancel(ring, &receives[i].operation);
    for (size_t i = 0; i < SOCKETS; i++) {
        wait_for(!operation_is_armed(&receives[i].operation));
        assert_int_equal(receives[i].error, ERROR_CANCELLED);
        assert_int_equal(receives[i].ends, 1);
        close(pairs[i][0]);
        close(pairs[i][1]);
    }
}

/* Data is there before the receives, then arrives while they wait. */
static void two_buffers_serve_a_hundred_sockets(void **state) {
    (void)state;
    open_sockets();
    for (size_t i = 0; i < SOCKETS; i++)
        write_piece(i);
    receive_on_all();
    wait_for(total() == SOCKETS * PIECE);
    for (size_t round = 2; round <= 5; round++) {
        for (size_t i = 0; i < SOCKETS; i++)
            write_piece(i);
        wait_for(total() == round * SOCKETS * PIECE);
    }
    for (size_t i = 0; i < SOCKETS; i++)
        assert_int_equal(receives[i].size, 5 * PIECE);
    assert_true(ring->statistics.buffer_shortages > 0);
    close_sockets();
}

static void busy_sockets_do_not_starve_the_others(void **state) {
    (void)state;
    open_sockets();
    refill = true;
    for (size_t i = 0; i < SOCKETS; i++)
        for (int j = 0; j < 8; j++)
            write_piece(i);
    receive_on_all();
    wait_for(total() > (size_t)SOCKETS * 100 * PIECE);
    for (size_t i = 0; i < SOCKETS; i++)
        assert_true(receives[i].size > (size_t)10 * PIECE);
    close_sockets();
}

static void cancel_all_others(struct operation *operation, const struct completion *completion) {
    record_completed(operation, completion);
    if (completion->size == 0)
        return;
    for (size_t i = 0; i < SOCKETS; i++)
        ring_cancel(ring, &receives[i].operation);
}

/* The first that gets data cancels all; most of them wait for a buffer at that moment. */
static void cancelled_while_waiting_for_a_buffer(void **state) {
    (void)state;
    static const struct handler handler = {"cancel", cancel_all_others};
    open_sockets();
    for (size_t i = 0; i < SOCKETS; i++) {
        write_piece(i);
        receives[i].operation.handler = &handler;
    }
    receive_on_all();
    close_sockets();
    assert_true(total() > 0 && total() < (size_t)SOCKETS * PIECE);
    assert_true(ring->statistics.buffer_shortages > 0);
}

static void eight_entries_take_a_thousand_sends(void **state) {
    (void)state;
    enum { SENDS = 1000 };
    int pair[2];
    make_pair(pair);
    struct record *sends = calloc(SENDS, sizeof *sends);
    struct record receive = RECORD;
    ring_receive(ring, &receive.operation, pair[1]);
    for (size_t i = 0; i < SENDS; i++) {
        sends[i] = RECORD;
        ring_send(ring, &sends[i].operation, pair[0], "x", 1);
    }
    assert_true(ring->statistics.early_submits >= SENDS / 8 - 1);
    wait_for(receive.size == SENDS);
    for (size_t i = 0; i < SENDS; i++) {
        wait_for(sends[i].ends == 1);
        assert_int_equal(sends[i].error, ERROR_NONE);
        assert_int_equal(sends[i].size, 1);
    }
    end_record(&receive);
    free(sends);
    close(pair[0]);
    close(pair[1]);
}

/* More completions at once than the completion queue has room for: they end the multishots. */
static void overflowing_completions_are_kept(void **state) {
    (void)state;
    open_sockets();
    receive_on_all();
    turn();
    for (size_t round = 1; round <= 5; round++) {
        for (size_t i = 0; i < SOCKETS; i++)
            write_piece(i);
        wait_for(total() == round * SOCKETS * PIECE);
    }
    for (size_t i = 0; i < SOCKETS; i++)
        assert_int_equal(receives[i].size, 5 * PIECE);
    close_sockets();
}

#define small_ring_test(name, open) cmocka_unit_test_setup_teardown(name, open, close_ring)

int main(void) {
    const struct CMUnitTest tests[] = {
        small_ring_test(two_buffers_serve_a_hundred_sockets, open_two_buffers),
        small_ring_test(busy_sockets_do_not_starve_the_others, open_two_buffers),
        small_ring_test(cancelled_while_waiting_for_a_buffer, open_two_buffers),
        small_ring_test(eight_entries_take_a_thousand_sends, open_eight_entries),
        small_ring_test(overflowing_completions_are_kept, open_eight_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
