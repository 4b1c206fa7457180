/* Whole files, for what is small and read before the loops run. */
#ifndef RINGCAST_APP_FILE_H
#define RINGCAST_APP_FILE_H

#include "base/bytes.h"

/* Appends a file's content. ERROR_LIMIT_REACHED: it has more than `most` bytes. */
enum error file_read(const char *path, size_t most, struct buffer *content);

#endif
