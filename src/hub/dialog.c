/*
 * The JSON subprotocol: commands come as text messages, and each has one reply, in the order in
 * which they are done. A bad command is answered with an error and harms nothing else.
 *   handle_message    a command is read and carried out
 *   dialog_joined    a subscription has begun, or cannot
 *   ..._answered      a channel's home has answered a publish or a query
 *   try_to_leave      a subscription that was given up has nothing under way any more
 */
#include "dialog.h"

#include <inttypes.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "command.h"
#include "digest/base64.h"
#include "request.h"
#include "target.h"
#include "ws/frame_encode.h"

enum { HISTORY_USUAL = 100, REPLIES_MAX = 256 * 1024 };

/* ---- replies -------------------------------------------------------------------------------- */

/* Appends `,"id":7` where the command had one. */
static enum error append_id(struct buffer *out, bool has_id, uint64_t id) {
    return has_id ? buffer_format(out, ",\"id\":%" PRIu64, id) : ERROR_NONE;
}

/* Who cannot be answered for want of memory is closed: it would wait for ever. One who commands and
 * reads no replies is not read either, until they are out. */
static void reply(struct client *client, struct buffer *text, enum error error) {
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

static void reply_error(struct client *client, bool has_id, uint64_t id, const char *code,
                        const char *text) {
    struct buffer out = {0};
    enum error error = buffer_format(&out, "{\"type\":\"error\",\"code\":\"%s\"", code);
    if (error == ERROR_NONE)
        error = append_id(&out, has_id, id);
    if (error == ERROR_NONE)
        error = buffer_format(&out, ",\"text\":\"%s\"}", text);
    reply(client, &out, error);
}

static void refuse(struct client *client, const struct command *command, const char *code,
                   const char *text) {
    reply_error(client, command->has_id, command->id, code, text);
}

static const char *code_of_error(enum error error) {
    if (error == ERROR_LIMIT_REACHED)
        return "limit";
    return error == ERROR_PERMISSION_DENIED ? "not_allowed" : "no_memory";
}

/* ---- seats ---------------------------------------------------------------------------------- */

static struct dialog_seat *dialog_seat_of(struct seat *seat) {
    return container_of(seat, struct dialog_seat, seat);
}

static struct dialog_seat *find_seat(const struct client *client, struct bytes name) {
    struct map_node *node = map_find(&client->dialog->seats, name);
    return node == NULL ? NULL : container_of(node, struct dialog_seat, node);
}

static struct dialog_seat *seat_new(struct client *client, const struct command *command) {
    size_t size = command->channel.size;
    struct dialog_seat *seat = memory_allocate_zeroed(sizeof *seat + size + 1);
    if (seat == NULL)
        return NULL;
    seat_init(&seat->seat, client);
    memcpy(seat->name, command->channel.data, size);
    seat->has_id = command->has_id;
    seat->id = command->id;
    if (map_insert(&client->dialog->seats, &seat->node, bytes_make(seat->name, size)) !=
        ERROR_NONE) {
        memory_free(seat);
        return NULL;
    }
    return seat;
}

static void seat_free(struct dialog_seat *seat) {
    struct client *client = seat->seat.client;
    if (client->current == &seat->seat)
        client->current = NULL;
    list_remove(&seat->seat.turn);
    channel_unsubscribe(&seat->seat.subscription);
    map_remove(&client->dialog->seats, &seat->node);
    memory_free(seat);
}

enum error dialog_new(struct client *client) {
    client->dialog = memory_allocate_zeroed(sizeof *client->dialog);
    return client->dialog != NULL ? ERROR_NONE : ERROR_NO_MEMORY;
}

void dialog_free(struct client *client) {
    struct map_node *node;
    if (client->dialog == NULL)
        return;
    while ((node = map_any(&client->dialog->seats)) != NULL)
        seat_free(container_of(node, struct dialog_seat, node));
    map_fini(&client->dialog->seats);
    memory_free(client->dialog);
    client->dialog = NULL;
}

static void make_ready(struct map_node *node, void *context) {
    (void)context;
    seat_make_ready(&container_of(node, struct dialog_seat, node)->seat);
}

void dialog_make_ready(struct client *client) {
    if (client->dialog != NULL)
        map_visit(&client->dialog->seats, make_ready, NULL);
}

void client_tell_skipped(struct client *client, const struct seat *seat, uint64_t missed) {
    struct buffer text = {0};
    if (client->kind == CLIENT_PLAIN)
        return;
    enum error error = buffer_format(
        &text,
        "%s{\"type\":\"skipped\",\"channel\":\"%s\",\"missed\":%" PRIu64 ",\"offset\":%" PRIu64
        "}%s",
        client->kind == CLIENT_EVENTS ? "event: skipped\ndata: " : "",
        seat->subscription.channel->name, missed, subscription_offset(&seat->subscription),
        client->kind == CLIENT_EVENTS ? "\n\n" : "");
    if (client->kind == CLIENT_JSON) {
        reply(client, &text, error);
        return;
    }
    if (error != ERROR_NONE || client_queue_output(client, text.data, text.size) != ERROR_NONE)
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
    buffer_fini(&text);
}

/* ---- subscribing ---------------------------------------------------------------------------- */

static bool start_of(const struct command *command, struct start *start) {
    *start = (struct start){.place = PLACE_HEAD};
    if (command->has_offset) {
        start->place = PLACE_AFTER;
        start->offset = command->offset;
        return target_parse_epoch(command->epoch, &start->epoch);
    }
    if (command->has_last) {
        start->place = PLACE_LAST;
        start->count = command->last;
    }
    return true;
}

static enum rendition_kind rendition_of(const struct client *client) {
    return client->deflate != NULL && ws_deflate_takes_ours(&client->deflate->agreed)
               ? RENDITION_JSON_DEFLATED
               : RENDITION_JSON;
}

static void subscribe(struct client *client, const struct command *command) {
    struct hub_worker *worker = worker_of(client);
    struct start start;
    if (find_seat(client, command->channel) != NULL) {
        refuse(client, command, "already_subscribed", "this channel is subscribed to");
        return;
    }
    if (client->dialog->seats.size >= worker->hub->options.max_subscriptions) {
        counter_add(&worker->statistics.subscriptions_over_limit, 1);
        refuse(client, command, "limit", "too many subscriptions");
        return;
    }
    const struct hub_options *options = &worker->hub->options;
    const struct channel_settings settings =
        options->channel_settings(options->context, command->channel);
    if (client_may_subscribe(client, &settings, command->channel) != ERROR_NONE) {
        refuse(client, command, "not_allowed", "reading this channel is not allowed");
        return;
    }
    if (!start_of(command, &start)) {
        refuse(client, command, "bad_command", "an offset needs its epoch");
        return;
    }
    struct dialog_seat *seat = seat_new(client, command);
    if (seat == NULL) {
        refuse(client, command, "no_memory", "out of memory");
        return;
    }
    seat->wanted_past = start.place == PLACE_AFTER;
    enum error error = channel_subscribe(worker, command->channel, rendition_of(client), &start,
                                         &seat->seat.subscription);
    if (error != ERROR_NONE) {
        refuse(client, command, code_of_error(error), error_text(error));
        seat_free(seat);
    }
}

static void reply_subscribed(struct dialog_seat *seat) {
    const struct subscription *subscription = &seat->seat.subscription;
    struct buffer out = {0};
    enum error error = buffer_format(
        &out,
        "{\"type\":\"subscribed\",\"channel\":\"%s\",\"epoch\":\"%016" PRIx64
        "\",\"offset\":%" PRIu64,
        seat->name, subscription->channel->home->epoch, subscription_offset(subscription));
    if (error == ERROR_NONE && seat->wanted_past)
        error =
            buffer_format(&out, ",\"recovered\":%s", subscription->recovered ? "true" : "false");
    if (error == ERROR_NONE)
        error = append_id(&out, seat->has_id, seat->id);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&out, '}');
    reply(seat->seat.client, &out, error);
}

