/*
 * A listening socket of one loop. When descriptors run out it pauses, keeps the connections that
 * are there undisturbed, and goes on as soon as one closes.
 */
#ifndef RINGCAST_NET_LISTENER_H
#define RINGCAST_NET_LISTENER_H

#include "loop/loop.h"
#include "net/endpoint.h"

struct listener;

/* Constant and static. */
struct listener_events {
    void (*accepted)(struct listener *listener, int descriptor); /* the callee's from now on */
    void (*closed)(struct listener *listener);                   /* nothing is armed any more */
};

struct listener {
    struct loop *loop;
    const struct listener_events *events;
    struct operation accept;
    struct task resume;
    struct timer retry;
    int descriptor;
    bool closing;
    bool owns_path; /* of `endpoint`: removed at the end */
    struct endpoint endpoint;
    size_t index;              /* the user's own, for one of several */
    struct counter *shortages; /* counts the pauses; may be NULL */
};

/*
 * Listens on `endpoint`. If its port is 0, the kernel picks one and `endpoint` tells it; it also
 * says now that the place is shared, so that other loops can open it too. Where somebody listens
 * already it waits a second for them to go, and the loop with it: a process that was killed leaves
 * its place a moment later. The listener is the caller's memory until `closed`.
 */
enum error listener_open(struct listener *listener, struct loop *loop, struct endpoint *endpoint,
                         const struct listener_events *events);

/* Stops accepting; `closed` follows. */
void listener_close(struct listener *listener);

#endif
