/*
 * What a client is sent: one send after another, its own output or a range of the log, and what
 * becomes of a client that reads too slowly.
 */
#include "client_internal.h"

#include "base/clock.h"
#include "base/memory.h"

enum {
    REST_MAX = 64 * 1024,   /* of a half-sent message that is still sent to one who is closed */
    FAIR_SHARE = 64 * 1024, /* bytes of a seat's turn where others wait */
};

/* ---- its own output ------------------------------------------------------------------------- */

enum error client_queue_output(struct client *client, const void *data, size_t size) {
    if (client->output == NULL) {
        client->output = memory_allocate_zeroed(sizeof *client->output);
        if (client->output == NULL)
            return ERROR_NO_MEMORY;
    }
    return buffer_append(&client->output->queued, data, size);
}

enum error client_queue_head(struct client *client, const struct http_response_head *response) {
    struct http_response_head dated = *response;
    struct buffer head = {0};
    dated.date = (int64_t)(ring_wall(worker_of(client)->loop->ring) / SECOND);
    enum error error = http_write_response(&head, &dated);
    if (error == ERROR_NONE)
        error = client_queue_output(client, head.data, head.size);
    buffer_fini(&head);
    return error;
}

bool client_has_output(const struct client *client) {
    return client->output != NULL &&
           (client->output->queued.size > 0 || client->output->sent < client->output->sending.size);
}

static void send_output(struct client *client) {
    struct client_output *output = client->output;
    if (output->sent == output->sending.size) {
        buffer_fini(&output->sending);
        output->sending = output->queued;
        output->queued = (struct buffer){0};
        output->sent = 0;
        if (client->seat.subscription.unanswered < UNANSWERED_MAX &&
            client->pending < UNANSWERED_MAX)
            transport_start_receive(transport_of(client)); /* see answer_ping() */
    }
    client->in_flight = NULL;
    transport_send(transport_of(client), output->sending.data + output->sent,
                   output->sending.size - output->sent);
}

void client_free_output(struct client *client) {
    if (client->output == NULL)
        return;
    buffer_fini(&client->output->sending);
    buffer_fini(&client->output->queued);
    memory_free(client->output);
    client->output = NULL;
}

/* ---- sending -------------------------------------------------------------------------------- */

void seat_make_ready(struct seat *seat) {
    if (seat->subscription.state < SUBSCRIPTION_IDLE)
        return;
    subscription_set_busy(&seat->subscription, true);
    if (!list_is_linked(&seat->turn))
        list_append(&seat->client->ready, &seat->turn);
}

static bool is_half_sent(const struct seat *seat) {
    return seat != NULL && cursor_is_inside_message(&seat->subscription.cursor);
}

static bool is_alone(const struct seat *seat) {
    return seat->turn.next == seat->turn.previous && list_is_linked(&seat->turn);
}

/* Of the newest message only, if the channel wants it so. */
static void conflate(struct client *client, struct seat *seat) {
    if (seat->subscription.channel->settings.slow_reader != SLOW_READER_LATEST || seat->leaving)
        return;
    uint64_t missed = subscription_jump(&seat->subscription);
    if (missed == 0)
        return;
    counter_add(&worker_of(client)->statistics.skipped, missed);
    client_tell_skipped(client, seat, missed);
}

/* The next range of who has waited longest. Where others wait too it is a bounded one. */
static struct bytes take_turn(struct client *client) {
    while (!list_is_empty(&client->ready)) {
        struct seat *seat = container_of(client->ready.next, struct seat, turn);
        struct bytes range = {0};
        if (!seat->leaving) {
            conflate(client, seat);
            range = subscription_range(&seat->subscription);
        }
        if (range.size > 0) {
            bool others = !is_alone(seat);
            list_remove(&seat->turn);
            list_append(&client->ready, &seat->turn);
            client->current = seat;
            return bytes_make(range.data,
                              others && range.size > FAIR_SHARE ? FAIR_SHARE : range.size);
        }
        list_remove(&seat->turn);
        subscription_set_busy(&seat->subscription, false);
    }
    return (struct bytes){0};
}

/* What comes next from the logs: the rest of a message when something else waits to go out. */
static struct bytes next_of_log(struct client *client) {
    struct seat *current = client->current;
    bool only_finish = client->state >= CLIENT_CLOSING || client_has_output(client);
    if (is_half_sent(current) && (only_finish || current->leaving || !is_alone(current)))
        return cursor_rest_of_message(&current->subscription.cursor);
    return only_finish ? (struct bytes){0} : take_turn(client);
}

/* Everything that it asked for has been answered. */
bool client_is_settled(const struct client *client) {
    return client->pending == 0 && client->seat.subscription.unanswered == 0;
}

static void nothing_to_send(struct client *client) {
    if (client->state == CLIENT_FLUSHING && client_is_settled(client))
        client_close(client, client->reason);
    else if (client->state == CLIENT_CLOSING && client->peer_closed)
        client_finish_closing(client);
}

