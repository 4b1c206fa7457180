/*
 * The network: streams and their listeners. Each direction of a connection is a list of pieces that
 * arrive in order, one latency after they were sent; the window bounds what is sent and not read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim_internal.h"

enum { FIRST_DESCRIPTOR = 1000, BACKLOG = 128, WINDOW = 64 * 1024 };

/* ---- addresses ------------------------------------------------------------------------------- */

union sim_address address_of(const struct sockaddr *address) {
    union sim_address copy = {0};
    memcpy(&copy, address, address->sa_family == AF_INET6 ? sizeof copy.v6 : sizeof copy.v4);
    return copy;
}

socklen_t address_length(const union sim_address *address) {
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static in_port_t *port_of(union sim_address *address) {
    return address->any.sa_family == AF_INET6 ? &address->v6.sin6_port : &address->v4.sin_port;
}

static bool same_host(const union sim_address *a, const union sim_address *b) {
    if (a->any.sa_family != b->any.sa_family)
        return false;
    if (a->any.sa_family == AF_INET6)
        return memcmp(&a->v6.sin6_addr, &b->v6.sin6_addr, sizeof a->v6.sin6_addr) == 0;
    return a->v4.sin_addr.s_addr == b->v4.sin_addr.s_addr;
}

bool address_same(const union sim_address *a, const union sim_address *b) {
    union sim_address left = *a, right = *b;
    return same_host(a, b) && *port_of(&left) == *port_of(&right);
}

/* A listener on every address takes what has its port. */
static bool listens_on(const struct sim_socket *listener, const union sim_address *to) {
    static const union sim_address any4 = {.v4 = {.sin_family = AF_INET}},
                                   any6 = {.v6 = {.sin6_family = AF_INET6}};
    union sim_address local = listener->local, wanted = *to;
    const union sim_address *any = local.any.sa_family == AF_INET6 ? &any6 : &any4;
    return local.any.sa_family == wanted.any.sa_family && *port_of(&local) == *port_of(&wanted) &&
           (same_host(&local, &wanted) || same_host(&local, any));
}

void socket_bind(struct sim_socket *socket, const union sim_address *address) {
    socket->local = *address;
    if (*port_of(&socket->local) == 0)
        *port_of(&socket->local) = htons(socket->sim->next_port++);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

struct sim_socket *socket_new(struct sim *sim, enum sim_socket_kind kind, bool peers) {
    static const uint64_t latencies[] = {20 * MICROSECOND, 200 * MICROSECOND, 10 * MILLISECOND};
    struct sim_socket *socket = sim_allocate(sizeof *socket);
    socket->sim = sim;
    socket->references = 1;
    socket->kind = kind;
    socket->peers = peers;
    socket->descriptor = -1;
    socket->window = WINDOW;
    socket->latency = latencies[sim_draw_below(sim, STREAM_NETWORK, 3)];
    socket->last = &socket->first;
    list_init(&socket->backlog);
    list_init(&socket->queued);
    list_init(&socket->waiting);
    list_append(&sim->sockets, &socket->link);
    return socket;
}

static void free_pieces(struct sim_piece **link) {
    while (*link != NULL) {
        struct sim_piece *piece = *link;
        *link = piece->next;
        free(piece);
    }
}

static void free_socket(struct sim_socket *socket) {
    free_pieces(&socket->first);
    list_remove(&socket->link);
    free(socket);
}

void socket_hold(struct sim_socket *socket) {
    socket->references++;
}

void socket_drop(struct sim_socket *socket) {
    if (--socket->references == 0)
        free_socket(socket);
}

void sim_free_network(struct sim *sim) {
    list_for_each_safe (node, &sim->sockets)
        free_socket(container_of(node, struct sim_socket, link));
    while (sim->servers != NULL) {
        struct sim_server *server = sim->servers;
        sim->servers = server->next;
        free(server);
    }
    free(sim->descriptors);
}

/* The lowest free number, as a kernel gives it: a descriptor used too late meets somebody else. */
int socket_describe(struct sim_socket *socket) {
    struct sim *sim = socket->sim;
    size_t at = 0;
    while (at < sim->descriptor_count && sim->descriptors[at] != NULL)
        at++;
    if (at == sim->descriptor_count) {
        sim->descriptors = sim_resize(sim->descriptors, ++sim->descriptor_count * sizeof(void *));
    }
    sim->descriptors[at] = socket;
    socket->descriptor = FIRST_DESCRIPTOR + (int)at;
    return socket->descriptor;
}

struct sim_socket *socket_at(struct sim *sim, int descriptor) {
    size_t at = (size_t)(descriptor - FIRST_DESCRIPTOR);
    return descriptor < FIRST_DESCRIPTOR || at >= sim->descriptor_count ? NULL
                                                                        : sim->descriptors[at];
}

size_t sim_open_descriptors(const struct sim *sim) {
    size_t count = 0;
    for (size_t i = 0; i < sim->descriptor_count; i++)
        count += sim->descriptors[i] != NULL;
    return count;
}

/* ---- telling who waits ----------------------------------------------------------------------- */

static void tell(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_socket *socket = subject;
    (void)sim;
    (void)detail;
    socket->telling = false;
    if (socket->changed != NULL && !socket->closed)
        socket->changed(socket->context, socket);
    socket_drop(socket);
}

void socket_wake(struct sim_socket *socket) {
    if (!socket->peers) {
        ring_entries_wake(socket);
        return;
    }
    if (socket->telling || socket->changed == NULL)
        return;
    socket->telling = true;
    socket_hold(socket);
    sim_at(socket->sim, socket->sim->now, tell, socket, 0);
}

static void wake_later(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_socket *socket = subject;
    (void)sim;
    (void)detail;
    socket_wake(socket);
    socket_drop(socket);
}

/* ---- pieces under way ------------------------------------------------------------------------ */

static uint64_t time_of_arrival(struct sim_socket *at) {
    struct sim *sim = at->sim;
    uint64_t arrival =
        sim->now + at->latency + sim_draw_below(sim, STREAM_NETWORK, at->latency / 2 + 1);
    if (arrival < at->last_arrival)
        arrival = at->last_arrival;
    at->last_arrival = arrival;
    return arrival;
}

static void arrive(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_socket *socket = subject;
    (void)detail;
    for (struct sim_piece *piece = socket->first; piece != NULL; piece = piece->next) {
        if (piece->arrived || piece->arrival > sim->now)
            continue;
        piece->arrived = true;
        socket->readable += piece->size - piece->taken;
    }
    socket_wake(socket);
    socket_drop(socket);
}

struct sim_piece *socket_append(struct sim_socket *to, const void *data, size_t size, bool end) {
    struct sim_piece *piece = sim_allocate(sizeof *piece + size);
    if (size > 0)
        memcpy(piece->data, data, size);
    piece->size = size;
    piece->end = end;
    piece->arrival = time_of_arrival(to);
    *to->last = piece;
    to->last = &piece->next;
    to->under_way += size;
    socket_hold(to);
    sim_at(to->sim, piece->arrival, arrive, to, 0);
    return piece;
}

/* A reset overtakes what is under way; what has arrived can still be read. */
static void reset_arrives(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_socket *socket = subject;
    (void)sim;
    (void)detail;
    struct sim_piece **link = &socket->first;
    while (*link != NULL && (*link)->arrived)
        link = &(*link)->next;
    free_pieces(link);
    socket->last = link;
    socket->under_way = socket->readable;
    if (!socket->broken) {
        socket->broken = true;
        socket->error = ECONNRESET;
    }
    socket_wake(socket);
    socket_drop(socket);
}

static void send_reset(struct sim_socket *to) {
    socket_hold(to);
    sim_at(to->sim, to->sim->now + to->latency, reset_arrives, to, 0);
}

/* ---- connecting ------------------------------------------------------------------------------ */

static struct sim_socket *find_listener(struct sim *sim, const union sim_address *to) {
    struct sim_socket *found = NULL;
    uint64_t count = 0;
    list_for_each (node, &sim->sockets) {
        struct sim_socket *socket = container_of(node, struct sim_socket, link);
        if (socket->kind == SOCKET_LISTENER && !socket->closed && listens_on(socket, to) &&
            sim_draw_below(sim, STREAM_NETWORK, ++count) == 0)
            found = socket;
    }
    return found;
}

static size_t backlog_size(const struct sim_socket *listener) {
    size_t count = 0;
    list_for_each (node, &listener->backlog)
        count++;
    return count;
}

static void established(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_socket *socket = subject;
    (void)sim;
    (void)detail;
    if (socket->other != NULL || socket->error != 0 || socket->first != NULL) {
        socket->connected = true;
        socket->connecting = false;
    }
    socket_wake(socket);
    socket_drop(socket);
}

static void join_ends(struct sim_socket *client, struct sim_socket *listener) {
    struct sim *sim = client->sim;
    struct sim_socket *server = socket_new(sim, SOCKET_STREAM, listener->peers);
    server->local = client->remote;
    server->remote = client->local;
    server->latency = client->latency;
    server->connected = true;
    server->other = client;
    client->other = server;
    client->last_arrival = sim->now + client->latency;
    socket_hold(client);
    sim_at(sim, client->last_arrival, established, client, 0);
    if (listener->peers) {
        server->changed = listener->changed;
        server->context = listener->context;
        socket_wake(server);
        return;
    }
    list_append(&listener->backlog, &server->queued);
    socket_wake(listener);
}

static void request_arrives(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_socket *client = subject;
    int number = (int)detail;
    struct sim_socket *listener = number == 0 ? find_listener(sim, &client->remote) : NULL;
    if (listener != NULL && listener->silent) {
        sim_at(sim, sim->now + BLACK_HOLE_SECONDS * SECOND, request_arrives, client, ETIMEDOUT);
        return;
    }
    if (!client->closed && listener != NULL && backlog_size(listener) < BACKLOG) {
        join_ends(client, listener);
    } else if (!client->closed) {
        client->error = number != 0 ? number : ECONNREFUSED;
        client->connecting = false;
        client->broken = true;
        socket_wake(client);
    }
    socket_drop(client);
}

void socket_connect_late(struct sim_socket *socket, const union sim_address *to, uint64_t delay,
                         int number) {
    static const union sim_address here4 = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f}};
    static const union sim_address here6 = {
        .v6 = {.sin6_family = AF_INET6, .sin6_addr.s6_addr = {[15] = 1}}};
    if (socket->local.any.sa_family == 0)
        socket_bind(socket, to->any.sa_family == AF_INET6 ? &here6 : &here4);
    socket->remote = *to;
    socket->connecting = true;
    socket_hold(socket);
    sim_at(socket->sim, socket->sim->now + socket->latency + delay, request_arrives, socket,
           (uint64_t)number);
}

