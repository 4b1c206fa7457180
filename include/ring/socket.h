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
 * messages at once (TCP_NODELAY). Unless `join`, ERROR_ADDRESS_IN_USE says that anybody
 * listens there already; others of this process `join` it afterwards (the kernel spreads
 * connections over them). A Unix socket takes the place of one that nobody listens on any more.
 */
enum error socket_listen(struct ring *ring, const struct sockaddr *address, socklen_t size,
                         bool join, int *descriptor);

/* A second descriptor of a listening Unix socket, for another worker. */
enum error socket_share(struct ring *ring, int descriptor, int *copy);

/* Removes the file of a Unix socket. */
void socket_forget(struct ring *ring, const struct sockaddr *address);

/* Sends what fits without waiting; what became of it is not told. For courtesies only. */
void socket_send_once(struct ring *ring, int descriptor, const void *data, size_t size);

/* The other end's address, or this end's. `*size` is the capacity first, then the size used. */
enum error socket_peer(struct ring *ring, int descriptor, struct sockaddr *address,
                       socklen_t *size);
enum error socket_local(struct ring *ring, int descriptor, struct sockaddr *address,
                        socklen_t *size);

#endif
