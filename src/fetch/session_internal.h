/* What the files of the session share: origins, pooled connections, and fetches. */
#ifndef RINGCAST_FETCH_SESSION_INTERNAL_H
#define RINGCAST_FETCH_SESSION_INTERNAL_H

#include "base/map.h"
#include "body.h"
#include "fetch/session.h"
#include "http/response.h"
#include "http/url.h"
#include "net/dialer.h"
#include "net/resolver.h"
#include "tls/context.h"
#include "transport/transport.h"

/* One scheme, host and port: what waits for it, and what is connected to it. */
struct origin {
    struct map_node node; /* by key, in the session */
    struct session *session;
    struct list_node waiting; /* fetches */
    struct list_node idle;    /* connections, the last used first */
    struct list_node ready;   /* in the session's list, while a fetch waits and a slot is free */
    struct tls_session *tls_session; /* to resume from; NULL: none */
    unsigned active;
    size_t connection_count;
    char key[];
};

struct session {
    struct loop *loop;
    struct session_options options;
    struct pool_port port;
    struct resolver *resolver;
    struct tls_context *tls; /* made with the first https URL; NULL before */
    struct scope background; /* dialers and connections: what outlives its fetch */
    struct map origins;
    struct list_node ready; /* origins whose next fetch may start */
    struct list_node idle;  /* connections of all origins, the longest idle first */
    size_t idle_count;
    unsigned active;
    struct task dispatch;
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
    bool used; /* it has served a response before */
};

/* ---- session.c: slots and origins ----------------------------------------------------------- */

/* Queues a fetch for its origin's next slot; fetch_begin() follows. */
enum error session_queue(struct session *session, struct fetch *fetch);

/* Takes a fetch that has not begun out of its queue. */
void session_unqueue(struct fetch *fetch);

/* Gives a slot back. */
void session_release(struct origin *origin);

/* The context for https, made when first asked for. On an error `detail` says why. */
enum error session_tls(struct session *session, struct tls_context **context,
                       struct tls_detail *detail);

/* Frees an origin that nothing refers to any more. */
void origin_collect(struct origin *origin);

/* ---- connection.c: the pool ----------------------------------------------------------------- */

/* The most recently used idle connection of an origin, or NULL. It is `fetch`'s from now on. */
struct fetch_connection *connection_take(struct origin *origin, struct fetch *fetch);

/*
 * Makes a connection of a connected descriptor, which it takes (also on an error); under TLS the
 * handshake starts, and fetch_connected() follows when it is through.
 */
enum error connection_new(struct fetch *fetch, int descriptor,
                          struct fetch_connection **connection);

/* Back to the pool: only after a complete response on a connection that may be kept. */
void connection_keep(struct fetch_connection *connection);

/* Closes it and parts it from its fetch. It frees itself. */
void connection_drop(struct fetch_connection *connection);

/* ---- fetch.c: what connections tell their fetch --------------------------------------------- */

void fetch_begin(struct fetch *fetch);
void fetch_connected(struct fetch *fetch);
void fetch_sent(struct fetch *fetch, size_t size, enum error error);
void fetch_received(struct fetch *fetch, struct bytes data);
void fetch_ended(struct fetch *fetch, enum error error);

/* One fetch: the memory of the whole flow. */
struct fetch {
    struct session *session;
    struct scope_member member;
    struct origin *origin;
    struct list_node link; /* waiting at its origin */
    struct url url;
    struct lookup lookup;
    struct dialer *dialer; /* NULL: not dialling */
    struct fetch_connection *connection;
    struct body body;
    struct timer total, attempt, phase;
    struct task finish;
    const char *phase_name; /* what the phase timer watches */
    uint64_t phase_began;   /* or the last byte came */
    uint64_t phase_limit;
    uint64_t started;
    uint8_t state; /* enum fetch_state */
    bool retried;
    bool body_begun;
    bool has_url;
    fetch_done *done;
    void *context;
    struct fetch_result result;
};

#endif
