/*
 * SHA-256 (FIPS 180-4) of bytes that come in pieces. The result does not depend on how they were
 * split.
 *
 * `struct sha256` lies in the caller's memory and holds nothing else: init, any number of updates,
 * finish. It needs no fini, and may be copied. One thread at a time uses it.
 */
#ifndef RINGCAST_DIGEST_SHA256_H
#define RINGCAST_DIGEST_SHA256_H

#include "base/bytes.h"

enum { SHA256_SIZE = 32, SHA256_HEX_SIZE = 2 * SHA256_SIZE + 1 };

/* Opaque: room for the library's own state, so that only sha256.c knows the library. */
struct sha256 {
    uint64_t storage[16];
};

void sha256_init(struct sha256 *hash);

/* Hashes the next piece; an empty one changes nothing. */
void sha256_update(struct sha256 *hash, struct bytes piece);

/* Writes the digest of all pieces, and begins again as after init. */
void sha256_finish(struct sha256 *hash, uint8_t out[SHA256_SIZE]);

/*
 * A hash in the middle, in the standard's own terms, for who has begun it with another library: the
 * eight words, and of the message the size so far and its last unfinished block.
 */
struct sha256_state {
    uint32_t words[8];
    uint64_t size;
    uint8_t block[64]; /* size % 64 bytes of it */
};

void sha256_load(struct sha256 *hash, const struct sha256_state *state);
void sha256_save(const struct sha256 *hash, struct sha256_state *state);

/* The digest as 64 lower-case hexadecimal digits and a NUL. */
void sha256_to_hex(const uint8_t digest[SHA256_SIZE], char out[SHA256_HEX_SIZE]);

#endif
