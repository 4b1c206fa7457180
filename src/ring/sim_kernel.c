/* The immediate calls on sockets of the simulated machine, and its descriptors. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "sim_internal.h"

/* A burst: for a while there are no descriptors, whoever asks. */
int sim_descriptor_shortage(struct sim *sim) {
    bool process = sim_strikes(sim, SIM_FAULT_PROCESS_DESCRIPTORS);
    if (process || sim_strikes(sim, SIM_FAULT_SYSTEM_DESCRIPTORS)) {
        sim->descriptors_out_number = process ? EMFILE : ENFILE;
        sim->descriptors_out_until =
            sim->now + sim_amount(sim, SIM_FAULT_PROCESS_DESCRIPTORS, 2 * SECOND);
    }
    return sim->now < sim->descriptors_out_until ? sim->descriptors_out_number : 0;
}

static struct sim_socket *socket_of(struct ring *ring, int descriptor) {
    struct sim_socket *socket = socket_at(sim_of(ring), descriptor);
    if (socket == NULL)
        sim_accuse(sim_of(ring), "a call on descriptor %d, which is not open", descriptor);
    return socket;
}

static int open_socket(struct ring *ring, int family, int type) {
    struct sim *sim = sim_of(ring);
    int shortage = sim_descriptor_shortage(sim);
    (void)family;
    if (shortage != 0)
        return -shortage;
    bool datagrams = (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_DGRAM;
    struct sim_socket *socket = socket_new(sim, datagrams ? SOCKET_DATAGRAM : SOCKET_STREAM, false);
    int descriptor = socket_describe(socket);
    sim_note(sim, "open", (uint64_t)descriptor, datagrams);
    return descriptor;
}

static bool is_taken(struct sim *sim, const union sim_address *address) {
    list_for_each (node, &sim->sockets) {
        const struct sim_socket *socket = container_of(node, struct sim_socket, link);
        if (socket->kind == SOCKET_LISTENER && !socket->closed &&
            address_same(&socket->local, address))
            return true;
    }
    return false;
}

static int listen_on(struct ring *ring, const struct sockaddr *address, socklen_t size, bool join) {
    struct sim *sim = sim_of(ring);
    union sim_address local = address_of(address);
    (void)size;
    if (!join && is_taken(sim, &local))
        return -EADDRINUSE;
    struct sim_socket *socket = socket_new(sim, SOCKET_LISTENER, false);
    socket_bind(socket, &local);
    int descriptor = socket_describe(socket);
    sim_note(sim, "listen", (uint64_t)descriptor, 0);
    return descriptor;
}

/* Datagrams only know where they go from here on; a stream's connection needs its time. */
static int connect_now(struct ring *ring, int descriptor, const struct sockaddr *address,
                       socklen_t size) {
    struct sim_socket *socket = socket_of(ring, descriptor);
    (void)size;
    union sim_address to = address_of(address);
    if (socket->kind == SOCKET_STREAM) {
        socket_connect_late(socket, &to, 0, 0);
        return -EINPROGRESS;
    }
    static const union sim_address here = {
        .v4 = {.sin_family = AF_INET, .sin_addr.s_addr = 0x0100007f}};
    socket_bind(socket, &here);
    socket->remote = to;
    socket->connected = true;
    return 0;
}

static ssize_t receive_now(struct ring *ring, int descriptor, void *data, size_t size,
                           struct sockaddr *from, socklen_t *from_size) {
    struct sim_socket *socket = socket_of(ring, descriptor);
    union sim_address sender = socket->remote;
    ssize_t result = socket->kind == SOCKET_DATAGRAM ? datagram_receive(socket, data, size, &sender)
                                                     : socket_receive(socket, data, size);
    if (result >= 0 && from != NULL) {
        socklen_t length = address_length(&sender);
        memcpy(from, &sender, length < *from_size ? length : *from_size);
        *from_size = length;
    }
    return result;
}

static ssize_t send_now(struct ring *ring, int descriptor, const struct iovec *parts, int count) {
    struct sim_socket *socket = socket_of(ring, descriptor);
    uint8_t whole[65536];
    size_t size = 0;
    for (int i = 0; i < count; i++) {
        size_t part = parts[i].iov_len;
        if (part > sizeof whole - size)
            part = sizeof whole - size;
        memcpy(whole + size, parts[i].iov_base, part);
        size += part;
    }
    sim_note(socket->sim, "send now", (uint64_t)descriptor, size);
    return socket->kind == SOCKET_DATAGRAM ? datagram_send(socket, whole, size)
                                           : socket_send(socket, whole, size);
}

static int copy_address(const union sim_address *from, struct sockaddr *address, socklen_t *size) {
    socklen_t length = address_length(from);
    memcpy(address, from, length < *size ? length : *size);
    *size = length;
    return 0;
}

static int peer_of(struct ring *ring, int descriptor, struct sockaddr *address, socklen_t *size) {
    const struct sim_socket *socket = socket_of(ring, descriptor);
    return socket->broken ? -ENOTCONN : copy_address(&socket->remote, address, size);
}

static int local_of(struct ring *ring, int descriptor, struct sockaddr *address, socklen_t *size) {
    return copy_address(&socket_of(ring, descriptor)->local, address, size);
}

const struct socket_calls sim_sockets = {
    .open = open_socket,
    .listen = listen_on,
    .connect = connect_now,
    .receive = receive_now,
    .send = send_now,
    .peer = peer_of,
    .local = local_of,
};
