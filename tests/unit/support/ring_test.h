/*
 * A ring for one test: opened by its set-up, and at its end closed and checked, so that a test that
 * leaves a descriptor open or a block alive fails.
 *
 *     ring_test(name)       the row of a test for cmocka
 *     wait_for(condition)   turns until it holds; fails after PATIENCE
 */
#ifndef RINGCAST_TEST_RING_TEST_H
#define RINGCAST_TEST_RING_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/memory.h"
#include "ring/ring.h"

#define PATIENCE (20 * SECOND)

static struct ring *ring;
static size_t descriptors_before, blocks_before;

static inline int open_ring_with(const struct ring_options *options) {
    descriptors_before = limits_open_descriptors();
    blocks_before = memory_live_blocks();
    struct ring_refusal refusal;
    if (ring_open(options, &ring, &refusal) == ERROR_NONE)
        return 0;
    print_error("%s\n", refusal.text);
    return -1;
}

static inline int open_ring(void **state) {
    (void)state;
    return open_ring_with(&ring_default_options);
}

static inline int close_ring(void **state) {
    (void)state;
    ring_free(ring);
    assert_int_equal(limits_open_descriptors(), descriptors_before);
    assert_int_equal(memory_live_blocks(), blocks_before);
    return 0;
}

static inline void call_handler(void *context, struct operation *operation,
                                const struct completion *completion) {
    (void)context;
    operation->handler->completed(operation, completion);
}

/* One turn that waits no longer than this test's other parties may need. */
static inline void turn(void) {
    ring_turn(ring, ring_now(ring) + 10 * MILLISECOND, call_handler, NULL);
}

#define wait_for(condition)                                    \
    do {                                                       \
        uint64_t give_up_ = ring_now(ring) + PATIENCE;         \
        while (!(condition)) {                                 \
            if (ring_now(ring) > give_up_)                     \
                fail_msg("waited in vain for %s", #condition); \
            turn();                                            \
        }                                                      \
    } while (0)

#define ring_test(name) cmocka_unit_test_setup_teardown(name, open_ring, close_ring)

/* Two connected stream sockets. */
static inline void make_pair(int pair[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
}

/* An operation that remembers what it was answered. */
struct record {
    struct operation operation;
    unsigned completions;
    unsigned ends; /* completions that were the last */
    enum error error;
    int descriptor;
    size_t size; /* of all completions */
    uint8_t last_byte;
};

static inline void record_completed(struct operation *operation,
                                    const struct completion *completion) {
    struct record *record = container_of(operation, struct record, operation);
    assert_int_equal(operation_is_armed(operation), completion->more);
    record->completions++;
    record->ends += !completion->more;
    record->error = completion->error;
    record->descriptor = completion->descriptor;
    record->size += completion->size;
    if (completion->data != NULL && completion->size > 0)
        record->last_byte = completion->data[completion->size - 1];
}

static const struct handler record_handler = {"record", record_completed};

#define RECORD ((struct record){.operation.handler = &record_handler})

/* Cancels and waits for the end. */
static inline void end_record(struct record *record) {
    ring_cancel(ring, &record->operation);
    wait_for(!operation_is_armed(&record->operation));
}

#endif
