/*
 * What is done with a body as it arrives: its content codings are undone, its size is bounded, its
 * SHA-256 taken, its title found. No byte of it is kept longer than that takes.
 *
 * A small body without a coding is digested where it is; any other goes to the thread pool in
 * chunks, at most one at a time, so that they are digested in order. While one is there the next
 * collects; when that is full too, the caller should stop reading. Of a small body with a coding,
 * the loop decodes only the beginning: what is left then goes to the pool.
 */
#ifndef RINGCAST_FETCH_BODY_H
#define RINGCAST_FETCH_BODY_H

#include <stdatomic.h>

#include "body_file.h"
#include "coding/decoder.h"
#include "digest/sha256.h"
#include "fetch/title.h"
#include "http/fields.h"
#include "loop/pool.h"

/* With the piece that makes it full, a chunk has 80 KiB. */
enum { BODY_CHUNK_SIZE = 48 * 1024, BODY_PIECE_MAX = 32 * 1024 };

/*
 * What a piece may decode to where it arrives, in steps of at most 32 KiB for each coding; a body
 * that swells more goes to the pool. Where the pool shares the loop's processor, it goes only when
 * it would hold the loop for milliseconds.
 */
enum { BODY_STEPS_IN_PLACE = 4, BODY_STEPS_ALONE = 64 };

struct body;

struct body_events {
    void (*drained)(struct body *body); /* there is room again */
    /* The pool has found that the body is not to be had: body_abandon() is all that is left. */
    void (*failed)(struct body *body, enum error error);
    void (*finished)(struct body *body); /* after body_finish(): digest and title are there; or
                                            after body_abandon(): the pool has let go of it */
};

struct body {
    const struct body_events *events;
    struct pool_port *port;
    struct sha256 hash;
    struct decoder *decoder; /* NULL: no coding */
    struct body_file *file;  /* where it is saved as well; NULL: nowhere */
    struct work work;
    struct buffer filling; /* received and not digested */
    struct buffer hashing; /* the pool has it */
    uint64_t size;         /* decoded; while the pool has a chunk, the pool's */
    uint64_t wire_size;    /* received */
    int64_t expected;      /* … in all, or -1 */
    uint64_t limit;        /* of `size` */
    enum error error;      /* of the decoder */
    unsigned steps;        /* in which a piece is digested as it arrives; 0: on the pool */
    bool full;             /* the caller was told to stop */
    bool finishing;
    bool last; /* the pool has, or had, the end of a body that is saved */
    atomic_bool abandoned;
    bool has_title; /* a title is looked for */
    bool scanning;
    uint8_t digest[SHA256_SIZE];
    struct title_scanner title;
};

/*
 * Begins a body in the caller's memory. `fields` are those of its head; `length` is what the head
 * says or -1; below `inline_below` it is digested in place, with UINT64_MAX always. It may decode
 * to `limit` bytes. ERROR_CODING_UNKNOWN (too many codings, too), ERROR_BODY_TOO_LARGE if the
 * length says so, ERROR_NO_MEMORY: then nothing has begun.
 */
enum error body_init(struct body *body, struct pool_port *port, const struct body_events *events,
                     struct http_fields fields, int64_t length, uint64_t inline_below,
                     uint64_t limit);

/*
 * Saves it as well: takes `file`. Before the first piece; from then on all of the body goes to the
 * pool. When it cannot be written, `failed` says ERROR_SAVE_FAILED.
 */
void body_save(struct body *body, struct body_file *file);

/* Frees what it holds. The pool must not have it (body_is_hashing()). */
void body_fini(struct body *body);

/*
 * Takes a piece. ERROR_BODY_TOO_LARGE beyond the limit, the decoder's errors, ERROR_NO_MEMORY.
 * `*stop` says that reading should pause until `drained`; pieces that come meanwhile are still
 * taken.
 */
enum error body_add(struct body *body, struct bytes piece, bool *stop);

/* The body is complete: `finished` or `failed` follows, at once or later. */
void body_finish(struct body *body);

/* Gives the body up. True: the pool has let go already; false: `finished` says when it has. */
bool body_abandon(struct body *body);

/* Does the pool have a chunk of it? Then its memory must stay. */
static inline bool body_is_hashing(const struct body *body) {
    return work_is_sent(&body->work);
}

#endif
