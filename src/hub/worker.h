/* The hub's parts that one worker owns, and the whole that they share. */
#ifndef RINGCAST_HUB_WORKER_H
#define RINGCAST_HUB_WORKER_H

#include "accounts.h"
#include "base/clock.h"
#include "base/map.h"
#include "deadlines.h"
#include "home.h"
#include "hub/hub.h"
#include "ws/deflate.h"

/* A step of the hub's end on one worker; see drain.c. */
struct drain_letter {
    struct letter letter;
    struct hub_worker *worker;
};

/* What clients that are there have to follow when the hub's options are others. */
struct hub_changes {
    bool pings;    /* their interval is another */
    bool presence; /* of any channel */
};

enum { HUB_IDS = 32 }; /* drawn at once */

struct hub_worker {
    struct hub *hub;
    struct loop *loop;
    unsigned index;
    struct http_server server;
    struct pool_port port;
    struct map channels;          /* struct channel */
    struct map homes;             /* struct home */
    struct list_node unpublished; /* the service's messages that found no memory at home yet */
    size_t client_count;
    struct deadlines deadlines; /* of the clients */
    uint32_t random_state;      /* of worker_chance() */
    unsigned ids_left;
    uint64_t ids[HUB_IDS];   /* of worker_new_id() */
    struct task follow_task; /* clients follow `changes` */
    uint64_t follow_left;    /* connections that this visits yet */
    struct timer collect;
    struct timer progress;        /* of clients that are being sent something */
    uint64_t progress_left;       /* connections that this visits yet in its round */
    struct encoder encoder;       /* of the channels at home here */
    struct ws_inflater *inflater; /* NULL until a client has sent something compressed */
    struct buffer inflated;       /* the last message */
    bool quiet;                   /* draining: clients' messages are no longer taken */
    struct hub_changes changes;
    struct drain_letter drain_letter;
    struct timer drain_next; /* closes the next client */
    struct timer drain_deadline;
    uint64_t drain_step; /* nanoseconds between two closes */
    bool server_ended;
    struct hub_statistics statistics;
};

struct hub {
    struct hub_options options;
    struct admission admission; /* of all workers' servers */
    struct accounts accounts;   /* of all channels */
    unsigned worker_count;
    _Atomic unsigned channel_count; /* homes, on all workers */
    /* the end, on worker 0 */
    unsigned drain_step;
    unsigned drain_answers;
    uint64_t drain_duration;
    uint64_t drain_deadline;
    void (*closed)(void *context);
    void *closed_context;
    struct hub_worker workers[];
};

/* Seconds since 1970, by which tokens end. */
static inline uint64_t worker_wall_seconds(const struct hub_worker *worker) {
    return ring_wall(worker->loop->ring) / SECOND;
}

/* A number that nobody has to be kept from guessing, without asking the kernel (xorshift). */
static inline uint32_t worker_chance(struct hub_worker *worker) {
    worker->random_state ^= worker->random_state << 13;
    worker->random_state ^= worker->random_state >> 17;
    worker->random_state ^= worker->random_state << 5;
    return worker->random_state;
}

/* Tells a connection from all others. A change may need one for each of them, so the kernel is
 * asked for many at once. */
static inline uint64_t worker_new_id(struct hub_worker *worker) {
    if (worker->ids_left == 0) {
        ring_random(worker->loop->ring, worker->ids, sizeof worker->ids);
        worker->ids_left = HUB_IDS;
    }
    return worker->ids[--worker->ids_left];
}

/* May a client name such a channel? Whether it could be any channel's, and is not too long. */
bool hub_worker_takes_name(struct hub_worker *worker, struct bytes name);

/* The worker at which a channel is at home. */
struct hub_worker *hub_home_worker(struct hub *hub, struct bytes name);

/* Ends what is over: called whenever a client or channel of a draining worker has gone. */
void drain_check(struct hub_worker *worker);

#endif
