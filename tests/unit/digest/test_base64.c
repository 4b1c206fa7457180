#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "digest/base64.h"

static bool decodes(const char *text) {
    uint8_t out[64];
    size_t size;
    return base64_decode(bytes_of(text), out, sizeof out, &size);
}

/* RFC 4648 section 10, and the characters beyond letters. */
static void known_answers_both_ways(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        char text[16];
        uint8_t data[16];
        size_t size;
        struct bytes plain = bytes_of(pairs[i][0]);
        assert_int_equal(base64_encode(plain, text), BASE64_SIZE(plain.size));
        assert_string_equal(text, pairs[i][1]);
        assert_true(base64_decode(bytes_of(text), data, plain.size, &size));
        assert_int_equal(size, plain.size);
        assert_memory_equal(data, plain.data, size);
    }
}

static void every_byte_comes_back_at_every_place(void **state) {
    (void)state;
    for (size_t size = 1; size <= 7; size++)
        for (unsigned value = 0; value < 256; value++) {
            uint8_t data[7], back[7];
            char text[BASE64_SIZE(7) + 1];
            size_t back_size;
            for (size_t i = 0; i < size; i++)
                data[i] = (uint8_t)(value + i * 37);
            size_t text_size = base64_encode(bytes_make(data, size), text);
            assert_true(base64_decode(bytes_make(text, text_size), back, size, &back_size));
            assert_int_equal(back_size, size);
            assert_memory_equal(back, data, size);
        }
}

static void refused_bad_length(void **state) {
    (void)state;
    static const char *const texts[] = {"Z", "Zg", "Zg=", "Zm8", "Zm9vY", "Zm9vYg", "Zm9v====Zg"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(decodes(texts[i]));
}

static void refused_misplaced_padding(void **state) {
    (void)state;
    static const char *const texts[] = {
        "====", "Z===", "=Zg=", "Zg==Zg==", "Zm8=Zm8=", "Z=g=", "Zm9v===="};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(decodes(texts[i]));
}

/* RFC 4648 section 3.5: "Zh==" would decode to the same byte as "Zg==". */
static void refused_set_bits_behind_the_last_byte(void **state) {
    (void)state;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned accepted_one = 0, accepted_two = 0;
    for (size_t i = 0; i < 64; i++) {
        char one[] = {'A', digits[i], '=', '=', '\0'};
        char two[] = {'A', 'A', digits[i], '=', '\0'};
        accepted_one += decodes(one);
        accepted_two += decodes(two);
    }
    assert_int_equal(accepted_one, 4);
    assert_int_equal(accepted_two, 16);
}

static void refused_every_other_character(void **state) {
    (void)state;
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (unsigned value = 0; value < 256; value++)
        for (size_t place = 0; place < 4; place++) {
            uint8_t text[8] = {'A', 'A', 'A', 'A', 'A', 'A', 'A', 'A'};
            uint8_t out[6];
            size_t size;
            text[place] = (uint8_t)value;
            bool is_digit = value != 0 && strchr(digits, (int)value) != NULL;
            assert_int_equal(base64_decode(bytes_make(text, 8), out, sizeof out, &size), is_digit);
        }
}

static void refused_beyond_the_capacity(void **state) {
    (void)state;
    uint8_t out[4] = {1, 2, 3, 4};
    size_t size;
    assert_false(base64_decode(bytes_of("Zm9vYg=="), out, 3, &size));
    assert_int_equal(out[3], 4);
    assert_true(base64_decode(bytes_of("Zm9vYg=="), out, 4, &size));
    assert_int_equal(size, 4);
    assert_true(base64_decode(bytes_of(""), out, 0, &size));
    assert_int_equal(size, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_both_ways),
        cmocka_unit_test(every_byte_comes_back_at_every_place),
        cmocka_unit_test(refused_bad_length),
        cmocka_unit_test(refused_misplaced_padding),
        cmocka_unit_test(refused_set_bits_behind_the_last_byte),
        cmocka_unit_test(refused_every_other_character),
        cmocka_unit_test(refused_beyond_the_capacity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
