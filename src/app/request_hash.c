#include "request_hash.h"

#include "digest/sha256.h"

/* With its size before it, so that no two lists of texts look the same. */
static void hash_text(struct sha256 *hash, struct bytes text) {
    uint64_t size = text.size;
    sha256_update(hash, bytes_make(&size, sizeof size));
    sha256_update(hash, text);
}

uint64_t request_hash(const struct config_url *url) {
    uint8_t digest[SHA256_SIZE];
    struct sha256 hash;
    uint64_t value = 0;
    sha256_init(&hash);
    hash_text(&hash, bytes_of(url->url));
    hash_text(&hash, bytes_of(url->method != NULL ? url->method : "GET"));
    hash_text(&hash, bytes_of(url->body != NULL ? url->body : ""));
    for (size_t i = 0; i < url->headers.count; i++) {
        hash_text(&hash, url->headers.items[i].name);
        hash_text(&hash, url->headers.items[i].value);
    }
    sha256_finish(&hash, digest);
    for (size_t i = 0; i < sizeof value; i++)
        value = value << 8 | digest[i];
    return value;
}
