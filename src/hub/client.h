/*
 * One WebSocket client: its connection, what it sends us, what it is sent, and the end of it.
 *
 * What it is sent comes from two sources: the log, straight from its segments, and its own output
 * (the handshake's answer, pongs, pings, the close frame), which goes out between two messages of
 * the log. At most one send is in flight.
 */
#ifndef RINGCAST_HUB_CLIENT_H
#define RINGCAST_HUB_CLIENT_H

#include "channel.h"
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

struct client {
    struct http_connection connection; /* first: the server allocates the whole */
    struct list_node link;             /* among the worker's clients */
    struct message_reader reader;
    struct subscription subscription;
    struct timer timer;             /* ping, pong or close time-out, by state */
    struct client_output *output;   /* NULL: nothing of its own to send */
    struct client_deflate *deflate; /* NULL: nothing is compressed */
    struct address address;
    uint8_t state;
    uint8_t reason;
    bool sending_log;   /* the send in flight is from the log */
    bool ping_sent;     /* a pong is awaited */
    bool peer_closed;   /* its close frame has come */
    bool fallen_behind; /* the slow-reader policy waits for the send in flight */
};

/*
 * Judges a request that asks for WebSocket on this path and, if it is good, joins its channel; the
 * answer follows.
 */
void client_handle_upgrade(struct http_connection *connection, const struct http_request *request);

/* A connection ended before it was a client. */
void client_handle_http_closed(struct http_connection *connection);

/* Sends what was accepted, then closes for `reason`. */
void client_finish(struct client *client, enum close_reason reason);

/* Ends the connection without a word. */
void client_cut_off(struct client *client, enum close_reason reason);

#endif
