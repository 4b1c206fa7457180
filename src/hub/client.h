/*
 * One client: its connection, what it sends us, what it is sent, and the end of it. It speaks
 * WebSocket, plain or with the JSON subprotocol, or it reads Server-Sent Events.
 *
 * What it is sent comes from logs, straight from their segments, and from its own output (the
 * handshake's answer, pongs, replies, the close frame), which goes out between two messages. At
 * most one send is in flight.
 *
 * A seat is its subscription to one channel. A plain client and a reader of events have one; with
 * the JSON subprotocol it has as many as it likes, and they take turns.
 */
#ifndef RINGCAST_HUB_CLIENT_H
#define RINGCAST_HUB_CLIENT_H

#include "channel.h"
#include "deadlines.h"
#include "worker.h"
#include "ws/deflate.h"
#include "ws/handshake.h"
#include "ws/message.h"

enum client_state {
    CLIENT_JOINING, /* still in HTTP: the channel's home has been asked */
    CLIENT_OPEN,
    CLIENT_FLUSHING,  /* what was accepted goes out, then it is closed */
    CLIENT_CLOSING,   /* our close frame is on its way, or the peer's is awaited */
    CLIENT_LINGERING, /* both close frames are through; the peer is to end the connection */
    CLIENT_GONE,      /* the connection has ended; a publish is still unanswered */
};

enum client_kind {
    CLIENT_PLAIN,  /* each WebSocket message is a message of its channel */
    CLIENT_JSON,   /* the subprotocol ringcast.v1.json: dialog.c */
    CLIENT_EVENTS, /* Server-Sent Events: events.c */
};

/* Bytes of the client's own. One buffer is being sent while the other collects. */
struct client_output {
    struct buffer sending;
    size_t sent;
    struct buffer queued;
};

/* Of a client that agreed on permessage-deflate. */
struct client_deflate {
    struct ws_deflate agreed;
    struct buffer window; /* of what it sent */
};

struct seat {
    struct subscription subscription;
    struct client *client;
};

struct dialog;
struct request;
struct target;

/* Tens of thousands are idle: what only some of them need is elsewhere, see client.c. */
struct client {
    struct http_connection connection; /* first: the server allocates the whole */
    struct seat seat;                  /* of a plain client, or a reader of events */
    struct seat *in_flight;       /* whose bytes are being sent; NULL: its own output, or nothing */
    uint64_t send_started;        /* when, by loop->now */
    struct client_output *output; /* NULL: nothing of its own to send */
    struct dialog *dialog;        /* of the JSON subprotocol; else NULL */
    struct client_deflate *deflate; /* NULL: nothing is compressed */
    struct grant *grant;            /* what its token allows; NULL: anonymous */
    struct client_rates *rates;     /* NULL: it has sent nothing that is counted */
    struct request *request;  /* of an HTTP request that waits for a channel's home; else NULL */
    struct deadline deadline; /* of the next ping, of a pong or of closing, by state */
    struct message_reader reader;
    struct address address;
    uint32_t pending; /* requests to channels' homes under way; the client stays until then */
    uint8_t kind;
    uint8_t state;
    uint8_t reason;
    bool ping_sent;     /* a pong is awaited */
    bool peer_closed;   /* its close frame has come */
    bool fallen_behind; /* the slow-reader policy waits for the send in flight */
};

/*
 * Judges a request that asks for WebSocket on this path and, if it is good, joins its channel; the
 * answer follows.
 */
void client_handle_upgrade(struct client *client, const struct http_request *request,
                           const struct target *target);

/* Something is due of it. */
void client_deadline_passed(struct deadline *deadline);

/* What its hub and its channels are set to has changed. */
void client_follow_change(struct client *client, const struct hub_changes *changes);

/* Visits the worker's clients whose connections have not ended, the oldest first, until a visit
 * returns false; then it is false, too. */
bool clients_visit(struct hub_worker *worker, bool (*visit)(struct client *client));

/* The same for one connection, the next in a round that is made in parts (scope_visit_next()); it
 * need not be a client. False if there is none. */
bool clients_visit_next(struct hub_worker *worker, void (*visit)(struct client *client));

/* A connection ended before it was a client. */
void client_handle_http_closed(struct http_connection *connection);

/* Sends what was accepted, then closes for `reason`. */
void client_finish(struct client *client, enum close_reason reason);

/* Ends the connection without a word. */
void client_cut_off(struct client *client, enum close_reason reason);

#endif
