/*
 * What is done of a list of URLs, in a file that outlives the process: one line "INDEX URL" for
 * each success, appended as it comes. Whatever ends the process, the file is right: a line that was
 * not written whole does not count.
 *
 * In memory a line is 8 bytes, a keyed hash.
 */
#ifndef RINGCAST_APP_RESUME_FILE_H
#define RINGCAST_APP_RESUME_FILE_H

#include "base/bytes.h"

struct resume_file {
    int descriptor;
    struct buffer hashes;  /* uint64_t, sorted: what was done before */
    struct buffer pending; /* lines to be written */
    struct buffer line;
};

/* Opens the file, or makes it, and reads what is done. fini() also after an error. */
enum error resume_file_init(struct resume_file *resume, const char *path);

void resume_file_fini(struct resume_file *resume);

/* Was this done before? For want of memory it is not known, and done again. */
bool resume_file_has(struct resume_file *resume, size_t index, const char *url);

/* Notes that this is done; resume_file_write() makes it last. */
enum error resume_file_add(struct resume_file *resume, size_t index, const char *url);

enum error resume_file_write(struct resume_file *resume);

#endif
