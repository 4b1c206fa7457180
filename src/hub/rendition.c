#include "rendition.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "digest/base64.h"
#include "ws/frame_encode.h"

enum { KEPT_MAX = 1024 * 1024 }; /* bytes of a buffer that are kept from message to message */

static bool is_deflated(enum rendition_kind kind) {
    return kind == RENDITION_RAW_DEFLATED || kind == RENDITION_JSON_DEFLATED ||
           kind == RENDITION_EVENTS_DEFLATED;
}

enum error encoder_prepare(struct encoder *encoder, enum rendition_kind kind) {
    if (!is_deflated(kind) || encoder->deflater != NULL)
        return ERROR_NONE;
    encoder->deflater = ws_deflater_new();
    return encoder->deflater != NULL ? ERROR_NONE : ERROR_NO_MEMORY;
}

void encoder_fini(struct encoder *encoder) {
    ws_deflater_free(encoder->deflater);
    buffer_fini(&encoder->envelope);
    buffer_fini(&encoder->event);
    for (size_t i = 0; i < sizeof encoder->deflated / sizeof *encoder->deflated; i++)
        buffer_fini(&encoder->deflated[i]);
    *encoder = (struct encoder){0};
}

static void begin_buffer(struct buffer *buffer) {
    if (buffer->capacity > KEPT_MAX)
        buffer_fini(buffer);
    buffer_clear(buffer);
}

void encoder_begin(struct encoder *encoder) {
    encoder->has_envelope = encoder->has_event = false;
    begin_buffer(&encoder->envelope);
    begin_buffer(&encoder->event);
    for (size_t i = 0; i < sizeof encoder->deflated / sizeof *encoder->deflated; i++)
        begin_buffer(&encoder->deflated[i]);
}

/* ---- envelopes ------------------------------------------------------------------------------- */

static enum error append_base64(struct buffer *out, struct bytes data) {
    size_t size = BASE64_SIZE(data.size);
    enum error error = buffer_reserve(out, size + 3);
    if (error != ERROR_NONE)
        return error;
    out->data[out->size++] = '"';
    base64_encode(data, (char *)out->data + out->size);
    out->size += size;
    out->data[out->size++] = '"';
    return ERROR_NONE;
}

/* The prefix needs no escapes. It goes behind the opening quote of the text's string. */
static enum error append_text(struct buffer *out, const struct published *message) {
    size_t start = out->size, more = message->prefix.size;
    enum error error = json_append_string(out, message->payload);
    if (error == ERROR_NONE && more > 0)
        error = buffer_reserve(out, more);
    if (error != ERROR_NONE || more == 0)
        return error;
    uint8_t *behind_quote = out->data + start + 1;
    memmove(behind_quote + more, behind_quote, out->size - start - 1);
    memcpy(behind_quote, message->prefix.data, more);
    out->size += more;
    return ERROR_NONE;
}

static enum error append_binary(struct buffer *out, const struct published *message) {
    struct buffer whole = {0};
    enum error error = buffer_append(&whole, message->prefix.data, message->prefix.size);
    if (error == ERROR_NONE)
        error = buffer_append(&whole, message->payload.data, message->payload.size);
    if (error == ERROR_NONE)
        error = append_base64(out, buffer_bytes(&whole));
    buffer_fini(&whole);
    return error;
}

enum error envelope_append(struct buffer *out, const struct published *message) {
    enum error error = buffer_format(
        out,
        "{\"type\":\"message\",\"channel\":\"%s\",\"offset\":%" PRIu64 ",\"%s\":", message->channel,
        message->offset + 1, message->binary ? "base64" : "text");
    if (error == ERROR_NONE)
        error = message->binary ? append_binary(out, message) : append_text(out, message);
    return error == ERROR_NONE ? buffer_append_byte(out, '}') : error;
}

/* ---- encoding -------------------------------------------------------------------------------- */

static void set_frame(struct encoded *encoded, bool binary, uint8_t reserved, struct bytes first,
                      struct bytes second) {
    size_t size = first.size + second.size;
    size_t header_size = frame_encode_data_header(
        encoded->header, binary ? FRAME_BINARY : FRAME_TEXT, reserved, size);
    encoded->parts[0] = bytes_make(encoded->header, header_size);
    encoded->parts[1] = first;
    encoded->parts[2] = second;
    encoded->count = 3;
    encoded->size = header_size + size;
}

static void set_deflated_frame(struct encoder *encoder, struct encoded *encoded, bool binary,
                               struct bytes first, struct bytes second, struct buffer *deflated) {
    const struct bytes parts[] = {first, second};
    if (ws_deflater_message(encoder->deflater, parts, 2, deflated))
        set_frame(encoded, binary, FRAME_RSV1, buffer_bytes(deflated), bytes_make(NULL, 0));
    else
        set_frame(encoded, binary, 0, first, second);
}

