/* Keys: reading them, and comparing secrets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "token/key.h"

#define BEGIN "-----BEGIN PUBLIC KEY-----\n"
#define END   "-----END PUBLIC KEY-----\n"
#define ED25519 \
    BEGIN       \
    "MCowBQYDK2VwAyEA2Mgw08gxVLJ6QHCeSxiPiRkgiq+/SNXRUSInSS5pEgo=\n" END

static enum error read_pem(const char *pem) {
    struct token_key key;
    return token_key_from_pem(&key, bytes_of(pem));
}

static void public_keys(void **state) {
    (void)state;
    struct token_key key;
    assert_int_equal(token_key_from_pem(&key, bytes_of(ED25519)), ERROR_NONE);
    assert_int_equal(key.algorithm, TOKEN_EDDSA);
    assert_int_equal(key.size, 32);
    assert_int_equal(read_pem("a comment\n" ED25519 "another\n"), ERROR_NONE);
    token_key_fini(&key);
    assert_int_equal(key.size, 0);
}

static void what_is_no_public_key(void **state) {
    (void)state;
    assert_int_equal(read_pem(""), ERROR_INVALID_ARGUMENT);
    assert_int_equal(read_pem(BEGIN END), ERROR_INVALID_ARGUMENT);
    assert_int_equal(read_pem(BEGIN "MCowBQYDK2VwAyEA"), ERROR_INVALID_ARGUMENT);
    assert_int_equal(read_pem(BEGIN "?" END), ERROR_INVALID_ARGUMENT);
    assert_int_equal(read_pem(BEGIN "MCowBQYDK2VwAyEA\n" END), ERROR_UNSUPPORTED);
    /* P-256, with the last byte of y changed: on no curve */
    assert_int_equal(read_pem(BEGIN
                              "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElWY7p8SjKOIhkLedRlNy2ZxmfqLW"
                              "NDMSFJwrLNn1bt5vN2ux26+P5mNvTBU3ogoiweZwd/QLFF89026Wag0Vpw==\n" END),
                     ERROR_INVALID_ARGUMENT);
    /* P-384 */
    assert_int_equal(
        read_pem(BEGIN "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                       "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
                       "AAAAAAAAAAAA\n" END),
        ERROR_UNSUPPORTED);
}

static void secrets(void **state) {
    (void)state;
    struct token_key key;
    char secret[TOKEN_SECRET_MAX + 1];
    memset(secret, 'x', sizeof secret);
    assert_int_equal(token_key_from_secret(&key, bytes_make(secret, TOKEN_SECRET_MIN - 1)),
                     ERROR_INVALID_ARGUMENT);
    assert_int_equal(token_key_from_secret(&key, bytes_make(secret, TOKEN_SECRET_MIN)), ERROR_NONE);
    assert_int_equal(token_key_from_secret(&key, bytes_make(secret, TOKEN_SECRET_MAX)), ERROR_NONE);
    assert_int_equal(token_key_from_secret(&key, bytes_make(secret, TOKEN_SECRET_MAX + 1)),
                     ERROR_INVALID_ARGUMENT);
}

static void comparing_secrets(void **state) {
    (void)state;
    assert_true(token_secrets_equal(bytes_of("abc"), bytes_of("abc")));
    assert_true(token_secrets_equal(bytes_of(""), bytes_of("")));
    assert_false(token_secrets_equal(bytes_of("abc"), bytes_of("abd")));
    assert_false(token_secrets_equal(bytes_of("abc"), bytes_of("ab")));
    assert_false(token_secrets_equal(bytes_of("abc"), bytes_of("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_keys),
        cmocka_unit_test(what_is_no_public_key),
        cmocka_unit_test(secrets),
        cmocka_unit_test(comparing_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
