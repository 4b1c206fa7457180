/*
 * SHA-1, only because the WebSocket handshake asks for it (RFC 6455 section 4.2.2). It protects
 * nothing: collisions can be made. Nothing else may use it.
 */
#ifndef RINGCAST_DIGEST_SHA1_H
#define RINGCAST_DIGEST_SHA1_H

#include "base/bytes.h"

enum { SHA1_SIZE = 20 };

/* The digest of `a` followed by `b`; either may be empty. */
void sha1_of(struct bytes a, struct bytes b, uint8_t out[SHA1_SIZE]);

#endif
