/*
 * The churn run: many short connections, to see whether a server gives back what each one took.
 */
#ifndef RINGCAST_PERF_CHURN_H
#define RINGCAST_PERF_CHURN_H

#include <stdint.h>

#include "client.h"
#include "usage.h"

enum churn_ending {
    CHURN_CLEAN, /* handshake, close frame, and the server closes */
    CHURN_RESET, /* handshake, then a TCP reset */
    CHURN_HALF,  /* half of the handshake's request, then gone */
    CHURN_MIXED, /* these in turn */
};

struct churn_options {
    struct client_target target;
    struct usage_processes server;
    uint32_t connections;
    uint32_t concurrent;
    enum churn_ending ending;
    uint32_t patience_s; /* give up after so long without any connection's end */
};

/*
 * Runs and prints the result as one line of JSON: the server's memory and descriptors before, after
 * the first tenth of the connections, and at the end. Returns the exit code: 0 when every
 * connection ended as it should and the server holds no more descriptors than before, 1 when not, 2
 * when the run could not start.
 */
int churn_run(const struct churn_options *options);

#endif