void client_serve(struct client *client) {
    if (transport_is_sending(transport_of(client)) || transport_of(client)->stream.closing)
        return;
    struct bytes range = next_of_log(client);
    client->send_started = worker_of(client)->loop->now;
    if (client_has_output(client) && !is_half_sent(client->current)) {
        send_output(client); /* it may be what a seat had to say before its range */
    } else if (range.size > 0) {
        client->in_flight = client->current;
        counter_add(&worker_of(client)->statistics.sends, 1);
        transport_send(transport_of(client), range.data, range.size);
    } else {
        client_free_output(client);
        nothing_to_send(client);
    }
}

/* ---- slow readers --------------------------------------------------------------------------- */

static enum slow_reader_policy policy_of(const struct seat *seat) {
    return seat->subscription.channel->settings.slow_reader;
}

/* Moves the rest of a half-sent message in front of the output, so that the log's segment is free.
 */
static enum error keep_rest(struct client *client, struct seat *seat) {
    struct subscription *subscription = &seat->subscription;
    if (!cursor_is_inside_message(&subscription->cursor))
        return ERROR_NONE;
    struct bytes rest = cursor_rest_of_message(&subscription->cursor);
    if (client->state != CLIENT_OPEN ||
        (policy_of(seat) == SLOW_READER_CLOSE && rest.size > REST_MAX))
        return ERROR_LIMIT_REACHED;
    struct buffer queued = {0};
    if (client->output != NULL) {
        queued = client->output->queued;
        client->output->queued = (struct buffer){0};
    }
    enum error error = client_queue_output(client, rest.data, rest.size);
    if (error == ERROR_NONE)
        error = client_queue_output(client, queued.data, queued.size);
    buffer_fini(&queued);
    if (error == ERROR_NONE) /* the message goes out whole, so it counts as delivered */
        counter_add(&worker_of(client)->statistics.deliveries,
                    subscription_sent(subscription, rest.size));
    return error;
}

/* No send from this seat's log is in flight. */
static void apply_slow_policy(struct client *client, struct seat *seat) {
    struct hub_worker *worker = worker_of(client);
    client->fallen_behind = false;
    counter_add(&worker->statistics.slow_readers, 1);
    if (keep_rest(client, seat) != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_SLOW_READER);
        return;
    }
    uint64_t missed = subscription_skip(&seat->subscription);
    counter_add(&worker->statistics.skipped, missed);
    if (policy_of(seat) == SLOW_READER_CLOSE && client->state < CLIENT_CLOSING) {
        client_close(client, CLOSE_REASON_SLOW_READER);
        return;
    }
    if (missed > 0 && client->state == CLIENT_OPEN)
        client_tell_skipped(client, seat, missed);
    client_serve(client);
}

static bool is_in_flight(const struct client *client, const struct seat *seat) {
    return client->in_flight == seat && transport_is_sending(&client->connection.transport);
}

void client_fell_behind(struct subscription *subscription) {
    struct seat *seat = seat_of(subscription);
    struct client *client = seat->client;
    bool sending = is_in_flight(client, seat);
    if (client->fallen_behind || transport_of(client)->stream.closing)
        return;
    if (client->state >= CLIENT_CLOSING && !sending && !is_half_sent(seat)) {
        /* only its close frame is still to go out */
        counter_add(&worker_of(client)->statistics.skipped, subscription_skip(subscription));
        return;
    }
    if (sending) {
        client->fallen_behind = true;
        transport_cancel_send(transport_of(client));
    } else {
        apply_slow_policy(client, seat);
    }
}

/* A channel that closes its slow readers does so too when they take nothing for long. */
void client_check_progress(struct client *client) {
    uint64_t timeout = worker_of(client)->hub->options.progress_timeout;
    if (client->in_flight == NULL || client->state >= CLIENT_CLOSING || client->fallen_behind ||
        !transport_is_sending(transport_of(client)) ||
        policy_of(client->in_flight) != SLOW_READER_CLOSE ||
        worker_of(client)->loop->now - client->send_started < timeout)
        return;
    counter_add(&worker_of(client)->statistics.slow_readers, 1);
    client_close(client, CLOSE_REASON_SLOW_READER);
}

/* ---- sent ----------------------------------------------------------------------------------- */

static void log_sent(struct client *client, struct seat *seat, size_t size) {
    struct hub_statistics *statistics = &worker_of(client)->statistics;
    counter_add(&statistics->bytes_sent, size);
    counter_add(&statistics->deliveries, subscription_sent(&seat->subscription, size));
}

void client_sent(struct transport *transport, size_t size, enum error error) {
    struct client *client = client_of(transport);
    struct seat *seat = client->in_flight;
    bool cut_short = error == ERROR_CANCELLED && client->fallen_behind;
    if (error != ERROR_NONE && !cut_short) {
        client_cut_off(client, CLOSE_REASON_CONNECTION_LOST);
        return;
    }
    client->in_flight = NULL;
    if (seat != NULL)
        log_sent(client, seat, size);
    else
        client->output->sent += size;
    /* what the kernel took in the meantime may have carried it back into the retention */
    bool look = seat != NULL && (client->fallen_behind || client->state == CLIENT_OPEN);
    client->fallen_behind = false;
    if (look && subscription_is_behind(&seat->subscription)) {
        apply_slow_policy(client, seat);
        return;
    }
    if (seat != NULL && seat->leaving)
        dialog_try_to_leave(seat);
    client_serve(client);
}
