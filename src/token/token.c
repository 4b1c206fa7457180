/* The signature comes first: nothing that an unsigned token says is looked at but its algorithm. */
#include "token/token.h"

#include <string.h>

#include "base/pattern.h"
#include "base64url.h"
#include "claims.h"

/* HEADER.CLAIMS.SIGNATURE */
struct parts {
    struct bytes header, claims, signature;
    struct bytes signed_text; /* the first two with their dot */
};

static bool split(struct bytes token, struct parts *parts) {
    if (token.size == 0 || token.size > TOKEN_SIZE_MAX)
        return false;
    const uint8_t *first = memchr(token.data, '.', token.size);
    const uint8_t *last = memrchr(token.data, '.', token.size);
    if (first == NULL || first == last)
        return false;
    parts->header = bytes_make(token.data, (size_t)(first - token.data));
    parts->claims = bytes_make(first + 1, (size_t)(last - first) - 1);
    parts->signed_text = bytes_make(token.data, (size_t)(last - token.data));
    parts->signature = bytes_after(token, parts->signed_text.size + 1);
    return true;
}

static enum error check_signature(const struct parts *parts, const struct token_rules *rules) {
    struct buffer header = {0}, signature = {0};
    enum token_algorithm algorithm;
    enum error error = base64url_decode(parts->header, &header);
    if (error == ERROR_NONE)
        error = claims_read_header(buffer_bytes(&header), &algorithm);
    if (error == ERROR_NONE)
        error = base64url_decode(parts->signature, &signature);
    bool good = false;
    for (size_t i = 0; error == ERROR_NONE && i < rules->key_count && !good; i++)
        good = rules->keys[i].algorithm == algorithm &&
               token_key_verifies(&rules->keys[i], parts->signed_text, buffer_bytes(&signature));
    buffer_fini(&header);
    buffer_fini(&signature);
    if (error == ERROR_NONE && !good)
        error = ERROR_TOKEN_INVALID;
    return error;
}

enum error token_verify(struct bytes token, const struct token_rules *rules, uint64_t now,
                        struct token_claims *claims) {
    struct parts parts;
    struct buffer json = {0};
    *claims = (struct token_claims){0};
    if (!split(token, &parts))
        return ERROR_TOKEN_INVALID;
    enum error error = check_signature(&parts, rules);
    if (error == ERROR_NONE)
        error = base64url_decode(parts.claims, &json);
    if (error == ERROR_NONE)
        error = claims_read(buffer_bytes(&json), rules, now, claims);
    buffer_fini(&json);
    if (error != ERROR_NONE)
        token_claims_fini(claims);
    return error;
}

void token_claims_fini(struct token_claims *claims) {
    buffer_fini(&claims->subscribe.patterns);
    buffer_fini(&claims->publish.patterns);
    buffer_fini(&claims->subject);
    *claims = (struct token_claims){0};
}

/* ---- channels -------------------------------------------------------------------------------- */

enum error token_channels_add(struct token_channels *channels, struct bytes pattern) {
    enum error error = buffer_reserve(&channels->patterns, pattern.size + 1);
    if (error == ERROR_NONE)
        error = buffer_append(&channels->patterns, pattern.data, pattern.size);
    return error == ERROR_NONE ? buffer_append_byte(&channels->patterns, '\0') : error;
}

bool token_channels_have(const struct token_channels *channels, struct bytes name) {
    struct bytes rest = buffer_bytes(&channels->patterns);
    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '\0', rest.size);
        size_t size = (size_t)(end - rest.data);
        if (pattern_matches(bytes_make(rest.data, size), name, ""))
            return true;
        rest = bytes_after(rest, size + 1);
    }
    return false;
}
