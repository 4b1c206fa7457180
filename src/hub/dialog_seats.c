/*
 * The subscriptions of a client of the JSON subprotocol.
 *   subscribe, watch   the channel is asked for a place
 *   dialog_joined      it has begun, or cannot
 *   try_to_leave       a subscription that was given up has nothing under way any more
 */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "dialog.h"
#include "target.h"

/* ---- seats ----------------------------------------------------------------------------------- */

/* A name has no NUL, so with the one behind it it is another key. */
static struct bytes key_of(const char *name, size_t size, bool watches) {
    return bytes_make(name, size + (watches ? 1 : 0));
}

static struct dialog_seat *find_seat(const struct client *client, struct bytes name, bool watches) {
    char key[CHANNEL_NAME_MAX + 1] = "";
    memcpy(key, name.data, name.size);
    struct map_node *node = map_find(&client->dialog->seats, key_of(key, name.size, watches));
    return node == NULL ? NULL : container_of(node, struct dialog_seat, node);
}

struct dialog_seat *dialog_find_seat(const struct client *client, struct bytes name) {
    return find_seat(client, name, false);
}

static struct dialog_seat *seat_new(struct client *client, const struct command *command,
                                    bool watches) {
    size_t size = command->channel.size;
    struct dialog_seat *seat = memory_allocate_zeroed(sizeof *seat + size + 1);
    if (seat == NULL)
        return NULL;
    seat->seat.client = client;
    list_init(&seat->turn);
    memcpy(seat->name, command->channel.data, size);
    seat->watches = watches;
    seat->has_id = command->has_id;
    seat->id = command->id;
    if (map_insert(&client->dialog->seats, &seat->node, key_of(seat->name, size, watches)) !=
        ERROR_NONE) {
        memory_free(seat);
        return NULL;
    }
    return seat;
}

static void seat_free(struct dialog_seat *seat) {
    struct client *client = seat->seat.client;
    if (client->dialog->current == &seat->seat)
        client->dialog->current = NULL;
    list_remove(&seat->turn);
    channel_unsubscribe(&seat->seat.subscription);
    map_remove(&client->dialog->seats, &seat->node);
    memory_free(seat);
}

enum error dialog_new(struct client *client) {
    client->dialog = memory_allocate_zeroed(sizeof *client->dialog);
    if (client->dialog == NULL)
        return ERROR_NO_MEMORY;
    list_init(&client->dialog->ready);
    client->dialog->id = worker_new_id(worker_of(client));
    return ERROR_NONE;
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

static void visit_seat(struct map_node *node, void *context) {
    void (**visit)(struct seat *seat) = context;
    (*visit)(&container_of(node, struct dialog_seat, node)->seat);
}

void dialog_visit_seats(struct client *client, void (*visit)(struct seat *seat)) {
    if (client->dialog != NULL)
        map_visit(&client->dialog->seats, visit_seat, &visit);
}

void dialog_make_ready(struct client *client) {
    dialog_visit_seats(client, seat_make_ready);
}

/* ---- subscribing ----------------------------------------------------------------------------- */

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

/* Is there room for one more, and may it read the channel? If not it is told. */
static bool may_sit(struct client *client, const struct command *command,
                    const struct channel_settings *settings) {
    struct hub_worker *worker = worker_of(client);
    if (client->dialog->seats.size >= worker->hub->options.max_subscriptions) {
        counter_add(&worker->statistics.subscriptions_over_limit, 1);
        dialog_refuse(client, command, "limit", "too many subscriptions");
        return false;
    }
    if (client_may_subscribe(client, settings, command->channel) != ERROR_NONE) {
        dialog_refuse(client, command, "not_allowed", "reading this channel is not allowed");
        return false;
    }
    return true;
}

static void take_seat(struct client *client, const struct command *command,
                      enum rendition_kind kind, const struct start *start) {
    struct dialog_seat *seat = seat_new(client, command, kind == RENDITION_PRESENCE);
    if (seat == NULL) {
        dialog_refuse(client, command, "no_memory", "out of memory");
        return;
    }
    seat->wanted_past = start->place == PLACE_AFTER;
    enum error error = channel_subscribe(worker_of(client), command->channel, kind, start,
                                         &seat->seat.subscription);
    if (error != ERROR_NONE) {
        dialog_refuse(client, command, dialog_code_of_error(error), error_text(error));
        seat_free(seat);
    }
}

void dialog_subscribe(struct client *client, const struct command *command) {
    const struct channel_settings settings = dialog_settings_of(client, command->channel);
    struct start start;
    if (find_seat(client, command->channel, false) != NULL)
        dialog_refuse(client, command, "already_subscribed", "this channel is subscribed to");
    else if (!may_sit(client, command, &settings))
        return;
    else if (!start_of(command, &start))
        dialog_refuse(client, command, "bad_command", "an offset needs its epoch");
    else
        take_seat(client, command, rendition_of(client), &start);
}

void dialog_watch(struct client *client, const struct command *command) {
    const struct channel_settings settings = dialog_settings_of(client, command->channel);
    const struct start head = {.place = PLACE_HEAD};
    if (find_seat(client, command->channel, true) != NULL)
        dialog_refuse(client, command, "already_subscribed", "this channel is watched");
    else if (!settings.presence)
        dialog_refuse(client, command, "no_presence", "who is in this channel is not known");
    else if (may_sit(client, command, &settings))
        take_seat(client, command, RENDITION_PRESENCE, &head);
}

static enum error describe_subscription(const struct dialog_seat *seat, struct buffer *out) {
    const struct subscription *subscription = &seat->seat.subscription;
    const struct channel *channel = subscription->channel;
    enum error error =
        buffer_format(out,
                      "{\"type\":\"subscribed\",\"channel\":\"%s\",\"epoch\":\"%016" PRIx64
                      "\",\"offset\":%" PRIu64,
                      seat->name, channel->home->epoch, subscription_offset(subscription));
    if (error == ERROR_NONE && seat->wanted_past)
        error = buffer_format(out, ",\"recovered\":%s", subscription->recovered ? "true" : "false");
    if (error == ERROR_NONE && channel->settings.presence)
        error = buffer_format(out, ",\"client\":\"%016" PRIx64 "\"", seat->seat.client->dialog->id);
    return error;
}

static void reply_joined(struct dialog_seat *seat) {
    struct buffer out = {0};
    enum error error =
        seat->watches ? buffer_format(&out, "{\"type\":\"watching\",\"channel\":\"%s\"", seat->name)
                      : describe_subscription(seat, &out);
    if (error == ERROR_NONE)
        error = dialog_append_id(&out, seat->has_id, seat->id);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&out, '}');
    dialog_reply(seat->seat.client, &out, error);
}

