/*
 * The receiving side of a WebSocket connection, for either role: bytes in, messages out
 * (RFC 6455 sections 5.4, 5.5, 7.1, 8.1). It sends nothing and knows no descriptor or clock; the
 * caller answers pings, closes and failures.
 *
 * The caller lends a writable slice of received bytes and pulls until MESSAGE_NEEDS_MORE:
 *
 *     while ((event = message_next(&reader, &data, &size, &message)) != MESSAGE_NEEDS_MORE)
 *         handle(event, &message);
 *
 * Payloads are unmasked in place. A message that lies unfragmented in one slice is handed out as a
 * view into it, without a copy; otherwise it is collected in memory of the reader, which is freed
 * by the next call. So an idle reader holds no memory, and what a view shows is valid until the
 * next call for this reader, or until the slice is written to.
 *
 * Text is checked as it arrives: bad UTF-8 fails at its first bad byte, in the middle of a frame
 * too. Lengths are compared with the limit as soon as they are declared, before any of it is
 * stored; memory grows with what arrived, not with what was declared.
 *
 * After a close or a failure the reader has ended: whatever follows is discarded (RFC 6455 sections
 * 5.5.1 and 7.1.7), so that a caller may go on as before until the peer has gone.
 *
 * Events do not depend on how the bytes were split into slices.
 */
#ifndef RINGCAST_WS_MESSAGE_H
#define RINGCAST_WS_MESSAGE_H

#include "base/bound.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "ws/frame.h"

enum message_event {
    MESSAGE_NEEDS_MORE, /* the slice is used up */
    MESSAGE_TEXT,       /* a complete message in `payload`, valid UTF-8 unless `reserved` */
    MESSAGE_BINARY,     /* a complete message in `payload` */
    MESSAGE_PING,       /* to be answered with a pong of the same `payload`, at most 125 bytes */
    MESSAGE_PONG,       /* `payload` */
    MESSAGE_CLOSE,      /* `code`, and the reason in `payload`; the reader has ended */
    MESSAGE_FAILED,     /* `error`, see ws_close_code_of_error(); the reader has ended */
};

struct message {
    struct bytes payload;
    uint16_t code;    /* WS_CLOSE_NO_STATUS for a close frame without one */
    uint8_t reserved; /* of TEXT and BINARY: the negotiated bits that the first frame carried */
    enum error error;
};

/* A server takes only masked frames, a client only unmasked ones (RFC 6455 section 5.1). */
enum message_role { MESSAGE_ROLE_SERVER, MESSAGE_ROLE_CLIENT };

/*
 * The most frames that one message may have; one more is ERROR_WS_TOO_BIG. It only makes a flood of
 * empty fragments finite: they add nothing to the message's size, and nothing else ends them.
 */
enum { MESSAGE_FRAGMENTS_MAX = BOUND(65536, 6) };

/* In the caller's memory; kept small, for there are tens of thousands. Fields are private. */
struct message_reader {
    struct buffer collected;       /* the data message so far */
    uint8_t *control;              /* the control payload so far, or NULL; owned */
    uint64_t frame_left;           /* payload bytes of the current frame still to come */
    uint32_t max_size;             /* of a message */
    uint32_t max_frame;            /* of a frame of it */
    uint32_t fragments;            /* frames of the current message so far */
    uint8_t mask[FRAME_MASK_SIZE]; /* of the current frame */
    uint8_t header[FRAME_HEADER_MAX];
    uint8_t header_size;    /* bytes in `header`: a header that the last slice cut */
    uint8_t control_size;   /* bytes in `control` */
    struct utf8_check text; /* at its beginning between messages, which end complete */
    uint8_t opcode;         /* of the current frame */
    uint8_t kind;           /* FRAME_TEXT or FRAME_BINARY: the current message; else 0, none */
    uint8_t reserved;       /* of the current message */
    uint8_t negotiated;     /* reserved bits that are allowed */
    uint8_t phase : 2;      /* of the mask */
    bool client : 1;
    bool in_frame : 1;
    bool final : 1; /* of the current frame */
    bool taken : 1; /* the last event showed memory of the reader */
    bool ended : 1;
};

/*
 * A reader at the start of a connection, after the handshake. `max_size` (at most 4 GiB) bounds a
 * data message in bytes, all its fragments together. `negotiated` are the reserved bits of agreed
 * extensions, 0 for none; a message that carries one is handed out as it came (compressed), its
 * text unchecked.
 */
void message_reader_init(struct message_reader *reader, enum message_role role, size_t max_size,
                         uint8_t negotiated);

/* Bounds a single data frame too: a larger one is ERROR_WS_TOO_BIG. */
void message_reader_limit_frames(struct message_reader *reader, size_t max_frame);

/* Frees what is held, at any time. */
void message_reader_fini(struct message_reader *reader);

/*
 * Reads up to the next event; advances `data` and shrinks `size` by what was used. Failures are
 * ERROR_WS_PROTOCOL, ERROR_WS_NOT_UTF8, ERROR_WS_TOO_BIG and ERROR_NO_MEMORY.
 */
enum message_event message_next(struct message_reader *reader, uint8_t **data, size_t *size,
                                struct message *message);

/* The bound of a message, which holds for what it inflates to as well. */
size_t message_reader_max_size(const struct message_reader *reader);

/* Was there a close or a failure? */
bool message_reader_has_ended(const struct message_reader *reader);

/* How many bytes of memory it holds beyond itself. */
size_t message_reader_held_bytes(const struct message_reader *reader);

#endif
