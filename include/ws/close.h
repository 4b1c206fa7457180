/*
 * The close codes of RFC 6455 section 7.4 and of IANA's registry behind it: one row each.
 *
 * Some codes only name a way to end and never stand in a frame (1004, 1005, 1006, 1015): the row
 * says so. 3000 to 3999 are registered by applications and 4000 to 4999 are private; both may stand
 * in a frame and have no row.
 */
#ifndef RINGCAST_WS_CLOSE_H
#define RINGCAST_WS_CLOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* ROW(constant, code, may it stand in a frame, name, text); the codes follow each other. */
#define WS_CLOSE_TABLE(ROW)                                                           \
    ROW(NORMAL, 1000, true, "normal", "normal closure")                               \
    ROW(GOING_AWAY, 1001, true, "going-away", "going away")                           \
    ROW(PROTOCOL_ERROR, 1002, true, "protocol-error", "protocol error")               \
    ROW(UNSUPPORTED_DATA, 1003, true, "unsupported-data", "unsupported data")         \
    ROW(RESERVED, 1004, false, "reserved", "reserved")                                \
    ROW(NO_STATUS, 1005, false, "no-status", "no status received")                    \
    ROW(ABNORMAL, 1006, false, "abnormal", "abnormal closure")                        \
    ROW(INVALID_PAYLOAD, 1007, true, "invalid-payload", "invalid frame payload data") \
    ROW(POLICY_VIOLATION, 1008, true, "policy-violation", "policy violation")         \
    ROW(TOO_BIG, 1009, true, "too-big", "message too big")                            \
    ROW(EXTENSION_REQUIRED, 1010, true, "extension-required", "extension required")   \
    ROW(INTERNAL_ERROR, 1011, true, "internal-error", "internal error")               \
    ROW(SERVICE_RESTART, 1012, true, "service-restart", "service restart")            \
    ROW(TRY_AGAIN_LATER, 1013, true, "try-again-later", "try again later")            \
    ROW(BAD_GATEWAY, 1014, true, "bad-gateway", "bad gateway")                        \
    ROW(TLS_FAILED, 1015, false, "tls-failed", "TLS handshake failed")

enum ws_close_code {
#define WS_CLOSE_ENUM_ROW(constant, code, on_wire, name, text) WS_CLOSE_##constant = (code),
    WS_CLOSE_TABLE(WS_CLOSE_ENUM_ROW)
#undef WS_CLOSE_ENUM_ROW
};

/*
 * The row's name, for logs and metrics: "going-away". A code without a
 * row is "registered" (3000 to 3999), "private" (4000 to 4999) or "unknown".
 */
const char *ws_close_name(uint16_t code);

/* The row's words, or the same as the name for a code without a row. */
const char *ws_close_text(uint16_t code);

/* May a close frame carry this code, from a peer or from us (RFC 6455 section 7.4)? */
bool ws_close_code_is_valid_from_peer(uint16_t code);

/* The code to close with after `error`. ERROR_NONE is a normal closure. */
enum ws_close_code ws_close_code_of_error(enum error error);

#endif
