#include "token/key.h"

#include <gmp.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecdsa.h>
#include <nettle/eddsa.h>
#include <nettle/hmac.h>
#include <string.h>

#include "digest/base64.h"

enum { COORDINATE = 32, POINT = 2 * COORDINATE, SIGNATURE = 64, PEM_MAX = 4096 };

const char *token_algorithm_name(enum token_algorithm algorithm) {
    static const char *const names[] = {"HS256", "ES256", "EdDSA"};
    return names[algorithm];
}

void token_key_fini(struct token_key *key) {
    explicit_bzero(key, sizeof *key);
}

/* Every byte is looked at: the time says nothing about where they differ. */
static bool digests_equal(const uint8_t *a, const uint8_t *b) {
    volatile uint8_t difference = 0;
    for (size_t i = 0; i < SHA256_DIGEST_SIZE; i++)
        difference |= a[i] ^ b[i];
    return difference == 0;
}

static void hash(struct bytes text, uint8_t digest[SHA256_DIGEST_SIZE]) {
    struct sha256_ctx sha256;
    sha256_init(&sha256);
    sha256_update(&sha256, text.size, text.data);
    sha256_digest(&sha256, SHA256_DIGEST_SIZE, digest);
}

bool token_secrets_equal(struct bytes a, struct bytes b) {
    uint8_t digests[2][SHA256_DIGEST_SIZE];
    hash(a, digests[0]);
    hash(b, digests[1]);
    return digests_equal(digests[0], digests[1]);
}

/* ---- reading --------------------------------------------------------------------------------- */

static void set(struct token_key *key, enum token_algorithm algorithm, struct bytes bytes) {
    *key = (struct token_key){.algorithm = algorithm, .size = (uint16_t)bytes.size};
    memcpy(key->bytes, bytes.data, bytes.size);
}

enum error token_key_from_secret(struct token_key *key, struct bytes secret) {
    if (secret.size < TOKEN_SECRET_MIN || secret.size > TOKEN_SECRET_MAX)
        return ERROR_INVALID_ARGUMENT;
    set(key, TOKEN_HS256, secret);
    return ERROR_NONE;
}

/* The base64 text between the two lines, without its white space. */
static bool pem_body(struct bytes pem, char out[PEM_MAX], size_t *size) {
    static const char begin[] = "-----BEGIN PUBLIC KEY-----", end[] = "-----END PUBLIC KEY-----";
    const uint8_t *from = memmem(pem.data, pem.size, begin, sizeof begin - 1);
    if (from == NULL)
        return false;
    struct bytes rest = bytes_after(pem, (size_t)(from - pem.data) + sizeof begin - 1);
    const uint8_t *to = memmem(rest.data, rest.size, end, sizeof end - 1);
    if (to == NULL || to - rest.data > PEM_MAX)
        return false;
    *size = 0;
    for (const uint8_t *byte = rest.data; byte < to; byte++)
        if (*byte != ' ' && *byte != '\t' && *byte != '\r' && *byte != '\n')
            out[(*size)++] = (char)*byte;
    return true;
}

static bool is_on_curve(struct bytes point) {
    struct ecc_point library;
    mpz_t x, y;
    ecc_point_init(&library, nettle_get_secp_256r1());
    mpz_init(x);
    mpz_init(y);
    mpz_import(x, COORDINATE, 1, 1, 1, 0, point.data);
    mpz_import(y, COORDINATE, 1, 1, 1, 0, point.data + COORDINATE);
    bool is = ecc_point_set(&library, x, y) == 1;
    mpz_clear(x);
    mpz_clear(y);
    ecc_point_clear(&library);
    return is;
}

/*
 * SubjectPublicKeyInfo has one encoding for each kind of key (DER): everything before the key is
 * the same in all of them. P-256 stands there uncompressed, behind a 4.
 */
enum error token_key_from_pem(struct token_key *key, struct bytes pem) {
    static const uint8_t p256[] = {0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48,
                                   0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04};
    static const uint8_t ed25519[] = {0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                      0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
    char text[PEM_MAX];
    uint8_t der[PEM_MAX];
    size_t text_size, size;
    if (!pem_body(pem, text, &text_size) ||
        !base64_decode(bytes_make(text, text_size), der, sizeof der, &size) || size == 0)
        return ERROR_INVALID_ARGUMENT;
    if (size == sizeof p256 + POINT && memcmp(der, p256, sizeof p256) == 0) {
        set(key, TOKEN_ES256, bytes_make(der + sizeof p256, POINT));
        return is_on_curve(bytes_make(key->bytes, POINT)) ? ERROR_NONE : ERROR_INVALID_ARGUMENT;
    }
    if (size == sizeof ed25519 + ED25519_KEY_SIZE && memcmp(der, ed25519, sizeof ed25519) == 0) {
        set(key, TOKEN_EDDSA, bytes_make(der + sizeof ed25519, ED25519_KEY_SIZE));
        return ERROR_NONE;
    }
    return ERROR_UNSUPPORTED;
}

/* ---- verifying ------------------------------------------------------------------------------- */

static bool verify_hs256(const struct token_key *key, struct bytes text, struct bytes signature) {
    struct hmac_sha256_ctx hmac;
    uint8_t digest[SHA256_DIGEST_SIZE];
    if (signature.size != sizeof digest)
        return false;
    hmac_sha256_set_key(&hmac, key->size, key->bytes);
    hmac_sha256_update(&hmac, text.size, text.data);
    hmac_sha256_digest(&hmac, sizeof digest, digest);
    explicit_bzero(&hmac, sizeof hmac);
    return digests_equal(digest, signature.data);
}

/* RFC 7518 section 3.4: r and s, each of 32 bytes, one behind the other. */
static bool verify_es256(const struct token_key *key, struct bytes text, struct bytes signature) {
    uint8_t digest[SHA256_DIGEST_SIZE];
    struct ecc_point point;
    struct dsa_signature library;
    mpz_t x, y;
    if (signature.size != SIGNATURE)
        return false;
    hash(text, digest);
    mpz_init(x);
    mpz_init(y);
    dsa_signature_init(&library);
    ecc_point_init(&point, nettle_get_secp_256r1());
    mpz_import(x, COORDINATE, 1, 1, 1, 0, key->bytes);
    mpz_import(y, COORDINATE, 1, 1, 1, 0, key->bytes + COORDINATE);
    mpz_import(library.r, COORDINATE, 1, 1, 1, 0, signature.data);
    mpz_import(library.s, COORDINATE, 1, 1, 1, 0, signature.data + COORDINATE);
    bool good = ecc_point_set(&point, x, y) == 1 &&
                ecdsa_verify(&point, sizeof digest, digest, &library) == 1;
    ecc_point_clear(&point);
    dsa_signature_clear(&library);
    mpz_clear(y);
    mpz_clear(x);
    return good;
}

static bool verify_eddsa(const struct token_key *key, struct bytes text, struct bytes signature) {
    return signature.size == ED25519_SIGNATURE_SIZE &&
           ed25519_sha512_verify(key->bytes, text.size, text.data, signature.data) == 1;
}

bool token_key_verifies(const struct token_key *key, struct bytes text, struct bytes signature) {
    switch (key->algorithm) {
    case TOKEN_HS256:
        return verify_hs256(key, text, signature);
    case TOKEN_ES256:
        return verify_es256(key, text, signature);
    case TOKEN_EDDSA:
        return verify_eddsa(key, text, signature);
    }
    return false;
}
