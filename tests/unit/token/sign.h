/* Tokens of our own, signed as HS256. */
#ifndef RINGCAST_TEST_SIGN_H
#define RINGCAST_TEST_SIGN_H

#include <nettle/hmac.h>
#include <string.h>

#include "digest/base64.h"
#include "token/token.h"

#define SECRET "0123456789abcdef0123456789abcdef"

static inline size_t append_base64url(char *out, const void *data, size_t size) {
    size_t written = base64_encode(bytes_make(data, size), out);
    for (size_t i = 0; i < written; i++)
        out[i] = out[i] == '+' ? '-' : out[i] == '/' ? '_' : out[i];
    while (written > 0 && out[written - 1] == '=')
        out[--written] = '\0';
    return written;
}

/* HEADER.CLAIMS.SIGNATURE in `out`, which has room. */
static inline const char *sign_as(char *out, const char *header, const char *claims,
                                  const char *secret) {
    struct hmac_sha256_ctx hmac;
    uint8_t digest[SHA256_DIGEST_SIZE];
    size_t size = append_base64url(out, header, strlen(header));
    out[size++] = '.';
    size += append_base64url(out + size, claims, strlen(claims));
    hmac_sha256_set_key(&hmac, strlen(secret), (const uint8_t *)secret);
    hmac_sha256_update(&hmac, size, (const uint8_t *)out);
    hmac_sha256_digest(&hmac, sizeof digest, digest);
    out[size++] = '.';
    append_base64url(out + size, digest, sizeof digest);
    return out;
}

static inline const char *sign(char *out, const char *claims) {
    return sign_as(out, "{\"alg\":\"HS256\",\"typ\":\"JWT\"}", claims, SECRET);
}

#endif
