/* Peers: connections' other ends, driven by tests without a ring. */
#include "base/clock.h"
#include "sim_internal.h"

struct sim_socket *sim_peer_connect(struct sim *sim, const struct sockaddr *from,
                                    const struct sockaddr *to, sim_changed *changed,
                                    void *context) {
    struct sim_socket *socket = socket_new(sim, SOCKET_STREAM, true);
    union sim_address local = address_of(from), remote = address_of(to);
    socket_bind(socket, &local);
    sim_peer_watch(socket, changed, context);
    socket_connect_late(socket, &remote, 0, 0);
    return socket;
}

struct sim_socket *sim_peer_listen(struct sim *sim, const struct sockaddr *address,
                                   sim_changed *accepted, void *context) {
    struct sim_socket *socket = socket_new(sim, SOCKET_LISTENER, true);
    union sim_address local = address_of(address);
    socket_bind(socket, &local);
    sim_peer_watch(socket, accepted, context);
    return socket;
}

void sim_peer_ignore(struct sim *sim, const struct sockaddr *address) {
    sim_peer_listen(sim, address, NULL, NULL)->silent = true;
}

void sim_peer_watch(struct sim_socket *socket, sim_changed *changed, void *context) {
    socket->changed = changed;
    socket->context = context;
}

struct sim_peer_state sim_peer_state(const struct sim_socket *socket) {
    struct sim_peer_state state = {
        .connected = socket->connected,
        .failed = socket->broken,
        .readable = socket->readable,
    };
    const struct sim_piece *first = socket->first;
    state.ended = socket->ended || (first != NULL && first->arrived && first->end);
    state.gone = socket->connected && socket->other == NULL;
    if (socket->connected && !socket->broken && !socket->shut)
        state.writable = socket->other == NULL ? 1
                         : socket->other->under_way < socket->other->window
                             ? socket->other->window - socket->other->under_way
                             : 0;
    return state;
}

size_t sim_peer_read(struct sim_socket *socket, void *data, size_t size) {
    ssize_t result = socket_receive(socket, data, size);
    return result > 0 ? (size_t)result : 0;
}

size_t sim_peer_write(struct sim_socket *socket, const void *data, size_t size) {
    ssize_t result = size == 0 ? 0 : socket_send(socket, data, size);
    return result > 0 ? (size_t)result : 0;
}

void sim_peer_set_window(struct sim_socket *socket, size_t bytes) {
    socket->window = bytes;
}

void sim_peer_shutdown(struct sim_socket *socket) {
    socket_shut(socket);
}

void sim_peer_close(struct sim_socket *socket) {
    socket_close(socket);
}

void sim_peer_reset(struct sim_socket *socket) {
    socket_reset(socket);
    socket_close(socket);
}

void sim_peer_other(const struct sim_socket *socket, struct sockaddr *address, socklen_t *size) {
    union sim_address remote = socket->remote;
    socklen_t length = address_length(&remote);
    __builtin_memcpy(address, &remote, length < *size ? length : *size);
    *size = length;
}
