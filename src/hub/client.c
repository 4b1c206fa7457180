/*
 * The flow of a client, in order:
 *   joined             the channel's home has answered: the connection leaves HTTP, 101 goes out
 *   received           frames are read; messages are published, pings answered
 *   serve, sent        one send after another: its own output, or a range of the log
 *   client_close       a close frame is queued; nothing more is taken from the log
 *   finish_closing     ours is out and the peer's is in: our side is shut, the peer ends the rest
 *   closed             the last completion has been seen
 */
#include "client.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "ring/socket.h"
#include "ws/close.h"
#include "ws/frame_encode.h"

enum {
    REST_MAX = 64 * 1024,    /* of a half-sent message that is still sent to one who is closed */
    OUTPUT_QUEUE_MAX = 4096, /* of pongs to one who does not read them */
    UNANSWERED_MAX = 16,     /* publishes under way to another worker before we stop reading */
    PING_JITTER_PER_CENT = 10,
};

static void serve(struct client *client);

static struct client *client_of(struct transport *transport) {
    return container_of(transport, struct client, connection.transport);
}

static struct hub_worker *worker_of(const struct client *client) {
    return client->connection.server->context;
}

static struct transport *transport_of(struct client *client) {
    return &client->connection.transport;
}

static void set_timer(struct client *client, uint64_t duration) {
    struct loop *loop = worker_of(client)->loop;
    loop_start_timer(loop, &client->timer, loop->now + duration);
}

/* ---- its own output ------------------------------------------------------------------------- */

static enum error queue_output(struct client *client, const void *data, size_t size) {
    if (client->output == NULL) {
        client->output = memory_allocate_zeroed(sizeof *client->output);
        if (client->output == NULL)
            return ERROR_NO_MEMORY;
    }
    return buffer_append(&client->output->queued, data, size);
}

