/* SHA-1 (RFC 3174), for a short text in one block or two. */
#ifndef RINGCAST_TESTS_SHA1_REFERENCE_H
#define RINGCAST_TESTS_SHA1_REFERENCE_H

#include <stdint.h>
#include <string.h>

static inline uint32_t ref_rotate(uint32_t word, unsigned bits) {
    return word << bits | word >> (32 - bits);
}

static inline uint32_t ref_sha1_mix(unsigned round, uint32_t b, uint32_t c, uint32_t d) {
    if (round < 20)
        return 0x5A827999 + ((b & c) | (~b & d));
    if (round < 40)
        return 0x6ED9EBA1 + (b ^ c ^ d);
    if (round < 60)
        return 0x8F1BBCDC + ((b & c) | (b & d) | (c & d));
    return 0xCA62C1D6 + (b ^ c ^ d);
}

static inline void ref_sha1_block(uint32_t h[5], const uint8_t block[64]) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (unsigned t = 0; t < 80; t++) {
        w[t] = t < 16 ? (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
                            (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3]
                      : ref_rotate(w[t - 3] ^ w[t - 8] ^ w[t - 14] ^ w[t - 16], 1);
        uint32_t next = ref_rotate(a, 5) + ref_sha1_mix(t, b, c, d) + e + w[t];
        e = d;
        d = c;
        c = ref_rotate(b, 30);
        b = a;
        a = next;
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
    h[4] += e;
}

/* `size` is at most 119. */
static inline void ref_sha1(const uint8_t *data, size_t size, uint8_t digest[20]) {
    uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t blocks[128] = {0};
    size_t used = size < 56 ? 64 : 128;
    memcpy(blocks, data, size);
    blocks[size] = 0x80;
    blocks[used - 2] = (uint8_t)(size * 8 >> 8);
    blocks[used - 1] = (uint8_t)(size * 8);
    for (size_t at = 0; at < used; at += 64)
        ref_sha1_block(h, blocks + at);
    for (size_t i = 0; i < 20; i++)
        digest[i] = (uint8_t)(h[i / 4] >> (24 - i % 4 * 8));
}

#endif