void dialog_joined(struct seat *seat, enum error error) {
    struct dialog_seat *own = dialog_seat_of(seat);
    struct client *client = seat->client;
    if (transport_of(client)->stream.closing)
        return; /* it is freed with all its seats */
    if (error != ERROR_NONE) {
        reply_error(client, own->has_id, own->id, code_of_error(error),
                    error == ERROR_LIMIT_REACHED ? "too many channels" : error_text(error));
        seat_free(own);
    } else {
        reply_subscribed(own);
        if (transport_of(client)->stream.closing)
            return;
        seat_make_ready(seat);
        if (seat->leaving)
            dialog_try_to_leave(seat);
    }
    client_serve(client);
}

static void reply_unsubscribed(struct client *client, const struct dialog_seat *seat) {
    struct buffer out = {0};
    enum error error =
        buffer_format(&out, "{\"type\":\"unsubscribed\",\"channel\":\"%s\"", seat->name);
    if (error == ERROR_NONE)
        error = append_id(&out, seat->has_id, seat->id);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&out, '}');
    reply(client, &out, error);
}

/* Not while its bytes are being sent, half a message is out, or its publish is unanswered. */
void dialog_try_to_leave(struct seat *seat) {
    struct dialog_seat *own = dialog_seat_of(seat);
    struct client *client = seat->client;
    bool busy = transport_of(client)->stream.closing || client->in_flight == seat ||
                seat->subscription.unanswered > 0 ||
                cursor_is_inside_message(&seat->subscription.cursor);
    if (!seat->leaving || busy)
        return;
    reply_unsubscribed(client, own);
    seat_free(own);
}

