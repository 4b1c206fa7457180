/*
 * What a client is sent: one send after another, its own output or a range of the log, and what
 * becomes of a client that reads too slowly.
 */
#include "client_internal.h"

#include "base/clock.h"
#include "base/memory.h"

enum { REST_MAX = 64 * 1024 }; /* of a half-sent message that is still sent to one who is closed */

/* ---- its own output -------------------------------------------------------------------------- */

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

/* ---- sending --------------------------------------------------------------------------------- */

static enum slow_reader_policy policy_of(const struct seat *seat) {
    return seat->subscription.channel->settings.slow_reader;
}

void seat_make_ready(struct seat *seat) {
    if (seat->subscription.state < SUBSCRIPTION_IDLE)
        return;
    subscription_set_busy(&seat->subscription, true);
    if (seat->client->dialog != NULL)
        dialog_seat_ready(seat);
}

static bool is_half_sent(const struct seat *seat) {
    return seat != NULL && cursor_is_inside_message(&seat->subscription.cursor);
}

/* Of the newest message only. */
static void conflate(struct seat *seat) {
    struct client *client = seat->client;
    uint64_t missed = subscription_jump(&seat->subscription);
    if (missed == 0)
        return;
    counter_add(&worker_of(client)->statistics.skipped, missed);
    client_tell_skipped(client, seat, missed);
}

struct bytes seat_next_range(struct seat *seat) {
    if (policy_of(seat) == SLOW_READER_LATEST)
        conflate(seat);
    return subscription_range(&seat->subscription);
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

static void send_range(struct client *client, struct seat *seat, struct bytes range) {
    struct hub_worker *worker = worker_of(client);
    client->in_flight = seat;
    client->send_started = worker->loop->now;
    counter_add(&worker->statistics.sends, 1);
    transport_send(transport_of(client), range.data, range.size);
}

/* Its only seat, and nothing waits beside it: a broadcast is made of this. */
static void serve_seat(struct client *client) {
    struct seat *seat = &client->seat;
    struct bytes range = {0};
    if (seat->subscription.state == SUBSCRIPTION_BUSY)
        range = seat_next_range(seat);
    if (transport_of(client)->stream.closing)
        return;                   /* it could not be told what it missed */
    if (client->output != NULL) { /* what the seat has to say before its range */
        client_serve(client);
    } else if (range.size > 0) {
        send_range(client, seat, range);
    } else {
        subscription_set_busy(&seat->subscription, false);
        nothing_to_send(client);
    }
}

/* The rest of a message goes out before its own output, and that before whose turn it is. */
static void serve_many(struct client *client) {
    struct seat *seat = &client->seat;
    struct bytes range = {0};
    if (client->dialog != NULL)
        range =
            dialog_next(client, client->output != NULL || client->state >= CLIENT_CLOSING, &seat);
    else if (is_half_sent(seat))
        range = cursor_rest_of_message(&seat->subscription.cursor);
    if (transport_of(client)->stream.closing)
        return; /* as above */
    if (client->output != NULL && !is_half_sent(seat))
        send_output(client); /* it may be what a seat had to say before its range */
    else if (range.size > 0)
        send_range(client, seat, range);
    else
        nothing_to_send(client);
}

void client_serve(struct client *client) {
    if (transport_is_sending(transport_of(client)) || transport_of(client)->stream.closing)
        return;
    if (client->output != NULL && !client_has_output(client))
        client_free_output(client);
    if (client->dialog == NULL && client->output == NULL && client->state < CLIENT_CLOSING)
        serve_seat(client);
    else
        serve_many(client);
}

/* ---- slow readers ---------------------------------------------------------------------------- */

/* Moves the rest of a half-sent message in front of the output, so that the log's segment is free.
 */
static enum error keep_rest(struct client *client, struct seat *seat) {
    struct subscription *subscription = &seat->subscription;
    if (!cursor_is_inside_message(&subscription->cursor))
        return ERROR_NONE;
    struct bytes rest = cursor_rest_of_message(&subscription->cursor);
    if (policy_of(seat) == SLOW_READER_CLOSE && rest.size > REST_MAX)
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

/* Events of presence are told when they are missed, but they are no messages. */
static uint64_t skip(struct client *client, struct seat *seat) {
    bool messages = seat->subscription.channel->kind != RENDITION_PRESENCE;
    uint64_t missed = subscription_skip(&seat->subscription);
    counter_add(&worker_of(client)->statistics.skipped, messages ? missed : 0);
    return missed;
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
    uint64_t missed = skip(client, seat);
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
        skip(client, seat);
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

/* ---- sent ------------------------------------------------------------------------------------ */

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
    if (look && subscription_is_behind(&seat->subscription))
        apply_slow_policy(client, seat);
    if (seat != NULL && client->dialog != NULL)
        dialog_try_to_leave(seat);
    client_serve(client);
}
