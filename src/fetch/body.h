/*
 * What is done with a body as it arrives: its size is bounded, its SHA-256 taken, its title found.
 * No byte of it is kept longer than that takes.
 *
 * A body that is announced to be small is hashed where it is; any other goes to the thread pool in
 * chunks, at most one at a time, so that they are hashed in order. While one is there the next
 * collects; when that is full too, the caller should stop reading.
 */
#ifndef RINGCAST_FETCH_BODY_H
#define RINGCAST_FETCH_BODY_H

#include "digest/sha256.h"
#include "fetch/title.h"
#include "loop/pool.h"

enum { BODY_CHUNK_SIZE = 64 * 1024 };

struct body;

struct body_events {
    void (*drained)(struct body *body);  /* there is room again */
    void (*finished)(struct body *body); /* after body_finish(): digest and title are there; or
                                            after body_abandon(): the pool has let go of it */
};

struct body {
    const struct body_events *events;
    struct pool_port *port;
    struct sha256 hash;
    struct work work;
    struct buffer filling; /* received and not hashed */
    struct buffer hashing; /* the pool has it */
    uint64_t size;
    uint64_t limit;
    bool in_place; /* hashed as it arrives */
    bool full;     /* the caller was told to stop */
    bool finishing;
    bool abandoned;
    bool has_title; /* a title is looked for */
    bool scanning;
    uint8_t digest[SHA256_SIZE];
    struct title_scanner title;
};

/*
 * Begins a body in the caller's memory. `length` is what the head says or -1; below `inline_below`
 * it is hashed in place. `content_type` is the field's value, maybe empty.
 */
void body_init(struct body *body, struct pool_port *port, const struct body_events *events,
               struct bytes content_type, int64_t length, uint64_t inline_below, uint64_t limit);

/* Frees what it holds. The pool must not have it (body_is_hashing()). */
void body_fini(struct body *body);

/*
 * Takes a piece. ERROR_BODY_TOO_LARGE beyond the limit, ERROR_NO_MEMORY. `*stop` says that reading
 * should pause until `drained`; pieces that come meanwhile are still taken.
 */
enum error body_add(struct body *body, struct bytes piece, bool *stop);

/* The body is complete: `finished` follows, at once or later. */
void body_finish(struct body *body);

/* Gives the body up. True: the pool has let go already; false: `finished` says when it has. */
bool body_abandon(struct body *body);

/* Does the pool have a chunk of it? Then its memory must stay. */
static inline bool body_is_hashing(const struct body *body) {
    return work_is_sent(&body->work);
}

#endif
