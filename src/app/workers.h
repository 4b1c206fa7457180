/*
 * The workers: threads, each with a ring and a loop of its own. Worker 0 is the thread that starts
 * them; the others run their loops until workers_stop(). Or loops that somebody else turns, all on
 * one thread, as a simulation does.
 */
#ifndef RINGCAST_APP_WORKERS_H
#define RINGCAST_APP_WORKERS_H

#include <pthread.h>

#include "loop/loop.h"

struct worker {
    unsigned index;
    struct ring *ring;
    struct loop loop;
    pthread_t thread;
    struct workers *workers;
    enum error error;
    struct ring_refusal refusal;
};

/* More are of no use to anybody, and what asks all of them keeps a place for each. */
enum { WORKERS_MAX = 64 };

struct workers {
    unsigned count;
    struct worker *workers; /* NULL: the loops are borrowed */
    struct loop **loops;    /* of each worker */
};

/*
 * Opens worker 0's ring and loop, then starts the other threads and waits until their loops run. On
 * an error nothing is left, and `refusal` says why.
 */
enum error workers_start(struct workers *workers, unsigned count, struct ring_refusal *refusal);

/* Takes loops that the caller turns, and keeps: workers_release() gives them back. */
enum error workers_borrow(struct workers *workers, struct loop *const *loops, unsigned count);
void workers_release(struct workers *workers);

/*
 * Runs `call` on a worker's thread and waits for it. Only before worker 0's loop runs.
 */
enum error workers_call(struct workers *workers, unsigned index,
                        enum error (*call)(void *context, unsigned index), void *context);

/*
 * Runs `run` on worker 0's thread, from its loop, while all the others stand still between two
 * callbacks: what all threads read may be changed by it. It must be quick.
 */
void workers_stand_still(struct workers *workers, void (*run)(void *context), void *context);

/* Ends the other threads, then all rings. All loops must be idle. */
void workers_stop(struct workers *workers);

#endif