int socket_connected(struct sim_socket *socket) {
    if (socket->error != 0 && !socket->connected) {
        int number = socket->error;
        socket->error = 0;
        return -number;
    }
    return socket->connected ? 0 : -EAGAIN;
}

struct sim_socket *socket_accept(struct sim_socket *listener) {
    struct list_node *node = list_take_first(&listener->backlog);
    return node == NULL ? NULL : container_of(node, struct sim_socket, queued);
}

/* ---- data ------------------------------------------------------------------------------------ */

static int take_error(struct sim_socket *socket) {
    int number = socket->error;
    socket->error = 0;
    return number;
}

static size_t room_at(const struct sim_socket *other) {
    return other->under_way < other->window ? other->window - other->under_way : 0;
}

bool socket_is_readable(const struct sim_socket *socket) {
    if (socket->kind == SOCKET_LISTENER)
        return !list_is_empty(&socket->backlog);
    return (socket->first != NULL && socket->first->arrived) || socket->error != 0 ||
           socket->ended || socket->broken;
}

bool socket_is_writable(const struct sim_socket *socket) {
    if (socket->kind == SOCKET_DATAGRAM)
        return true;
    return socket->broken || socket->error != 0 ||
           (socket->connected && (socket->other == NULL || room_at(socket->other) > 0));
}

