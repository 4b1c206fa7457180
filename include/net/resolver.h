/*
 * Names to addresses, without ever holding the loop: c-ares over the ring, with a cache.
 *
 * A lookup is embedded in whoever asks. Answers live in the cache for their real TTL (clamped to 5
 * s to 5 min), failures for 5 s. Lookups of the same name share one query. A lookup can be
 * abandoned: the query goes on and fills the cache. IP literals, "localhost" and names below it
 * never leave the machine. Belongs to its loop's thread.
 */
#ifndef RINGCAST_NET_RESOLVER_H
#define RINGCAST_NET_RESOLVER_H

#include "loop/loop.h"
#include "net/address.h"

struct resolver;
struct lookup;

/*
 * ERROR_NONE and at least one address with the port asked for, families in turn (RFC 8305), or
 * ERROR_NAME_NOT_FOUND, ERROR_NAME_SERVER_FAILED, ERROR_TIMED_OUT, ERROR_NO_MEMORY. `addresses` are
 * lent until the call returns.
 */
typedef void lookup_done(struct lookup *lookup, enum error error, const struct address *addresses,
                         size_t count);

/* `{0}` is an idle lookup. */
struct lookup {
    lookup_done *done;
    uint16_t port;
    struct list_node link; /* among those who wait for the same name */
    struct timer deadline;
    struct resolver *resolver;
    bool waiting;
};

struct resolver_statistics {
    struct counter queries;
    struct counter cache_hits;
    struct counter failures;
};

/*
 * A resolver with the system's configuration (/etc/resolv.conf, /etc/hosts), or with these name
 * servers alone ("127.0.0.1:5353,[::1]:53"; NULL: the system's): then no file is read. A lookup
 * that gets no answer within `timeout` (nanoseconds) fails; the query may go on and fill the cache.
 */
enum error resolver_new(struct loop *loop, uint64_t timeout, const char *servers,
                        struct resolver **resolver);

/* Abandons all queries and lookups; `closed` runs when nothing is armed any more, and the resolver
 * is gone. */
void resolver_close(struct resolver *resolver, void (*closed)(void *context), void *context);

/*
 * Looks a name up. `done` runs later, never before this function has returned, and not at all when
 * it returns an error (a name that is too long, no memory).
 */
enum error resolver_lookup(struct resolver *resolver, struct lookup *lookup, struct bytes name,
                           uint16_t port, lookup_done *done);

/* Gives it up: `done` will not run. Harmless on an idle lookup. */
void lookup_abandon(struct lookup *lookup);

const struct resolver_statistics *resolver_statistics(const struct resolver *resolver);

#endif
