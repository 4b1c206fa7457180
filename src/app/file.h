/* Whole files: reading what is small before the loops run, and replacing. Blocks. */
#ifndef RINGCAST_APP_FILE_H
#define RINGCAST_APP_FILE_H

#include "base/bytes.h"

/* Appends a file's content. ERROR_LIMIT_REACHED: it has more than `most` bytes. */
enum error file_read(const char *path, size_t most, struct buffer *content);

/*
 * Puts a file with this content in the place of what is there, whole or not at all: it is written
 * beside it, under the name `temporary`, readable by its owner only, and safe on the disk before it
 * gets its name.
 */
enum error file_replace(const char *path, const char *temporary, struct bytes content);

#endif
