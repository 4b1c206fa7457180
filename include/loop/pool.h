/*
 * The thread pool: work that would hold a loop, done elsewhere.
 *
 * A loop hands its work over once a turn, however many pieces there are, with one wake-up; each
 * piece comes back as a completion on the loop that sent it. Work of one loop starts in the order
 * in which it was sent, but may finish in any.
 *
 * The pool is shared by all loops. A port is one loop's entrance to it.
 */
#ifndef RINGCAST_LOOP_POOL_H
#define RINGCAST_LOOP_POOL_H

#include "loop/loop.h"

struct pool;
struct work;

/* Constant and static. */
struct work_handler {
    const char *name;
    void (*run)(struct work *work);  /* on a pool thread: touches only what the work owns */
    void (*done)(struct work *work); /* on the loop's thread, afterwards */
};

/* One piece of work, embedded in its owner, which must stay until `done`. `{0}` is an idle one. */
struct work {
    const struct work_handler *handler;
    struct list_node link;
    struct letter letter;
    struct loop *loop;
    bool sent;
};

/*
 * Whoever runs the work instead of threads: a simulation. `run(argument)` is to be called once,
 * later, with nothing else running.
 */
struct pool_runner {
    void (*start)(void *context, void (*run)(void *argument), void *argument);
    void *context;
};

struct pool_port {
    struct pool *pool;
    struct loop *loop;
    struct list_node outgoing;
    struct task flush;
};

/* Starts `threads` threads (at least 1). They block all signals. */
enum error pool_new(unsigned threads, struct pool **pool);

/* A pool without threads, whose work `runner` runs. */
enum error pool_new_with(const struct pool_runner *runner, struct pool **pool);

/* Ends the threads. All work must be done. */
void pool_free(struct pool *pool);

void pool_port_init(struct pool_port *port, struct pool *pool, struct loop *loop);

/* Sends idle work with this turn's batch. */
void pool_send(struct pool_port *port, struct work *work);

/* Is it sent and not yet done? */
static inline bool work_is_sent(const struct work *work) {
    return work->sent;
}

#endif
