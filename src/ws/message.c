/*
 * One call goes: begin a frame (from the slice, or from a header that an earlier slice cut), take
 * the part of its payload that is there, and give out what became complete. `in_frame` tells where
 * the last call stopped; there is no other state machine.
 */
#include "ws/message.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "ws/close.h"

static_assert(sizeof(struct message_reader) <= 96, "an idle connection stays cheap");

/* The lent slice. */
struct slice {
    uint8_t *data;
    size_t size;
};

/* What a step says: an event, or that there is none yet and reading goes on. */
enum { GO_ON = -1 };

static uint8_t *slice_take(struct slice *slice, size_t size) {
    uint8_t *taken = slice->data;
    slice->data += size;
    slice->size -= size;
    return taken;
}

static uint32_t limit_of(size_t size) {
    return size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
}

void message_reader_init(struct message_reader *reader, enum message_role role, size_t max_size,
                         uint8_t negotiated) {
    *reader = (struct message_reader){.client = role == MESSAGE_ROLE_CLIENT,
                                      .max_size = limit_of(max_size),
                                      .negotiated = negotiated};
    reader->max_frame = reader->max_size;
}

void message_reader_limit_frames(struct message_reader *reader, size_t max_frame) {
    reader->max_frame = limit_of(max_frame);
}

static void release_control(struct message_reader *reader) {
    memory_free(reader->control);
    reader->control = NULL;
    reader->control_size = 0;
}

void message_reader_fini(struct message_reader *reader) {
    buffer_fini(&reader->collected);
    release_control(reader);
}

size_t message_reader_max_size(const struct message_reader *reader) {
    return reader->max_size;
}

bool message_reader_has_ended(const struct message_reader *reader) {
    return reader->ended;
}

size_t message_reader_held_bytes(const struct message_reader *reader) {
    return reader->collected.capacity + (reader->control != NULL ? FRAME_CONTROL_PAYLOAD_MAX : 0);
}

/* Has a data message begun that has not been given out? */
static bool is_under_way(const struct message_reader *reader) {
    return reader->kind != 0;
}

/* The caller is back, so the last event's memory is no longer looked at. */
static void release_taken(struct message_reader *reader) {
    if (!reader->taken)
        return;
    reader->taken = false;
    release_control(reader);
    if (!is_under_way(reader))
        buffer_fini(&reader->collected);
}

static int fail(struct message_reader *reader, struct message *message, enum error error) {
    message_reader_fini(reader);
    reader->ended = true;
    message->error = error;
    return MESSAGE_FAILED;
}

/* A header that was cut: completes it from the slice, which gives up only what the header needs. */
static enum frame_result resume_header(struct message_reader *reader, struct slice *slice,
                                       struct frame_header *header) {
    size_t before = reader->header_size;
    size_t more = FRAME_HEADER_MAX - before < slice->size ? FRAME_HEADER_MAX - before : slice->size;
    size_t used;
    memcpy(reader->header + before, slice->data, more);
    enum frame_result result = frame_header_decode(bytes_make(reader->header, before + more),
                                                   reader->negotiated, header, &used);
    if (result == FRAME_OK) {
        slice_take(slice, used - before);
        reader->header_size = 0;
    } else if (result == FRAME_NEEDS_MORE) {
        slice_take(slice, more);
        reader->header_size = (uint8_t)(before + more);
    }
    return result;
}

static enum frame_result read_header(struct message_reader *reader, struct slice *slice,
                                     struct frame_header *header) {
    if (slice->size == 0)
        return FRAME_NEEDS_MORE;
    if (reader->header_size > 0)
        return resume_header(reader, slice, header);
    size_t used;
    enum frame_result result = frame_header_decode(bytes_make(slice->data, slice->size),
                                                   reader->negotiated, header, &used);
    if (result == FRAME_OK)
        slice_take(slice, used);
    else if (result == FRAME_NEEDS_MORE)
        return resume_header(reader, slice, header);
    return result;
}

/* May this data frame come now, and is it within the limits? Nothing of it is stored yet. */
static enum error admit_data_frame(struct message_reader *reader,
                                   const struct frame_header *header) {
    bool continues = header->opcode == FRAME_CONTINUATION;
    if (continues != is_under_way(reader))
        return ERROR_WS_PROTOCOL; /* RFC 6455 section 5.4 */
    if (!continues) {
        reader->kind = (uint8_t)header->opcode;
        reader->reserved = header->reserved;
        reader->fragments = 0;
    }
    if (++reader->fragments > MESSAGE_FRAGMENTS_MAX)
        return ERROR_WS_TOO_BIG;
    if (header->size > reader->max_frame ||
        header->size > reader->max_size - reader->collected.size)
        return ERROR_WS_TOO_BIG;
    return ERROR_NONE;
}

static enum error admit_frame(struct message_reader *reader, const struct frame_header *header) {
    if (header->masked == reader->client)
        return ERROR_WS_PROTOCOL; /* RFC 6455 section 5.1 */
    if (!frame_opcode_is_control(header->opcode))
        return admit_data_frame(reader, header);
    return ERROR_NONE;
}

static int begin_frame(struct message_reader *reader, struct slice *slice,
                       struct message *message) {
    struct frame_header header;
    enum frame_result result = read_header(reader, slice, &header);
    if (result == FRAME_NEEDS_MORE)
        return MESSAGE_NEEDS_MORE;
    enum error error = result == FRAME_OK ? admit_frame(reader, &header) : ERROR_WS_PROTOCOL;
    if (error != ERROR_NONE)
        return fail(reader, message, error);
    reader->in_frame = true;
    reader->final = header.final;
    reader->opcode = (uint8_t)header.opcode;
    reader->frame_left = header.size;
    reader->phase = 0;
    if (header.masked)
        memcpy(reader->mask, header.mask, FRAME_MASK_SIZE);
    return GO_ON;
}

