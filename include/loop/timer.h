/*
 * Timers of one loop: an intrusive pairing heap, so that starting and stopping allocate nothing and
 * a deadline is exact. A timer is embedded in its owner, fires once, and may be started again from
 * its own callback. Belongs to its loop's thread.
 */
#ifndef RINGCAST_LOOP_TIMER_H
#define RINGCAST_LOOP_TIMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;

/* Whom to call, and the name under which a slow call is reported. Constant and static. */
struct timer_handler {
    const char *name;
    void (*expired)(struct timer *timer);
};

/* `{0}` is a stopped timer. The fields are the heap's own, except `handler`. */
struct timer {
    const struct timer_handler *handler;
    uint64_t deadline;     /* by the loop's clock */
    struct timer *child;   /* first of the timers below this one */
    struct timer *sibling; /* next of the timers below the same parent */
    struct timer **link;   /* what points here; NULL while stopped */
};

/* `{0}` has no timers. */
struct timers {
    struct timer *first;
};

static inline bool timer_is_started(const struct timer *timer) {
    return timer->link != NULL;
}

/* Starts a stopped timer. Equal deadlines fire in no promised order. */
void timers_start(struct timers *timers, struct timer *timer, uint64_t deadline);

/* Stops a timer; harmless on a stopped one. */
void timers_stop(struct timers *timers, struct timer *timer);

/* The earliest deadline, or UINT64_MAX. */
uint64_t timers_next(const struct timers *timers);

/* Takes out the earliest timer whose deadline is not after `now`, or NULL. The caller calls it. */
struct timer *timers_take_expired(struct timers *timers, uint64_t now);

#endif
