/*
 * The progress line of a round of fetches: how many are done, how many failed, how fast, and how
 * long the rest will take. On standard error, and only where that is a terminal.
 */
#ifndef RINGCAST_APP_PROGRESS_H
#define RINGCAST_APP_PROGRESS_H

#include "fetch/round.h"

struct progress {
    const struct round *round;
    struct loop *loop;
    struct timer timer;
    uint64_t started;
    size_t total; /* URLs, 0: not known */
    bool shown;
};

/* Starts to show it a few times a second. `total` is 0 where it is not known. */
void progress_start(struct progress *progress, const struct round *round, struct loop *loop,
                    size_t total);

/* Takes the line away, so that others can be printed; it comes back by itself. */
void progress_clear(struct progress *progress);

void progress_stop(struct progress *progress);

#endif
