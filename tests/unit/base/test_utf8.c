/* UTF-8: every bound of RFC 3629's table, whatever the pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/utf8.h"

/* What a well-formed text is, told another way: by decoding and comparing with the shortest form.
 */
static bool reference(const uint8_t *data, size_t size) {
    while (size > 0) {
        size_t length = data[0] < 0x80 ? 1 : data[0] >= 0xF0 ? 4 : data[0] >= 0xE0 ? 3 : 2;
        uint32_t value = length == 1 ? data[0] : data[0] & (0x7Fu >> length);
        if (data[0] >= 0xF8 || (data[0] >= 0x80 && data[0] < 0xC0) || length > size)
            return false;
        for (size_t i = 1; i < length; i++) {
            if ((data[i] & 0xC0) != 0x80)
                return false;
            value = value << 6 | (data[i] & 0x3F);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (value < least[length] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
            return false;
        data += length;
        size -= length;
    }
    return true;
}

static void all_texts_of_two_bytes(void **state) {
    (void)state;
    for (unsigned i = 0; i < 0x10000; i++) {
        const uint8_t text[2] = {(uint8_t)(i >> 8), (uint8_t)i};
        assert_int_equal(utf8_is_valid(bytes_make(text, 2)), reference(text, 2));
    }
}

static void all_leads_with_the_bounds_of_continuation(void **state) {
    (void)state;
    static const uint8_t edges[] = {0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    enum { EDGES = sizeof edges };
    for (unsigned lead = 0; lead < 256; lead++) {
        for (unsigned i = 0; i < EDGES * EDGES * EDGES; i++) {
            const uint8_t text[4] = {(uint8_t)lead, edges[i % EDGES], edges[i / EDGES % EDGES],
                                     edges[i / EDGES / EDGES]};
            for (size_t size = 1; size <= 4; size++)
                assert_int_equal(utf8_is_valid(bytes_make(text, size)), reference(text, size));
        }
    }
}

static void the_same_however_it_is_split(void **state) {
    (void)state;
    static const char text[] = "twelve bytes \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80 and the rest";
    for (size_t split = 0; split < sizeof text; split++) {
        struct utf8_check check = {0};
        assert_true(utf8_check_next(&check, bytes_make(text, split)));
        assert_int_equal(utf8_check_is_complete(&check), reference((const uint8_t *)text, split));
        assert_true(utf8_check_next(&check, bytes_make(text + split, sizeof text - split)));
        assert_true(utf8_check_is_complete(&check));
    }
}

/* RFC 6455 section 8.1: a text is refused at the first byte that cannot be. */
static void fails_at_the_first_bad_byte(void **state) {
    (void)state;
    static const char *const bad[] = {"\xF4\x90", "\xED\xA0", "\xE0\x9F", "\xF0\x8F",
                                      "\xC1",     "\xF5",     "\xC3\x28", "\xE2\x82\x28"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct utf8_check check = {0};
        size_t size = strlen(bad[i]);
        for (size_t j = 0; j + 1 < size; j++)
            assert_true(utf8_check_next(&check, bytes_make(bad[i] + j, 1)));
        assert_false(utf8_check_next(&check, bytes_make(bad[i] + size - 1, 1)));
    }
}

static void every_scalar_value_survives(void **state) {
    (void)state;
    for (uint32_t value = 0; value <= 0x10FFFF; value++) {
        if (value == 0xD800)
            value = 0xE000;
        uint8_t encoded[4];
        uint32_t decoded;
        size_t size = utf8_encode(value, encoded);
        assert_int_equal(utf8_decode(bytes_make(encoded, size), &decoded), size);
        assert_int_equal(decoded, value);
    }
}

static void bad_parts_are_as_long_as_unicode_says(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {
        {"\x80", 1},
        {"\xFF", 1},
        {"\xC3", 1},
        {"\xC3(", 1},
        {"\xE2\x82", 2},
        {"\xE2\x82(", 2},
        {"\xF0\x9F\x98", 3},
        {"\xF0\x9F\x98(", 3},
        {"\xE0\x80", 1},
        {"\xED\xA0\x80", 1},
        {"\xF4\x90\x80\x80", 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t value;
        assert_int_equal(utf8_decode(bytes_of(cases[i].text), &value), cases[i].size);
        assert_int_equal(value, 0xFFFD);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_texts_of_two_bytes),
        cmocka_unit_test(all_leads_with_the_bounds_of_continuation),
        cmocka_unit_test(the_same_however_it_is_split),
        cmocka_unit_test(fails_at_the_first_bad_byte),
        cmocka_unit_test(every_scalar_value_survives),
        cmocka_unit_test(bad_parts_are_as_long_as_unicode_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
