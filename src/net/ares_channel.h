/*
 * c-ares on the loop: its sockets are polled by the ring, its time-outs are one timer, and its
 * socket calls pass the ring's seam. The only file that includes ares.h is ares_channel.c.
 */
#ifndef RINGCAST_NET_ARES_CHANNEL_H
#define RINGCAST_NET_ARES_CHANNEL_H

#include "loop/loop.h"
#include "net/address.h"

struct ares_channel_on_loop;

/* `count` addresses with port 0 and the smallest TTL in seconds, or an error. */
typedef void ares_answer(void *context, enum error error, const struct address *addresses,
                         size_t count, unsigned ttl);

/* `servers` as for resolver_new(). */
enum error ares_channel_new(struct loop *loop, uint64_t timeout, const char *servers,
                            struct ares_channel_on_loop **channel);

/* Asks for both families. `answer` may run before this returns. `name` is NUL-terminated. */
void ares_channel_query(struct ares_channel_on_loop *channel, const char *name, ares_answer *answer,
                        void *context);

/* Fails all queries with ERROR_CANCELLED, then `closed` runs when nothing is armed. */
void ares_channel_close(struct ares_channel_on_loop *channel, void (*closed)(void *context),
                        void *context);

#endif
