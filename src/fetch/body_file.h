/*
 * A body in a file: written under another name in the same folder, and given its own only when it
 * is whole, so that a file of that name is always a complete body.
 *
 * The calls wait for the disk: they are made on a thread of the pool, one at a time. A failure is
 * final; what follows it does nothing.
 */
#ifndef RINGCAST_FETCH_BODY_FILE_H
#define RINGCAST_FETCH_BODY_FILE_H

#include "base/bytes.h"

struct body_file {
    char *path;
    char *temporary; /* the path and ".part" */
    int descriptor;  /* -1: not open */
    int failure;     /* an errno; 0: none */
    bool complete;   /* it has its name */
};

/* Opens nothing yet. ERROR_NO_MEMORY. */
enum error body_file_new(const char *path, struct body_file **file);

/* Closes, and removes what is not complete. NULL is allowed. */
void body_file_free(struct body_file *file);

void body_file_write(struct body_file *file, struct bytes piece);

/* The body is whole: the file gets its name. */
void body_file_complete(struct body_file *file);

#endif
