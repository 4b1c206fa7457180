/*
 * What is known of the scheduled URLs, in a file that outlives the process: one JSON object a line
 * for each URL. It is written anew after each round, and within a long one, beside the old one and
 * then in its place, so that whatever ends the process leaves a whole file, this one or the one
 * before.
 *
 * A URL is known again if its request is the same: URL, method, fields and body. Credentials are
 * not written, nor compared.
 *
 * Belongs to the fetching loop's thread; the writing itself is done on the pool.
 */
#ifndef RINGCAST_APP_STATE_FILE_H
#define RINGCAST_APP_STATE_FILE_H

#include "loop/pool.h"
#include "state_line.h"

struct state_file {
    const char *path; /* NULL: there is none, and nothing is done */
    char *temporary;
    struct pool_port port;
    struct work writing;
    struct buffer text;    /* while it is being written, the pool's */
    struct buffer pending; /* to be written next; empty: nothing */
    enum error result;     /* of the last writing */
    enum error told;       /* that was logged */
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
 * The file's text without a file: what the schedule knows of its URLs, in their order; and what is
 * known of `urls` by such a text, as above.
 */
enum error state_text_append(struct buffer *out, const struct config_urls *urls,
                             const struct schedule *schedule);
enum error state_text_read(struct bytes text, const struct config_urls *urls,
                           struct state_memory *memories);

/* Writes what the schedule of `urls` knows now, as soon as the last writing is done. Failures are
 * logged. */
void state_file_save(struct state_file *state, const struct config_urls *urls,
                     const struct schedule *schedule);

/* The same within a long round: no more often than once a minute. */
void state_file_save_now_and_then(struct state_file *state, const struct config_urls *urls,
                                  const struct schedule *schedule);

/* The schedule has ended: `closed` runs, at once or later, when nothing is being written any more.
 */
void state_file_close(struct state_file *state, void (*closed)(void *context), void *context);

#endif
