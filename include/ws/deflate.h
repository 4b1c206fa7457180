/*
 * The permessage-deflate extension (RFC 7692), the server's side: what a client offers and what is
 * answered, and messages inflated and deflated. Pure functions over bytes, like all of this layer.
 *
 * Each message that we send is compressed by itself (server_no_context_takeover), so that many
 * clients can be sent the same bytes and any of them can start at any message; and with a window of
 * WS_DEFLATE_WINDOW_BITS, which is what most clients allow at least. A client may compress with
 * context takeover. Then what is kept between its messages is their last bytes, its window; the
 * state of inflating is shared by all clients of a thread.
 */
#ifndef RINGCAST_WS_DEFLATE_H
#define RINGCAST_WS_DEFLATE_H

#include "http/fields.h"

enum {
    WS_DEFLATE_WINDOW_BITS = 12,  /* of what we send, and asked of a client if it lets us */
    WS_DEFLATE_ANSWER_SIZE = 160, /* with a NUL */
    WS_DEFLATE_LARGEST = 1 << 20, /* bytes; larger messages would hold the thread too long */
    WS_DEFLATE_SMALLEST = 32,     /* bytes; smaller ones gain nothing */
};

/* What was agreed for one connection. */
struct ws_deflate {
    bool client_no_context_takeover;
    bool client_window_was_offered;
    bool server_window_was_offered;
    uint8_t client_window_bits; /* 8 to 15 */
    uint8_t server_window_bits; /* 8 to WS_DEFLATE_WINDOW_BITS */
};

/*
 * Looks for the first acceptable offer in Sec-WebSocket-Extensions (section 7.1). An offer with an
 * unknown, repeated or invalid parameter is declined. False if none is left: no compression.
 */
bool ws_deflate_negotiate(struct http_fields fields, struct ws_deflate *agreed);

/* The value of Sec-WebSocket-Extensions that says what was agreed, with a NUL. */
void ws_deflate_answer(const struct ws_deflate *agreed, char out[WS_DEFLATE_ANSWER_SIZE]);

/* May this client be sent what ws_deflater_message() makes? Else it is sent plain messages, which
 * section 6 allows at any time. */
static inline bool ws_deflate_takes_ours(const struct ws_deflate *agreed) {
    return agreed->server_window_bits >= WS_DEFLATE_WINDOW_BITS;
}

/* ---- inflating ------------------------------------------------------------------------------- */

struct ws_inflater;

/* NULL: out of memory. */
struct ws_inflater *ws_inflater_new(void);
void ws_inflater_free(struct ws_inflater *inflater);

/* How large a message may become. */
struct ws_inflate_limits {
    size_t size;    /* bytes */
    unsigned ratio; /* how many times its compressed size; 0: any */
};

enum { WS_INFLATE_RATIO_FREE = 1024 * 1024 }; /* bytes: as many may come of anything */

/*
 * Inflates one message's payload into `out`, which is emptied first. `window` is what was kept of
 * this client's earlier messages, and is brought up to date; NULL if it agreed to do without.
 *
 * ERROR_WS_PROTOCOL: it is not deflated data. ERROR_WS_TOO_BIG: it is larger than `limits` allow.
 * ERROR_WS_INFLATE_RATIO: it is over WS_INFLATE_RATIO_FREE bytes, and so is the ratio.
 */
enum error ws_inflater_message(struct ws_inflater *inflater, const struct ws_deflate *agreed,
                               struct bytes payload, struct ws_inflate_limits limits,
                               struct buffer *window, struct buffer *out);

/* ---- deflating ------------------------------------------------------------------------------- */

struct ws_deflater;

/* NULL: out of memory. */
struct ws_deflater *ws_deflater_new(void);
void ws_deflater_free(struct ws_deflater *deflater);

/*
 * Deflates one message, given in parts, into `out`, which is emptied first. The same bytes always
 * give the same result. False: it was not worth it (too small, too large, not made smaller) or
 * there was no memory; send it plain.
 */
bool ws_deflater_message(struct ws_deflater *deflater, const struct bytes *parts, size_t count,
                         struct buffer *out);

#endif
