/*
 * AES-GCM (NIST SP 800-38D) as TLS uses it: nonces of 12 bytes, tags of 16, keys of 16 or 32. By
 * nettle, which has the processor's instructions where Debian's build of the TLS library has not.
 * Private to src/tls.
 */
#ifndef RINGCAST_TLS_AES_GCM_H
#define RINGCAST_TLS_AES_GCM_H

#include <stdbool.h>

#include "base/bytes.h"

enum { AES_GCM_NONCE_SIZE = 12, AES_GCM_TAG_SIZE = 16 };

struct aes_gcm {
    const uint8_t *key;
    size_t key_size; /* 16 or 32 */
    const uint8_t *nonce;
    struct bytes additional; /* authenticated only */
};

/* Has this processor the instructions that make it fast (AES, and multiplication without carry)? */
bool aes_gcm_is_accelerated(void);

/* Encrypts `text` to `out`, which may be the same memory, and writes the tag. */
void aes_gcm_encrypt(const struct aes_gcm *gcm, struct bytes text, uint8_t *out,
                     uint8_t tag[AES_GCM_TAG_SIZE]);

/*
 * Decrypts. False if the tag is wrong, compared in constant time; then `out` holds zeros, so that
 * nothing unauthentic can be used.
 */
bool aes_gcm_decrypt(const struct aes_gcm *gcm, struct bytes text, uint8_t *out,
                     const uint8_t tag[AES_GCM_TAG_SIZE]);

#endif
