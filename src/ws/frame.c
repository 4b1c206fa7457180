#include "ws/frame.h"

#include <assert.h>
#include <string.h>

enum {
    FINAL_BIT = 0x80,
    RESERVED_BITS = FRAME_RSV1 | FRAME_RSV2 | FRAME_RSV3,
    OPCODE_BITS = 0x0F,
    MASKED_BIT = 0x80,
    LENGTH_BITS = 0x7F,
    /* RFC 6455 section 5.2: lengths up to 125 stand for themselves. */
    SHORT_LENGTH_MAX = 125,
    LENGTH_OF_2_BYTES = 126,
    LENGTH_OF_8_BYTES = 127,
};

static bool opcode_is_known(enum frame_opcode opcode) {
    return opcode <= FRAME_BINARY || (opcode >= FRAME_CLOSE && opcode <= FRAME_PONG);
}

static bool decode_first_byte(uint8_t byte, uint8_t negotiated, struct frame_header *header) {
    header->final = (byte & FINAL_BIT) != 0;
    header->reserved = byte & RESERVED_BITS;
    header->opcode = byte & OPCODE_BITS;
    if (!opcode_is_known(header->opcode))
        return false;
    if (frame_opcode_is_control(header->opcode) && !header->final)
        return false; /* RFC 6455 section 5.5 */
    bool begins_message = header->opcode == FRAME_TEXT || header->opcode == FRAME_BINARY;
    return (header->reserved & ~(begins_message ? negotiated : 0)) == 0;
}

static size_t length_size(uint8_t length) {
    if (length <= SHORT_LENGTH_MAX)
        return 0;
    return length == LENGTH_OF_2_BYTES ? 2 : 8;
}

static uint64_t big_endian(const uint8_t *data, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | data[i];
    return value;
}

/* The length in its shortest form, and the top bit of 64 clear (RFC 6455 section 5.2). */
static bool length_is_canonical(uint64_t length, size_t encoded_size) {
    if (encoded_size == 2)
        return length > SHORT_LENGTH_MAX;
    return length > UINT16_MAX && length <= INT64_MAX;
}

enum frame_result frame_header_decode(struct bytes input, uint8_t negotiated,
                                      struct frame_header *header, size_t *used) {
    if (input.size < 1)
        return FRAME_NEEDS_MORE;
    if (!decode_first_byte(input.data[0], negotiated, header))
        return FRAME_MALFORMED;
    if (input.size < 2)
        return FRAME_NEEDS_MORE;
    uint8_t length = input.data[1] & LENGTH_BITS;
    if (frame_opcode_is_control(header->opcode) && length > FRAME_CONTROL_PAYLOAD_MAX)
        return FRAME_MALFORMED; /* RFC 6455 section 5.5 */
    size_t extra = length_size(length);
    header->masked = (input.data[1] & MASKED_BIT) != 0;
    header->size = length;
    if (extra > 0) {
        if (input.size < 2 + extra)
            return FRAME_NEEDS_MORE;
        header->size = big_endian(input.data + 2, extra);
        if (!length_is_canonical(header->size, extra))
            return FRAME_MALFORMED;
    }
    *used = 2 + extra + (header->masked ? FRAME_MASK_SIZE : 0);
    if (input.size < *used)
        return FRAME_NEEDS_MORE;
    if (header->masked)
        memcpy(header->mask, input.data + 2 + extra, FRAME_MASK_SIZE);
    return FRAME_OK;
}

static size_t encoded_length_size(uint64_t size) {
    if (size <= SHORT_LENGTH_MAX)
        return 0;
    return size <= UINT16_MAX ? 2 : 8;
}

size_t frame_header_size(uint64_t payload_size, bool masked) {
    return 2 + encoded_length_size(payload_size) + (masked ? FRAME_MASK_SIZE : 0);
}

static void assert_is_sendable(const struct frame_header *header) {
    assert(opcode_is_known(header->opcode));
    assert((header->reserved & ~RESERVED_BITS) == 0);
    assert(header->size <= INT64_MAX);
    if (frame_opcode_is_control(header->opcode))
        assert(header->final && header->size <= FRAME_CONTROL_PAYLOAD_MAX);
}

size_t frame_header_encode(const struct frame_header *header, uint8_t *out) {
    assert_is_sendable(header);
    size_t extra = encoded_length_size(header->size);
    uint8_t length = extra == 0   ? (uint8_t)header->size
                     : extra == 2 ? LENGTH_OF_2_BYTES
                                  : LENGTH_OF_8_BYTES;
    out[0] = (uint8_t)((header->final ? FINAL_BIT : 0) | header->reserved | header->opcode);
    out[1] = (uint8_t)((header->masked ? MASKED_BIT : 0) | length);
    for (size_t i = 0; i < extra; i++)
        out[2 + i] = (uint8_t)(header->size >> 8 * (extra - 1 - i));
    if (header->masked)
        memcpy(out + 2 + extra, header->mask, FRAME_MASK_SIZE);
    return 2 + extra + (header->masked ? FRAME_MASK_SIZE : 0);
}
