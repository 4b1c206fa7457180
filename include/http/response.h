/*
 * The response parser of a client: bytes in, events out. It does no I/O and knows no time.
 *
 * Life cycle: init, then for each response on a connection `start`, and `next` until HTTP_END or
 * HTTP_ERROR; fini at the end. HTTP_END leaves in the input what follows the response: bytes that
 * nobody asked for, after which a connection should not be used again. Memory is kept from one
 * response to the next.
 *
 * Interim responses (1xx) are read and dropped, but for 101: that one ends with its head, and the
 * input holds the first bytes of the other protocol.
 */
#ifndef RINGCAST_HTTP_RESPONSE_H
#define RINGCAST_HTTP_RESPONSE_H

#include "http/message.h"

/* More interim responses than this before the final one are ERROR_HTTP_INTERIM. */
enum { HTTP_INTERIM_RESPONSES = 8 };

struct http_response {
    /* To be read from HTTP_HEAD on, until the next start or fini. */
    int status; /* 101, or 200 to 999 */
    struct bytes reason;
    struct http_fields fields;
    int minor_version;      /* 0 or 1, of HTTP/1.x */
    int64_t content_length; /* what the head says (to a HEAD request too), or -1 */
    int interim_count;      /* interim responses that came before this one */

    bool head_request; /* the parser's own, as is the rest */
    struct http_message message;
};

/*
 * `limits` is borrowed for the whole life, as &http_response_limits. Allocates nothing. The parser
 * then stands as after http_response_start(response, false).
 */
void http_response_init(struct http_response *response, const struct http_limits *limits);

/* Frees what was kept. */
void http_response_fini(struct http_response *response);

/*
 * Forgets the last response and awaits the next; `head_request` tells that it answers a HEAD, and
 * so has no body. All views of the last one end.
 */
void http_response_start(struct http_response *response, bool head_request);

/*
 * Reads on: takes bytes off the front of `input` and says what they mean. With HTTP_BODY, `body` is
 * a view of the input's memory. After HTTP_END or HTTP_ERROR it says the same again and takes
 * nothing.
 */
enum http_event http_response_next(struct http_response *response, struct bytes *input,
                                   struct bytes *body);

/*
 * The peer will send nothing more. HTTP_END if the response is complete, or if its body is ended by
 * this (RFC 9112 §6.3, rule 8); else HTTP_ERROR, with ERROR_END_OF_STREAM if not one byte had come
 * and ERROR_HTTP_TRUNCATED if some had. With TLS, ask this only after a close_notify.
 */
enum http_event http_response_end_of_stream(struct http_response *response);

/* Whether a byte of it (of an interim response too) has come. */
bool http_response_started(const struct http_response *response);

/* After HTTP_END: whether the connection may carry another request (RFC 9112 §9.3). */
bool http_response_keeps_alive(const struct http_response *response);

/* Why HTTP_ERROR; ERROR_NONE before it. */
enum error http_response_error(const struct http_response *response);

#endif
