/*
 * The request parser of a server: bytes in, events out. It does no I/O and knows no time.
 *
 * Life cycle: init, then for each request of a connection `next` until HTTP_END or HTTP_ERROR, then
 * `start` for the one after it; fini at the end. Pipelined requests stand one behind another in the
 * input: HTTP_END leaves the rest there. Memory is kept from one request to the next.
 *
 * The method is one that llhttp 8.1 knows; another is ERROR_UNSUPPORTED (the answer is 501). The
 * version is HTTP/1.x, a later one than 1.1 being taken as that (RFC 9110 §2.5); another is
 * ERROR_HTTP_VERSION (505). The target is in origin form, absolute form (http or https) or "*" (RFC
 * 9112 §3.2); CONNECT has none of them and is refused.
 */
#ifndef RINGCAST_HTTP_REQUEST_H
#define RINGCAST_HTTP_REQUEST_H

#include "http/message.h"

struct http_request {
    /* To be read from HTTP_HEAD on, until the next start or fini. */
    struct bytes method;
    struct bytes target;
    struct http_fields fields;
    int minor_version;      /* 0 or 1, of HTTP/1.x */
    int64_t content_length; /* 0 if there is no body, -1 if it is chunked */
    bool expects_continue;  /* asks for a 100 before it sends the body (RFC 9110 §10.1.1) */

    struct http_message message; /* the parser's own */
};

/* `limits` is borrowed for the whole life, as &http_request_limits. Allocates nothing. */
void http_request_init(struct http_request *request, const struct http_limits *limits);

/* Frees what was kept. */
void http_request_fini(struct http_request *request);

/* Forgets the last request and awaits the next. All views of the last one end. */
void http_request_start(struct http_request *request);

/*
 * Reads on: takes bytes off the front of `input` and says what they mean. With HTTP_BODY, `body` is
 * a view of the input's memory. After HTTP_END or HTTP_ERROR it says the same again and takes
 * nothing.
 */
enum http_event http_request_next(struct http_request *request, struct bytes *input,
                                  struct bytes *body);

/*
 * The peer will send nothing more. HTTP_END if the request had ended; else HTTP_ERROR, with
 * ERROR_END_OF_STREAM if none had begun and ERROR_HTTP_TRUNCATED if one had.
 */
enum http_event http_request_end_of_stream(struct http_request *request);

/* Whether a byte of the request has come: tells an idle connection from a slow one. */
bool http_request_started(const struct http_request *request);

/* From HTTP_HEAD on: whether the client means to send another request (RFC 9112 §9.3). */
bool http_request_keeps_alive(const struct http_request *request);

/* Is it GET, or HEAD, which is the same without a body (RFC 9110 §9.3.2)? */
bool http_request_reads(const struct http_request *request);

/* The target in origin form: without the scheme and authority of the absolute form, which every
 * server has to take (RFC 9112 §3.2.2). A path that is empty before a query stays so: "?query". */
struct bytes http_request_origin_form(const struct http_request *request);

/* Why HTTP_ERROR; ERROR_NONE before it. */
enum error http_request_error(const struct http_request *request);

#endif
