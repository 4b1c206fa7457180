/*
 * One WebSocket client of the load generator, on a plain non-blocking socket: connects, shakes
 * hands (RFC 6455 section 4.1), and cuts what arrives into messages without keeping them. It
 * answers pings and close frames. It offers no extension, so nothing is compressed.
 *
 * Life cycle: `{0}`, client_open(), then client_progress() for each epoll event; client_close() at
 * any time. The owner keeps the struct in place meanwhile. All clients are of one thread.
 */
#ifndef RINGCAST_PERF_CLIENT_H
#define RINGCAST_PERF_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "message.h"

/* Where clients connect to, and what they ask for. */
struct client_target {
    struct sockaddr_storage address;
    socklen_t address_size;
    char request[1024];
    size_t request_size;
};

/* Reads "ws://ADDRESS:PORT/PATH", the address a numeric one or "localhost". False if it is not. */
bool client_target_parse(struct client_target *target, const char *url);

enum client_state { CLIENT_CLOSED, CLIENT_CONNECTING, CLIENT_UPGRADING, CLIENT_OPEN };

struct client {
    int descriptor;
    uint32_t index; /* the owner's number for it */
    enum client_state state;
    bool awaits_room; /* registered for EPOLLOUT */
    bool close_sent;
    uint8_t *pending; /* not sent yet; owned */
    size_t pending_size;
    size_t pending_capacity;
    char *response; /* of the handshake, until it is complete; owned */
    size_t response_size;
    /* The frame that is arriving, and the message that it is a part of. */
    uint8_t header[10];
    uint8_t header_size;
    uint8_t control_size;
    bool in_payload;
    uint64_t payload_left;
    uint8_t control[125];
    struct message_check message;
};

/* What the clients of one run share. */
struct client_run {
    int epoll; /* events carry the client in data.ptr */
    const struct client_target *target;
    const struct message_form *form;
    /*
     * A whole message has come; `right` if it is undamaged and of the form, and only then do the
     * numbers mean something. It may not close a client.
     */
    void (*received)(struct client_run *run, struct client *client, bool right, uint32_t publisher,
                     uint32_t sequence);
};

/* Starts to connect. False (and errno) if that is impossible; the client is then closed. */
bool client_open(struct client_run *run, struct client *client, uint32_t index);

/* Does what epoll's `events` allow. Returns the state, CLIENT_CLOSED when the connection is gone.
 */
enum client_state client_progress(struct client_run *run, struct client *client, uint32_t events);

/* Sends bytes, or keeps what finds no room. False when the connection failed. */
bool client_send(struct client_run *run, struct client *client, const void *data, size_t size);

/* Sends a close frame, once (RFC 6455 section 5.5.1); the server is to close the connection. */
bool client_send_close(struct client_run *run, struct client *client);

/* Takes no more events: the client is connected and never reads again. */
void client_ignore(struct client_run *run, struct client *client);

/* Ends it, with a reset instead of a proper end when `abruptly`. Nothing if it is closed. */
void client_close(struct client *client, bool abruptly);

#endif
