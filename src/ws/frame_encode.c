#include "ws/frame_encode.h"

#include <assert.h>
#include <string.h>

static size_t encode_header(uint8_t *out, enum frame_opcode opcode, uint64_t payload_size,
                            const uint8_t *mask) {
    struct frame_header header = {.final = true, .opcode = opcode, .size = payload_size};
    if (mask != NULL) {
        header.masked = true;
        memcpy(header.mask, mask, FRAME_MASK_SIZE);
    }
    return frame_header_encode(&header, out);
}

/* The payload behind its header, masked where it now lies. Returns the end. */
static uint8_t *write_payload(uint8_t *out, struct bytes payload, const uint8_t *mask) {
    if (payload.size > 0)
        memcpy(out, payload.data, payload.size);
    if (mask != NULL)
        frame_mask(out, payload.size, mask, 0);
    return out + payload.size;
}

size_t frame_encode_data_header(uint8_t out[FRAME_PLAIN_HEADER_MAX], enum frame_opcode opcode,
                                uint8_t reserved, uint64_t payload_size) {
    assert(!frame_opcode_is_control(opcode));
    struct frame_header header = {
        .final = true, .opcode = opcode, .reserved = reserved, .size = payload_size};
    return frame_header_encode(&header, out);
}

size_t frame_encode_control(uint8_t out[FRAME_CONTROL_MAX], enum frame_opcode opcode,
                            struct bytes payload, const uint8_t *mask) {
    assert(frame_opcode_is_control(opcode) && payload.size <= FRAME_CONTROL_PAYLOAD_MAX);
    size_t header_size = encode_header(out, opcode, payload.size, mask);
    return (size_t)(write_payload(out + header_size, payload, mask) - out);
}

/* At most FRAME_CLOSE_REASON_MAX bytes, cut before a character that would not fit whole. */
static struct bytes fitting_reason(struct bytes reason) {
    if (reason.size <= FRAME_CLOSE_REASON_MAX)
        return reason;
    size_t end = FRAME_CLOSE_REASON_MAX;
    while (end > 0 && (reason.data[end] & 0xC0) == 0x80)
        end--;
    return bytes_make(reason.data, end);
}

size_t frame_encode_close(uint8_t out[FRAME_CONTROL_MAX], uint16_t code, struct bytes reason,
                          const uint8_t *mask) {
    if (code == WS_CLOSE_NO_STATUS)
        return frame_encode_control(out, FRAME_CLOSE, bytes_make(NULL, 0), mask);
    assert(ws_close_code_is_valid_from_peer(code));
    uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX] = {(uint8_t)(code >> 8), (uint8_t)code};
    reason = fitting_reason(reason);
    if (reason.size > 0)
        memcpy(payload + 2, reason.data, reason.size);
    return frame_encode_control(out, FRAME_CLOSE, bytes_make(payload, 2 + reason.size), mask);
}

enum error frame_append_message(struct buffer *buffer, enum frame_opcode opcode,
                                struct bytes payload, const uint8_t *mask) {
    assert(opcode == FRAME_TEXT || opcode == FRAME_BINARY);
    uint8_t header[FRAME_HEADER_MAX];
    size_t header_size = encode_header(header, opcode, payload.size, mask);
    /* No overflow: nothing in memory is longer than half of SIZE_MAX. */
    enum error error = buffer_reserve(buffer, header_size + payload.size);
    if (error != ERROR_NONE)
        return error;
    uint8_t *end = buffer->data + buffer->size;
    memcpy(end, header, header_size);
    end = write_payload(end + header_size, payload, mask);
    buffer->size = (size_t)(end - buffer->data);
    return ERROR_NONE;
}
