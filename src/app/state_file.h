/*
 * What is known of the scheduled URLs, in a file that outlives the process: one JSON object a line
 * for each URL. It is written anew after each round, and within a long one, beside the old one and
 * then in its place, so that whatever ends the process leaves a whole file, this one or the one
 * before.
 *
 * A URL is known again if its request is the same: URL, method, fields and body. Credentials are
 * not written, nor compared.
 *
 * Belongs to the fetching loop's thread. The text of a long list is built over many turns, a slice
 * of lines in each: a line says what was known when its turn came, and a save that is asked for
 * meanwhile begins once this one is built. The writing itself is done on the pool.
 */
#ifndef RINGCAST_APP_STATE_FILE_H
#define RINGCAST_APP_STATE_FILE_H

#include "loop/pool.h"
#include "state_line.h"

enum { STATE_LINES_A_TURN = 256 };

/* What the lines tell of: URLs, and who knows about each of them, for the call (a view). Borrowed.
 */
struct state_source {
    const struct config_url *urls;
    size_t count;
    void (*recall)(const void *context, size_t index, struct schedule_memory *memory);
    const void *context;
};

struct state_file {
    const char *path; /* NULL: there is none, and nothing is done */
    char *temporary;
    struct pool_port port;
    struct work writing;
    struct buffer text;         /* while it is being written, the pool's */
    struct buffer pending;      /* to be written next, or being built; empty: nothing */
    struct state_source source; /* of what is being built */
    size_t built;               /* lines of it that are there */
    bool building;
    bool again; /* it was asked for another time meanwhile */
    struct task slice;
    enum error result; /* of the last writing */
    enum error told;   /* that was logged */
    struct loop *loop;
    uint64_t saved; /* when this was asked for last, by the loop's clock */
    void (*closed)(void *context);
    void *closed_context;
};

/* `path` (NULL: no file) is borrowed. */
enum error state_file_init(struct state_file *state, const char *path, struct pool *pool,
                           struct loop *loop);

/* The pool must be done with it: see state_file_close(). */
void state_file_fini(struct state_file *state);

/*
 * Reads what is known into `memories`, one for each of `urls`, all zeros before, each to be ended
 * whatever happens. A file that is not there is an empty one; what cannot be understood of it is
 * logged and left out. ERROR_NO_MEMORY, and errors of reading.
 */
enum error state_file_load(const struct state_file *state, const struct config_urls *urls,
                           struct state_memory *memories);

/*
 * The file's text without a file and in one go: what is known of the source's URLs, in their order;
 * and what is known of `urls` by such a text, as above.
 */
enum error state_text_append(struct buffer *out, const struct state_source *source);
enum error state_text_read(struct bytes text, const struct config_urls *urls,
                           struct state_memory *memories);

/* Writes what the source knows, as soon as that is built and the last writing is done. The source
 * is borrowed until state_file_settle(). Failures are logged. */
void state_file_save(struct state_file *state, const struct state_source *source);

/* The same within a long round: no more often than once a minute. */
void state_file_save_now_and_then(struct state_file *state, const struct state_source *source);

/* The source is about to be gone, and says nothing new: what was asked for is built now, to its
 * end. */
void state_file_settle(struct state_file *state);

/* All is settled: `closed` runs, at once or later, when nothing is being written any more. */
void state_file_close(struct state_file *state, void (*closed)(void *context), void *context);

#endif
