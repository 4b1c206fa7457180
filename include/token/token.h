/*
 * JSON Web Tokens (RFC 7519) as a function over bytes: a token, keys and the time in, claims out.
 *
 * Understood are the compact form with the algorithms of token/key.h, and of the claims: `exp`,
 * `nbf`, `aud`, `sub`, and our own `subscribe` and `publish`, each an array of channel names or of
 * patterns with `*`. Others are passed over; a header with `crit` is refused (RFC 7515 section
 * 4.1.11).
 */
#ifndef RINGCAST_TOKEN_TOKEN_H
#define RINGCAST_TOKEN_TOKEN_H

#include "token/key.h"

enum {
    TOKEN_SIZE_MAX = 8 * 1024, /* a longer one is refused */
    TOKEN_LEEWAY_SECONDS = 30, /* that two clocks may differ */
    TOKEN_CHANNELS_MAX = 256,  /* names and patterns in one claim */
};

#define TOKEN_NEVER UINT64_MAX

/* Patterns of channel names, one behind another, each with a NUL. */
struct token_channels {
    struct buffer patterns;
};

/* `{0}` is an empty one. Owns what it points to. */
struct token_claims {
    struct token_channels subscribe;
    struct token_channels publish;
    struct buffer subject; /* `sub`; may be empty */
    uint64_t expires;      /* seconds since 1970, the leeway included; TOKEN_NEVER */
};

struct token_rules {
    const struct token_key *keys;
    size_t key_count;
    const char *audience; /* must be among `aud`; NULL: any token will do */
};

/*
 * Verifies a token at `now` (seconds since 1970) and reads its claims. On an error `claims` is
 * empty: ERROR_TOKEN_INVALID (not a token, or no key's signature), ERROR_TOKEN_EXPIRED,
 * ERROR_TOKEN_NOT_YET_VALID, ERROR_TOKEN_AUDIENCE, ERROR_NO_MEMORY.
 */
enum error token_verify(struct bytes token, const struct token_rules *rules, uint64_t now,
                        struct token_claims *claims);

void token_claims_fini(struct token_claims *claims);

/* Is the channel among them? */
bool token_channels_have(const struct token_channels *channels, struct bytes name);

/* Adds a pattern. */
enum error token_channels_add(struct token_channels *channels, struct bytes pattern);

#endif
