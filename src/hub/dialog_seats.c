/*
 * The subscriptions of a client of the JSON subprotocol, and how they take turns.
 *   subscribe       the channel is asked for a place
 *   dialog_joined   it has begun, or cannot
 *   dialog_next     whose bytes go out next
 *   try_to_leave    a subscription that was given up has nothing under way any more
 */
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "dialog.h"
#include "target.h"

enum { FAIR_SHARE = 64 * 1024 }; /* bytes of a seat's turn where others wait */

/* ---- seats ---------------------------------------------------------------------------------- */

static struct dialog_seat *dialog_seat_of(struct seat *seat) {
    return container_of(seat, struct dialog_seat, seat);
}

struct dialog_seat *dialog_find_seat(const struct client *client, struct bytes name) {
    struct map_node *node = map_find(&client->dialog->seats, name);
    return node == NULL ? NULL : container_of(node, struct dialog_seat, node);
}

static struct dialog_seat *seat_new(struct client *client, const struct command *command) {
    size_t size = command->channel.size;
    struct dialog_seat *seat = memory_allocate_zeroed(sizeof *seat + size + 1);
    if (seat == NULL)
        return NULL;
    seat->seat.client = client;
    list_init(&seat->turn);
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

static void make_ready(struct map_node *node, void *context) {
    (void)context;
    seat_make_ready(&container_of(node, struct dialog_seat, node)->seat);
}

void dialog_make_ready(struct client *client) {
    if (client->dialog != NULL)
        map_visit(&client->dialog->seats, make_ready, NULL);
}

/* ---- turns ---------------------------------------------------------------------------------- */

void dialog_seat_ready(struct seat *seat) {
    struct dialog_seat *own = dialog_seat_of(seat);
    if (!list_is_linked(&own->turn))
        list_append(&seat->client->dialog->ready, &own->turn);
}

static bool is_alone(const struct dialog_seat *seat) {
    return seat->turn.next == seat->turn.previous && list_is_linked(&seat->turn);
}

/* The next range of who has waited longest. Where others wait too it is a bounded one. */
static struct bytes take_turn(struct dialog *dialog) {
    while (!list_is_empty(&dialog->ready)) {
        struct dialog_seat *next = container_of(dialog->ready.next, struct dialog_seat, turn);
        bool alone = is_alone(next);
        struct bytes range = {0};
        if (!next->leaving)
            range = seat_next_range(&next->seat);
        list_remove(&next->turn);
        if (range.size > 0) {
            list_append(&dialog->ready, &next->turn);
            dialog->current = &next->seat;
            return bytes_make(range.data,
                              !alone && range.size > FAIR_SHARE ? FAIR_SHARE : range.size);
        }
        subscription_set_busy(&next->seat.subscription, false);
    }
    return (struct bytes){0};
}

struct bytes dialog_next(struct client *client, bool only_finish, struct seat **seat) {
    struct dialog *dialog = client->dialog;
    struct bytes range = {0};
    const struct dialog_seat *current =
        dialog->current == NULL ? NULL : dialog_seat_of(dialog->current);
    if (current != NULL && cursor_is_inside_message(&current->seat.subscription.cursor) &&
        (only_finish || current->leaving || !is_alone(current)))
        range = cursor_rest_of_message(&current->seat.subscription.cursor);
    else if (!only_finish)
        range = take_turn(dialog);
    *seat = dialog->current;
    return range;
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

void dialog_subscribe(struct client *client, const struct command *command) {
    struct hub_worker *worker = worker_of(client);
    struct start start;
    if (dialog_find_seat(client, command->channel) != NULL) {
        dialog_refuse(client, command, "already_subscribed", "this channel is subscribed to");
        return;
    }
    if (client->dialog->seats.size >= worker->hub->options.max_subscriptions) {
        counter_add(&worker->statistics.subscriptions_over_limit, 1);
        dialog_refuse(client, command, "limit", "too many subscriptions");
        return;
    }
    const struct hub_options *options = &worker->hub->options;
    const struct channel_settings settings =
        options->channel_settings(options->context, command->channel);
    if (client_may_subscribe(client, &settings, command->channel) != ERROR_NONE) {
        dialog_refuse(client, command, "not_allowed", "reading this channel is not allowed");
        return;
    }
    if (!start_of(command, &start)) {
        dialog_refuse(client, command, "bad_command", "an offset needs its epoch");
        return;
    }
    struct dialog_seat *seat = seat_new(client, command);
    if (seat == NULL) {
        dialog_refuse(client, command, "no_memory", "out of memory");
        return;
    }
    seat->wanted_past = start.place == PLACE_AFTER;
    enum error error = channel_subscribe(worker, command->channel, rendition_of(client), &start,
                                         &seat->seat.subscription);
    if (error != ERROR_NONE) {
        dialog_refuse(client, command, dialog_code_of_error(error), error_text(error));
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
        reply_subscribed(own);
        if (transport_of(client)->stream.closing)
            return;
        seat_make_ready(seat);
        dialog_try_to_leave(seat);
    }
    client_serve(client);
}

static void reply_unsubscribed(struct client *client, const struct dialog_seat *seat) {
    struct buffer out = {0};
    enum error error =
        buffer_format(&out, "{\"type\":\"unsubscribed\",\"channel\":\"%s\"", seat->name);
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
    reply_unsubscribed(client, own);
    seat_free(own);
}

void dialog_unsubscribe(struct client *client, const struct command *command) {
    struct dialog_seat *seat = dialog_find_seat(client, command->channel);
    if (seat == NULL || seat->leaving) {
        dialog_refuse(client, command, "not_subscribed", "this channel is not subscribed to");
        return;
    }
    seat->has_id = command->has_id;
    seat->id = command->id;
    seat->leaving = true;
    dialog_try_to_leave(&seat->seat);
}