static bool has_output(const struct client *client) {
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

static void output_free(struct client *client) {
    if (client->output == NULL)
        return;
    buffer_fini(&client->output->sending);
    buffer_fini(&client->output->queued);
    memory_free(client->output);
    client->output = NULL;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void note_reason(struct client *client, enum close_reason reason) {
    if (client->reason == CLOSE_REASON_COUNT)
        client->reason = (uint8_t)reason;
}

void client_cut_off(struct client *client, enum close_reason reason) {
    note_reason(client, reason);
    transport_close(transport_of(client));
}

/* RFC 6455 section 7.1.1: the server ends the connection first, in order, so that the close frame
 * is not lost to a reset. */
static void finish_closing(struct client *client) {
    client->state = CLIENT_LINGERING;
    transport_shutdown(transport_of(client));
    transport_start_receive(transport_of(client));
    set_timer(client, worker_of(client)->hub->options.close_timeout);
}

static void close_with_code(struct client *client, enum close_reason reason, uint16_t code) {
    if (client->state >= CLIENT_CLOSING)
        return;
    note_reason(client, reason);
    client->state = CLIENT_CLOSING;
    uint8_t frame[FRAME_CONTROL_MAX];
    const char *text = client->peer_closed ? "" : close_reason_row(reason)->text;
    size_t size = frame_encode_close(frame, code, bytes_of(text), NULL);
    if (queue_output(client, frame, size) != ERROR_NONE) {
        client_cut_off(client, reason);
        return;
    }
    set_timer(client, worker_of(client)->hub->options.close_timeout);
    serve(client);
}

static void client_close(struct client *client, enum close_reason reason) {
    close_with_code(client, reason, close_reason_row(reason)->code);
}

void client_finish(struct client *client, enum close_reason reason) {
    if (client->state >= CLIENT_FLUSHING)
        return;
    note_reason(client, reason);
    client->state = CLIENT_FLUSHING;
    serve(client);
}

/* ---- sending -------------------------------------------------------------------------------- */

/* What comes next from the log: the rest of a message when something else waits to go out. */
static struct bytes next_of_log(struct client *client) {
    struct subscription *subscription = &client->subscription;
    if (subscription->channel == NULL)
        return (struct bytes){0};
    bool only_finish = client->state >= CLIENT_CLOSING || has_output(client);
    if (only_finish && cursor_is_inside_message(&subscription->cursor))
        return cursor_rest_of_message(&subscription->cursor);
    return only_finish ? (struct bytes){0} : subscription_range(subscription);
}

static void nothing_to_send(struct client *client) {
    subscription_set_busy(&client->subscription, false);
    if (client->state == CLIENT_FLUSHING && client->subscription.unanswered == 0)
        client_close(client, client->reason);
    else if (client->state == CLIENT_CLOSING && client->peer_closed)
        finish_closing(client);
}

static void serve(struct client *client) {
    if (transport_is_sending(transport_of(client)) || transport_of(client)->stream.closing)
        return;
    struct bytes range = next_of_log(client);
    if (range.size > 0) {
        subscription_set_busy(&client->subscription, true);
        client->sending_log = true;
        counter_add(&worker_of(client)->statistics.sends, 1);
        transport_send(transport_of(client), range.data, range.size);
    } else if (has_output(client)) {
        subscription_set_busy(&client->subscription, true);
        send_output(client);
    } else {
        output_free(client);
        nothing_to_send(client);
    }
}

static void readable(struct subscription *subscription) {
    serve(container_of(subscription, struct client, subscription));
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
    enum error error = queue_output(client, rest.data, rest.size);
    if (error == ERROR_NONE)
        error = queue_output(client, queued.data, queued.size);
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
        serve(client);
}

/* Does it need bytes of the log: for a send in flight, or to finish a message? */
static bool needs_log(const struct client *client) {
    return (transport_is_sending(&client->connection.transport) && client->sending_log) ||
           cursor_is_inside_message(&client->subscription.cursor);
}

static void fell_behind(struct subscription *subscription) {
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

static void sent(struct transport *transport, size_t size, enum error error) {
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
        serve(client);
}

/* ---- receiving ------------------------------------------------------------------------------ */

static void publish(struct client *client, bool binary, struct bytes payload) {
    struct hub_worker *worker = worker_of(client);
    struct channel *channel = client->subscription.channel;
    char prefix[ADDRESS_TEXT_SIZE + 3] = "";
    if (worker->quiet || client->state != CLIENT_OPEN)
        return;
    counter_add(&worker->statistics.messages_received, 1);
    counter_add(&worker->statistics.bytes_received, payload.size);
    if (channel->settings.publish != PUBLISH_ANYONE) {
        client_close(client, CLOSE_REASON_NOT_ALLOWED);
        return;
    }
    if (channel->settings.prefix) {
        prefix[0] = '[';
        size_t size = address_format_host(&client->address, prefix + 1);
        memcpy(prefix + 1 + size, "] ", 3);
    }
    if (channel_publish(channel, &client->subscription, bytes_of(prefix), binary, payload) !=
        ERROR_NONE)
        client_close(client, CLOSE_REASON_NO_MEMORY);
    if (client->subscription.unanswered >= UNANSWERED_MAX)
        transport_pause_receive(transport_of(client));
}

static void answer_ping(struct client *client, struct bytes payload) {
    uint8_t frame[FRAME_CONTROL_MAX];
    if (client->state >= CLIENT_CLOSING)
        return;
    size_t size = frame_encode_control(frame, FRAME_PONG, payload, NULL);
    if (queue_output(client, frame, size) != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
        return;
    }
    /* one who floods us and reads nothing is not read either, until its pongs are out */
    if (client->output->queued.size > OUTPUT_QUEUE_MAX)
        transport_pause_receive(transport_of(client));
    serve(client);
}

static void schedule_ping(struct client *client) {
    const struct hub_options *options = &worker_of(client)->hub->options;
    client->ping_sent = false;
    if (options->ping_interval == 0) {
        loop_stop_timer(worker_of(client)->loop, &client->timer);
        return;
    }
    uint32_t random;
    ring_random(worker_of(client)->loop->ring, &random, sizeof random);
    uint64_t spread = options->ping_interval / 100 * PING_JITTER_PER_CENT;
    set_timer(client, options->ping_interval - (uint64_t)random * spread / UINT32_MAX);
}

/* The peer's close frame: answered with the same code, as RFC 6455 section 5.5.1 advises. */
static void peer_closed(struct client *client, uint16_t code) {
    client->peer_closed = true;
    if (client->state == CLIENT_CLOSING)
        serve(client);
    else
        close_with_code(client, CLOSE_REASON_PEER_CLOSED, code);
}

static void handle(struct client *client, enum message_event event, const struct message *message) {
    switch (event) {
    case MESSAGE_TEXT:
    case MESSAGE_BINARY:
        publish(client, event == MESSAGE_BINARY, message->payload);
        break;
    case MESSAGE_PING:
        answer_ping(client, message->payload);
        break;
    case MESSAGE_PONG:
        if (client->ping_sent && client->state < CLIENT_CLOSING)
            schedule_ping(client);
        break;
    case MESSAGE_CLOSE:
        peer_closed(client, message->code);
        break;
    case MESSAGE_FAILED:
        client_close(client, close_reason_of_error(message->error));
        client->peer_closed = true; /* RFC 6455 section 7.1.7: nothing more of it is read */
        break;
    case MESSAGE_NEEDS_MORE:
        break;
    }
}

static void received(struct transport *transport, uint8_t *data, size_t size) {
    struct client *client = client_of(transport);
    struct message message;
    enum message_event event;
    while ((event = message_next(&client->reader, &data, &size, &message)) != MESSAGE_NEEDS_MORE) {
        handle(client, event, &message);
        if (transport->stream.closing)
            return;
    }
}

/* A peer that failed the protocol gets our close frame but need not answer it: its end of the
 * stream is as good. */
static void ended(struct transport *transport, enum error error) {
    struct client *client = client_of(transport);
    note_reason(client, error == ERROR_END_OF_STREAM ? CLOSE_REASON_PEER_GONE
                                                     : CLOSE_REASON_CONNECTION_LOST);
    transport_close(transport);
}

static void published(struct subscription *subscription, enum error error) {
    struct client *client = container_of(subscription, struct client, subscription);
    if (client->state == CLIENT_GONE) {
        if (subscription->unanswered == 0) {
            channel_unsubscribe(subscription);
            http_connection_free(&client->connection);
        }
        return;
    }
    if (error != ERROR_NONE)
        client_close(client, CLOSE_REASON_NO_MEMORY);
    if (transport_of(client)->stream.closing)
        return;
    if (subscription->unanswered == UNANSWERED_MAX / 2)
        transport_start_receive(transport_of(client));
    serve(client);
}

/* ---- time ----------------------------------------------------------------------------------- */

static void send_ping(struct client *client) {
    struct hub_worker *worker = worker_of(client);
    uint8_t payload[4], frame[FRAME_CONTROL_MAX];
    ring_random(worker->loop->ring, payload, sizeof payload);
    size_t size =
        frame_encode_control(frame, FRAME_PING, bytes_make(payload, sizeof payload), NULL);
    if (queue_output(client, frame, size) != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
        return;
    }
    client->ping_sent = true;
    counter_add(&worker->statistics.pings, 1);
    set_timer(client, worker->hub->options.ping_timeout);
    serve(client);
}

static void timed_out(struct timer *timer) {
    struct client *client = container_of(timer, struct client, timer);
    if (client->state >= CLIENT_CLOSING)
        client_cut_off(client, CLOSE_REASON_CLOSE_TIMEOUT);
    else if (client->ping_sent)
        client_close(client, CLOSE_REASON_PING_TIMEOUT);
    else
        send_ping(client);
}

static const struct timer_handler timer_handler = {"hub_client_timer", timed_out};

/* ---- the connection's beginning and end ----------------------------------------------------- */

static void count_close(struct client *client) {
    struct hub_worker *worker = worker_of(client);
    const struct close_reason_row *row = close_reason_row(client->reason);
    counter_add(&worker->statistics.closes[client->reason], 1);
    counter_subtract(&worker->statistics.clients, 1);
    if (!log_wants(row->is_error ? LOG_INFO : LOG_DEBUG))
        return;
    char address[ADDRESS_TEXT_SIZE];
    address_format(&client->address, address);
    log_write(row->is_error ? LOG_INFO : LOG_DEBUG, "hub", "client closed",
              LOG_TEXT("address", address), LOG_TEXT("reason", row->name));
}

static void closed(struct transport *transport) {
    struct client *client = client_of(transport);
    struct hub_worker *worker = worker_of(client);
    count_close(client);
    client->state = CLIENT_GONE;
    loop_stop_timer(worker->loop, &client->timer);
    list_remove(&client->link);
    worker->client_count--;
    message_reader_fini(&client->reader);
    output_free(client);
    if (client->subscription.unanswered == 0) {
        channel_unsubscribe(&client->subscription);
        http_connection_free(&client->connection);
    }
    drain_check(worker);
}

static const struct transport_events client_events = {
    .received = received,
    .ended = ended,
    .sent = sent,
    .closed = closed,
};

static void cancelled(struct scope_member *member) {
    struct http_connection *connection = container_of(member, struct http_connection, member);
    client_finish(container_of(connection, struct client, connection), CLOSE_REASON_GOING_AWAY);
}

static const struct scope_member_handler member_handler = {"hub_client", cancelled};

static void begin(struct client *client) {
    struct hub_worker *worker = worker_of(client);
    struct buffer behind;
    http_connection_upgrade(&client->connection, &client_events, &member_handler, &behind);
    client->state = CLIENT_OPEN;
    client->reason = CLOSE_REASON_COUNT;
    client->timer.handler = &timer_handler;
    message_reader_init(&client->reader, MESSAGE_ROLE_SERVER, worker->hub->options.max_message, 0);
    list_append(&worker->clients, &client->link);
    worker->client_count++;
    counter_add(&worker->statistics.clients, 1);
    counter_add(&worker->statistics.clients_total, 1);
    schedule_ping(client);
    serve(client);
    if (transport_of(client)->stream.closing)
        note_reason(client, CLOSE_REASON_PEER_GONE); /* it ended before we had answered */
    else if (behind.size > 0)
        received(transport_of(client), behind.data, behind.size);
    if (scope_is_cancelled(&client->connection.server->connections))
        client_finish(client, CLOSE_REASON_GOING_AWAY); /* asked to end before it could hear */
    buffer_fini(&behind);
}

static void joined(struct subscription *subscription, enum error error) {
    struct client *client = container_of(subscription, struct client, subscription);
    if (error != ERROR_NONE)
        http_connection_refuse(&client->connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                               error == ERROR_LIMIT_REACHED ? "too many channels"
                                                            : error_text(error));
    else if (transport_of(client)->stream.closing)
        channel_unsubscribe(subscription);
    else
        begin(client);
}

const struct subscription_events subscription_events = {
    .joined = joined,
    .readable = readable,
    .fell_behind = fell_behind,
    .published = published,
};

/* ---- the handshake -------------------------------------------------------------------------- */

void client_handle_http_closed(struct http_connection *connection) {
    struct client *client = container_of(connection, struct client, connection);
    channel_unsubscribe(&client->subscription);
    output_free(client);
}

static enum error write_acceptance(struct client *client, const char *accept) {
    struct buffer head = {0};
    struct http_field fields[] = {
        {bytes_of("Upgrade"), bytes_of("websocket")},
        {bytes_of("Sec-WebSocket-Accept"), bytes_of(accept)},
    };
    const struct http_response_head response = {
        .status = HTTP_STATUS_SWITCHING_PROTOCOLS,
        .connection = "Upgrade",
        .content_length = -1,
        .fields = {fields, 2},
        .date = (int64_t)(ring_wall(worker_of(client)->loop->ring) / SECOND),
    };
    enum error error = http_write_response(&head, &response);
    if (error == ERROR_NONE)
        error = queue_output(client, head.data, head.size);
    buffer_fini(&head);
    return error;
}

static void remember_address(struct client *client) {
    socklen_t size = sizeof client->address.socket;
    enum error error =
        socket_peer(worker_of(client)->loop->ring, transport_of(client)->stream.descriptor,
                    &client->address.socket.any, &size);
    if (error != ERROR_NONE)
        client->address = address_v4((const uint8_t[4]){0}, 0);
}

/* "/" is the chat, "/channels/NAME" another channel. False if the path is neither. */
static bool channel_of_target(struct bytes target, struct bytes *name) {
    static const char folder[] = "/channels/";
    const uint8_t *query = memchr(target.data, '?', target.size);
    if (query != NULL)
        target.size = (size_t)(query - target.data);
    if (bytes_equal(target, bytes_of("/"))) {
        *name = bytes_of("chat");
        return true;
    }
    if (target.size < sizeof folder || memcmp(target.data, folder, sizeof folder - 1) != 0)
        return false;
    *name = bytes_after(target, sizeof folder - 1);
    return channel_name_is_valid(*name);
}

static void refuse_handshake(struct client *client, const struct ws_handshake *handshake) {
    struct http_field field = {bytes_of("Sec-WebSocket-Version"), bytes_of(WS_VERSION)};
    if (handshake->status == HTTP_STATUS_METHOD_NOT_ALLOWED)
        field = (struct http_field){bytes_of("Allow"), bytes_of("GET")};
    struct buffer text = {0};
    const struct http_response_head head = {
        .status = handshake->status,
        .content_type = bytes_of("text/plain; charset=utf-8"),
        .fields = {&field, handshake->status == HTTP_STATUS_BAD_REQUEST ? 0 : 1},
    };
    buffer_format(&text, "%d %s: %s\n", handshake->status, http_status_text(handshake->status),
                  handshake->reason);
    http_connection_respond(&client->connection, &head, buffer_bytes(&text), true);
    buffer_fini(&text);
}

void client_handle_upgrade(struct http_connection *connection, const struct http_request *request) {
    struct client *client = container_of(connection, struct client, connection);
    struct hub_worker *worker = worker_of(client);
    struct ws_handshake handshake;
    struct bytes name;
    ws_handshake_judge(request, &handshake);
    if (handshake.status != HTTP_STATUS_SWITCHING_PROTOCOLS) {
        counter_add(&worker->statistics.handshakes_refused, 1);
        refuse_handshake(client, &handshake);
        return;
    }
    if (!channel_of_target(request->target, &name)) {
        counter_add(&worker->statistics.handshakes_refused, 1);
        http_connection_refuse(connection, HTTP_STATUS_NOT_FOUND,
                               "channels are at / and /channels/NAME");
        return;
    }
    remember_address(client);
    enum error error = write_acceptance(client, handshake.accept);
    if (error == ERROR_NONE)
        error = channel_subscribe(worker, name, &client->subscription);
    if (error != ERROR_NONE) {
        output_free(client);
        http_connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, error_text(error));
    }
}
