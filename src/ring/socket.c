#include "ring/socket.h"

static enum error answer(int result, int *descriptor) {
    if (result < 0)
        return error_from_errno(-result);
    if (descriptor != NULL)
        *descriptor = result;
    return ERROR_NONE;
}

enum error socket_open(struct ring *ring, int family, int type, int *descriptor) {
    return answer(ring->backend->sockets->open(ring, family, type), descriptor);
}

enum error socket_listen(struct ring *ring, const struct sockaddr *address, socklen_t size,
                         bool join, int *descriptor) {
    return answer(ring->backend->sockets->listen(ring, address, size, join), descriptor);
}

enum error socket_share(struct ring *ring, int descriptor, int *copy) {
    return answer(ring->backend->sockets->share(ring, descriptor), copy);
}

void socket_forget(struct ring *ring, const struct sockaddr *address) {
    ring->backend->sockets->forget(ring, address);
}

enum error socket_peer(struct ring *ring, int descriptor, struct sockaddr *address,
                       socklen_t *size) {
    return answer(ring->backend->sockets->peer(ring, descriptor, address, size), NULL);
}

enum error socket_local(struct ring *ring, int descriptor, struct sockaddr *address,
                        socklen_t *size) {
    return answer(ring->backend->sockets->local(ring, descriptor, address, size), NULL);
}

void socket_send_once(struct ring *ring, int descriptor, const void *data, size_t size) {
    const struct iovec part = {.iov_base = (void *)data, .iov_len = size};
    ring->backend->sockets->send(ring, descriptor, &part, 1);
}