static void unsubscribe(struct client *client, const struct command *command) {
    struct dialog_seat *seat = find_seat(client, command->channel);
    if (seat == NULL || seat->seat.leaving) {
        refuse(client, command, "not_subscribed", "this channel is not subscribed to");
        return;
    }
    seat->has_id = command->has_id;
    seat->id = command->id;
    seat->seat.leaving = true;
    dialog_try_to_leave(&seat->seat);
}

/* ---- publishing and asking ------------------------------------------------------------------ */

static void finish_request(struct request *request, struct buffer *out, enum error error) {
    struct client *client = request->client;
    if (!transport_of(client)->stream.closing) {
        if (error == ERROR_NONE)
            error = append_id(out, request->has_id, request->id);
        if (error == ERROR_NONE)
            error = buffer_append_byte(out, '}');
        reply(client, out, error);
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
                              code_of_error(request->error), error_text(request->error));
    finish_request(request, &out, error);
}

static void query_answered(struct request *request) {
    struct buffer out = {0};
    bool history = request->kind == REQUEST_HISTORY;
    enum error error = request->error;
    if (error == ERROR_NONE)
        error = buffer_format(&out,
                              "{\"type\":\"%s\",\"channel\":\"%s\",\"epoch\":\"%016" PRIx64
                              "\",\"offset\":%" PRIu64 ",",
                              history ? "history" : "state", (const char *)request->data,
                              request->epoch, request->offset);
    if (error == ERROR_NONE && history)
        error =
            buffer_format(&out, "\"complete\":%s,\"messages\":", request->found ? "true" : "false");
    if (error == ERROR_NONE)
        error = buffer_append(&out, request->text.data, request->text.size);
    if (request->error != ERROR_NONE)
        error = buffer_format(&out, "{\"type\":\"error\",\"code\":\"%s\",\"text\":\"%s\"",
                              code_of_error(request->error), error_text(request->error));
    finish_request(request, &out, error);
}

