#include "digest/sha1.h"

#include <assert.h>
#include <nettle/sha1.h>

static_assert(SHA1_DIGEST_SIZE == SHA1_SIZE, "one digest size");

void sha1_of(struct bytes a, struct bytes b, uint8_t out[SHA1_SIZE]) {
    struct sha1_ctx state;
    nettle_sha1_init(&state);
    if (a.size > 0)
        nettle_sha1_update(&state, a.size, a.data);
    if (b.size > 0)
        nettle_sha1_update(&state, b.size, b.data);
    nettle_sha1_digest(&state, SHA1_SIZE, out);
}
