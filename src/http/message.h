/*
 * The core of both parsers: collects the head, decides where the body ends, hands the body out.
 * What is particular to requests or responses stands in request.c and response.c. Private to the
 * http layer.
 */
#ifndef RINGCAST_HTTP_SOURCE_MESSAGE_H
#define RINGCAST_HTTP_SOURCE_MESSAGE_H

#include "head.h"
#include "http/message.h"

void http_message_init(struct http_message *message, enum head_kind kind,
                       const struct http_limits *limits);
void http_message_fini(struct http_message *message);

/* Back to before the first byte, keeping memory. */
void http_message_restart(struct http_message *message);

/* As http_request_next() and http_response_next(). */
enum http_event http_message_next(struct http_message *message, struct bytes *input,
                                  struct bytes *body);

/* After HTTP_HEAD: the message ends with its head. */
void http_message_drop_body(struct http_message *message);

/* As http_response_end_of_stream(). */
enum http_event http_message_end_of_stream(struct http_message *message);

/* Refuses the message. Returns HTTP_ERROR. */
enum http_event http_message_fail(struct http_message *message, enum error error);

static inline struct http_fields http_message_fields(const struct http_message *message) {
    return (struct http_fields){message->fields, message->field_count};
}

/* Whether it has ended, and version, Connection and framing let another follow. */
bool http_message_keeps_alive(const struct http_message *message);

#endif
