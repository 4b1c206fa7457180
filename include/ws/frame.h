/*
 * WebSocket frames (RFC 6455 section 5): the header's two directions, and the mask. Pure functions
 * over the caller's memory; nothing is allocated or kept. What frames mean together is message.h's
 * business; whole frames to send are made by frame_encode.h.
 */
#ifndef RINGCAST_WS_FRAME_H
#define RINGCAST_WS_FRAME_H

#include "base/bytes.h"

/* RFC 6455 section 5.2. All others are reserved and refused. */
enum frame_opcode {
    FRAME_CONTINUATION = 0x0,
    FRAME_TEXT = 0x1,
    FRAME_BINARY = 0x2,
    FRAME_CLOSE = 0x8,
    FRAME_PING = 0x9,
    FRAME_PONG = 0xA,
};

/* The reserved bits as they stand in a frame's first byte. RSV1 means "compressed" (RFC 7692). */
enum { FRAME_RSV1 = 0x40, FRAME_RSV2 = 0x20, FRAME_RSV3 = 0x10 };

enum {
    FRAME_MASK_SIZE = 4,
    FRAME_HEADER_MAX = 14,       /* 2, a length of 8, a mask of 4 */
    FRAME_PLAIN_HEADER_MAX = 10, /* the same without a mask: what a server sends */
    FRAME_CONTROL_PAYLOAD_MAX = 125,
};

struct frame_header {
    uint64_t size; /* of the payload, in bytes; below 2^63 */
    enum frame_opcode opcode;
    uint8_t reserved; /* FRAME_RSV1 and so on */
    bool final;
    bool masked;
    uint8_t mask[FRAME_MASK_SIZE]; /* only if masked */
};

enum frame_result {
    FRAME_OK,
    FRAME_NEEDS_MORE,
    FRAME_MALFORMED, /* ERROR_WS_PROTOCOL */
};

/* Close, ping and pong. */
static inline bool frame_opcode_is_control(enum frame_opcode opcode) {
    return (opcode & 0x8) != 0;
}

/*
 * Reads the header at the start of `input`. On FRAME_OK fills `header` and says in `used` how many
 * bytes it took; otherwise both mean nothing. FRAME_HEADER_MAX bytes are always enough to decide,
 * and a bad header is refused as soon as the bytes that make it bad are there.
 *
 * `negotiated` are the reserved bits that an extension allows, 0 for none. They are allowed in the
 * first frame of a data message only (RFC 7692 section 6), so not in continuations.
 *
 * Refused: reserved opcodes and bits, control frames that are fragmented or longer than 125 bytes,
 * lengths not in their shortest form or of 2^63 and more. Whether a mask belongs there is for the
 * caller, who knows its role.
 */
enum frame_result frame_header_decode(struct bytes input, uint8_t negotiated,
                                      struct frame_header *header, size_t *used);

/*
 * Writes the header and returns its size; `out` has room for that, at most FRAME_HEADER_MAX bytes.
 * The header is ours, so it must be a valid one.
 */
size_t frame_header_encode(const struct frame_header *header, uint8_t *out);

/* The size of the header of a payload of `payload_size` bytes. */
size_t frame_header_size(uint64_t payload_size, bool masked);

/*
 * Masks or unmasks `size` bytes in place (RFC 6455 section 5.3); any alignment. `phase` is how many
 * bytes of the same payload came before; only its remainder by 4 counts.
 */
void frame_mask(uint8_t *data, size_t size, const uint8_t mask[FRAME_MASK_SIZE], size_t phase);

#endif
