/*
 * The library asks the callback about every operation of a context that was told the device. What
 * is not done here it does itself: CRYPTOCB_UNAVAILABLE says so.
 *
 * The callback keeps nothing: the library says neither when a key nor when a hash is given up. So
 * AES keys are expanded for each record, which costs a few per cent of a large one, and a hash's
 * state stays in the library's own struct, in the library's own form, between two calls.
 */
#include "offload.h"

#include <string.h>

#include "aes_gcm.h"
#include "digest/sha256.h"
#include "wolfssl.h"

#include <wolfssl/wolfcrypt/cryptocb.h>

/* ---- AES-GCM --------------------------------------------------------------------------------- */

static bool is_ours(const Aes *aes, word32 nonce_size, word32 tag_size) {
    return aes != NULL && (aes->keylen == 16 || aes->keylen == 32) &&
           nonce_size == AES_GCM_NONCE_SIZE && tag_size == AES_GCM_TAG_SIZE;
}

static int gcm_encrypt(wc_CryptoInfo *info) {
    Aes *aes = info->cipher.aesgcm_enc.aes;
    if (!is_ours(aes, info->cipher.aesgcm_enc.ivSz, info->cipher.aesgcm_enc.authTagSz))
        return CRYPTOCB_UNAVAILABLE;
    const struct aes_gcm gcm = {
        .key = (const uint8_t *)aes->devKey,
        .key_size = (size_t)aes->keylen,
        .nonce = info->cipher.aesgcm_enc.iv,
        .additional = {info->cipher.aesgcm_enc.authIn, info->cipher.aesgcm_enc.authInSz},
    };
    aes_gcm_encrypt(&gcm, bytes_make(info->cipher.aesgcm_enc.in, info->cipher.aesgcm_enc.sz),
                    info->cipher.aesgcm_enc.out, info->cipher.aesgcm_enc.authTag);
    return 0;
}

static int gcm_decrypt(wc_CryptoInfo *info) {
    Aes *aes = info->cipher.aesgcm_dec.aes;
    if (!is_ours(aes, info->cipher.aesgcm_dec.ivSz, info->cipher.aesgcm_dec.authTagSz))
        return CRYPTOCB_UNAVAILABLE;
    const struct aes_gcm gcm = {
        .key = (const uint8_t *)aes->devKey,
        .key_size = (size_t)aes->keylen,
        .nonce = info->cipher.aesgcm_dec.iv,
        .additional = {info->cipher.aesgcm_dec.authIn, info->cipher.aesgcm_dec.authInSz},
    };
    bool authentic =
        aes_gcm_decrypt(&gcm, bytes_make(info->cipher.aesgcm_dec.in, info->cipher.aesgcm_dec.sz),
                        info->cipher.aesgcm_dec.out, info->cipher.aesgcm_dec.authTag);
    return authentic ? 0 : AES_GCM_AUTH_E;
}

static int run_cipher(wc_CryptoInfo *info) {
    if (info->cipher.type != WC_CIPHER_AES_GCM)
        return CRYPTOCB_UNAVAILABLE;
    return info->cipher.enc ? gcm_encrypt(info) : gcm_decrypt(info);
}

/* ---- SHA-256 --------------------------------------------------------------------------------- */

static void load(struct sha256 *hash, const wc_Sha256 *from) {
    struct sha256_state state;
    memcpy(state.words, from->digest, sizeof state.words);
    memcpy(state.block, from->buffer, sizeof state.block);
    state.size = (uint64_t)from->hiLen << 32 | from->loLen;
    sha256_load(hash, &state);
}

static void save(const struct sha256 *hash, wc_Sha256 *to) {
    struct sha256_state state;
    sha256_save(hash, &state);
    memcpy(to->digest, state.words, sizeof state.words);
    memcpy(to->buffer, state.block, sizeof state.block);
    to->buffLen = (word32)(state.size % sizeof state.block);
    to->loLen = (word32)state.size;
    to->hiLen = (word32)(state.size >> 32);
}

/* Updates, or with `digest` finishes; then the library begins the next with the same struct. */
static int run_hash(wc_CryptoInfo *info) {
    wc_Sha256 *library_hash = info->hash.sha256;
    if (info->hash.type != WC_HASH_TYPE_SHA256 || library_hash == NULL)
        return CRYPTOCB_UNAVAILABLE;
    struct sha256 hash;
    load(&hash, library_hash);
    if (info->hash.in != NULL)
        sha256_update(&hash, bytes_make(info->hash.in, info->hash.inSz));
    if (info->hash.digest != NULL)
        sha256_finish(&hash, info->hash.digest);
    save(&hash, library_hash);
    explicit_bzero(&hash, sizeof hash);
    return 0;
}

/* ---- both ------------------------------------------------------------------------------------ */

static int compute(int device, wc_CryptoInfo *info, void *context) {
    (void)device;
    (void)context;
    switch (info->algo_type) {
    case WC_ALGO_TYPE_CIPHER:
        return run_cipher(info);
    case WC_ALGO_TYPE_HASH:
        return run_hash(info);
    default:
        return CRYPTOCB_UNAVAILABLE;
    }
}

bool tls_offload_start(void) {
    return wc_CryptoCb_RegisterDevice(TLS_OFFLOAD_DEVICE, compute, NULL) == 0;
}