void dialog_joined(struct seat *seat, enum error error) {
    struct dialog_seat *own = dialog_seat_of(seat);
    struct client *client = seat->client;
    if (transport_of(client)->stream.closing)
        return; /* it is freed with all its seats */
    if (error != ERROR_NONE) {
        dialog_reply_error(client, own->has_id, own->id, dialog_code_of_error(error),
                           error == ERROR_LIMIT_REACHED ? "too many channels" : error_text(error));
        seat_free(own);
    } else {
        reply_joined(own);
        if (transport_of(client)->stream.closing)
            return;
        seat_make_ready(seat);
        dialog_try_to_leave(seat);
    }
    client_serve(client);
}

static void reply_left(struct client *client, const struct dialog_seat *seat) {
    struct buffer out = {0};
    enum error error = buffer_format(&out, "{\"type\":\"%s\",\"channel\":\"%s\"",
                                     seat->watches ? "unwatched" : "unsubscribed", seat->name);
    if (error == ERROR_NONE)
        error = dialog_append_id(&out, seat->has_id, seat->id);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&out, '}');
    dialog_reply(client, &out, error);
}

/* Not while its bytes are being sent, half a message is out, or its publish is unanswered. */
void dialog_try_to_leave(struct seat *seat) {
    struct dialog_seat *own = dialog_seat_of(seat);
    struct client *client = seat->client;
    bool busy = transport_of(client)->stream.closing || client->in_flight == seat ||
                seat->subscription.unanswered > 0 ||
                cursor_is_inside_message(&seat->subscription.cursor);
    if (!own->leaving || busy)
        return;
    reply_left(client, own);
    seat_free(own);
}

static void leave_seat(struct client *client, const struct command *command, bool watches,
                       const char *why_not) {
    struct dialog_seat *seat = find_seat(client, command->channel, watches);
    if (seat == NULL || seat->leaving) {
        dialog_refuse(client, command, "not_subscribed", why_not);
        return;
    }
    seat->has_id = command->has_id;
    seat->id = command->id;
    seat->leaving = true;
    dialog_try_to_leave(&seat->seat);
}

void dialog_unsubscribe(struct client *client, const struct command *command) {
    leave_seat(client, command, false, "this channel is not subscribed to");
}

void dialog_unwatch(struct client *client, const struct command *command) {
    leave_seat(client, command, true, "this channel is not watched");
}
