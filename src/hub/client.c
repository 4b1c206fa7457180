/*
 * The flow of a client, in order:
 *   joined                  the channel's home has answered: the connection leaves HTTP, 101 goes
 *                           out
 *   client_received         frames are read; messages are published, pings answered
 *   client_serve, _sent     one send after another: its own output, or a range of the log
 *   client_close            a close frame is queued; nothing more is taken from the log
 *   client_finish_closing   ours is out and the peer's is in: our side is shut, the peer ends the
 *                           rest
 *   closed                  the last completion has been seen
 */
#include "client_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "dialog.h"
#include "presence.h"
#include "request.h"
#include "ws/close.h"
#include "ws/frame_encode.h"

enum { PING_JITTER_PER_CENT = 10, IDLE_BYTES_MAX = 512 };

#define PING_SLOT (200 * MILLISECOND)

_Static_assert(PING_SLOT % DEADLINE_TICK == 0, "the end of a slot is a tick of the wheel");

/* While it is idle, a plain client has no memory but this, with the allocator's word in front and
 * rounded up. */
_Static_assert((sizeof(struct client) + sizeof(size_t) + 15) / 16 * 16 <= IDLE_BYTES_MAX,
               "an idle client is small");

/* ---- the end --------------------------------------------------------------------------------- */

void client_note_reason(struct client *client, enum close_reason reason) {
    if (client->reason == CLOSE_REASON_COUNT)
        client->reason = (uint8_t)reason;
}

void client_cut_off(struct client *client, enum close_reason reason) {
    client_note_reason(client, reason);
    transport_close(transport_of(client));
}

/* RFC 6455 section 7.1.1: the server ends the connection first, in order, so that the close frame
 * is not lost to a reset. */
void client_finish_closing(struct client *client) {
    client->state = CLIENT_LINGERING;
    transport_shutdown(transport_of(client));
    transport_start_receive(transport_of(client));
    client_set_deadline(client, worker_of(client)->hub->options.close_timeout);
}

/* An HTTP response without a length ends with its connection: there is no frame to wait for. */
static void close_events(struct client *client, enum close_reason reason) {
    events_say_goodbye(client, reason);
    client->peer_closed = true;
    client_set_deadline(client, worker_of(client)->hub->options.close_timeout);
    client_serve(client);
}

void client_close_with_code(struct client *client, enum close_reason reason, uint16_t code) {
    if (client->state >= CLIENT_CLOSING)
        return;
    client_note_reason(client, reason);
    client->state = CLIENT_CLOSING;
    if (client->kind == CLIENT_EVENTS) {
        close_events(client, reason);
        return;
    }
    uint8_t frame[FRAME_CONTROL_MAX];
    const char *text = client->peer_closed ? "" : close_reason_row(reason)->text;
    size_t size = frame_encode_close(frame, code, bytes_of(text), NULL);
    if (client_queue_output(client, frame, size) != ERROR_NONE) {
        client_cut_off(client, reason);
        return;
    }
    client_set_deadline(client, worker_of(client)->hub->options.close_timeout);
    client_serve(client);
}

void client_close(struct client *client, enum close_reason reason) {
    client_close_with_code(client, reason, close_reason_row(reason)->code);
}

void client_finish(struct client *client, enum close_reason reason) {
    if (client->state >= CLIENT_FLUSHING)
        return;
    client_note_reason(client, reason);
    client->state = CLIENT_FLUSHING;
    seat_make_ready(&client->seat);
    dialog_make_ready(client);
    client_serve(client);
}

/* ---- time ------------------------------------------------------------------------------------ */

/* How long its token still holds; UINT64_MAX if it has none, or one that never ends. */
static uint64_t time_of_grant(const struct client *client) {
    uint64_t expires = grant_expires(client->grant);
    uint64_t wall = ring_wall(worker_of(client)->loop->ring);
    if (expires > UINT64_MAX / SECOND)
        return UINT64_MAX;
    return expires * SECOND > wall ? expires * SECOND - wall : 0;
}

/* From nothing to all of `time`, which may be long: the product with 32 bits has more than 64. */
static uint64_t random_part(struct hub_worker *worker, uint64_t time) {
    uint64_t chance = worker_chance(worker);
    return (time >> 32) * chance + ((time & UINT32_MAX) * chance >> 32);
}

/* Spread over the last `jitter` of an interval, so that who has come together is not asked together
 * for ever; but the pings of many go out in one turn of the loop, so long waits end in slots. */
static uint64_t time_of_ping(struct hub_worker *worker, uint64_t jitter) {
    uint64_t wait = worker->hub->options.ping_interval - random_part(worker, jitter);
    if (wait >= 10 * PING_SLOT)
        wait -= (worker->loop->now + wait) % PING_SLOT;
    return wait;
}

