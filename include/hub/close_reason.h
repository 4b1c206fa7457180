/*
 * Every reason for which a client's connection may end: one row each, which feeds the close frame,
 * the log, the metrics and the code.
 */
#ifndef RINGCAST_HUB_CLOSE_REASON_H
#define RINGCAST_HUB_CLOSE_REASON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* ROW(constant, name, close code to the peer (0: none can reach it), is it an error, text) */
#define CLOSE_REASON_TABLE(ROW)                                                               \
    ROW(PEER_CLOSED, "peer_closed", 1000, false, "closed by the client")                      \
    ROW(PEER_GONE, "peer_gone", 0, false, "the client went away without closing")             \
    ROW(CONNECTION_LOST, "connection_lost", 0, true, "the connection failed")                 \
    ROW(PROTOCOL, "protocol_error", 1002, true, "the client broke the WebSocket protocol")    \
    ROW(NOT_UTF8, "not_utf8", 1007, true, "a text message was not UTF-8")                     \
    ROW(TOO_BIG, "too_big", 1009, true, "a message was larger than the limit")                \
    ROW(NOT_ALLOWED, "publish_not_allowed", 1008, true,                                       \
        "publishing to this channel is not allowed")                                          \
    ROW(MESSAGE_RATE, "message_rate", 1008, true, "too many messages or bytes a second")      \
    ROW(CONTROL_RATE, "control_rate", 1008, true, "too many control frames a second")         \
    ROW(TOKEN_EXPIRED, "token_expired", 1008, true, "the token has expired")                  \
    ROW(SLOW_READER, "slow_reader", 1013, true, "the client read too slowly")                 \
    ROW(PING_TIMEOUT, "ping_timeout", 1011, true, "no pong came in time")                     \
    ROW(CLOSE_TIMEOUT, "close_timeout", 0, true, "the client did not finish closing in time") \
    ROW(GOING_AWAY, "going_away", 1001, false, "the server is shutting down")                 \
    ROW(NO_MEMORY, "no_memory", 1011, true, "the server is out of memory")

enum close_reason {
#define CLOSE_REASON_ENUM_ROW(constant, name, code, is_error, text) CLOSE_REASON_##constant,
    CLOSE_REASON_TABLE(CLOSE_REASON_ENUM_ROW)
#undef CLOSE_REASON_ENUM_ROW
        CLOSE_REASON_COUNT
};

struct close_reason_row {
    const char *name;
    const char *text;
    uint16_t code;
    bool is_error;
};

const struct close_reason_row *close_reason_row(enum close_reason reason);

/* The reason for an error of the message reader. */
enum close_reason close_reason_of_error(enum error error);

#endif
