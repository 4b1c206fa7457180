/*
 * A ring and a loop for one test: opened by its set-up, and at its end closed and checked. The loop
 * must be idle then (loop_fini() asserts it), no descriptor left open and no block alive.
 *
 *     loop_test(name)       the row of a test for cmocka
 *     wait_for(condition)   turns until it holds; fails after PATIENCE
 */
#ifndef RINGCAST_TEST_LOOP_TEST_H
#define RINGCAST_TEST_LOOP_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "loop/loop.h"

#define PATIENCE (20 * SECOND)

static struct loop loop;
static size_t descriptors_before, blocks_before;

static inline int open_loop_with(const struct ring_options *options) {
    descriptors_before = limits_open_descriptors();
    blocks_before = memory_live_blocks();
    struct ring *ring;
    struct ring_refusal refusal;
    if (ring_open(options, &ring, &refusal) != ERROR_NONE) {
        print_error("%s\n", refusal.text);
        return -1;
    }
    loop_init(&loop, ring);
    return 0;
}

static inline int open_loop(void **state) {
    (void)state;
    return open_loop_with(&ring_default_options);
}

static inline int close_loop(void **state) {
    (void)state;
    loop_fini(&loop);
    ring_free(loop.ring);
    assert_int_equal(limits_open_descriptors(), descriptors_before);
    assert_int_equal(memory_live_blocks(), blocks_before);
    return 0;
}

/* One turn that waits no longer than this test's other parties may need. */
static inline void turn(void) {
    loop_turn(&loop, ring_now(loop.ring) + 10 * MILLISECOND);
}

#define wait_for(condition)                                    \
    do {                                                       \
        uint64_t give_up_ = ring_now(loop.ring) + PATIENCE;    \
        while (!(condition)) {                                 \
            if (ring_now(loop.ring) > give_up_)                \
                fail_msg("waited in vain for %s", #condition); \
            turn();                                            \
        }                                                      \
    } while (0)

/* Some turns, for what must not happen. */
static inline void turn_a_while(void) {
    for (int i = 0; i < 5; i++)
        turn();
}

#define loop_test(name) cmocka_unit_test_setup_teardown(name, open_loop, close_loop)

/* Two connected stream sockets: one for the code under test, one for the test. */
static inline void make_pair(int pair[2]) {
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(fcntl(pair[1], F_SETFL, O_NONBLOCK), 0);
}

#endif
