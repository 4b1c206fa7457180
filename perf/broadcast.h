/*
 * The broadcast run: readers and publishers join one channel of a hub, the publishers publish with
 * a limited number of messages in flight, and every delivery is checked and counted.
 */
#ifndef RINGCAST_PERF_BROADCAST_H
#define RINGCAST_PERF_BROADCAST_H

#include <stdint.h>

#include "client.h"
#include "usage.h"

struct broadcast_options {
    struct client_target target;
    struct usage_processes server;
    uint32_t readers;
    uint32_t publishers;
    uint32_t stuck;      /* further readers that never read */
    uint32_t size;       /* of a message, in bytes */
    uint32_t messages;   /* measured ones, of all publishers together */
    uint32_t warmup;     /* messages before those */
    uint32_t in_flight;  /* published, and not yet received by all: at most so many */
    uint32_t batch;      /* connections that shake hands at the same time */
    uint32_t patience_s; /* give up after so long without any delivery */
};

/*
 * Runs and prints the result as one line of JSON. Returns the exit code: 0 when everything was
 * delivered, once and in order; 1 when not; 2 when the run could not start.
 */
int broadcast_run(const struct broadcast_options *options);

#endif
