/*
 * The opening handshake (RFC 6455 section 4), both sides: which upgrade requests are good, and
 * whether a server's answer is one. It neither parses nor writes HTTP: the caller brings a parsed
 * head, and writes the response. What it may echo is only what stands here.
 *
 * All views point into the caller's head and live as long as that.
 */
#ifndef RINGCAST_WS_HANDSHAKE_H
#define RINGCAST_WS_HANDSHAKE_H

#include "http/fields.h"
#include "http/request.h"

enum {
    WS_NONCE_SIZE = 16,
    WS_KEY_SIZE = 24 + 1,    /* base64 of the nonce, and a NUL */
    WS_ACCEPT_SIZE = 28 + 1, /* base64 of a SHA-1 digest, and a NUL */
};

#define WS_VERSION "13" /* for Sec-WebSocket-Version */

/*
 * The judgement of a request. `status` is the HTTP status to answer with:
 * 101 with `accept`; 400; 405 with `Allow: GET`; 426 with `Sec-WebSocket-Version: 13`.
 */
struct ws_handshake {
    uint16_t status;
    const char *reason;          /* why not 101: a short constant text; NULL for 101 */
    char accept[WS_ACCEPT_SIZE]; /* the value of Sec-WebSocket-Accept */
    struct bytes host;
    struct bytes origin; /* as sent; judging it is the caller's business */
    bool has_origin;
};

/* Does a request ask for WebSocket at all? If not, it is plain HTTP. */
bool ws_is_upgrade(struct http_fields fields);

/*
 * Judges a request that asks for WebSocket, from its HTTP_HEAD on. Strict: GET, HTTP/1.1, one Host,
 * `websocket` in Upgrade, `upgrade` in Connection, one key of 16 bytes, version 13, no body;
 * offered subprotocols are tokens and extensions have the syntax of section 9.1. Offers are read
 * with http_fields_list_begin() from "Sec-WebSocket-Protocol" and "Sec-WebSocket-Extensions".
 */
void ws_handshake_judge(const struct http_request *request, struct ws_handshake *handshake);

/* Does the request offer this subprotocol? Names are case-sensitive. */
bool ws_handshake_offers(struct http_fields fields, const char *subprotocol);

/* The value of Sec-WebSocket-Accept for a key (section 4.2.2), with a NUL. */
void ws_accept_key(struct bytes key, char out[WS_ACCEPT_SIZE]);

/* The client's key from 16 random bytes, with a NUL. */
void ws_key_make(const uint8_t nonce[WS_NONCE_SIZE], char out[WS_KEY_SIZE]);

/* What a client asked for. The offers are the values that it sent, comma-separated, or empty. */
struct ws_offer {
    const char *key;
    struct bytes subprotocols;
    struct bytes extensions;
};

/*
 * Checks the server's answer to that (section 4.1). ERROR_WS_HANDSHAKE with the `reason`, a
 * constant text, if it is no proper 101. Otherwise `subprotocol` is the chosen one, or empty.
 */
enum error ws_response_check(unsigned status, struct http_fields fields,
                             const struct ws_offer *offer, struct bytes *subprotocol,
                             const char **reason);

#endif
