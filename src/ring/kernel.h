/* What every backend that runs on the real kernel shares: its sockets, clocks and random numbers.
 */
#ifndef RINGCAST_RING_KERNEL_H
#define RINGCAST_RING_KERNEL_H

#include "ring/ring.h"

extern const struct socket_calls kernel_sockets;

/* kernel_listen.c; see struct socket_calls. */
int kernel_listen(struct ring *ring, const struct sockaddr *address, socklen_t size, bool join);
int kernel_share(struct ring *ring, int descriptor);
void kernel_forget(struct ring *ring, const struct sockaddr *address);

uint64_t kernel_now(struct ring *ring);
uint64_t kernel_wall(struct ring *ring);
void kernel_random(struct ring *ring, void *out, size_t size);

#endif
