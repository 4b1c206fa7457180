/* What a client of the JSON subprotocol is told: replies, errors, and that it missed something. */
#include <inttypes.h>

#include "dialog.h"
#include "presence.h"
#include "ws/frame_encode.h"

enum { REPLIES_MAX = 256 * 1024 };

/* Appends `,"id":7` where the command had one. */
enum error dialog_append_id(struct buffer *out, bool has_id, uint64_t id) {
    return has_id ? buffer_format(out, ",\"id\":%" PRIu64, id) : ERROR_NONE;
}

/* Who cannot be answered for want of memory is closed: it would wait for ever. One who commands and
 * reads no replies is not read either, until they are out. */
void dialog_reply(struct client *client, struct buffer *text, enum error error) {
    struct buffer frame = {0};
    if (error == ERROR_NONE)
        error = frame_append_message(&frame, FRAME_TEXT, buffer_bytes(text), NULL);
    if (error == ERROR_NONE && client->state < CLIENT_CLOSING)
        error = client_queue_output(client, frame.data, frame.size);
    buffer_fini(&frame);
    buffer_fini(text);
    if (error != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
        return;
    }
    if (client->output != NULL && client->output->queued.size > REPLIES_MAX)
        transport_pause_receive(transport_of(client));
}

void dialog_reply_error(struct client *client, bool has_id, uint64_t id, const char *code,
                        const char *text) {
    struct buffer out = {0};
    enum error error = buffer_format(&out, "{\"type\":\"error\",\"code\":\"%s\"", code);
    if (error == ERROR_NONE)
        error = dialog_append_id(&out, has_id, id);
    if (error == ERROR_NONE)
        error = buffer_format(&out, ",\"text\":\"%s\"}", text);
    dialog_reply(client, &out, error);
}

void dialog_refuse(struct client *client, const struct command *command, const char *code,
                   const char *text) {
    dialog_reply_error(client, command->has_id, command->id, code, text);
}

const char *dialog_code_of_error(enum error error) {
    if (error == ERROR_LIMIT_REACHED)
        return "limit";
    if (error == ERROR_NOT_FOUND)
        return "no_channel";
    return error == ERROR_PERMISSION_DENIED ? "not_allowed" : "no_memory";
}

static enum error describe_skipped(const struct seat *seat, uint64_t missed, struct buffer *out) {
    const struct channel *channel = seat->subscription.channel;
    if (channel->kind == RENDITION_PRESENCE)
        return presence_describe_missed(out, channel->name, missed);
    return buffer_format(out,
                         "{\"type\":\"skipped\",\"channel\":\"%s\",\"missed\":%" PRIu64
                         ",\"offset\":%" PRIu64 "}",
                         channel->name, missed, subscription_offset(&seat->subscription));
}

void client_tell_skipped(struct client *client, const struct seat *seat, uint64_t missed) {
    struct buffer text = {0};
    enum error error = ERROR_NONE;
    if (client->kind == CLIENT_PLAIN)
        return;
    if (client->kind == CLIENT_EVENTS)
        error = buffer_append_text(&text, "event: skipped\ndata: ");
    if (error == ERROR_NONE)
        error = describe_skipped(seat, missed, &text);
    if (client->kind == CLIENT_JSON) {
        dialog_reply(client, &text, error);
        return;
    }
    if (error == ERROR_NONE)
        error = buffer_append_text(&text, "\n\n");
    if (error != ERROR_NONE || events_queue(client, buffer_bytes(&text)) != ERROR_NONE)
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
    buffer_fini(&text);
}
