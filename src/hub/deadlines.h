/*
 * When something is due of each client of a worker: the next ping, or the end of the wait for a
 * pong or a close frame. There are tens of thousands, so they are kept coarsely, in a wheel: what
 * is due falls on the next twentieth of a second, is never early, and is small; setting and
 * clearing cost nothing to speak of. The loop's own timers are exact, and for everything else.
 *
 * Belongs to its loop's thread.
 */
#ifndef RINGCAST_HUB_DEADLINES_H
#define RINGCAST_HUB_DEADLINES_H

#include "base/clock.h"
#include "base/list.h"
#include "loop/loop.h"

#define DEADLINE_TICK (50 * MILLISECOND)

enum { DEADLINE_SLOTS = 512 }; /* ticks that are told apart: 25.6 s; a power of two */

/* Embedded in its owner. Fields are private. */
struct deadline {
    struct list_node link; /* in its slot */
    uint64_t at;           /* by the loop's clock */
};

/* Fields are private. */
struct deadlines {
    struct loop *loop;
    void (*passed)(struct deadline *deadline);
    struct timer timer;
    uint64_t tick; /* the first one whose slot has not been emptied */
    uint64_t next; /* the one that the timer waits for: has something in its slot; or UINT64_MAX */
    uint64_t occupied[DEADLINE_SLOTS / 64];
    struct list_node slots[DEADLINE_SLOTS];
};

/* `passed` is called once for each deadline, which is no longer set then. */
void deadlines_init(struct deadlines *deadlines, struct loop *loop,
                    void (*passed)(struct deadline *deadline));

/* None may be set any more. */
void deadlines_fini(struct deadlines *deadlines);

static inline void deadline_init(struct deadline *deadline) {
    list_init(&deadline->link);
}

static inline bool deadline_is_set(const struct deadline *deadline) {
    return list_is_linked(&deadline->link);
}

/* Sets a deadline, anew if it is set already. */
void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t at);

/* Harmless if it is not set. */
static inline void deadline_clear(struct deadline *deadline) {
    list_remove(&deadline->link);
}

#endif
