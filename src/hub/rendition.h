/*
 * Renditions: the forms in which clients read a channel. Each is a log of its own with the same
 * offsets, written by the channel's home. The raw one always is, for it is the channel's history;
 * the others exist only while somebody reads them.
 *
 * An encoder makes a message's bytes in each rendition that is asked for, once: the JSON envelope
 * is made once for all that carry it, and a message is compressed once a channel, however many read
 * it. Belongs to a worker's thread. Its memory is reused, so that steady broadcasting allocates
 * nothing.
 */
#ifndef RINGCAST_HUB_RENDITION_H
#define RINGCAST_HUB_RENDITION_H

#include "base/bytes.h"
#include "ws/deflate.h"
#include "ws/frame.h"

enum rendition_kind {
    RENDITION_RAW,             /* one WebSocket frame, the payload as it is */
    RENDITION_RAW_DEFLATED,    /* the same compressed, where that makes it smaller */
    RENDITION_JSON,            /* one text frame with the envelope */
    RENDITION_JSON_DEFLATED,   /* the same compressed */
    RENDITION_EVENTS,          /* one Server-Sent Event with the envelope as its data */
    RENDITION_EVENTS_DEFLATED, /* the same as blocks of a deflate stream, which end on a byte */
    RENDITION_PRESENCE,        /* not of messages, as those before it: see presence.h */
    RENDITION_COUNT
};

/* A message of a channel. Everything is borrowed. */
struct published {
    const char *channel;
    uint64_t epoch;
    uint64_t offset; /* as in the log: from 0 */
    struct bytes prefix, payload;
    bool binary;
};

/* Bytes to append, in parts; valid until the encoder begins the next message. */
struct encoded {
    uint8_t header[FRAME_PLAIN_HEADER_MAX];
    struct bytes parts[3];
    size_t count;
    size_t size; /* of all parts */
};

/* `{0}` is a new one. Fields are private. */
struct encoder {
    struct ws_deflater *deflater; /* NULL until it is needed */
    struct buffer envelope;
    struct buffer event; /* what stands in front of the envelope */
    struct buffer deflated[3];
    bool has_envelope, has_event;
    bool stores; /* what need not be compressed is not */
};

/* Makes ready for renditions of this kind. ERROR_NO_MEMORY. */
enum error encoder_prepare(struct encoder *encoder, enum rendition_kind kind);

void encoder_fini(struct encoder *encoder);

/* Begins a message. */
void encoder_begin(struct encoder *encoder);

/* Encodes the message that was begun. `encoded` must stay where it is. */
enum error encoder_encode(struct encoder *encoder, const struct published *message,
                          enum rendition_kind kind, struct encoded *encoded);

/*
 * Appends a text as blocks of a deflate stream (RFC 1951 section 3.2.4) without compressing it.
 * They end with an empty block on a byte boundary, as what RENDITION_EVENTS_DEFLATED has: so
 * whatever stands before or behind it, it can be read when it has arrived.
 */
enum error deflate_append_stored(struct buffer *out, struct bytes text);

/* The envelope of a message, appended to `out`. Offsets count from 1 there. */
enum error envelope_append(struct buffer *out, const struct published *message);

/* What a whole frame of the raw rendition carries. The payload has the prefix in front. */
void rendition_decode(struct bytes frame, struct published *message);

#endif
