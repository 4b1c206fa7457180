#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "digest/sha256.h"

static void assert_digest(struct bytes data, const char *expected) {
    struct sha256 hash;
    uint8_t digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, data);
    sha256_finish(&hash, digest);
    sha256_to_hex(digest, hex);
    assert_string_equal(hex, expected);
}

/* The examples of FIPS 180-4 and of NIST's short message vectors. */
static void known_answers(void **state) {
    (void)state;
    assert_digest(bytes_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_digest(bytes_of("abc"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_digest(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
                  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    assert_digest(bytes_of("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
                           "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
                  "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    assert_digest(bytes_make("\xbd", 1),
                  "68325720aabd7c82f30f554b313d0570c95accbb7dc4b5aae11204c08ffe732b");
}

static void a_million_letters(void **state) {
    (void)state;
    struct sha256 hash;
    uint8_t digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    uint8_t letters[1000];
    memset(letters, 'a', sizeof letters);
    sha256_init(&hash);
    for (int i = 0; i < 1000; i++)
        sha256_update(&hash, bytes_make(letters, sizeof letters));
    sha256_finish(&hash, digest);
    sha256_to_hex(digest, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void same_digest_however_split(void **state) {
    (void)state;
    uint8_t data[200];
    uint8_t whole[SHA256_SIZE];
    struct sha256 hash;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + 3);
    sha256_init(&hash);
    sha256_update(&hash, bytes_make(data, sizeof data));
    sha256_finish(&hash, whole);
    for (size_t first = 0; first <= sizeof data; first++)
        for (size_t second = first; second <= sizeof data; second++) {
            uint8_t split[SHA256_SIZE];
            sha256_init(&hash);
            sha256_update(&hash, bytes_make(data, first));
            sha256_update(&hash, bytes_make(data + first, second - first));
            sha256_update(&hash, bytes_make(data + second, sizeof data - second));
            sha256_finish(&hash, split);
            assert_memory_equal(split, whole, SHA256_SIZE);
        }
}

static void finish_begins_again(void **state) {
    (void)state;
    struct sha256 hash;
    uint8_t first[SHA256_SIZE], second[SHA256_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, bytes_of("abc"));
    sha256_finish(&hash, first);
    sha256_update(&hash, bytes_of("abc"));
    sha256_finish(&hash, second);
    assert_memory_equal(first, second, SHA256_SIZE);
}

static void a_copy_goes_its_own_way(void **state) {
    (void)state;
    struct sha256 hash, copy;
    uint8_t of_hash[SHA256_SIZE], of_copy[SHA256_SIZE];
    sha256_init(&hash);
    sha256_update(&hash, bytes_of("a"));
    copy = hash;
    sha256_update(&hash, bytes_of("x"));
    sha256_update(&hash, bytes_make(NULL, 0));
    sha256_update(&copy, bytes_of("bc"));
    sha256_finish(&hash, of_hash);
    sha256_finish(&copy, of_copy);
    assert_memory_not_equal(of_hash, of_copy, SHA256_SIZE);
    assert_digest(bytes_of("abc"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_memory_equal(of_copy, "\xba\x78\x16\xbf", 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(a_million_letters),
        cmocka_unit_test(same_digest_however_split),
        cmocka_unit_test(finish_begins_again),
        cmocka_unit_test(a_copy_goes_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