static enum error make_envelope(struct encoder *encoder, const struct published *message) {
    if (encoder->has_envelope)
        return ERROR_NONE;
    enum error error = envelope_append(&encoder->envelope, message);
    encoder->has_envelope = error == ERROR_NONE;
    return error;
}

/* The envelope is one line, so the event has one data field. */
static enum error make_event(struct encoder *encoder, const struct published *message) {
    if (encoder->has_event)
        return ERROR_NONE;
    enum error error =
        buffer_format(&encoder->event, "id: %016" PRIx64 ":%" PRIu64 "\ndata: ", message->epoch,
                      message->offset + 1);
    encoder->has_event = error == ERROR_NONE;
    return error;
}

static enum error set_event(struct encoder *encoder, const struct published *message,
                            struct encoded *encoded) {
    enum error error = make_event(encoder, message);
    encoded->parts[0] = buffer_bytes(&encoder->event);
    encoded->parts[1] = buffer_bytes(&encoder->envelope);
    encoded->parts[2] = bytes_of("\n\n");
    encoded->count = 3;
    encoded->size = encoder->event.size + encoder->envelope.size + 2;
    return error;
}

/* What ends a message's blocks on a byte boundary, and is left out in a WebSocket message. */
static const uint8_t flushed[] = {0x00, 0x00, 0xFF, 0xFF};

enum error deflate_append_stored(struct buffer *out, struct bytes text) {
    enum error error = ERROR_NONE;
    for (bool last = false; !last && error == ERROR_NONE;) {
        uint16_t size = (uint16_t)(text.size < UINT16_MAX ? text.size : UINT16_MAX);
        const uint8_t head[] = {0, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)~size,
                                (uint8_t)(~size >> 8)};
        error = buffer_append(out, head, sizeof head);
        if (error == ERROR_NONE)
            error = buffer_append(out, text.data, size);
        text = bytes_after(text, size);
        last = size == 0;
    }
    return error;
}

static enum error store_event(const struct encoded *event, struct buffer *out) {
    struct buffer whole = {0};
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < event->count && error == ERROR_NONE; i++)
        error = buffer_append(&whole, event->parts[i].data, event->parts[i].size);
    buffer_clear(out);
    if (error == ERROR_NONE)
        error = deflate_append_stored(out, buffer_bytes(&whole));
    buffer_fini(&whole);
    return error;
}

static enum error set_deflated_event(struct encoder *encoder, const struct published *message,
                                     struct encoded *encoded) {
    struct buffer *out = &encoder->deflated[2];
    enum error error = set_event(encoder, message, encoded);
    if (error != ERROR_NONE)
        return error;
    if (!encoder->stores && ws_deflater_message(encoder->deflater, encoded->parts, 3, out))
        error = buffer_append(out, flushed, sizeof flushed);
    else
        error = store_event(encoded, out);
    encoded->parts[0] = buffer_bytes(out);
    encoded->count = 1;
    encoded->size = out->size;
    return error;
}

enum error encoder_encode(struct encoder *encoder, const struct published *message,
                          enum rendition_kind kind, struct encoded *encoded) {
    enum error error = ERROR_NONE;
    if (kind >= RENDITION_JSON)
        error = make_envelope(encoder, message);
    if (error != ERROR_NONE)
        return error;
    struct bytes envelope = buffer_bytes(&encoder->envelope);
    switch (kind) {
    case RENDITION_RAW:
        set_frame(encoded, message->binary, 0, message->prefix, message->payload);
        break;
    case RENDITION_RAW_DEFLATED:
        set_deflated_frame(encoder, encoded, message->binary, message->prefix, message->payload,
                           &encoder->deflated[0]);
        break;
    case RENDITION_JSON:
        set_frame(encoded, false, 0, envelope, bytes_make(NULL, 0));
        break;
    case RENDITION_JSON_DEFLATED:
        set_deflated_frame(encoder, encoded, false, envelope, bytes_make(NULL, 0),
                           &encoder->deflated[1]);
        break;
    case RENDITION_EVENTS:
        error = set_event(encoder, message, encoded);
        break;
    case RENDITION_EVENTS_DEFLATED:
        error = set_deflated_event(encoder, message, encoded);
        break;
    case RENDITION_PRESENCE:
    case RENDITION_COUNT:
        assert(false);
    }
    return error;
}

void rendition_decode(struct bytes frame, struct published *message) {
    struct frame_header header;
    size_t used;
    enum frame_result result = frame_header_decode(frame, 0, &header, &used);
    assert(result == FRAME_OK && header.size == frame.size - used);
    message->prefix = bytes_make(NULL, 0);
    message->payload = bytes_after(frame, used);
    message->binary = header.opcode == FRAME_BINARY;
}
