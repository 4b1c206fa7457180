/*
 * What a client of the JSON subprotocol asks of channels' homes: publishing, history and state.
 * Each is one request, whose answer becomes the reply.
 */
#include <inttypes.h>

#include "dialog.h"
#include "digest/base64.h"
#include "request.h"
#include "target.h"

enum { HISTORY_USUAL = 100 };

/* ---- answers --------------------------------------------------------------------------------- */

static void finish_request(struct request *request, struct buffer *out, enum error error) {
    struct client *client = request->client;
    if (!transport_of(client)->stream.closing) {
        if (error == ERROR_NONE)
            error = dialog_append_id(out, request->has_id, request->id);
        if (error == ERROR_NONE)
            error = buffer_append_byte(out, '}');
        dialog_reply(client, out, error);
    }
    buffer_fini(out);
    if (request->source != NULL)
        dialog_try_to_leave(request->source);
    if (!transport_of(client)->stream.closing)
        client_serve(client);
    client_request_answered(client);
}

static void publish_answered(struct request *request) {
    struct buffer out = {0};
    enum error error;
    if (request->error == ERROR_NONE)
        error = buffer_format(&out,
                              "{\"type\":\"published\",\"channel\":\"%s\",\"epoch\":\"%016" PRIx64
                              "\",\"offset\":%" PRIu64,
                              (const char *)request->data, request->epoch, request->offset);
    else
        error = buffer_format(&out, "{\"type\":\"error\",\"code\":\"%s\",\"text\":\"%s\"",
                              dialog_code_of_error(request->error), error_text(request->error));
    finish_request(request, &out, error);
}

/* What stands in front of what the home has written. */
static enum error begin_answer(const struct request *request, struct buffer *out) {
    static const char *const types[] = {
        [REQUEST_STATE] = "state", [REQUEST_HISTORY] = "history", [REQUEST_PRESENCE] = "presence"};
    enum error error = buffer_format(out, "{\"type\":\"%s\",\"channel\":\"%s\",",
                                     types[request->kind], (const char *)request->data);
    if (error == ERROR_NONE && request->kind != REQUEST_PRESENCE)
        error = buffer_format(out, "\"epoch\":\"%016" PRIx64 "\",\"offset\":%" PRIu64 ",",
                              request->epoch, request->offset);
    if (error == ERROR_NONE && request->kind != REQUEST_STATE)
        error = buffer_format(out, "\"complete\":%s,", request->found ? "true" : "false");
    if (error == ERROR_NONE && request->kind == REQUEST_HISTORY)
        error = buffer_append_text(out, "\"messages\":");
    return error;
}

static void query_answered(struct request *request) {
    struct buffer out = {0};
    enum error error;
    if (request->error != ERROR_NONE) {
        error = buffer_format(&out, "{\"type\":\"error\",\"code\":\"%s\",\"text\":\"%s\"",
                              dialog_code_of_error(request->error), error_text(request->error));
    } else {
        error = begin_answer(request, &out);
        if (error == ERROR_NONE)
            error = buffer_append(&out, request->text.data, request->text.size);
    }
    finish_request(request, &out, error);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static struct request *ask(struct client *client, const struct command *command,
                           enum request_kind kind, struct bytes payload) {
    struct request *request = request_new(client, kind, command->channel, payload);
    if (request == NULL) {
        dialog_refuse(client, command, "no_memory", "out of memory");
        return NULL;
    }
    request->has_id = command->has_id;
    request->id = command->id;
    request->answered = kind == REQUEST_PUBLISH ? publish_answered : query_answered;
    return request;
}

static void send_request(struct client *client, struct request *request) {
    if (++client->pending >= UNANSWERED_MAX)
        transport_pause_receive(transport_of(client));
    request_send(request);
}

static void publish_payload(struct client *client, const struct command *command, bool binary,
                            struct bytes payload) {
    struct hub_worker *worker = worker_of(client);
    const struct channel_settings settings = dialog_settings_of(client, command->channel);
    struct dialog_seat *seat = dialog_find_seat(client, command->channel);
    counter_add(&worker->statistics.messages_received, 1);
    counter_add(&worker->statistics.bytes_received, payload.size);
    if (client_may_publish(client, &settings, command->channel) != ERROR_NONE) {
        dialog_refuse(client, command, "not_allowed", "publishing to this channel is not allowed");
        return;
    }
    struct request *request = ask(client, command, REQUEST_PUBLISH, payload);
    if (request == NULL)
        return;
    request->binary = binary;
    client_make_prefix(client, &settings, request->prefix);
    if (seat != NULL && seat->seat.subscription.state >= SUBSCRIPTION_IDLE)
        request->source = &seat->seat;
    send_request(client, request);
}

static void publish_base64(struct client *client, const struct command *command) {
    struct buffer decoded = {0};
    size_t size;
    if (buffer_reserve(&decoded, command->base64.size + 1) != ERROR_NONE)
        dialog_refuse(client, command, "no_memory", "out of memory");
    else if (!base64_decode(command->base64, decoded.data, decoded.capacity, &size))
        dialog_refuse(client, command, "bad_command", "base64 is not base64");
    else
        publish_payload(client, command, true, bytes_make(decoded.data, size));
    buffer_fini(&decoded);
}

void dialog_publish(struct client *client, const struct command *command) {
    if (command->has_text == command->has_base64)
        dialog_refuse(client, command, "bad_command", "a message has either text or base64");
    else if (worker_of(client)->quiet)
        dialog_refuse(client, command, "going_away", "the server is shutting down");
    else if (command->has_text)
        publish_payload(client, command, false, command->text);
    else
        publish_base64(client, command);
}

/* A question about a channel, for who may read it. */
static struct request *ask_about(struct client *client, const struct command *command,
                                 enum request_kind kind) {
    const struct channel_settings settings = dialog_settings_of(client, command->channel);
    if (client_may_subscribe(client, &settings, command->channel) != ERROR_NONE) {
        dialog_refuse(client, command, "not_allowed", "reading this channel is not allowed");
        return NULL;
    }
    if (kind == REQUEST_PRESENCE && !settings.presence) {
        dialog_refuse(client, command, "no_presence", "who is in this channel is not known");
        return NULL;
    }
    struct request *request = ask(client, command, kind, bytes_make(NULL, 0));
    if (request == NULL)
        return NULL;
    request->limit = HISTORY_USUAL;
    if (command->has_limit)
        request->limit =
            command->limit < REQUEST_LIMIT_MAX ? (unsigned)command->limit : REQUEST_LIMIT_MAX;
    return request;
}

void dialog_ask_for_history(struct client *client, const struct command *command) {
    uint64_t epoch = 0;
    if (command->epoch.size > 0 && !target_parse_epoch(command->epoch, &epoch)) {
        dialog_refuse(client, command, "bad_command", "the epoch is none");
        return;
    }
    struct request *request = ask_about(client, command, REQUEST_HISTORY);
    if (request == NULL)
        return;
    request->has_epoch = command->epoch.size > 0;
    request->epoch = epoch;
    request->since = command->offset;
    send_request(client, request);
}

void dialog_ask_for_state(struct client *client, const struct command *command) {
    struct request *request = ask_about(client, command, REQUEST_STATE);
    if (request != NULL)
        send_request(client, request);
}

void dialog_ask_for_presence(struct client *client, const struct command *command) {
    struct request *request = ask_about(client, command, REQUEST_PRESENCE);
    if (request != NULL)
        send_request(client, request);
}
