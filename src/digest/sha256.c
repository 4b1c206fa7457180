#include <assert.h>
#include <nettle/sha2.h>
#include <string.h>

/* nettle renames its functions by macros of the same names as ours; it is called by its own. */
#undef sha256_init
#undef sha256_update

#include "digest/sha256.h"

static_assert(sizeof(struct sha256_ctx) <= sizeof(struct sha256), "storage holds nettle's state");
static_assert(_Alignof(struct sha256_ctx) <= _Alignof(struct sha256), "and is aligned for it");
static_assert(SHA256_DIGEST_SIZE == SHA256_SIZE, "one digest size");

static struct sha256_ctx *state(struct sha256 *hash) {
    return (struct sha256_ctx *)hash->storage;
}

void sha256_init(struct sha256 *hash) {
    nettle_sha256_init(state(hash));
}

void sha256_update(struct sha256 *hash, struct bytes piece) {
    if (piece.size > 0)
        nettle_sha256_update(state(hash), piece.size, piece.data);
}

void sha256_finish(struct sha256 *hash, uint8_t out[SHA256_SIZE]) {
    nettle_sha256_digest(state(hash), SHA256_SIZE, out);
}

void sha256_load(struct sha256 *hash, const struct sha256_state *from) {
    struct sha256_ctx *to = state(hash);
    memcpy(to->state, from->words, sizeof to->state);
    to->count = from->size / sizeof to->block;
    to->index = from->size % sizeof to->block;
    memcpy(to->block, from->block, to->index);
}

void sha256_save(const struct sha256 *hash, struct sha256_state *to) {
    const struct sha256_ctx *from = (const struct sha256_ctx *)hash->storage;
    memcpy(to->words, from->state, sizeof to->words);
    to->size = from->count * sizeof from->block + from->index;
    memcpy(to->block, from->block, from->index);
}

void sha256_to_hex(const uint8_t digest[SHA256_SIZE], char out[SHA256_HEX_SIZE]) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 0x0F];
    }
    out[SHA256_HEX_SIZE - 1] = '\0';
}
