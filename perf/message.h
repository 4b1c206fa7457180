/*
 * The messages that the load generator publishes: "PPPP:SSSSSSSSSS;abcdef…", the publisher's
 * number, the message's number and a pattern up to the wanted size. Receivers check each byte as it
 * comes, and keep only the first ones, however large the message is. A hub may put "[address] " in
 * front.
 */
#ifndef RINGCAST_PERF_MESSAGE_H
#define RINGCAST_PERF_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    MESSAGE_SIZE_MIN = 16,    /* the two numbers */
    MESSAGE_HEAD_SIZE = 64,   /* kept of each message: an IPv6 prefix and the two numbers */
    MESSAGE_FRAME_EXTRA = 14, /* the most that a frame's header and mask add */
    MESSAGE_PUBLISHERS_MAX = 1000,
};

/* What all messages of a run have in common. Owns `text`. */
struct message_form {
    size_t size;
    uint8_t *text;
};

/* `size` is MESSAGE_SIZE_MIN or more. False when there is no memory. */
bool message_form_init(struct message_form *form, size_t size);
void message_form_fini(struct message_form *form);

/*
 * Writes one message as a masked WebSocket text frame (RFC 6455 section 5.2) to `frame`, which has
 * room for the form's size and MESSAGE_FRAME_EXTRA. Returns the frame's size.
 */
size_t message_write_frame(const struct message_form *form, uint32_t publisher, uint32_t sequence,
                           uint8_t *frame);

/* A message that is being received. `{0}` is the start of one. */
struct message_check {
    uint64_t size;
    uint16_t head_size;
    uint16_t prefix_size;
    bool damaged;
    uint8_t head[MESSAGE_HEAD_SIZE];
};

/* Takes the next `size` bytes of the message. */
void message_check_feed(struct message_check *check, const struct message_form *form,
                        const uint8_t *data, size_t size);

/* The message is complete: is it one of ours, undamaged, and which? Makes `check` ready for the
 * next. */
bool message_check_end(struct message_check *check, const struct message_form *form,
                       uint32_t *publisher, uint32_t *sequence);

#endif
