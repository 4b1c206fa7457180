/*
 * JSON Web Tokens. Byte 0: bit 0 means that the rest is a token as it is; otherwise it is signed
 * here, with the byte 1 a bit that is turned over in what comes of it, and an allocation that
 * fails, and the rest two lines: header and claims. The time is always the same.
 *
 * Oracles: a token is good only if it has the signature that nettle makes of its text under the
 * key, a header that says so, and claims that a JSON tree of the same text holds good; what it
 * grants is what they say; one bit turned over, and it is good no more.
 */
#include <nettle/hmac.h>
#include <string.h>

#include "fuzz.h"
#include "token/token.h"
#include "json/document.h"

enum { NOW = 1700000000, TEXT_MOST = 4096 };

static const char secret[] = "a secret of the fuzz target, 32+";
static const char audience[] = "us";

/* ---- making ---------------------------------------------------------------------------------- */

static size_t put_base64url(char *out, const uint8_t *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t written = 0;
    for (size_t bit = 0; bit < size * 8; bit += 6) {
        unsigned value = data[bit / 8] << 8 | (bit / 8 + 1 < size ? data[bit / 8 + 1] : 0);
        out[written++] = digits[value >> (10 - bit % 8) & 63];
    }
    return written;
}

static void make_signature(struct bytes text, char out[44]) {
    struct hmac_sha256_ctx hmac;
    uint8_t digest[SHA256_DIGEST_SIZE];
    hmac_sha256_set_key(&hmac, sizeof secret - 1, (const uint8_t *)secret);
    hmac_sha256_update(&hmac, text.size, text.data);
    hmac_sha256_digest(&hmac, sizeof digest, digest);
    out[put_base64url(out, digest, sizeof digest)] = '\0';
}

static size_t sign(char *out, struct bytes header, struct bytes claims) {
    size_t size = put_base64url(out, header.data, header.size);
    out[size++] = '.';
    size += put_base64url(out + size, claims.data, claims.size);
    make_signature(bytes_make((const uint8_t *)out, size), out + size + 1);
    out[size] = '.';
    return size + 1 + strlen(out + size + 1);
}

/* ---- judging --------------------------------------------------------------------------------- */

static bool has_good_signature(struct bytes token) {
    char expected[44];
    const uint8_t *dot = token.size > 0 ? memrchr(token.data, '.', token.size) : NULL;
    if (dot == NULL)
        return false;
    make_signature(bytes_make(token.data, (size_t)(dot - token.data)), expected);
    return bytes_equal(bytes_after(token, (size_t)(dot - token.data) + 1), bytes_of(expected));
}

static bool is_text(const struct json_value *value, const char *text) {
    return value != NULL && value->type == JSON_STRING && bytes_equal(value->text, bytes_of(text));
}

static bool is_plain_object(const struct json_value *value) {
    if (value->type != JSON_OBJECT)
        return false;
    for (const struct json_value *member = value->first; member != NULL; member = member->next)
        if (member->repeats != NULL)
            return false;
    return true;
}

static bool header_is_good(struct bytes text) {
    struct json_document document;
    struct json_syntax_error problem;
    if (json_document_init(&document, text, &problem) != ERROR_NONE)
        return false;
    bool good = is_plain_object(document.values) &&
                is_text(json_member(document.values, "alg"), "HS256") &&
                json_member(document.values, "crit") == NULL;
    json_document_fini(&document);
    return good;
}

static bool date_is_good(const struct json_value *value) {
    return value == NULL ||
           (value->type == JSON_NUMBER && value->number >= 0 && value->number <= 1e15);
}

static bool is_for_us(const struct json_value *value) {
    bool found = is_text(value, audience);
    if (value != NULL && value->type == JSON_ARRAY)
        for (const struct json_value *one = value->first; one != NULL; one = one->next)
            found |= is_text(one, audience);
    return found;
}

static bool channels_are_good(const struct json_value *value) {
    if (value == NULL)
        return true;
    if (value->type != JSON_ARRAY || value->count > TOKEN_CHANNELS_MAX)
        return false;
    for (const struct json_value *one = value->first; one != NULL; one = one->next)
        if (one->type != JSON_STRING || one->text.size == 0)
            return false;
    return true;
}