static void drop_first(struct sim_socket *socket) {
    struct sim_piece *piece = socket->first;
    socket->first = piece->next;
    if (socket->first == NULL)
        socket->last = &socket->first;
    free(piece);
}

/* The sender may go on when there is room again. */
static void make_room(struct sim_socket *socket) {
    struct sim_socket *other = socket->other;
    if (other == NULL || (!other->peers && list_is_empty(&other->waiting)))
        return;
    socket_hold(other);
    sim_at(socket->sim, socket->sim->now + socket->latency, wake_later, other, 0);
}

static size_t take_pieces(struct sim_socket *socket, uint8_t *data, size_t size) {
    size_t taken = 0;
    while (taken < size && socket->first != NULL && socket->first->arrived && !socket->first->end) {
        struct sim_piece *piece = socket->first;
        size_t part = piece->size - piece->taken;
        if (part > size - taken)
            part = size - taken;
        memcpy(data + taken, piece->data + piece->taken, part);
        piece->taken += part;
        taken += part;
        if (piece->taken == piece->size)
            drop_first(socket);
    }
    socket->readable -= taken;
    socket->under_way -= taken;
    return taken;
}

ssize_t socket_receive(struct sim_socket *socket, void *data, size_t size) {
    size_t taken = take_pieces(socket, data, size);
    if (taken > 0) {
        make_room(socket);
        return (ssize_t)taken;
    }
    if (socket->first != NULL && socket->first->arrived && socket->first->end) {
        socket->ended = true;
        drop_first(socket);
    }
    if (socket->error != 0)
        return -take_error(socket);
    return socket->ended || socket->broken ? 0 : -EAGAIN;
}

