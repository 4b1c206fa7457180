/* Base64 with the URL-safe alphabet and without padding (RFC 7515 section 2); strict. */
#ifndef RINGCAST_TOKEN_BASE64URL_H
#define RINGCAST_TOKEN_BASE64URL_H

#include "base/bytes.h"

/* Appends what `text` stands for. ERROR_TOKEN_INVALID when it is none, or ERROR_NO_MEMORY. */
enum error base64url_decode(struct bytes text, struct buffer *out);

#endif
