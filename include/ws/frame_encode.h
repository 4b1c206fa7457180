/*
 * Whole frames to send. A server sends unmasked frames, a client masked ones (RFC 6455 section
 * 5.1): `mask` is NULL for a server, and four fresh unpredictable bytes for each frame of a client.
 *
 * Control frames are small and go into an array of the caller, so that pings allocate nothing.
 * A broadcast log writes frame_encode_data_header() and then the payload's parts itself.
 */
#ifndef RINGCAST_WS_FRAME_ENCODE_H
#define RINGCAST_WS_FRAME_ENCODE_H

#include "ws/close.h"
#include "ws/frame.h"

enum {
    FRAME_CONTROL_MAX = 2 + FRAME_MASK_SIZE + FRAME_CONTROL_PAYLOAD_MAX,
    FRAME_CLOSE_REASON_MAX = FRAME_CONTROL_PAYLOAD_MAX - 2,
};

/*
 * Writes the header of an unmasked, unfragmented data message of `payload_size` bytes; returns the
 * header's size. `reserved` is FRAME_RSV1 for a compressed payload, otherwise 0.
 */
size_t frame_encode_data_header(uint8_t out[FRAME_PLAIN_HEADER_MAX], enum frame_opcode opcode,
                                uint8_t reserved, uint64_t payload_size);

/* Writes a ping or pong with at most FRAME_CONTROL_PAYLOAD_MAX bytes; returns the frame's size. */
size_t frame_encode_control(uint8_t out[FRAME_CONTROL_MAX], enum frame_opcode opcode,
                            struct bytes payload, const uint8_t *mask);

/*
 * Writes a close frame; returns its size. WS_CLOSE_NO_STATUS makes an empty one, the answer to an
 * empty one; any other code must be one that may stand in a frame. `reason` is UTF-8; what exceeds
 * FRAME_CLOSE_REASON_MAX bytes is cut off between two characters.
 */
size_t frame_encode_close(uint8_t out[FRAME_CONTROL_MAX], uint16_t code, struct bytes reason,
                          const uint8_t *mask);

/*
 * Appends an unfragmented text or binary message. ERROR_NO_MEMORY leaves the buffer's content as
 * it was.
 */
enum error frame_append_message(struct buffer *buffer, enum frame_opcode opcode,
                                struct bytes payload, const uint8_t *mask);

#endif