ssize_t socket_send(struct sim_socket *socket, const void *data, size_t size) {
    if (socket->error != 0)
        return -take_error(socket);
    if (socket->broken || socket->shut)
        return -EPIPE;
    if (!socket->connected)
        return -ENOTCONN;
    if (socket->other == NULL) {
        send_reset(socket); /* nobody is there: that is heard of a latency later */
        return (ssize_t)size;
    }
    size_t room = room_at(socket->other);
    if (room == 0)
        return -EAGAIN;
    size = size < room ? size : room;
    socket_append(socket->other, data, size, false);
    return (ssize_t)size;
}

/* ---- the end --------------------------------------------------------------------------------- */

void socket_shut(struct sim_socket *socket) {
    if (socket->shut || socket->broken || !socket->connected)
        return;
    socket->shut = true;
    if (socket->other != NULL)
        socket_append(socket->other, NULL, 0, true);
}

void socket_reset(struct sim_socket *socket) {
    struct sim_socket *other = socket->other;
    socket->broken = true;
    socket->error = 0;
    if (other == NULL)
        return;
    other->other = NULL;
    socket->other = NULL;
    send_reset(other);
}

static void close_listener(struct sim_socket *listener) {
    list_for_each_safe (node, &listener->backlog) {
        struct sim_socket *socket = container_of(node, struct sim_socket, queued);
        socket_reset(socket);
        socket_close(socket);
    }
}

/* What is unread, or comes later, is answered with a reset. */
void socket_close(struct sim_socket *socket) {
    struct sim *sim = socket->sim;
    socket->closed = true;
    if (socket->kind == SOCKET_LISTENER)
        close_listener(socket);
    else if (socket->other != NULL && (socket->under_way > 0 || !socket->connected))
        socket_reset(socket);
    else
        socket_shut(socket);
    if (socket->other != NULL)
        socket->other->other = NULL;
    socket->other = NULL;
    if (socket->descriptor >= 0)
        sim->descriptors[socket->descriptor - FIRST_DESCRIPTOR] = NULL;
    socket->descriptor = -1;
    list_remove(&socket->queued);
    socket_drop(socket);
}
