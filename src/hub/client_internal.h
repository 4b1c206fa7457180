/* What the files of a client share: client.c, client_send.c, client_receive.c and handshake.c. */
#ifndef RINGCAST_HUB_CLIENT_INTERNAL_H
#define RINGCAST_HUB_CLIENT_INTERNAL_H

#include "client.h"

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

static inline void client_set_timer(struct client *client, uint64_t duration) {
    struct loop *loop = worker_of(client)->loop;
    loop_start_timer(loop, &client->timer, loop->now + duration);
}

/* ---- sending (client_send.c) ----------------------------------------------------------------- */

/* Adds to its own output; client_serve() sends it. */
enum error client_queue_output(struct client *client, const void *data, size_t size);
bool client_has_output(const struct client *client);
void client_free_output(struct client *client);

/* Sends what comes next, unless a send is in flight. */
void client_serve(struct client *client);

/* Events of the transport and the subscription. */
void client_sent(struct transport *transport, size_t size, enum error error);
void client_fell_behind(struct subscription *subscription);

/* ---- receiving (client_receive.c) ------------------------------------------------------------ */

void client_received(struct transport *transport, uint8_t *data, size_t size);
void client_ended(struct transport *transport, enum error error);

/* Ends its compression; harmless without any. */
void client_free_deflate(struct client *client);

/* ---- closing and time (client.c) ------------------------------------------------------------- */

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
