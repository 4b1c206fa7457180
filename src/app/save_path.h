/* The names of the files that `ringcast fetch --save` keeps bodies in. */
#ifndef RINGCAST_APP_SAVE_PATH_H
#define RINGCAST_APP_SAVE_PATH_H

#include "base/bytes.h"

/*
 * "FOLDER/000012-example.org_index.html" with a NUL, in place of what `path` held: the place in the
 * list, so that no two are the same, then of the URL what is harmless in a name.
 */
enum error save_path(const char *folder, size_t index, const char *url, struct buffer *path);

#endif
