/* What the files of a client share: client.c, client_send.c, client_receive.c and handshake.c. */
#ifndef RINGCAST_HUB_CLIENT_INTERNAL_H
#define RINGCAST_HUB_CLIENT_INTERNAL_H

#include "client.h"

struct target;

enum { UNANSWERED_MAX = 16 }; /* publishes under way to another worker before we stop reading */

static inline struct client *client_of(struct transport *transport) {
    return container_of(transport, struct client, connection.transport);
}

static inline struct hub_worker *worker_of(const struct client *client) {
    return client->connection.server->context;
}

static inline struct transport *transport_of(struct client *client) {
    return &client->connection.transport;
}

static inline struct seat *seat_of(struct subscription *subscription) {
    return container_of(subscription, struct seat, subscription);
}

static inline void client_set_deadline(struct client *client, uint64_t duration) {
    struct hub_worker *worker = worker_of(client);
    deadline_set(&worker->deadlines, &client->deadline, worker->loop->now + duration);
}

/* ---- sending (client_send.c) ----------------------------------------------------------------- */

/* Adds to its own output; client_serve() sends it. */
enum error client_queue_output(struct client *client, const void *data, size_t size);

/* The same with a response's head, to which it gives the date. */
enum error client_queue_head(struct client *client, const struct http_response_head *response);
bool client_has_output(const struct client *client);
void client_free_output(struct client *client);

/* There may be something to send from this seat's channel; client_serve() looks. */
void seat_make_ready(struct seat *seat);

/* What is to be sent from its channel, with its policy for who is not ready for each message. */
struct bytes seat_next_range(struct seat *seat);

/* Sends what comes next, unless a send is in flight. */
void client_serve(struct client *client);

/* Has everything been answered that it asked of channels' homes? */
bool client_is_settled(const struct client *client);

/* Closes it if it has taken nothing for too long and its channel is strict. Called now and then. */
void client_check_progress(struct client *client);

/* Says how many messages of a channel it missed, where its protocol can say that. */
void client_tell_skipped(struct client *client, const struct seat *seat, uint64_t missed);

/* Events of the transport and the subscription. */
void client_sent(struct transport *transport, size_t size, enum error error);
void client_fell_behind(struct subscription *subscription);

/* ---- receiving (client_receive.c) ------------------------------------------------------------ */

void client_received(struct transport *transport, uint8_t *data, size_t size);
void client_ended(struct transport *transport, enum error error);

/* "[address] " if the channel's messages have that in front, or nothing. */
enum { CLIENT_PREFIX_SIZE = ADDRESS_TEXT_SIZE + 3 };
void client_make_prefix(const struct client *client, const struct channel_settings *settings,
                        char prefix[CLIENT_PREFIX_SIZE]);

/* Ends its compression; harmless without any. */
void client_free_deflate(struct client *client);

/* ---- how much it may send (client_rates.c) --------------------------------------------------- */

/* Has it sent this message, control frame, or piece too fast? Want of memory means no. */
bool client_message_too_fast(struct client *client);
bool client_control_too_fast(struct client *client);
bool client_bytes_too_fast(struct client *client, size_t size);

/* In how many nanoseconds it may publish so many messages of so many bytes together. 0: now, and
 * they are counted; UINT64_MAX: never at once. */
uint64_t client_publish_wait(struct client *client, size_t count, size_t size);

/* Harmless without any. */
void client_free_rates(struct client *client);

/* ---- the JSON subprotocol (dialog.c, dialog_seats.c) ----------------------------------------- */

enum error dialog_new(struct client *client);
/* Ends it with all its seats, on which nothing may be unanswered. Harmless without any. */
void dialog_free(struct client *client);
void dialog_handle_message(struct client *client, bool text, struct bytes payload);
void dialog_joined(struct seat *seat, enum error error);
/* Ends the seat if it was given up and nothing of it is under way. */
void dialog_try_to_leave(struct seat *seat);
/* All of its seats look for something to send; one of them does. */
void dialog_make_ready(struct client *client);
void dialog_seat_ready(struct seat *seat);
/* Visits its seats; none without the subprotocol. */
void dialog_visit_seats(struct client *client, void (*visit)(struct seat *seat));
/*
 * What comes next, and from whose log: the rest of a message where something else waits to go out,
 * nothing else if that is all that may be sent, else the range of who has waited longest.
 */
struct bytes dialog_next(struct client *client, bool only_finish, struct seat **seat);

/* ---- Server-Sent Events (events.c) ----------------------------------------------------------- */

void events_handle_request(struct client *client, const struct http_request *request,
                           const struct target *target);
void events_begin(struct client *client);
/* Adds to its output, in the coding of its stream. */
enum error events_queue(struct client *client, struct bytes text);
void events_keep_alive(struct client *client);
void events_say_goodbye(struct client *client, enum close_reason reason);

/* ---- plain HTTP (http.c) --------------------------------------------------------------------- */

void http_handle_request(struct client *client, const struct http_request *request,
                         const struct target *target, struct bytes body);

/* ---- who it is, and what it may (handshake.c) ------------------------------------------------ */

/*
 * May the request's sender be here? Notes its address, and judges the origin (of an upgrade), the
 * token, which becomes the client's grant, and joining a channel. If not it is answered.
 */
bool client_is_allowed(struct client *client, const struct http_request *request,
                       const struct target *target, bool upgrade);
void client_free_grant(struct client *client);

enum error client_may_publish(const struct client *client, const struct channel_settings *settings,
                              struct bytes channel);
enum error client_may_subscribe(const struct client *client,
                                const struct channel_settings *settings, struct bytes channel);

/* ---- closing and time (client.c) ------------------------------------------------------------- */

/* Where presence is known it becomes a member of the channel that its seat is in. ERROR_NO_MEMORY.
 */
enum error client_enter(struct client *client, struct seat *seat);

/* The connection leaves HTTP, and what was prepared as its answer goes out. */
void client_begin(struct client *client);

/* One of its pending requests has come back. It may be freed by this. */
void client_request_answered(struct client *client);

/* The first reason stays. */
void client_note_reason(struct client *client, enum close_reason reason);

/* Queues a close frame; nothing more is taken from the log, and the peer's is awaited. */
void client_close(struct client *client, enum close_reason reason);
void client_close_with_code(struct client *client, enum close_reason reason, uint16_t code);

/* Both close frames are through. */
void client_finish_closing(struct client *client);

/* The next ping is due in an interval. */
void client_schedule_ping(struct client *client);

#endif
