/*
 * Signals as events of one loop: they are blocked in every thread and read from a descriptor, so
 * that no handler ever interrupts anything.
 */
#ifndef RINGCAST_LOOP_SIGNALS_H
#define RINGCAST_LOOP_SIGNALS_H

#include <signal.h>

#include "loop/loop.h"

struct signals {
    struct loop *loop;
    struct operation poll;
    int descriptor;
    sigset_t set; /* those that are watched */
    bool closing;
    void (*received)(struct signals *signals, int number);
    void (*closed)(struct signals *signals);
};

/*
 * Blocks SIGTERM, SIGINT, SIGHUP and SIGPIPE in this thread and those that it starts later: call it
 * before starting any.
 */
void signals_block(void);

/* Calls `received` for each SIGTERM, SIGINT and SIGHUP. `signals` is the caller's memory. */
enum error signals_open(struct signals *signals, struct loop *loop,
                        void (*received)(struct signals *signals, int number));

/*
 * Calls `received` for this signal too. It is blocked in this thread and those that it starts. An
 * error (ERROR_INVALID_ARGUMENT: there is no such signal) changes nothing.
 */
enum error signals_add(struct signals *signals, int number);

/* Ends it; `closed` (may be NULL) runs when nothing is armed any more. */
void signals_close(struct signals *signals, void (*closed)(struct signals *signals));

#endif
