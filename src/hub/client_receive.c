/* What a client sends us: messages that are published, pings that are answered, a close. */
#include "client_internal.h"

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "ws/frame_encode.h"

enum {
    OUTPUT_QUEUE_MAX = 4096,    /* of pongs to one who does not read them */
    INFLATED_KEPT = 128 * 1024, /* bytes of memory between messages */
};

/* ---- compressed messages --------------------------------------------------------------------- */

void client_free_deflate(struct client *client) {
    if (client->deflate == NULL)
        return;
    buffer_fini(&client->deflate->window);
    memory_free(client->deflate);
    client->deflate = NULL;
}

/* The message's text or bytes, valid until the worker inflates again. */
static enum error inflate_message(struct client *client, struct message *message, bool text) {
    struct hub_worker *worker = worker_of(client);
    const struct ws_deflate *agreed = &client->deflate->agreed;
    const struct ws_inflate_limits limits = {message_reader_max_size(&client->reader),
                                             worker->hub->options.limits.inflate_ratio};
    if (worker->inflater == NULL)
        worker->inflater = ws_inflater_new();
    if (worker->inflater == NULL)
        return ERROR_NO_MEMORY;
    if (worker->inflated.capacity > INFLATED_KEPT)
        buffer_fini(&worker->inflated);
    enum error error = ws_inflater_message(
        worker->inflater, agreed, message->payload, limits,
        agreed->client_no_context_takeover ? NULL : &client->deflate->window, &worker->inflated);
    if (error == ERROR_WS_INFLATE_RATIO)
        counter_add(&worker->statistics.messages_too_dense, 1);
    if (error != ERROR_NONE)
        return error;
    counter_add(&worker->statistics.bytes_compressed, message->payload.size);
    counter_add(&worker->statistics.bytes_inflated, worker->inflated.size);
    message->payload = buffer_bytes(&worker->inflated);
    return text && !utf8_is_valid(message->payload) ? ERROR_WS_NOT_UTF8 : ERROR_NONE;
}

/* ---- what comes ------------------------------------------------------------------------------ */

void client_make_prefix(const struct client *client, const struct channel_settings *settings,
                        char prefix[CLIENT_PREFIX_SIZE]) {
    prefix[0] = '\0';
    if (!settings->prefix || settings->echo)
        return;
    prefix[0] = '[';
    size_t size = address_format_host(&client->address, prefix + 1);
    memcpy(prefix + 1 + size, "] ", 3);
}

static void publish(struct client *client, bool binary, struct bytes payload) {
    struct hub_worker *worker = worker_of(client);
    struct channel *channel = client->seat.subscription.channel;
    char prefix[CLIENT_PREFIX_SIZE];
    if (worker->quiet)
        return;
    counter_add(&worker->statistics.messages_received, 1);
    counter_add(&worker->statistics.bytes_received, payload.size);
    enum error error = client_may_publish(client, &channel->settings, bytes_of(channel->name));
    if (error != ERROR_NONE) {
        client_close(client, error == ERROR_TOKEN_EXPIRED ? CLOSE_REASON_TOKEN_EXPIRED
                                                          : CLOSE_REASON_NOT_ALLOWED);
        return;
    }
    client_make_prefix(client, &channel->settings, prefix);
    if (channel_publish(channel, &client->seat.subscription, bytes_of(prefix), binary, payload) !=
        ERROR_NONE)
        client_close(client, CLOSE_REASON_NO_MEMORY);
    if (client->seat.subscription.unanswered >= UNANSWERED_MAX)
        transport_pause_receive(transport_of(client));
}

static void answer_ping(struct client *client, struct bytes payload) {
    uint8_t frame[FRAME_CONTROL_MAX];
    size_t size = frame_encode_control(frame, FRAME_PONG, payload, NULL);
    if (client_queue_output(client, frame, size) != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
        return;
    }
    /* one who floods us and reads nothing is not read either, until its pongs are out */
    if (client->output->queued.size > OUTPUT_QUEUE_MAX)
        transport_pause_receive(transport_of(client));
    client_serve(client);
}

/* The peer's close frame: answered with the same code, as RFC 6455 section 5.5.1 advises. */
static void peer_closed(struct client *client, uint16_t code) {
    client->peer_closed = true;
    if (client->state == CLIENT_CLOSING)
        client_serve(client);
    else
        client_close_with_code(client, CLOSE_REASON_PEER_CLOSED, code);
}

/* RFC 6455 section 7.1.7. */
static void fail(struct client *client, enum error error) {
    client_close(client, close_reason_of_error(error));
    client->peer_closed = true; /* nothing more of it is read */
}

static void handle_message(struct client *client, bool text, struct message *message) {
    enum error error = ERROR_NONE;
    if (client->state != CLIENT_OPEN)
        return;
    if (client_message_too_fast(client)) {
        client_close(client, CLOSE_REASON_MESSAGE_RATE);
        return;
    }
    if (message->reserved != 0)
        error = inflate_message(client, message, text);
    if (error == ERROR_NONE && client->kind == CLIENT_JSON)
        dialog_handle_message(client, text, message->payload);
    else if (error == ERROR_NONE)
        publish(client, !text, message->payload);
    else
        fail(client, error);
}

/* A pong that was asked for is no more than polite; any other one counts as a ping does. */
static void handle_control(struct client *client, enum message_event event, struct bytes payload) {
    bool awaited = event == MESSAGE_PONG && client->ping_sent;
    if (client->state >= CLIENT_CLOSING)
        return;
    if (!awaited && client_control_too_fast(client))
        client_close(client, CLOSE_REASON_CONTROL_RATE);
    else if (event == MESSAGE_PING)
        answer_ping(client, payload);
    else if (awaited)
        client_schedule_ping(client);
}

static void handle(struct client *client, enum message_event event, struct message *message) {
    switch (event) {
    case MESSAGE_TEXT:
    case MESSAGE_BINARY:
        handle_message(client, event == MESSAGE_TEXT, message);
        break;
    case MESSAGE_PING:
    case MESSAGE_PONG:
        handle_control(client, event, message->payload);
        break;
    case MESSAGE_CLOSE:
        peer_closed(client, message->code);
        break;
    case MESSAGE_FAILED:
        fail(client, message->error);
        break;
    case MESSAGE_NEEDS_MORE:
        break;
    }
}

void client_received(struct transport *transport, uint8_t *data, size_t size) {
    struct client *client = client_of(transport);
    struct message message;
    enum message_event event;
    if (client->kind == CLIENT_EVENTS)
        return; /* nothing is expected behind the request */
    if (client_bytes_too_fast(client, size))
        client_close(client, CLOSE_REASON_MESSAGE_RATE);
    while ((event = message_next(&client->reader, &data, &size, &message)) != MESSAGE_NEEDS_MORE) {
        handle(client, event, &message);
        if (transport->stream.closing)
            return;
    }
}

/* A peer that failed the protocol gets our close frame but need not answer it: its end of the
 * stream is as good. */
void client_ended(struct transport *transport, enum error error) {
    struct client *client = client_of(transport);
    client_note_reason(client, error == ERROR_END_OF_STREAM ? CLOSE_REASON_PEER_GONE
                                                            : CLOSE_REASON_CONNECTION_LOST);
    transport_close(transport);
}