/* As much of the current frame's payload as the slice has, unmasked. */
static struct bytes take_payload(struct message_reader *reader, struct slice *slice) {
    size_t size = reader->frame_left < slice->size ? (size_t)reader->frame_left : slice->size;
    uint8_t *data = slice_take(slice, size);
    if (!reader->client && size > 0) {
        frame_mask(data, size, reader->mask, reader->phase);
        reader->phase = (reader->phase + size) & (FRAME_MASK_SIZE - 1);
    }
    reader->frame_left -= size;
    reader->in_frame = reader->frame_left > 0;
    return bytes_make(data, size);
}

/* Compressed text can be checked only by who inflates it. */
static bool text_is_good(struct message_reader *reader, struct bytes piece, bool last) {
    if (reader->kind != FRAME_TEXT || reader->reserved != 0)
        return true;
    return utf8_check_next(&reader->text, piece) &&
           (!last || utf8_check_is_complete(&reader->text));
}

static int give_message(struct message_reader *reader, struct bytes payload,
                        struct message *message) {
    message->payload = payload;
    message->reserved = reader->reserved;
    int event = reader->kind == FRAME_TEXT ? MESSAGE_TEXT : MESSAGE_BINARY;
    reader->kind = 0;
    return event;
}

static int read_data(struct message_reader *reader, struct slice *slice, struct message *message) {
    struct bytes piece = take_payload(reader, slice);
    bool last = !reader->in_frame && reader->final;
    if (!text_is_good(reader, piece, last))
        return fail(reader, message, ERROR_WS_NOT_UTF8);
    if (last && reader->collected.size == 0)
        return give_message(reader, piece, message);
    enum error error = buffer_append(&reader->collected, piece.data, piece.size);
    if (error != ERROR_NONE)
        return fail(reader, message, error);
    if (last) {
        reader->taken = true;
        return give_message(reader, buffer_bytes(&reader->collected), message);
    }
    return reader->in_frame ? MESSAGE_NEEDS_MORE : GO_ON;
}

/* RFC 6455 sections 5.5.1 and 7.4: nothing, or a code and perhaps a reason in UTF-8. */
static int give_close(struct message_reader *reader, struct bytes payload,
                      struct message *message) {
    uint16_t code = WS_CLOSE_NO_STATUS;
    if (payload.size == 1)
        return fail(reader, message, ERROR_WS_PROTOCOL);
    if (payload.size >= 2) {
        code = (uint16_t)(payload.data[0] << 8 | payload.data[1]);
        payload = bytes_after(payload, 2);
        if (!ws_close_code_is_valid_from_peer(code))
            return fail(reader, message, ERROR_WS_PROTOCOL);
    }
    if (!utf8_is_valid(payload))
        return fail(reader, message, ERROR_WS_NOT_UTF8);
    buffer_fini(&reader->collected);
    reader->ended = true;
    message->code = code;
    message->payload = payload;
    return MESSAGE_CLOSE;
}

static int give_control(struct message_reader *reader, struct bytes payload,
                        struct message *message) {
    if (reader->opcode == FRAME_CLOSE)
        return give_close(reader, payload, message);
    message->payload = payload;
    return reader->opcode == FRAME_PING ? MESSAGE_PING : MESSAGE_PONG;
}

static enum error collect_control(struct message_reader *reader, struct bytes piece) {
    if (reader->control == NULL)
        reader->control = memory_allocate(FRAME_CONTROL_PAYLOAD_MAX);
    if (reader->control == NULL)
        return ERROR_NO_MEMORY;
    assert(piece.size <= (size_t)FRAME_CONTROL_PAYLOAD_MAX - reader->control_size);
    memcpy(reader->control + reader->control_size, piece.data, piece.size);
    reader->control_size = (uint8_t)(reader->control_size + piece.size);
    return ERROR_NONE;
}

static int read_control(struct message_reader *reader, struct slice *slice,
                        struct message *message) {
    struct bytes piece = take_payload(reader, slice);
    if (!reader->in_frame && reader->control_size == 0)
        return give_control(reader, piece, message);
    enum error error = piece.size > 0 ? collect_control(reader, piece) : ERROR_NONE;
    if (error != ERROR_NONE)
        return fail(reader, message, error);
    if (reader->in_frame)
        return MESSAGE_NEEDS_MORE;
    reader->taken = true;
    return give_control(reader, bytes_make(reader->control, reader->control_size), message);
}

static int step(struct message_reader *reader, struct slice *slice, struct message *message) {
    if (!reader->in_frame) {
        int event = begin_frame(reader, slice, message);
        if (event != GO_ON)
            return event;
    }
    return frame_opcode_is_control(reader->opcode) ? read_control(reader, slice, message)
                                                   : read_data(reader, slice, message);
}

enum message_event message_next(struct message_reader *reader, uint8_t **data, size_t *size,
                                struct message *message) {
    struct slice slice = {*data, *size};
    *message = (struct message){0};
    release_taken(reader);
    if (slice.size == 0)
        return MESSAGE_NEEDS_MORE;
    int event = GO_ON;
    if (reader->ended) {
        slice_take(&slice, slice.size);
        event = MESSAGE_NEEDS_MORE;
    }
    while (event == GO_ON)
        event = step(reader, &slice, message);
    *data = slice.data;
    *size = slice.size;
    return (enum message_event)event;
}
