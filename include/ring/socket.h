/*
 * Immediate calls on sockets, through the ring's seam: nothing here waits. Each answers an enum
 * error and writes its result through a pointer.
 */
#ifndef RINGCAST_RING_SOCKET_H
#define RINGCAST_RING_SOCKET_H

#include "ring/ring.h"

/* A socket for ring operations: `type` is SOCK_STREAM or SOCK_DGRAM, plus SOCK_NONBLOCK for one
 * that the immediate calls below use. The caller owns the descriptor. */
enum error socket_open(struct ring *ring, int family, int type, int *descriptor);

/*
 * A listening stream socket on `address`, dual-stack off. Connections accepted from it send small
 * messages at once (TCP_NODELAY). The first one on an address must have it for itself:
 * ERROR_ADDRESS_IN_USE if anybody listens there. The other workers' ones `join` it (SO_REUSEPORT).
 */
enum error socket_listen(struct ring *ring, const struct sockaddr *address, socklen_t size,
                         bool join, int *descriptor);

/* Sends what fits without waiting; what became of it is not told. For courtesies only. */
void socket_send_once(struct ring *ring, int descriptor, const void *data, size_t size);

/* The other end's address, or this end's. `*size` is the capacity first, then the size used. */
enum error socket_peer(struct ring *ring, int descriptor, struct sockaddr *address,
                       socklen_t *size);
enum error socket_local(struct ring *ring, int descriptor, struct sockaddr *address,
                        socklen_t *size);

#endif
