#include "aes_gcm.h"

#include <assert.h>
#include <nettle/aes.h>
#include <nettle/gcm.h>
#include <nettle/memops.h>
#include <string.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

static_assert(GCM_IV_SIZE == AES_GCM_NONCE_SIZE && GCM_DIGEST_SIZE == AES_GCM_TAG_SIZE,
              "the sizes of TLS");

/* nettle looks at the same bits when it is loaded. */
bool aes_gcm_is_accelerated(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("aes") && __builtin_cpu_supports("pclmul");
#elif defined(__aarch64__)
    enum { AES = 1 << 3, PMULL = 1 << 4 }; /* HWCAP_AES, HWCAP_PMULL */
    return (getauxval(AT_HWCAP) & (AES | PMULL)) == (AES | PMULL);
#else
    return false;
#endif
}

/* AES with either length of key, under GCM. Holds secrets: to be wiped. */
struct state {
    union {
        struct aes128_ctx aes128;
        struct aes256_ctx aes256;
    } cipher;
    nettle_cipher_func *encrypt_blocks;
    struct gcm_key key;
    struct gcm_ctx gcm;
};

static void begin(struct state *state, const struct aes_gcm *gcm) {
    assert(gcm->key_size == AES128_KEY_SIZE || gcm->key_size == AES256_KEY_SIZE);
    if (gcm->key_size == AES128_KEY_SIZE) {
        aes128_set_encrypt_key(&state->cipher.aes128, gcm->key);
        state->encrypt_blocks = (nettle_cipher_func *)aes128_encrypt;
    } else {
        aes256_set_encrypt_key(&state->cipher.aes256, gcm->key);
        state->encrypt_blocks = (nettle_cipher_func *)aes256_encrypt;
    }
    gcm_set_key(&state->key, &state->cipher, state->encrypt_blocks);
    gcm_set_iv(&state->gcm, &state->key, AES_GCM_NONCE_SIZE, gcm->nonce);
    gcm_update(&state->gcm, &state->key, gcm->additional.size, gcm->additional.data);
}

static void end(struct state *state, uint8_t *tag) {
    gcm_digest(&state->gcm, &state->key, &state->cipher, state->encrypt_blocks, AES_GCM_TAG_SIZE,
               tag);
    explicit_bzero(state, sizeof *state);
}

void aes_gcm_encrypt(const struct aes_gcm *gcm, struct bytes text, uint8_t *out,
                     uint8_t tag[AES_GCM_TAG_SIZE]) {
    struct state state;
    begin(&state, gcm);
    gcm_encrypt(&state.gcm, &state.key, &state.cipher, state.encrypt_blocks, text.size, out,
                text.data);
    end(&state, tag);
}

bool aes_gcm_decrypt(const struct aes_gcm *gcm, struct bytes text, uint8_t *out,
                     const uint8_t tag[AES_GCM_TAG_SIZE]) {
    struct state state;
    uint8_t computed[AES_GCM_TAG_SIZE];
    begin(&state, gcm);
    gcm_decrypt(&state.gcm, &state.key, &state.cipher, state.encrypt_blocks, text.size, out,
                text.data);
    end(&state, computed);
    bool authentic = memeql_sec(computed, tag, AES_GCM_TAG_SIZE) != 0;
    if (!authentic && text.size > 0)
        explicit_bzero(out, text.size);
    return authentic;
}
