#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "digest/sha1.h"

static void assert_digest(const char *text, const char expected[SHA1_SIZE]) {
    struct bytes whole = bytes_of(text);
    for (size_t split = 0; split <= whole.size; split++) {
        uint8_t digest[SHA1_SIZE];
        sha1_of(bytes_make(whole.data, split), bytes_after(whole, split), digest);
        assert_memory_equal(digest, expected, SHA1_SIZE);
    }
}

/* FIPS 180-4's examples, split at every byte, and the digest that RFC 6455 section 1.3 prints. */
static void known_answers_however_split(void **state) {
    (void)state;
    assert_digest("", "\xda\x39\xa3\xee\x5e\x6b\x4b\x0d\x32\x55\xbf\xef\x95\x60\x18\x90\xaf\xd8\x07"
                      "\x09");
    assert_digest("abc", "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71\x78\x50\xc2\x6c\x9c\xd0"
                         "\xd8\x9d");
    assert_digest("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                  "\x84\x98\x3e\x44\x1c\x3b\xd2\x6e\xba\xae\x4a\xa1\xf9\x51\x29\xe5\xe5\x46\x70"
                  "\xf1");
    assert_digest("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11",
                  "\xb3\x7a\x4f\x2c\xc0\x62\x4f\x16\x90\xf6\x46\x06\xcf\x38\x59\x45\xb2\xbe\xc4"
                  "\xea");
}

static void empty_parts_may_be_null(void **state) {
    (void)state;
    uint8_t digest[SHA1_SIZE];
    sha1_of(bytes_make(NULL, 0), bytes_make(NULL, 0), digest);
    assert_memory_equal(digest, "\xda\x39\xa3\xee\x5e", 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_however_split),
        cmocka_unit_test(empty_parts_may_be_null),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