/* The time to the next ping, or to the token's end if that comes first. */
static void schedule_ping(struct client *client, uint64_t jitter) {
    struct hub_worker *worker = worker_of(client);
    uint64_t wait = time_of_grant(client);
    client->ping_sent = false;
    if (worker->hub->options.ping_interval != 0) {
        uint64_t ping = time_of_ping(worker, jitter);
        wait = ping < wait ? ping : wait;
    }
    if (wait == UINT64_MAX)
        deadline_clear(&client->deadline);
    else
        client_set_deadline(client, wait);
}

void client_schedule_ping(struct client *client) {
    uint64_t interval = worker_of(client)->hub->options.ping_interval;
    schedule_ping(client, interval / 100 * PING_JITTER_PER_CENT);
}

/* Any pong that follows will do, so it carries nothing. */
static void send_ping(struct client *client) {
    struct hub_worker *worker = worker_of(client);
    uint8_t frame[FRAME_CONTROL_MAX];
    size_t size = frame_encode_control(frame, FRAME_PING, bytes_make(NULL, 0), NULL);
    if (client_queue_output(client, frame, size) != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
        return;
    }
    client->ping_sent = true;
    counter_add(&worker->statistics.pings, 1);
    client_set_deadline(client, worker->hub->options.ping_timeout);
    client_serve(client);
}

void client_deadline_passed(struct deadline *deadline) {
    struct client *client = container_of(deadline, struct client, deadline);
    if (client->state >= CLIENT_CLOSING)
        client_cut_off(client, CLOSE_REASON_CLOSE_TIMEOUT);
    else if (client->ping_sent)
        client_close(client, CLOSE_REASON_PING_TIMEOUT);
    else if (time_of_grant(client) == 0)
        client_close(client, CLOSE_REASON_TOKEN_EXPIRED);
    else if (worker_of(client)->hub->options.ping_interval == 0)
        client_schedule_ping(client); /* the two clocks differ a little about the token's end */
    else if (client->kind == CLIENT_EVENTS)
        events_keep_alive(client);
    else
        send_ping(client);
}

/* ---- the connection's beginning and end ------------------------------------------------------ */

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

/* What is under way to channels' homes comes back to it, so it stays until then. */
static void free_if_settled(struct client *client) {
    if (!client_is_settled(client))
        return;
    dialog_free(client);
    channel_unsubscribe(&client->seat.subscription);
    http_connection_free(&client->connection);
}

static void closed(struct transport *transport) {
    struct client *client = client_of(transport);
    struct hub_worker *worker = worker_of(client);
    count_close(client);
    client->state = CLIENT_GONE;
    deadline_clear(&client->deadline);
    worker->client_count--;
    message_reader_fini(&client->reader);
    client_free_output(client);
    client_free_grant(client);
    client_free_deflate(client);
    client_free_rates(client);
    free_if_settled(client);
    drain_check(worker);
}

static const struct transport_events client_events = {
    .received = client_received,
    .ended = client_ended,
    .sent = client_sent,
    .closed = closed,
};

static void cancelled(struct scope_member *member) {
    struct http_connection *connection = container_of(member, struct http_connection, member);
    client_finish(container_of(connection, struct client, connection), CLOSE_REASON_GOING_AWAY);
}

static const struct scope_member_handler member_handler = {"hub_client", cancelled};

static bool visit_member(struct scope_member *member, void *context) {
    bool (**visit)(struct client *client) = context;
    struct http_connection *connection = container_of(member, struct http_connection, member);
    struct client *client = container_of(connection, struct client, connection);
    return member->handler != &member_handler || client->state == CLIENT_GONE || (*visit)(client);
}

bool clients_visit(struct hub_worker *worker, bool (*visit)(struct client *client)) {
    return scope_visit(&worker->server.connections, visit_member, &visit);
}

static void visit_next_member(struct scope_member *member, void *context) {
    void (**visit)(struct client *client) = context;
    struct http_connection *connection = container_of(member, struct http_connection, member);
    struct client *client = container_of(connection, struct client, connection);
    if (member->handler == &member_handler && client->state != CLIENT_GONE)
        (*visit)(client);
}

bool clients_visit_next(struct hub_worker *worker, void (*visit)(struct client *client)) {
    return scope_visit_next(&worker->server.connections, visit_next_member, &visit);
}

