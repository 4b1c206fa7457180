/*
 * A listening socket of one loop. When descriptors run out it pauses, keeps the connections that
 * are there undisturbed, and goes on as soon as one closes.
 */
#ifndef RINGCAST_NET_LISTENER_H
#define RINGCAST_NET_LISTENER_H

#include "loop/loop.h"
#include "net/address.h"

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
    size_t index;              /* the user's own, for one of several */
    struct counter *shortages; /* counts the pauses; may be NULL */
};

/*
 * Listens on `address`, alone or, if `join`, beside this process's other listeners on it (see
 * socket_listen()). If the port is 0, the kernel picks one and `address` tells it. The listener is
 * the caller's memory until `closed`.
 */
enum error listener_open(struct listener *listener, struct loop *loop, struct address *address,
                         bool join, const struct listener_events *events);

/* Stops accepting; `closed` follows. */
void listener_close(struct listener *listener);

#endif
