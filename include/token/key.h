/*
 * Keys that tokens are verified with: a shared secret (HS256), a P-256 public key (ES256) or an
 * Ed25519 public key (EdDSA). A key verifies tokens of its own algorithm and of no other, whatever
 * their header says (RFC 8725 section 3.1).
 */
#ifndef RINGCAST_TOKEN_KEY_H
#define RINGCAST_TOKEN_KEY_H

#include "base/bytes.h"

enum token_algorithm { TOKEN_HS256, TOKEN_ES256, TOKEN_EDDSA };

/* RFC 7518 section 3.2: a secret has at least the size of the hash. */
enum { TOKEN_SECRET_MIN = 32, TOKEN_SECRET_MAX = 1024, TOKEN_KEY_MAX = TOKEN_SECRET_MAX };

/* A plain value; wipe it with token_key_fini(). */
struct token_key {
    enum token_algorithm algorithm;
    uint16_t size;
    uint8_t bytes[TOKEN_KEY_MAX]; /* the secret; x and y of the point; the Ed25519 key */
};

/* ERROR_INVALID_ARGUMENT: shorter than TOKEN_SECRET_MIN or longer than TOKEN_SECRET_MAX. */
enum error token_key_from_secret(struct token_key *key, struct bytes secret);

/*
 * Reads "-----BEGIN PUBLIC KEY-----" (RFC 5280 and 8410). ERROR_UNSUPPORTED: neither P-256 nor
 * Ed25519. ERROR_INVALID_ARGUMENT: no such block, damaged, or a point that is not on the curve.
 */
enum error token_key_from_pem(struct token_key *key, struct bytes pem);

void token_key_fini(struct token_key *key);

/* "HS256", "ES256", "EdDSA": as in a token's header. */
const char *token_algorithm_name(enum token_algorithm algorithm);

/* Is `signature` that of `text` under the key? Takes the same time wherever they differ. */
bool token_key_verifies(const struct token_key *key, struct bytes text, struct bytes signature);

/* Are the two equal? Takes the same time wherever they differ, and whatever their lengths. */
bool token_secrets_equal(struct bytes a, struct bytes b);

#endif
