/* What a connection needs only while it speaks HTTP. */
#ifndef RINGCAST_SERVER_EXCHANGE_H
#define RINGCAST_SERVER_EXCHANGE_H

#include "server/server.h"

enum exchange_state {
    EXCHANGE_OPENING,    /* a PROXY header or TLS comes first; see opening.c */
    EXCHANGE_READING,    /* a request is awaited or arriving */
    EXCHANGE_ANNOUNCED,  /* the server's user has it */
    EXCHANGE_RESPONDING, /* a response is being sent */
    EXCHANGE_LINGERING,  /* all is sent; what still arrives is discarded until the peer closes */
};

struct exchange {
    struct http_connection *connection;
    struct http_request request;
    struct http_listening way; /* what is still to come before HTTP */
    struct address peer;       /* as the socket says, then as a PROXY header says */
    enum exchange_state state;
    bool nameless;    /* a proxy sent a header that does not say who the client is */
    bool handshaking; /* TLS has begun */
    bool close_after; /* the response in flight is the last one */
    bool peer_ended;
    bool kept_alive; /* this request is not the connection's first */
    struct buffer body;
    struct buffer behind; /* arrived while a request was being answered, or its body invited */
    struct buffer output;
    size_t output_sent;
    struct timer timer; /* head, idle or linger time-out, by state */
};

/* Makes the connection ready for its first request. */
enum error exchange_start(struct http_connection *connection, const struct http_listening *way);

/* Reads bytes of requests. */
void exchange_read(struct exchange *exchange, struct bytes input);

/* Takes what has come before HTTP: it is in `behind`. */
void opening_advance(struct exchange *exchange);

/* Asked by the server's scope. */
extern const struct scope_member_handler exchange_member_handler;

#endif
