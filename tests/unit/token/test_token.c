/* Tokens: good ones of each algorithm, and every way in which one is not good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/memory.h"
#include "sign.h"

enum { NOW = 1500000000, ROOM = 4 * TOKEN_SIZE_MAX };

static struct token_key keys[4];
static struct token_rules rules;
static char text[ROOM];

static const char es256_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElWY7p8SjKOIhkLedRlNy2ZxmfqLW\n"
                                "NDMSFJwrLNn1bt5vN2ux26+P5mNvTBU3ogoiweZwd/QLFF89026Wag0Vpg==\n"
                                "-----END PUBLIC KEY-----\n";
static const char eddsa_pem[] = "-----BEGIN PUBLIC KEY-----\n"
                                "MCowBQYDK2VwAyEA2Mgw08gxVLJ6QHCeSxiPiRkgiq+/SNXRUSInSS5pEgo=\n"
                                "-----END PUBLIC KEY-----\n";

/* Signed by openssl: {"sub":"ann","exp":2000000000,"subscribe":["news"],"publish":["room:*"]}. */
#define ANN                                                                                  \
    "eyJzdWIiOiJhbm4iLCJleHAiOjIwMDAwMDAwMDAsInN1YnNjcmliZSI6WyJuZXdzIl0sInB1Ymxpc2giOlsicm" \
    "9vbToqIl19"
static const char es256_token[] =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9." ANN
    ".xokofMddwH9lAiYKteoG_AaMUBVfB0Vp-xcGQbP220vgcGoT_GTgidqsh7SDjplsUEcWyzDPdr29ldVm_zcL6g";
static const char eddsa_token[] =
    "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9." ANN
    ".u0eCuWOqSPmrdNfohB-zbyqiEmpX5L_2vrDVdPVVtt_v8fh4KOro2psHMVV9wyq7EQo-WoqKNapegQ7fhVwQAw";

static int set_up(void **state) {
    (void)state;
    assert_int_equal(token_key_from_pem(&keys[0], bytes_of(es256_pem)), ERROR_NONE);
    assert_int_equal(token_key_from_pem(&keys[1], bytes_of(eddsa_pem)), ERROR_NONE);
    assert_int_equal(token_key_from_secret(&keys[2], bytes_of(SECRET)), ERROR_NONE);
    rules = (struct token_rules){.keys = keys, .key_count = 3};
    return 0;
}

static enum error verify(const char *token) {
    struct token_claims claims;
    size_t blocks = memory_live_blocks();
    enum error error = token_verify(bytes_of(token), &rules, NOW, &claims);
    token_claims_fini(&claims);
    assert_int_equal(memory_live_blocks(), blocks);
    return error;
}

static void check_ann(const char *token) {
    struct token_claims claims;
    assert_int_equal(token_verify(bytes_of(token), &rules, NOW, &claims), ERROR_NONE);
    assert_true(bytes_equal(buffer_bytes(&claims.subject), bytes_of("ann")));
    assert_int_equal(claims.expires, 2000000000 + TOKEN_LEEWAY_SECONDS);
    assert_true(token_channels_have(&claims.subscribe, bytes_of("news")));
    assert_false(token_channels_have(&claims.subscribe, bytes_of("room:1")));
    assert_true(token_channels_have(&claims.publish, bytes_of("room:1")));
    assert_false(token_channels_have(&claims.publish, bytes_of("news")));
    assert_false(token_channels_have(&claims.publish, bytes_of("roo")));
    token_claims_fini(&claims);
}

static void each_algorithm(void **state) {
    (void)state;
    check_ann(es256_token);
    check_ann(eddsa_token);
    check_ann(sign(text, "{\"sub\":\"ann\",\"exp\":2000000000,\"subscribe\":[\"news\"],"
                         "\"publish\":[\"room:*\"]}"));
}

/* RFC 7515 appendix A.1. */
static void the_example_of_the_rfc(void **state) {
    (void)state;
    static const char secret[] = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ+EstJQLr/T+1qS0gZH75aKtMN3Yj0i"
                                 "PS4hcgUuTwjAzZr1Z9CAow==";
    static const char token[] =
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQog"
        "Imh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjX"
        "k";
    uint8_t bytes[128];
    size_t size;
    assert_true(base64_decode(bytes_of(secret), bytes, sizeof bytes, &size));
    assert_int_equal(token_key_from_secret(&keys[3], bytes_make(bytes, size)), ERROR_NONE);
    rules.key_count = 4;
    struct token_claims claims;
    assert_int_equal(token_verify(bytes_of(token), &rules, 1300819379, &claims), ERROR_NONE);
    token_claims_fini(&claims);
    assert_int_equal(verify(token), ERROR_TOKEN_EXPIRED);
}