void client_begin(struct client *client) {
    struct hub_worker *worker = worker_of(client);
    struct buffer behind;
    http_connection_upgrade(&client->connection, &client_events, &member_handler, &behind);
    client->state = CLIENT_OPEN;
    client->reason = CLOSE_REASON_COUNT;
    deadline_init(&client->deadline);
    message_reader_init(&client->reader, MESSAGE_ROLE_SERVER, worker->hub->options.max_message,
                        client->deflate != NULL ? FRAME_RSV1 : 0);
    if (worker->hub->options.limits.frame > 0)
        message_reader_limit_frames(&client->reader, worker->hub->options.limits.frame);
    worker->client_count++;
    counter_add(&worker->statistics.clients, 1);
    counter_add(&worker->statistics.clients_total, 1);
    client_schedule_ping(client);
    if (client->kind == CLIENT_EVENTS)
        events_begin(client);
    seat_make_ready(&client->seat);
    client_serve(client);
    if (transport_of(client)->stream.closing)
        client_note_reason(client, CLOSE_REASON_PEER_GONE); /* it ended before we had answered */
    else if (behind.size > 0)
        client_received(transport_of(client), behind.data, behind.size);
    if (scope_is_cancelled(&client->connection.server->connections))
        client_finish(client, CLOSE_REASON_GOING_AWAY); /* asked to end before it could hear */
    buffer_fini(&behind);
}

/* In all its channels a client of the subprotocol is the same one. */
enum error client_enter(struct client *client, struct seat *seat) {
    const struct channel *channel = seat->subscription.channel;
    uint64_t id;
    if (!channel->settings.presence || channel->kind == RENDITION_PRESENCE)
        return ERROR_NONE;
    if (client->dialog != NULL)
        id = client->dialog->id;
    else
        id = worker_new_id(worker_of(client));
    return presence_enter(&seat->subscription, id, grant_subject(client->grant));
}

/* Who cannot become a member for want of memory stays without: a change disconnects nobody. */
static void keep_presence(struct seat *seat) {
    struct subscription *subscription = &seat->subscription;
    struct client *client = seat->client;
    bool ending = client->state >= CLIENT_CLOSING || transport_of(client)->stream.closing;
    if (subscription->state < SUBSCRIPTION_IDLE)
        return; /* it enters when it has joined */
    if (!subscription->channel->settings.presence)
        presence_leave(subscription);
    else if (!ending && !presence_knows(subscription))
        (void)client_enter(client, seat);
}

/* The first pings after the change are spread over a whole interval: all were idle, maybe for ever,
 * and are visited in one moment. */
void client_follow_change(struct client *client, const struct hub_changes *changes) {
    if (changes->pings && client->state == CLIENT_OPEN && !client->ping_sent)
        schedule_ping(client, worker_of(client)->hub->options.ping_interval);
    if (!changes->presence)
        return;
    keep_presence(&client->seat);
    dialog_visit_seats(client, keep_presence);
}

/* It may have joined already, and then have been refused its place among the members. */
static void refuse_to_join(struct client *client, struct subscription *subscription,
                           enum error error) {
    channel_unsubscribe(subscription);
    client_free_output(client);
    http_connection_refuse(&client->connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                           error == ERROR_LIMIT_REACHED ? "too many channels" : error_text(error));
}

static void joined(struct subscription *subscription, enum error error) {
    struct seat *seat = seat_of(subscription);
    struct client *client = seat->client;
    bool closing = transport_of(client)->stream.closing;
    if (error == ERROR_NONE && !closing)
        error = client_enter(client, seat);
    if (client->kind == CLIENT_JSON)
        dialog_joined(seat, error);
    else if (error != ERROR_NONE)
        refuse_to_join(client, subscription, error);
    else if (closing)
        channel_unsubscribe(subscription);
    else
        client_begin(client);
}

/* A request of its subprotocol tells the client itself. */
static void published(struct subscription *subscription, enum error error) {
    struct seat *seat = seat_of(subscription);
    struct client *client = seat->client;
    if (client->kind == CLIENT_JSON) {
        seat_make_ready(seat);
        return;
    }
    if (client->state == CLIENT_GONE) {
        free_if_settled(client);
        return;
    }
    seat_make_ready(seat);
    if (error != ERROR_NONE)
        client_close(client, CLOSE_REASON_NO_MEMORY);
    if (transport_of(client)->stream.closing)
        return;
    if (subscription->unanswered == UNANSWERED_MAX / 2)
        transport_start_receive(transport_of(client));
    client_serve(client);
}

static void readable(struct subscription *subscription) {
    struct seat *seat = seat_of(subscription);
    if (seat->client->dialog != NULL)
        dialog_seat_ready(seat);
    client_serve(seat->client);
}

const struct subscription_events subscription_events = {
    .joined = joined,
    .readable = readable,
    .fell_behind = client_fell_behind,
    .published = published,
};

void client_request_answered(struct client *client) {
    client->pending--;
    if (client->state == CLIENT_GONE)
        free_if_settled(client);
    else if (!transport_of(client)->stream.closing && client->pending == UNANSWERED_MAX / 2)
        transport_start_receive(transport_of(client));
}

void client_handle_http_closed(struct http_connection *connection) {
    struct client *client = container_of(connection, struct client, connection);
    request_forget(client);
    dialog_free(client);
    channel_unsubscribe(&client->seat.subscription);
    client_free_output(client);
    client_free_grant(client);
    client_free_deflate(client);
    client_free_rates(client);
}
