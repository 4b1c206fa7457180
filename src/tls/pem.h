/* Files of PEM certificates (RFC 7468), without the TLS library. */
#ifndef RINGCAST_TLS_PEM_H
#define RINGCAST_TLS_PEM_H

#include <stdbool.h>

#include "base/bytes.h"

/* The system's 140 authorities take 220 KiB. */
enum { TLS_PEM_FILE_MAX = 16 * 1024 * 1024 };

/*
 * Reads a whole file into an empty buffer, which the caller owns. The errno values as errors;
 * ERROR_LIMIT_REACHED beyond TLS_PEM_FILE_MAX.
 */
enum error tls_pem_read(const char *path, struct buffer *content);

/* Wipes and frees what was read: it may have been a key. */
void tls_pem_fini(struct buffer *content);

/*
 * Finds the next certificate in `rest`, from its BEGIN line to the end of its END line, and moves
 * `rest` behind it. False if there is none.
 */
bool tls_pem_next_certificate(struct bytes *rest, struct bytes *certificate);

#endif
