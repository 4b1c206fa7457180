/*
 * Who is let in: how many connections in all, how many a second, and how many from one address. One
 * admission serves the servers of all workers.
 *
 * It has a lock, since connections of one address arrive at any worker: taken when a connection
 * comes and when it goes, never between. In the caller's memory.
 */
#ifndef RINGCAST_SERVER_ADMISSION_H
#define RINGCAST_SERVER_ADMISSION_H

#include <pthread.h>

#include "base/bucket.h"
#include "base/map.h"
#include "net/address.h"

struct admission_limits {
    unsigned connections;       /* in all; 0: no limit */
    unsigned per_address;       /* from one IPv4 address or one IPv6 /64; 0: no limit */
    struct bucket_rate accepts; /* a second */
};

/* Fields are private. */
struct admission {
    pthread_mutex_t lock;
    struct admission_limits limits;
    size_t open;
    struct bucket accepts;
    struct map addresses; /* struct admission_address */
};

/* The connections that are there from one address. */
struct admission_address;

enum admission_answer { ADMISSION_GRANTED, ADMISSION_TOO_MANY, ADMISSION_TOO_FAST };

void admission_init(struct admission *admission, const struct admission_limits *limits);

/* Nobody may be in any more. */
void admission_fini(struct admission *admission);

/* For those who come from now on. */
void admission_set_limits(struct admission *admission, const struct admission_limits *limits);

/* One more connection, at `now` of a loop's clock. Who was granted leaves later. */
enum admission_answer admission_enter(struct admission *admission, uint64_t now);
void admission_leave(struct admission *admission);

/* Who was just granted is closed at once, so that no accept is spent on it: one address cannot use
 * up what is for all. Not later, when the rate is another moment's. */
void admission_spare_accept(struct admission *admission);

/*
 * Counts a connection among those of its address, until admission_uncount(). ERROR_NO_MEMORY or
 * ERROR_LIMIT_REACHED: it is not counted. `*counted` is NULL when there is no limit, and for Unix
 * sockets, which have no address.
 */
enum error admission_count(struct admission *admission, const struct address *address,
                           struct admission_address **counted);

/* NULL is allowed. */
void admission_uncount(struct admission *admission, struct admission_address *counted);

#endif