static struct request *ask(struct client *client, const struct command *command,
                           enum request_kind kind, struct bytes payload) {
    struct request *request = request_new(client, kind, command->channel, payload);
    if (request == NULL) {
        refuse(client, command, "no_memory", "out of memory");
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
    const struct hub_options *options = &worker->hub->options;
    const struct channel_settings settings =
        options->channel_settings(options->context, command->channel);
    struct dialog_seat *seat = find_seat(client, command->channel);
    counter_add(&worker->statistics.messages_received, 1);
    counter_add(&worker->statistics.bytes_received, payload.size);
    if (client_may_publish(client, &settings, command->channel) != ERROR_NONE) {
        refuse(client, command, "not_allowed", "publishing to this channel is not allowed");
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
        refuse(client, command, "no_memory", "out of memory");
    else if (!base64_decode(command->base64, decoded.data, decoded.capacity, &size))
        refuse(client, command, "bad_command", "base64 is not base64");
    else
        publish_payload(client, command, true, bytes_make(decoded.data, size));
    buffer_fini(&decoded);
}

static void publish(struct client *client, const struct command *command) {
    if (command->has_text == command->has_base64)
        refuse(client, command, "bad_command", "a message has either text or base64");
    else if (worker_of(client)->quiet)
        refuse(client, command, "going_away", "the server is shutting down");
    else if (command->has_text)
        publish_payload(client, command, false, command->text);
    else
        publish_base64(client, command);
}

static void ask_for_history(struct client *client, const struct command *command) {
    uint64_t epoch = 0;
    if (command->epoch.size > 0 && !target_parse_epoch(command->epoch, &epoch)) {
        refuse(client, command, "bad_command", "the epoch is none");
        return;
    }
    struct request *request = ask(client, command, REQUEST_HISTORY, bytes_make(NULL, 0));
    if (request == NULL)
        return;
    request->has_epoch = command->epoch.size > 0;
    request->epoch = epoch;
    request->since = command->offset;
    request->limit = HISTORY_USUAL;
    if (command->has_limit)
        request->limit =
            command->limit < REQUEST_HISTORY_MAX ? (unsigned)command->limit : REQUEST_HISTORY_MAX;
    send_request(client, request);
}

static void ask_for_state(struct client *client, const struct command *command) {
    struct request *request = ask(client, command, REQUEST_STATE, bytes_make(NULL, 0));
    if (request != NULL)
        send_request(client, request);
}

static void answer_ping(struct client *client, const struct command *command) {
    struct buffer out = {0};
    enum error error = buffer_append_text(&out, "{\"type\":\"pong\"");
    if (error == ERROR_NONE)
        error = append_id(&out, command->has_id, command->id);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&out, '}');
    reply(client, &out, error);
}

/* ---- commands ------------------------------------------------------------------------------- */

struct verb {
    const char *type;
    bool needs_channel;
    void (*run)(struct client *client, const struct command *command);
};

static const struct verb verbs[] = {
    {"subscribe", true, subscribe}, {"unsubscribe", true, unsubscribe},
    {"publish", true, publish},     {"history", true, ask_for_history},
    {"state", true, ask_for_state}, {"ping", false, answer_ping},
};

static void run(struct client *client, const struct command *command) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!bytes_equal(command->type, bytes_of(verbs[i].type)))
            continue;
        if (verbs[i].needs_channel && !hub_worker_takes_name(worker_of(client), command->channel))
            refuse(client, command, "bad_channel", "this cannot be a channel's name");
        else
            verbs[i].run(client, command);
        return;
    }
    refuse(client, command, "bad_command", "there is no such type of command");
}

void dialog_handle_message(struct client *client, bool text, struct bytes payload) {
    struct command command;
    const char *fault = text ? command_read(payload, &command) : "a command is a text message";
    if (fault != NULL) {
        reply_error(client, false, 0, "bad_command", fault);
    } else {
        run(client, &command);
        command_fini(&command);
    }
    if (!transport_of(client)->stream.closing)
        client_serve(client);
}
