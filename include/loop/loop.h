/*
 * The loop of one worker: its ring, its timers, its ready list and its mailbox.
 *
 * A turn submits what was armed, waits, dispatches completions, delivers mail, expires timers and
 * runs the ready list. Every callback of ringcast runs from here, one after the other, on the
 * loop's thread: nothing is re-entered, nothing is locked.
 *
 * Only loop_send() may be called from other threads.
 */
#ifndef RINGCAST_LOOP_LOOP_H
#define RINGCAST_LOOP_LOOP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/counter.h"
#include "base/list.h"
#include "loop/timer.h"
#include "ring/ring.h"

/* Something to run once on the loop's thread, embedded in its owner. `{0}` is an idle one. */
struct task;

struct task_handler {
    const char *name;
    void (*run)(struct task *task);
};

struct task {
    const struct task_handler *handler;
    struct list_node link;
    bool posted;
};

/* A message from any thread to a loop, embedded in what it carries. */
struct letter;

struct letter_handler {
    const char *name;
    void (*deliver)(struct letter *letter);
};

struct letter {
    const struct letter_handler *handler;
    struct letter *next;
};

/* Callbacks that held the loop longer than the threshold, by the name of their handler. */
enum { SLOW_NAMES = 16 };

struct slow_callback {
    _Atomic(const char *) name;
    struct counter count;
    struct counter longest; /* nanoseconds */
};

struct loop_statistics {
    struct histogram lag; /* how long a turn kept what was ready behind it waiting */
    struct counter turns;
    struct slow_callback slow[SLOW_NAMES];
};

struct loop {
    struct ring *ring;
    uint64_t now; /* the clock, read before each callback */
    struct list_node ready;
    struct list_node turn_end;
    struct list_node descriptor_waiters; /* tasks to post when a descriptor has been closed */
    struct timers timers;
    uint64_t expired;                 /* timers until here have fired */
    _Atomic(struct letter *) mailbox; /* newest first */
    uint64_t slow_threshold;          /* nanoseconds; a callback that takes longer is reported */
    bool stopping;
    struct loop_statistics statistics;
};

/* A loop on an open ring, which it borrows. */
void loop_init(struct loop *loop, struct ring *ring);

/* Ends an idle loop: nothing posted, no timer started, no mail. Asserts that. */
void loop_fini(struct loop *loop);

/* Turns until loop_stop(). */
void loop_run(struct loop *loop);

/* One turn that waits at the longest until `deadline` (ring_turn()'s). */
void loop_turn(struct loop *loop, uint64_t deadline);

/* When the next turn would be due by itself: 0 at once, UINT64_MAX only when its ring has
 * something. */
uint64_t loop_deadline(const struct loop *loop);

/* Makes loop_run() return after this turn. */
void loop_stop(struct loop *loop);

/* Puts a task at the end of the ready list; harmless while it is there already. */
void loop_post(struct loop *loop, struct task *task);

/*
 * Runs a task after everything else of this turn, just before the submit: the place to serve what
 * many callbacks of the turn asked for, once.
 */
void loop_post_turn_end(struct loop *loop, struct task *task);

/* Takes a posted task back. */
void loop_unpost(struct task *task);

/* Posts an unposted task once, when this loop closes a descriptor: for who ran out of them. */
void loop_post_on_close(struct loop *loop, struct task *task);

/* Closes a descriptor on which nothing is armed, and posts those who wait for that. */
void loop_close_descriptor(struct loop *loop, int descriptor);

/*
 * Delivers a letter on the loop's thread. From any thread; letters of one sender keep their order.
 * The loop and its ring must outlive the call, which is not over when the letter arrives: join a
 * sender's thread before ending them.
 */
void loop_send(struct loop *loop, struct letter *letter);

/*
 * Starts a timer, or moves it if it is started. `deadline` is by loop->now. One that has passed
 * already fires soon, but never in the round of timers that is being fired.
 */
void loop_start_timer(struct loop *loop, struct timer *timer, uint64_t deadline);

void loop_stop_timer(struct loop *loop, struct timer *timer);

#endif
