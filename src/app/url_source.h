/*
 * Where URLs come from: arguments, files and standard input, one after the other as they were
 * given, read as they are asked for, so that memory does not depend on how many there are.
 *
 * An argument is a URL, `-` for standard input, or `@FILE`. Those two are read by lines: trimmed,
 * empty ones and those with # in front left out. What is not there yet (a pipe) is waited for on
 * the loop, and `ready` then says that asking again is worth it.
 */
#ifndef RINGCAST_APP_URL_SOURCE_H
#define RINGCAST_APP_URL_SOURCE_H

#include "base/bytes.h"
#include "loop/loop.h"

enum url_source_next {
    URL_SOURCE_URL,
    URL_SOURCE_LATER, /* `ready` follows */
    URL_SOURCE_END,
    URL_SOURCE_ERROR, /* `failed_name` could not be read: `error` */
};

struct url_source {
    struct loop *loop;
    void (*ready)(struct url_source *source);
    const char *const *arguments;
    int count;
    int at;             /* of the arguments */
    int descriptor;     /* that is read now; -1: none */
    bool is_file;       /* reading it does not wait */
    bool at_end;        /* of the descriptor */
    bool skipping;      /* the rest of a line that is longer than any URL */
    bool stopped;       /* nothing that waits is waited for any more */
    struct buffer text; /* that was read */
    size_t taken;       /* of the text */
    struct operation poll;
    const char *failed_name;
    enum error error;
};

/* Borrows the arguments. */
void url_source_init(struct url_source *source, struct loop *loop, const char *const *arguments,
                     int count, void (*ready)(struct url_source *source));

/* The next URL, valid until the next call. */
enum url_source_next url_source_next(struct url_source *source, const char **url);

/* How many URLs the arguments stand for; 0 if that is not known before a pipe has been read. */
size_t url_source_count(struct loop *loop, const char *const *arguments, int count);

/* Waits for nothing more: what would be URL_SOURCE_LATER is now the end. */
void url_source_stop(struct url_source *source);

/* Closes what is open. Nothing may be armed: not between URL_SOURCE_LATER and `ready`. */
void url_source_fini(struct url_source *source);

#endif
