/*
 * Values of the Authorization field, from what users write. They are secrets: nothing here prints
 * or logs them, and neither may callers.
 */
#ifndef RINGCAST_APP_CREDENTIALS_H
#define RINGCAST_APP_CREDENTIALS_H

#include "base/bytes.h"

/* Longer secrets, with their file's other content, are refused. */
enum { CREDENTIALS_MAX = 64 * 1024 };

/*
 * "Basic …" of "user:password" (RFC 7617). ERROR_INVALID_ARGUMENT: no colon, or a control
 * character. The text is the caller's.
 */
enum error credentials_basic(struct bytes secret, char **value);

/* "Bearer …" (RFC 6750). ERROR_INVALID_ARGUMENT: empty, or not of visible ASCII characters. */
enum error credentials_bearer(struct bytes secret, char **value);

/* Appends the first line of a file, without its end. */
enum error credentials_read(const char *path, struct buffer *secret);

#endif