static bool claims_are_good(const struct json_value *claims) {
    const struct json_value *ends = json_member(claims, "exp"),
                            *begins = json_member(claims, "nbf");
    const struct json_value *subject = json_member(claims, "sub");
    return is_plain_object(claims) && date_is_good(ends) && date_is_good(begins) &&
           (ends == NULL || (uint64_t)ends->number + TOKEN_LEEWAY_SECONDS > NOW) &&
           (begins == NULL || (uint64_t)begins->number <= NOW + TOKEN_LEEWAY_SECONDS) &&
           is_for_us(json_member(claims, "aud")) &&
           (subject == NULL || subject->type == JSON_STRING) &&
           channels_are_good(json_member(claims, "subscribe")) &&
           channels_are_good(json_member(claims, "publish"));
}

/* One pattern for each text, and each the whole of it. */
static void check_channels(const struct json_value *value, const struct token_channels *channels) {
    struct bytes rest = buffer_bytes(&channels->patterns);
    for (const struct json_value *one = value == NULL ? NULL : value->first; one != NULL;
         one = one->next) {
        FUZZ_CHECK(rest.size > one->text.size &&
                   bytes_equal(bytes_make(rest.data, one->text.size), one->text) &&
                   rest.data[one->text.size] == '\0');
        FUZZ_CHECK(memchr(one->text.data, '\0', one->text.size) == NULL);
        FUZZ_CHECK(token_channels_have(channels, one->text));
        rest = bytes_after(rest, one->text.size + 1);
    }
    FUZZ_CHECK(rest.size == 0);
}

static void check_claims(const struct json_value *json, const struct token_claims *claims) {
    const struct json_value *subject = json_member(json, "sub"), *ends = json_member(json, "exp");
    FUZZ_CHECK(bytes_equal(buffer_bytes(&claims->subject),
                           subject == NULL ? (struct bytes){0} : subject->text));
    FUZZ_CHECK(claims->expires ==
               (ends == NULL ? TOKEN_NEVER : (uint64_t)ends->number + TOKEN_LEEWAY_SECONDS));
    check_channels(json_member(json, "subscribe"), &claims->subscribe);
    check_channels(json_member(json, "publish"), &claims->publish);
}

/* ---- one token ------------------------------------------------------------------------------- */

static enum error verify(struct bytes token, struct token_claims *claims) {
    struct token_key key;
    FUZZ_CHECK(token_key_from_secret(&key, bytes_of(secret)) == ERROR_NONE);
    const struct token_rules rules = {&key, 1, audience};
    enum error error = token_verify(token, &rules, NOW, claims);
    token_key_fini(&key);
    return error;
}

static void check_raw(struct bytes token) {
    struct token_claims claims;
    if (verify(token, &claims) != ERROR_NONE)
        return;
    FUZZ_CHECK(has_good_signature(token));
    token_claims_fini(&claims);
}

static void check_signed(struct bytes token, struct bytes header, struct bytes text) {
    struct token_claims claims;
    struct json_document document;
    struct json_syntax_error problem;
    bool good = header_is_good(header);
    bool is_json = json_document_init(&document, text, &problem) == ERROR_NONE;
    enum error error = verify(token, &claims);
    good = good && is_json && claims_are_good(document.values);
    FUZZ_CHECK((error == ERROR_NONE) == good);
    if (error == ERROR_NONE)
        check_claims(document.values, &claims);
    token_claims_fini(&claims);
    if (is_json)
        json_document_fini(&document);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char token[2 * TEXT_MOST];
    struct bytes input = bytes_make(data, size);
    struct token_claims claims;
    if ((fuzz_take(&input) & 1) != 0) {
        check_raw(input);
        return 0;
    }
    size_t turned = fuzz_take(&input);
    struct bytes header = fuzz_take_until(&input, '\n');
    if (header.size + input.size > TEXT_MOST)
        return 0;
    size_t length = sign(token, header, input);
    check_signed(bytes_make((uint8_t *)token, length), header, input);
    memory_fail_after(turned % 8, 1);
    if (verify(bytes_make((uint8_t *)token, length), &claims) == ERROR_NONE)
        token_claims_fini(&claims);
    memory_fail_after(0, 0);
    token[turned * 31 % length] ^= (char)(1U << turned % 7);
    FUZZ_CHECK(verify(bytes_make((uint8_t *)token, length), &claims) != ERROR_NONE);
    return 0;
}
