/*
 * Workers of a hub that all run on the test's thread, each turned when the test says so: every
 * order of turns and letters can be played, and played again. Their rings do nothing and their
 * clock is the test's. Channels and homes are the real ones; clients are the test's own.
 */
#ifndef RINGCAST_TEST_STILL_WORKERS_H
#define RINGCAST_TEST_STILL_WORKERS_H

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "channel.h"
#include "worker.h"

enum { STILL_WORKERS_MAX = 4 };

static uint64_t still_now = 1;

static inline void still_turn(struct ring *ring, uint64_t deadline, ring_dispatch *dispatch,
                              void *context) {
    (void)ring, (void)deadline, (void)dispatch, (void)context;
}

static inline void still_wake(struct ring *ring) {
    (void)ring;
}

static inline uint64_t still_clock(struct ring *ring) {
    (void)ring;
    return still_now;
}

static inline void still_random(struct ring *ring, void *out, size_t size) {
    (void)ring;
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)out)[i] = (uint8_t)rand();
}

static const struct ring_backend still_backend = {.name = "still",
                                                  .turn = still_turn,
                                                  .wake = still_wake,
                                                  .now = still_clock,
                                                  .random = still_random};

static struct ring still_rings[STILL_WORKERS_MAX];
static struct loop still_loops[STILL_WORKERS_MAX];
static struct hub *still_hub;

/* What the channel asks of the hub's other files. */

struct hub_worker *hub_home_worker(struct hub *hub, struct bytes name) {
    return &hub->workers[(unsigned)(name.data[0] - '0') % hub->worker_count]; /* "1abc": worker 1 */
}

bool channel_name_is_valid(struct bytes name) {
    return name.size > 0;
}

void drain_check(struct hub_worker *worker) {
    (void)worker;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static inline void still_start(unsigned workers, const struct hub_options *options) {
    still_hub = calloc(1, sizeof *still_hub + workers * sizeof(struct hub_worker));
    still_hub->options = *options;
    still_hub->worker_count = workers;
    accounts_init(&still_hub->accounts);
    for (unsigned i = 0; i < workers; i++) {
        still_rings[i].backend = &still_backend;
        loop_init(&still_loops[i], &still_rings[i]);
        still_hub->workers[i].hub = still_hub;
        still_hub->workers[i].index = i;
        still_hub->workers[i].loop = &still_loops[i];
        list_init(&still_hub->workers[i].unpublished);
    }
}

static inline void still_turn_one(unsigned worker) {
    loop_turn(&still_loops[worker], 0);
}

/* Enough turns for every letter and its answer's answer. */
static inline void still_settle(void) {
    for (int round = 0; round < 10; round++)
        for (unsigned i = 0; i < still_hub->worker_count; i++)
            still_turn_one(i);
}

/* Nobody may be subscribed any more. */
static inline void still_end(void) {
    still_settle();
    for (unsigned i = 0; i < still_hub->worker_count; i++) {
        struct hub_worker *worker = &still_hub->workers[i];
        assert_int_equal(worker->channels.size, 0);
        assert_int_equal(counter_read(&worker->statistics.channels), 0);
        homes_fini(worker);
        map_fini(&worker->channels);
        assert_int_equal(counter_read(&worker->statistics.log_bytes), 0);
        loop_fini(&still_loops[i]);
    }
    assert_int_equal(atomic_load(&still_hub->channel_count), 0);
    accounts_fini(&still_hub->accounts);
    free(still_hub);
}

#endif
