/* Datagrams: between the machine's sockets and servers outside, such as a name server. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim_internal.h"

/* One on its way to a server. */
struct request {
    struct sim_server *server;
    union sim_address from;
    size_t size;
    uint8_t data[];
};

static uint64_t travel_time(struct sim *sim) {
    uint64_t time = 20 * MICROSECOND + sim_draw_below(sim, STREAM_NETWORK, MILLISECOND);
    if (sim_strikes(sim, SIM_FAULT_DATAGRAM_SLOW))
        time += sim_amount(sim, SIM_FAULT_DATAGRAM_SLOW, 20 * SECOND);
    return time;
}

static struct sim_server *find_server(struct sim *sim, const union sim_address *address) {
    struct sim_server *server = sim->servers;
    while (server != NULL && !address_same(&server->address, address))
        server = server->next;
    return server;
}

static void request_arrives(struct sim *sim, void *subject, uint64_t detail) {
    struct request *request = subject;
    (void)detail;
    request->server->received(request->server->context, sim, &request->from.any, request->data,
                              request->size);
}

/* Nobody listens there: the socket hears of it, as from an ICMP message. */
static void refused(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_socket *socket = subject;
    (void)sim;
    (void)detail;
    socket->error = ECONNREFUSED;
    socket_wake(socket);
    socket_drop(socket);
}

ssize_t datagram_send(struct sim_socket *socket, const void *data, size_t size) {
    struct sim *sim = socket->sim;
    struct sim_server *server = find_server(sim, &socket->remote);
    if (socket->error != 0) {
        int number = socket->error;
        socket->error = 0;
        return -number;
    }
    if (server == NULL) {
        socket_hold(socket);
        sim_at(sim, sim->now + socket->latency, refused, socket, 0);
        return (ssize_t)size;
    }
    if (sim_strikes(sim, SIM_FAULT_DATAGRAM_LOST))
        return (ssize_t)size;
    struct request *request = sim_allocate(sizeof *request + size);
    request->server = server;
    request->from = socket->local;
    request->size = size;
    memcpy(request->data, data, size);
    sim_at_owned(sim, sim->now + travel_time(sim), request_arrives, request);
    return (ssize_t)size;
}

ssize_t datagram_receive(struct sim_socket *socket, void *data, size_t size,
                         union sim_address *from) {
    struct sim_piece *piece = socket->first;
    if (socket->error != 0) {
        int number = socket->error;
        socket->error = 0;
        return -number;
    }
    if (piece == NULL || !piece->arrived)
        return -EAGAIN;
    size = piece->size < size ? piece->size : size;
    memcpy(data, piece->data, size);
    *from = piece->from;
    socket->first = piece->next;
    if (socket->first == NULL)
        socket->last = &socket->first;
    socket->readable -= piece->size;
    socket->under_way -= piece->size;
    free(piece);
    return (ssize_t)size;
}

void sim_serve_datagrams(struct sim *sim, const struct sockaddr *address, sim_datagram *received,
                         void *context) {
    struct sim_server *server = sim_allocate(sizeof *server);
    *server = (struct sim_server){address_of(address), received, context, sim->servers};
    sim->servers = server;
}

/* One on its way to a socket. A slow one does not hold up others. */
struct answer {
    struct sim_socket *socket;
    union sim_address from;
    size_t size;
    uint8_t data[];
};

static void answer_arrives(struct sim *sim, void *subject, uint64_t detail) {
    struct answer *answer = subject;
    struct sim_socket *socket = answer->socket;
    (void)sim;
    (void)detail;
    if (!socket->closed)
        socket_append(socket, answer->data, answer->size, false)->from = answer->from;
    socket_drop(socket);
}

static void send_to(struct sim_socket *socket, const union sim_address *from, const void *data,
                    size_t size) {
    struct sim *sim = socket->sim;
    struct answer *answer = sim_allocate(sizeof *answer + size);
    *answer = (struct answer){.socket = socket, .from = *from, .size = size};
    memcpy(answer->data, data, size);
    socket_hold(socket);
    socket->latency = 0;
    sim_at_owned(sim, sim->now + travel_time(sim), answer_arrives, answer);
}

void sim_send_datagram(struct sim *sim, const struct sockaddr *from, const struct sockaddr *to,
                       const void *data, size_t size) {
    union sim_address wanted = address_of(to);
    if (sim_strikes(sim, SIM_FAULT_DATAGRAM_LOST))
        return;
    list_for_each (node, &sim->sockets) {
        struct sim_socket *socket = container_of(node, struct sim_socket, link);
        if (socket->kind != SOCKET_DATAGRAM || socket->closed ||
            !address_same(&socket->local, &wanted))
            continue;
        union sim_address source = address_of(from);
        send_to(socket, &source, data, size);
        return;
    }
}
