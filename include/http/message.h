/*
 * What requests and responses have in common: the events of a parser, its limits, and the state
 * that http/request.h and http/response.h embed. Callers include one of those two.
 *
 * The parsers take what is sent and refuse whatever two readers could understand in two ways
 * (RFC 9112 §11.2, request smuggling): line ends other than CR LF, folded lines, a blank before a
 * colon, control bytes, a length said twice or in two manners. There is no lenient mode.
 */
#ifndef RINGCAST_HTTP_MESSAGE_H
#define RINGCAST_HTTP_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "http/fields.h"

enum http_event {
    HTTP_NEED_MORE, /* the input is used up and the message has not ended */
    HTTP_HEAD,      /* the head is complete: status or method, and the fields, can be read */
    HTTP_BODY,      /* a piece of the body, never empty, is lent out of the input */
    HTTP_END,       /* the message is complete; the input holds what follows it */
    HTTP_ERROR      /* the message is refused, for good: see its error */
};

/* What a peer may make us keep. Sizes are in bytes; a line is counted without its CR LF. */
struct http_limits {
    size_t start_line_bytes; /* more is ERROR_HTTP_LINE_TOO_LONG */
    size_t field_line_bytes; /* more, of this and of the next two, is ERROR_HTTP_HEAD_TOO_LARGE */
    size_t head_bytes;       /* all lines with their CR LF, trailers and chunk extensions too */
    size_t field_count;      /* trailers too */
};

extern const struct http_limits http_request_limits;  /* 8190, 8190, 16 KiB, 128 */
extern const struct http_limits http_response_limits; /* 8190, 8190, 64 KiB, 256 */

/* The state of either parser. It is theirs: nothing here is for callers. */
struct http_message {
    const struct http_limits *limits; /* lent, for the whole life */
    uint8_t kind;                     /* enum head_kind */
    uint8_t state;                    /* enum message_state */
    uint8_t framing;                  /* enum framing, once the head is complete */
    bool started;                     /* a byte of it has come */
    bool blank_line_skipped;
    bool line_taken;       /* `partial` holds a line that was handed out */
    bool keeps_alive;      /* what version and Connection say */
    uint8_t minor_version; /* of HTTP/1.x */
    enum error error;
    int status;              /* of a response */
    uint64_t remaining;      /* of the body or of the chunk */
    int64_t content_length;  /* as said in the head, or -1 */
    struct buffer text;      /* the lines of the head, with their CR LF */
    struct buffer partial;   /* the start of a line whose end has not come */
    size_t overhead;         /* bytes of trailers and chunk extensions */
    size_t field_line_count; /* of the head and its trailers */
    struct bytes method;     /* views of `text` */
    struct bytes target;
    struct bytes reason;
    struct http_field *fields; /* owned; views of `text` */
    size_t field_count;
    size_t field_capacity;
};

#endif
