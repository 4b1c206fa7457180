/*
 * The chat client's connection to a hub: a WebSocket client, over plain TCP or TLS. It knows
 * nothing of what is said over it.
 *
 * chat_connection_open() begins; `opened` follows, or `ended` alone. After `ended`, which comes
 * once and when nothing is armed any more, it may be opened again.
 */
#ifndef RINGCAST_APP_CHAT_CONNECTION_H
#define RINGCAST_APP_CHAT_CONNECTION_H

#include "http/response.h"
#include "http/url.h"
#include "net/dialer.h"
#include "net/resolver.h"
#include "transport/transport.h"
#include "ws/handshake.h"
#include "ws/message.h"

struct chat_connection;

/* How it ended. */
enum chat_end {
    CHAT_END_LEFT,    /* we closed it */
    CHAT_END_CLOSED,  /* the peer closed it, with a code */
    CHAT_END_FAILED,  /* it broke, or never came about */
    CHAT_END_REFUSED, /* the peer said no to the handshake */
};

/* Constant and static. None may open or free the connection, but `ended`. */
struct chat_connection_events {
    /* `subprotocol` is the one that was chosen, or empty. */
    void (*opened)(struct chat_connection *connection, struct bytes subprotocol);
    void (*received)(struct chat_connection *connection, bool text, struct bytes payload);
    /* All that was to be sent has been taken by the kernel. */
    void (*drained)(struct chat_connection *connection);
    void (*ended)(struct chat_connection *connection);
};

struct chat_connection_options {
    const struct url *url;      /* http for ws, https for wss; borrowed */
    const char *subprotocol;    /* to offer, or NULL */
    const char *authority_file; /* for wss; NULL: the system's */
};

enum chat_connection_state {
    CHAT_CONNECTION_CLOSED,
    CHAT_CONNECTION_CONNECTING,
    CHAT_CONNECTION_SHAKING,
    CHAT_CONNECTION_OPEN,
    CHAT_CONNECTION_LEAVING, /* our close frame is out, the peer's is awaited */
    CHAT_CONNECTION_ENDING,  /* the last completions are awaited */
};

/* `end`, `code` and `why` may be read when it has ended; the other fields are private. */
struct chat_connection {
    struct loop *loop;
    struct resolver *resolver;
    struct scope *scope; /* of the dialers */
    const struct chat_connection_events *events;
    struct chat_connection_options options;
    const char *authorization; /* the value of that field, or NULL */
    enum chat_connection_state state;
    struct tls_context *tls;
    struct lookup lookup;
    struct dialer *dialer;
    struct transport transport;
    bool has_transport;
    struct http_response response;
    struct message_reader reader;
    struct buffer sending, queued;
    size_t sent;
    uint64_t taken; /* by the kernel, since it was opened; stays when it has ended */
    char key[WS_KEY_SIZE];
    struct timer timer;
    struct task ended_task;
    enum chat_end end;
    uint16_t code;
    char why[320];
};

void chat_connection_init(struct chat_connection *connection, struct loop *loop,
                          struct resolver *resolver, struct scope *scope,
                          const struct chat_connection_options *options,
                          const struct chat_connection_events *events);

/* Only of a closed one. */
void chat_connection_fini(struct chat_connection *connection);

/* `authorization` is the value of that field, or NULL; borrowed until it has ended. */
void chat_connection_open(struct chat_connection *connection, const char *authorization);

static inline bool chat_connection_is_open(const struct chat_connection *connection) {
    return connection->state == CHAT_CONNECTION_OPEN;
}

/* Sends a text message; only on an open one. Want of memory ends the connection: `drained` tells
 * that nothing waits any more. */
void chat_connection_send(struct chat_connection *connection, struct bytes text);

/* How much waits to be sent. */
size_t chat_connection_backlog(const struct chat_connection *connection);

/* Up to where all is taken, and where what was sent last ends, in bytes since it was opened. The
 * first one may still be read when it has ended. */
static inline uint64_t chat_connection_taken(const struct chat_connection *connection) {
    return connection->taken;
}
uint64_t chat_connection_position(const struct chat_connection *connection);

/* Closes in order, behind all that was to be sent; one that is not open yet ends at once. */
void chat_connection_leave(struct chat_connection *connection);

/* Ends it without a word: it was not well-behaved, or there is no time. */
void chat_connection_fail(struct chat_connection *connection, const char *what, const char *why);

#endif
