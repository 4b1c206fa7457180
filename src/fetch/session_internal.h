/* What the files of the session share: origins, pooled connections, and trust. */
#ifndef RINGCAST_FETCH_SESSION_INTERNAL_H
#define RINGCAST_FETCH_SESSION_INTERNAL_H

#include "base/map.h"
#include "cookie_jar.h"
#include "fetch/session.h"
#include "http/response.h"
#include "net/resolver.h"
#include "proxy.h"
#include "tls/context.h"
#include "transport/transport.h"

struct fetch;

/* One way to trust origins over https, and the context that was made for it. */
struct trust {
    struct list_node link; /* in the session */
    unsigned number;
    struct tls_client_options options; /* with texts of its own */
    struct tls_context *context;       /* made with the first connection; NULL before */
};

/*
 * One scheme, host and port, trusted in one way: what waits for it, and what is connected to it.
 */
struct origin {
    struct map_node node; /* by key, in the session */
    struct session *session;
    struct trust *trust;       /* NULL: plain */
    const struct proxy *proxy; /* that leads there; NULL: none */
    struct list_node waiting;  /* fetches */
    struct list_node idle;     /* connections, the last used first */
    struct list_node ready;    /* in the session's list, while a fetch waits and a slot is free */
    struct tls_session *tls_session; /* to resume from; NULL: none */
    struct timer pause;              /* started: the origin wants to be left alone */
    unsigned active;
    size_t connection_count;
    char key[];
};

struct session {
    struct loop *loop;
    struct session_options options;
    struct pool_port port;
    struct resolver *resolver;
    struct list_node trusts;
    struct proxies proxies;
    struct cookie_jar *jar;  /* NULL: no cookies are kept */
    struct scope background; /* dialers and connections: what outlives its fetch */
    struct map origins;
    struct list_node ready;     /* origins whose next fetch may start */
    struct list_node returning; /* fetches that want the slot back that they have lent */
    struct list_node idle;      /* connections of all origins, the longest idle first */
    size_t idle_count;
    unsigned active;
    bool stopped; /* see session_stop() */
    struct task dispatch;
    struct buffer scratch; /* for texts that are put together on the way */
    struct session_statistics statistics;
    void (*closed)(void *context);
    void *closed_context;
};

/* A connection to an origin: carries one fetch at a time, or waits in the pool. */
struct fetch_connection {
    struct transport transport;
    struct scope_member member; /* in the session's background */
    struct origin *origin;
    struct fetch *fetch; /* NULL: idle, or closing */
    struct list_node origin_link;
    struct list_node session_link;
    struct timer idle_timer;
    struct buffer request; /* the fetch's: here, since a send may outlive its fetch */
    size_t request_sent;
    struct http_response response;
    struct address address; /* of the machine at the other end */
    bool used;              /* it has served a response before */
    bool tunnelling;        /* its proxy has not opened the way yet */
};

/* ---- session.c: slots and origins ------------------------------------------------------------ */

/*
 * Queues a fetch for a slot of its origin, made of its URL and trust; fetch_begin() follows. With
 * `first` it goes before those that have not begun.
 */
enum error session_queue(struct session *session, struct fetch *fetch, bool first);

/* Takes a fetch that has not begun out of its queue. */
void session_unqueue(struct fetch *fetch);

/* Gives a slot back; `lent`: the one of its origin, the session's is not held. */
void session_release(struct origin *origin, bool lent);

/* Lets others have the session's slot, while the origin's is kept. */
void session_lend(struct fetch *fetch);

/* Wants it back: now, or fetch_slot_returned() follows. True: now. */
bool session_reclaim(struct fetch *fetch);

/* Lets no fetch of the origin begin for `delay` (nanoseconds) from now. */
void origin_pause(struct origin *origin, uint64_t delay);

/* Frees an origin that nothing refers to any more. */
void origin_collect(struct origin *origin);

/* ---- trust.c: TLS contexts ------------------------------------------------------------------- */

/* The session's trust with these options, or NULL for want of memory. */
struct trust *trust_of(struct session *session, const struct tls_client_options *options);

/* Makes its context unless it is there. On an error `detail` says why. */
enum error trust_open(struct trust *trust, struct tls_detail *detail);

void trust_free_all(struct session *session);

/* ---- connection.c: the pool ------------------------------------------------------------------ */

/*
 * The most recently used idle connection of an origin, among those to an address that the policy
 * allows, or NULL. It is `fetch`'s from now on.
 */
struct fetch_connection *connection_take(struct origin *origin, struct fetch *fetch,
                                         const struct address_policy *policy);

/*
 * Makes a connection of a connected descriptor, which it takes (also on an error); under TLS the
 * handshake starts, and connect_opened() follows when it is through. To a proxy it is plain at
 * first. On an error `detail` may say why.
 */
enum error connection_new(struct fetch *fetch, int descriptor, struct fetch_connection **connection,
                          struct tls_detail *detail);

/* Puts a connection under TLS: the handshake starts, as above. */
enum error connection_secure(struct fetch *fetch, struct fetch_connection *connection,
                             struct tls_detail *detail);

/* Back to the pool: only after a complete response on a connection that may be kept. */
void connection_keep(struct fetch_connection *connection);

/* Closes it and parts it from its fetch. It frees itself. */
void connection_drop(struct fetch_connection *connection);

#endif
