/*
 * What a client is sent: one send after another, its own output or a range of the log, and what
 * becomes of a client that reads too slowly.
 */
#include "client_internal.h"

#include "base/memory.h"

enum { REST_MAX = 64 * 1024 }; /* of a half-sent message that is still sent to one who is closed */

/* ---- its own output ------------------------------------------------------------------------- */

enum error client_queue_output(struct client *client, const void *data, size_t size) {
    if (client->output == NULL) {
        client->output = memory_allocate_zeroed(sizeof *client->output);
        if (client->output == NULL)
            return ERROR_NO_MEMORY;
    }
    return buffer_append(&client->output->queued, data, size);
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
        if (client->subscription.unanswered < UNANSWERED_MAX)
            transport_start_receive(transport_of(client)); /* see answer_ping() */
    }
    client->sending_log = false;
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

/* What comes next from the log: the rest of a message when something else waits to go out. */
static struct bytes next_of_log(struct client *client) {
    struct subscription *subscription = &client->subscription;
    if (subscription->channel == NULL)
        return (struct bytes){0};
    bool only_finish = client->state >= CLIENT_CLOSING || client_has_output(client);
    if (only_finish && cursor_is_inside_message(&subscription->cursor))
        return cursor_rest_of_message(&subscription->cursor);
    return only_finish ? (struct bytes){0} : subscription_range(subscription);
}

static void nothing_to_send(struct client *client) {
    subscription_set_busy(&client->subscription, false);
    if (client->state == CLIENT_FLUSHING && client->subscription.unanswered == 0)
        client_close(client, client->reason);
    else if (client->state == CLIENT_CLOSING && client->peer_closed)
        client_finish_closing(client);
}

void client_serve(struct client *client) {
    if (transport_is_sending(transport_of(client)) || transport_of(client)->stream.closing)
        return;
    struct bytes range = next_of_log(client);
    if (range.size > 0) {
        subscription_set_busy(&client->subscription, true);
        client->sending_log = true;
        counter_add(&worker_of(client)->statistics.sends, 1);
        transport_send(transport_of(client), range.data, range.size);
    } else if (client_has_output(client)) {
        subscription_set_busy(&client->subscription, true);
        send_output(client);
    } else {
        client_free_output(client);
        nothing_to_send(client);
    }
}

/* ---- slow readers --------------------------------------------------------------------------- */

/* Moves the rest of a half-sent message in front of the output, so that the log's segment is free.
 */
static enum error keep_rest(struct client *client) {
    struct subscription *subscription = &client->subscription;
    if (!cursor_is_inside_message(&subscription->cursor))
        return ERROR_NONE;
    struct bytes rest = cursor_rest_of_message(&subscription->cursor);
    if (client->state != CLIENT_OPEN ||
        (worker_of(client)->hub->options.slow_reader == SLOW_READER_CLOSE && rest.size > REST_MAX))
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

/* No send from the log is in flight. */
static void apply_slow_policy(struct client *client) {
    struct hub_worker *worker = worker_of(client);
    client->fallen_behind = false;
    counter_add(&worker->statistics.slow_readers, 1);
    if (keep_rest(client) != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_SLOW_READER);
        return;
    }
    uint64_t missed = subscription_skip(&client->subscription);
    counter_add(&worker->statistics.skipped, missed);
    if (worker->hub->options.slow_reader == SLOW_READER_CLOSE && client->state < CLIENT_CLOSING)
        client_close(client, CLOSE_REASON_SLOW_READER);
    else
        client_serve(client);
}

/* Does it need bytes of the log: for a send in flight, or to finish a message? */
static bool needs_log(const struct client *client) {
    return (transport_is_sending(&client->connection.transport) && client->sending_log) ||
           cursor_is_inside_message(&client->subscription.cursor);
}

void client_fell_behind(struct subscription *subscription) {
    struct client *client = container_of(subscription, struct client, subscription);
    if (client->fallen_behind || transport_of(client)->stream.closing)
        return;
    if (client->state >= CLIENT_CLOSING && !needs_log(client)) {
        subscription_skip(subscription); /* only its close frame is still to go out */
        return;
    }
    client->fallen_behind = true;
    if (transport_is_sending(transport_of(client)))
        transport_cancel_send(transport_of(client));
    else
        apply_slow_policy(client);
}

/* ---- sent ----------------------------------------------------------------------------------- */

static void log_sent(struct client *client, size_t size) {
    struct hub_statistics *statistics = &worker_of(client)->statistics;
    counter_add(&statistics->bytes_sent, size);
    counter_add(&statistics->deliveries, subscription_sent(&client->subscription, size));
}

void client_sent(struct transport *transport, size_t size, enum error error) {
    struct client *client = client_of(transport);
    bool cut_short = error == ERROR_CANCELLED && client->fallen_behind;
    if (error != ERROR_NONE && !cut_short) {
        client_cut_off(client, CLOSE_REASON_CONNECTION_LOST);
        return;
    }
    if (client->sending_log)
        log_sent(client, size);
    else
        client->output->sent += size;
    /* what the kernel took in the meantime may have carried it back into the retention */
    bool look = client->fallen_behind || client->state == CLIENT_OPEN;
    client->fallen_behind = false;
    if (look && subscription_is_behind(&client->subscription))
        apply_slow_policy(client);
    else
        client_serve(client);
}
