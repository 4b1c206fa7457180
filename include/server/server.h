/*
 * An HTTP/1.1 server on one loop: listens, accepts, parses requests and announces them.
 *
 * Bounds: the head of a request must be complete within `head_timeout` of the connection's start,
 * a PROXY header and the TLS handshake included (or of the request's first byte on a kept-alive
 * one), whatever trickles in; sizes are those of `request_limits`; a body is at most `max_body`. A
 * peer that breaks a bound gets the fitting status and is closed. Who may connect at all is the
 * admission's to say.
 *
 * Who is believed when it says where a connection or a request came from: the proxies in `trusted`.
 */
#ifndef RINGCAST_SERVER_SERVER_H
#define RINGCAST_SERVER_SERVER_H

#include "net/listener.h"
#include "net/network.h"
#include "server/admission.h"
#include "server/connection.h"
#include "tls/identities.h"

enum { HTTP_LISTENERS_MAX = 16 };

/* Constant and static. */
struct http_server_events {
    /*
     * A whole request. It is lent until it is answered; the callee calls http_connection_respond(),
     * _refuse() or _upgrade() once, now or later.
     */
    void (*requested)(struct http_connection *connection, const struct http_request *request,
                      struct bytes body);
    /* It closed without an upgrade, and is about to be freed: whoever waits for it must let go.
     * May be NULL. */
    void (*closed)(struct http_connection *connection);
};

struct http_server_options {
    size_t connection_size; /* of the struct whose first field is the http_connection */
    uint64_t head_timeout;  /* nanoseconds */
    uint64_t idle_timeout;  /* of a kept-alive connection between requests */
    size_t max_body;
    struct http_limits request_limits; /* all zeros: http_request_limits */
    struct admission *admission;       /* may be shared with other servers; NULL: all are let in */
    const struct network *trusted;     /* proxies; borrowed */
    size_t trusted_count;
    const struct tls_identities *identities; /* for listeners under TLS; borrowed */
    struct pool_port *port;                  /* makes TLS handshakes; NULL: the loop does */
};

struct http_server_statistics {
    struct counter accepted;
    struct counter open;            /* now */
    struct counter refused;         /* too many in all, or no memory */
    struct counter refused_rate;    /* too many a second */
    struct counter refused_address; /* too many from one address */
    struct counter accept_pauses;   /* out of descriptors */
    struct counter requests;
    struct counter bad_requests;
    struct counter head_timeouts;
    struct counter handshakes;            /* of TLS, that were completed */
    struct counter handshakes_failed;     /* or not in time */
    struct counter proxy_headers;         /* that were read */
    struct counter proxy_headers_refused; /* that were none, or came from who is not trusted */
};

/* How connections of a listener begin. */
struct http_listening {
    bool proxy_protocol; /* only trusted proxies may come, each with a PROXY header */
    bool secure;         /* under TLS */
};

struct http_server {
    struct loop *loop;
    const struct http_server_events *events;
    struct http_server_options options;
    void *context; /* the user's */
    struct scope connections;
    struct listener listeners[HTTP_LISTENERS_MAX];
    struct http_listening ways[HTTP_LISTENERS_MAX]; /* of each listener */
    size_t listener_count;
    size_t listeners_open;
    bool closing;
    struct http_server_statistics statistics;
    void (*ended)(struct http_server *server);
};

/* A server that listens nowhere yet, in the caller's memory. */
void http_server_init(struct http_server *server, struct loop *loop,
                      const struct http_server_options *options,
                      const struct http_server_events *events, void *context);

/*
 * Listens on `endpoints`, the ones that one text means. An address that this machine does not have
 * is passed over if another works. Ports that were 0 are filled in, the same for all. May be called
 * again for further ones. `way` NULL: connections begin with HTTP. On an error nothing listens.
 */
enum error http_server_listen(struct http_server *server, struct endpoint *endpoints, size_t count,
                              const struct http_listening *way);

/*
 * New options for what comes from now on, on the server's thread; `connection_size` and `admission`
 * stay. What the old ones lent is needed no more when the call returns.
 */
void http_server_set_options(struct http_server *server, const struct http_server_options *options);

/* Stops accepting; connections stay. */
void http_server_stop_listening(struct http_server *server);

/*
 * Stops accepting, asks all connections to end, and calls `ended` when all have. A connection in
 * HTTP sends the response it is at and closes; an upgraded one is asked by the handler that its
 * upgrade gave.
 */
void http_server_close(struct http_server *server, void (*ended)(struct http_server *server));

#endif
