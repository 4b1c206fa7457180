#include "aes_gcm.h"

#include <assert.h>
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

/* ---- AES-128 ----------------------------------------------------------------------------------
 */

static void begin_128(struct gcm_aes128_ctx *context, const struct aes_gcm *gcm) {
    gcm_aes128_set_key(context, gcm->key);
    gcm_aes128_set_iv(context, AES_GCM_NONCE_SIZE, gcm->nonce);
    gcm_aes128_update(context, gcm->additional.size, gcm->additional.data);
}

static void encrypt_128(const struct aes_gcm *gcm, struct bytes text, uint8_t *out, uint8_t *tag) {
    struct gcm_aes128_ctx context;
    begin_128(&context, gcm);
    gcm_aes128_encrypt(&context, text.size, out, text.data);
    gcm_aes128_digest(&context, AES_GCM_TAG_SIZE, tag);
    explicit_bzero(&context, sizeof context);
}

static void decrypt_128(const struct aes_gcm *gcm, struct bytes text, uint8_t *out, uint8_t *tag) {
    struct gcm_aes128_ctx context;
    begin_128(&context, gcm);
    gcm_aes128_decrypt(&context, text.size, out, text.data);
    gcm_aes128_digest(&context, AES_GCM_TAG_SIZE, tag);
    explicit_bzero(&context, sizeof context);
}

/* ---- AES-256 ----------------------------------------------------------------------------------
 */

static void begin_256(struct gcm_aes256_ctx *context, const struct aes_gcm *gcm) {
    gcm_aes256_set_key(context, gcm->key);
    gcm_aes256_set_iv(context, AES_GCM_NONCE_SIZE, gcm->nonce);
    gcm_aes256_update(context, gcm->additional.size, gcm->additional.data);
}

static void encrypt_256(const struct aes_gcm *gcm, struct bytes text, uint8_t *out, uint8_t *tag) {
    struct gcm_aes256_ctx context;
    begin_256(&context, gcm);
    gcm_aes256_encrypt(&context, text.size, out, text.data);
    gcm_aes256_digest(&context, AES_GCM_TAG_SIZE, tag);
    explicit_bzero(&context, sizeof context);
}

static void decrypt_256(const struct aes_gcm *gcm, struct bytes text, uint8_t *out, uint8_t *tag) {
    struct gcm_aes256_ctx context;
    begin_256(&context, gcm);
    gcm_aes256_decrypt(&context, text.size, out, text.data);
    gcm_aes256_digest(&context, AES_GCM_TAG_SIZE, tag);
    explicit_bzero(&context, sizeof context);
}

/* ---- both -------------------------------------------------------------------------------------
 */

void aes_gcm_encrypt(const struct aes_gcm *gcm, struct bytes text, uint8_t *out,
                     uint8_t tag[AES_GCM_TAG_SIZE]) {
    assert(gcm->key_size == AES128_KEY_SIZE || gcm->key_size == AES256_KEY_SIZE);
    if (gcm->key_size == AES128_KEY_SIZE)
        encrypt_128(gcm, text, out, tag);
    else
        encrypt_256(gcm, text, out, tag);
}

bool aes_gcm_decrypt(const struct aes_gcm *gcm, struct bytes text, uint8_t *out,
                     const uint8_t tag[AES_GCM_TAG_SIZE]) {
    uint8_t computed[AES_GCM_TAG_SIZE];
    assert(gcm->key_size == AES128_KEY_SIZE || gcm->key_size == AES256_KEY_SIZE);
    if (gcm->key_size == AES128_KEY_SIZE)
        decrypt_128(gcm, text, out, computed);
    else
        decrypt_256(gcm, text, out, computed);
    bool authentic = memeql_sec(computed, tag, AES_GCM_TAG_SIZE) != 0;
    if (!authentic && text.size > 0)
        explicit_bzero(out, text.size);
    return authentic;
}