/* Any one character changed, or the end cut off: never taken. */
static void a_damaged_token_is_refused(void **state) {
    (void)state;
    sign(text, "{}");
    const char *const tokens[] = {es256_token, eddsa_token, text};
    for (size_t i = 0; i < 3; i++) {
        char damaged[512];
        size_t size = strlen(tokens[i]);
        for (size_t at = 0; at < size; at++) {
            snprintf(damaged, sizeof damaged, "%s", tokens[i]);
            damaged[at] = damaged[at] == 'A' ? 'B' : 'A';
            assert_int_equal(verify(damaged), ERROR_TOKEN_INVALID);
            snprintf(damaged, sizeof damaged, "%s", tokens[i]);
            damaged[at] = '\0';
            assert_int_equal(verify(damaged), ERROR_TOKEN_INVALID);
        }
    }
}

static void what_is_no_token(void **state) {
    (void)state;
    static const char *const cases[] = {"", ".", "..", "...", "a.b.c", "e30.e30.", "e30..", "x"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(verify(cases[i]), ERROR_TOKEN_INVALID);
    assert_int_equal(token_verify((struct bytes){0}, &rules, NOW, &(struct token_claims){0}),
                     ERROR_TOKEN_INVALID);
}

/* The header decides nothing: a key serves its own algorithm only. */
static void headers_that_ask_for_too_much(void **state) {
    (void)state;
    static const char *const headers[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"EdDSA\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":256}",
        "{}",
        "[]",
        "\"HS256\"",
        "",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"HS256\",\"alg\":\"HS256\"}",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_int_equal(verify(sign_as(text, headers[i], "{}", SECRET)), ERROR_TOKEN_INVALID);
    assert_int_equal(verify(sign_as(text, "{\"alg\":\"HS256\",\"kid\":\"7\"}", "{}", SECRET)),
                     ERROR_NONE);
    assert_int_equal(verify(sign_as(text, "{\"alg\":\"HS256\"}", "{}", SECRET "x")),
                     ERROR_TOKEN_INVALID);
    /* a public key's text as the secret: the classic confusion */
    rules.key_count = 2;
    assert_int_equal(verify(sign_as(text, "{\"alg\":\"HS256\"}", "{}", es256_pem)),
                     ERROR_TOKEN_INVALID);
}

#define with_claims(format, number) \
    (snprintf(claims, sizeof claims, (format), (long long)(number)), verify(sign(text, claims)))

static void times_with_their_leeway(void **state) {
    (void)state;
    char claims[256];
    assert_int_equal(with_claims("{\"exp\":%lld}", NOW + 1), ERROR_NONE);
    assert_int_equal(with_claims("{\"exp\":%lld}", NOW - TOKEN_LEEWAY_SECONDS + 1), ERROR_NONE);
    assert_int_equal(with_claims("{\"exp\":%lld}", NOW - TOKEN_LEEWAY_SECONDS),
                     ERROR_TOKEN_EXPIRED);
    assert_int_equal(with_claims("{\"exp\":%lld.9}", NOW - TOKEN_LEEWAY_SECONDS),
                     ERROR_TOKEN_EXPIRED);
    assert_int_equal(with_claims("{\"nbf\":%lld}", NOW), ERROR_NONE);
    assert_int_equal(with_claims("{\"nbf\":%lld}", NOW + TOKEN_LEEWAY_SECONDS), ERROR_NONE);
    assert_int_equal(with_claims("{\"nbf\":%lld}", NOW + TOKEN_LEEWAY_SECONDS + 1),
                     ERROR_TOKEN_NOT_YET_VALID);
    assert_int_equal(with_claims("{\"exp\":-%lld}", 1), ERROR_TOKEN_INVALID);
    assert_int_equal(with_claims("{\"exp\":\"%lld\"}", NOW + 1), ERROR_TOKEN_INVALID);
    assert_int_equal(with_claims("{\"exp\":%llde40}", 1), ERROR_TOKEN_INVALID);
    assert_int_equal(verify(sign(text, "{\"exp\":null}")), ERROR_TOKEN_INVALID);
    assert_int_equal(with_claims("{\"exp\":1,\"exp\":%lld}", NOW + 1), ERROR_TOKEN_INVALID);
}

static void audiences(void **state) {
    (void)state;
    assert_int_equal(verify(sign(text, "{\"aud\":\"other\"}")), ERROR_NONE);
    rules.audience = "hub";
    assert_int_equal(verify(sign(text, "{\"aud\":\"hub\"}")), ERROR_NONE);
    assert_int_equal(verify(sign(text, "{\"aud\":[\"x\",\"hub\"]}")), ERROR_NONE);
    assert_int_equal(verify(sign(text, "{\"aud\":\"hubs\"}")), ERROR_TOKEN_AUDIENCE);
    assert_int_equal(verify(sign(text, "{\"aud\":[]}")), ERROR_TOKEN_AUDIENCE);
    assert_int_equal(verify(sign(text, "{\"aud\":[7]}")), ERROR_TOKEN_AUDIENCE);
    assert_int_equal(verify(sign(text, "{\"aud\":7}")), ERROR_TOKEN_AUDIENCE);
    assert_int_equal(verify(sign(text, "{}")), ERROR_TOKEN_AUDIENCE);
}

static void claims_of_the_wrong_kind(void **state) {
    (void)state;
    static const char *const cases[] = {
        "[]",
        "{",
        "7",
        "{\"sub\":7}",
        "{\"publish\":\"all\"}",
        "{\"publish\":[1]}",
        "{\"subscribe\":[\"\"]}",
        "{\"subscribe\":{}}",
        "{\"subscribe\":[\"a\",null]}",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(verify(sign(text, cases[i])), ERROR_TOKEN_INVALID);
}

static void without_claims_nothing_is_granted(void **state) {
    (void)state;
    struct token_claims claims;
    assert_int_equal(token_verify(bytes_of(sign(text, "{}")), &rules, NOW, &claims), ERROR_NONE);
    assert_int_equal(claims.expires, TOKEN_NEVER);
    assert_int_equal(claims.subject.size, 0);
    assert_false(token_channels_have(&claims.publish, bytes_of("news")));
    assert_false(token_channels_have(&claims.subscribe, bytes_of("")));
    token_claims_fini(&claims);
}

static void too_long_and_too_many(void **state) {
    (void)state;
    char claims[TOKEN_SIZE_MAX + 1] = "{\"sub\":\"";
    size_t start = strlen(claims);
    memset(claims + start, 'x', sizeof claims - start - 3);
    snprintf(claims + sizeof claims - 3, 3, "\"}");
    assert_int_equal(verify(sign(text, claims)), ERROR_TOKEN_INVALID);
    size_t size = (size_t)snprintf(claims, sizeof claims, "{\"publish\":[\"a\"");
    for (int i = 1; i < TOKEN_CHANNELS_MAX; i++)
        size += (size_t)snprintf(claims + size, sizeof claims - size, ",\"a\"");
    snprintf(claims + size, sizeof claims - size, "]}");
    assert_int_equal(verify(sign(text, claims)), ERROR_NONE);
    snprintf(claims + size, sizeof claims - size, ",\"a\"]}");
    assert_int_equal(verify(sign(text, claims)), ERROR_TOKEN_INVALID);
}

static void out_of_memory_at_any_allocation(void **state) {
    (void)state;
    sign(text, "{\"sub\":\"ann\",\"subscribe\":[\"a\",\"b\"],\"publish\":[\"c\"]}");
    for (size_t skip = 0;; skip++) {
        memory_fail_after(skip, 1);
        enum error error = verify(text);
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        if (failures == 0)
            break;
    }
}

#define test(name) cmocka_unit_test_setup(name, set_up)

int main(void) {
    const struct CMUnitTest tests[] = {
        test(each_algorithm),
        test(the_example_of_the_rfc),
        test(a_damaged_token_is_refused),
        test(what_is_no_token),
        test(headers_that_ask_for_too_much),
        test(times_with_their_leeway),
        test(audiences),
        test(claims_of_the_wrong_kind),
        test(without_claims_nothing_is_granted),
        test(too_long_and_too_many),
        test(out_of_memory_at_any_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
