/*
 * The hub: channels that clients join over WebSocket, and everything that is published to them.
 *
 * A hub spans all workers. Each worker has its own listeners, clients and view of the channels that
 * its clients are in; a channel is at home on the worker that its name hashes to, which alone
 * writes the channel's log. Workers speak to each other by letters only.
 *
 * Life cycle: hub_new(); on each worker's thread hub_start() and hub_listen(); hub_publish() at any
 * time between; hub_close() once, which ends every worker's part; then hub_free().
 */
#ifndef RINGCAST_HUB_HUB_H
#define RINGCAST_HUB_HUB_H

#include "base/bytes.h"
#include "hub/access.h"
#include "hub/close_reason.h"
#include "loop/loop.h"
#include "net/address.h"
#include "server/server.h"

struct hub;
struct hub_worker;

enum slow_reader_policy {
    SLOW_READER_CLOSE,  /* closed with 1013 */
    SLOW_READER_SKIP,   /* goes on at the oldest retained message; what it missed is counted */
    SLOW_READER_LATEST, /* gets the newest message only, whenever it is ready for one */
};

struct channel_settings {
    bool echo;                 /* a client's message comes back to it too; without a prefix */
    bool prefix;               /* "[address] " in front of each message of a client */
    bool presence;             /* is it known who is in it? */
    bool listed;               /* named by the config: kept although nobody is in it */
    enum access_right publish; /* clients that try without are closed with 1008 */
    enum access_right subscribe;
    size_t retain_bytes;
    uint64_t retain_messages;
    uint64_t retain_age; /* nanoseconds */
    enum slow_reader_policy slow_reader;
};

/* What each connection may do; 0 is no limit, where that is possible. */
struct hub_limits {
    struct admission_limits admission; /* of all workers together */
    struct http_limits request;        /* all zeros: http_request_limits */
    struct bucket_rate messages;       /* that it sends, commands and publishing requests too */
    struct bucket_rate bytes;          /* that it sends, on the wire */
    struct bucket_rate controls;       /* control frames but the pongs that were asked for */
    size_t frame;                      /* bytes of one data frame */
    unsigned inflate_ratio;            /* of a compressed message; see ws/deflate.h */
    size_t channel_name;               /* bytes */
};

/* All times in nanoseconds. */
struct hub_options {
    struct hub_limits limits;
    size_t max_message;
    bool compression; /* permessage-deflate, where a client offers it */
    uint64_t handshake_timeout;
    uint64_t ping_interval; /* 0: no pings */
    uint64_t ping_timeout;
    uint64_t close_timeout;
    uint64_t progress_timeout; /* a strict channel's reader may take nothing for so long; 0: ever */
    unsigned max_subscriptions;  /* of one connection */
    unsigned max_channels;       /* in all; joining one more is refused */
    unsigned max_accounts;       /* of channels that are not listed, see channel_totals.h */
    const struct access *access; /* who may do what; NULL: anybody everything. Borrowed */
    const struct network *trusted_proxies; /* borrowed */
    size_t trusted_proxy_count;
    const struct tls_identities *identities; /* for listeners under TLS. Borrowed */
    struct pool *pool;                       /* makes TLS handshakes; NULL: the loops do */
    /* The settings of a channel, by its name. Called on any worker's thread. */
    struct channel_settings (*channel_settings)(void *context, struct bytes name);
    /* A request that is not for the hub: the callee answers it. NULL: 404. */
    void (*other_request)(void *context, struct http_connection *connection,
                          const struct http_request *request);
    void *context;
};

/* What one worker has counted; read from any thread. */
struct hub_statistics {
    struct counter clients; /* now */
    struct counter clients_total;
    struct counter handshakes_refused;
    struct counter origins_refused; /* part of these, as the next two */
    struct counter tokens_refused;
    struct counter subscriptions_refused;
    struct counter subscriptions_over_limit; /* commands of the subprotocol */
    struct counter names_over_limit;
    struct counter channels_over_limit;
    struct counter requests_over_rate; /* publishing requests */
    struct counter channels;           /* this worker has clients in, now */
    struct counter homes;              /* channels at home here, now */
    struct counter messages_received;  /* from clients */
    struct counter messages_published; /* accepted into a log that is at home here */
    struct counter deliveries;         /* messages whose last byte the kernel took, to one client */
    struct counter skipped;            /* messages that a slow reader missed */
    struct counter bytes_received;     /* payload, inflated */
    struct counter bytes_inflated;     /* of these, what came compressed */
    struct counter messages_too_dense; /* beyond the inflate ratio */
    struct counter bytes_compressed;   /* the same before it was inflated */
    struct counter compressed_clients; /* that agreed on permessage-deflate, in all */
    struct counter bytes_sent;         /* on the wire, before TLS */
    struct counter sends;
    struct counter slow_readers;
    struct counter pings;
    struct counter log_bytes; /* memory of the logs at home here */
    struct counter closes[CLOSE_REASON_COUNT];
};

/* A hub for the loops of `worker_count` workers, which it borrows. */
enum error hub_new(const struct hub_options *options, struct loop *const *loops,
                   unsigned worker_count, struct hub **hub);

/* When hub_close() is over; NULL is allowed. */
void hub_free(struct hub *hub);

/* Begins one worker's part, on its thread. */
void hub_start(struct hub *hub, unsigned worker);

/* Listens, on the worker's thread. See http_server_listen(). */
enum error hub_listen(struct hub *hub, unsigned worker, struct endpoint *endpoints, size_t count,
                      const struct http_listening *way);

/*
 * Other options from now on, on worker 0's thread, while no other worker runs; `pool` and `context`
 * stay. Connections that are there keep the sizes and the compression that they began with, and
 * what they have joined; channels that are there keep `echo` and `listed`. What the old options
 * lent is needed no more when the call returns.
 */
void hub_reconfigure(struct hub *hub, const struct hub_options *options);

/*
 * Publishes a text message to a channel, from a worker's thread, in the service's name: no prefix,
 * and everybody in the channel gets it. ERROR_NO_MEMORY, or ERROR_INVALID_ARGUMENT for a name that
 * cannot be a channel's.
 */
enum error hub_publish(struct hub *hub, unsigned worker, struct bytes channel,
                       struct bytes payload);

/*
 * Ends the hub, on worker 0's thread: stops listening, flushes what was accepted, and closes every
 * client with 1001, spread over `drain`; who is still there `timeout` after the call is cut off.
 * `closed` runs on worker 0's thread when nothing of the hub is left on any worker.
 */
void hub_close(struct hub *hub, uint64_t drain, uint64_t timeout, void (*closed)(void *context),
               void *context);

/* Statistics of one worker, and those of its HTTP server. */
const struct hub_statistics *hub_statistics(const struct hub *hub, unsigned worker);
const struct http_server_statistics *hub_server_statistics(const struct hub *hub, unsigned worker);

enum { CHANNEL_NAME_MAX = 255 };

/* Can it be a channel's name? 1 to 255 of A-Z a-z 0-9 . _ ~ : - */
bool channel_name_is_valid(struct bytes name);

#endif
