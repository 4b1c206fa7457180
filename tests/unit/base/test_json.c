/* JSON strings from any bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"

static void strings(void **state) {
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"", "\"\""},
        {"plain text", "\"plain text\""},
        {"\"\\/", "\"\\\"\\\\/\""},
        {"a\nb\rc\td", "\"a\\nb\\rc\\td\""},
        {"\x01\x1F\x7F", "\"\\u0001\\u001f\\u007f\""},
        {"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80", "\"\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80\""},
        {"\xE2\x80\xA8\xE2\x80\xA9", "\"\\u2028\\u2029\""},
        {"a\xFFz", "\"a\xEF\xBF\xBDz\""},
        {"\xE2\x82", "\"\xEF\xBF\xBD\""},
        {"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer out = {0};
        assert_int_equal(json_append_string(&out, bytes_of(cases[i].text)), ERROR_NONE);
        assert_int_equal(out.size, strlen(cases[i].json));
        assert_memory_equal(out.data, cases[i].json, out.size);
        buffer_fini(&out);
    }
}

/* Between the quotes no control byte, no bare quote; and valid UTF-8 as a whole. */
static void any_three_bytes_become_valid_json(void **state) {
    (void)state;
    static const uint8_t kinds[] = {0x00, '"', '\\', 'a', 0x80, 0xBF, 0xC2, 0xE0, 0xED, 0xF4, 0xFF};
    enum { KINDS = sizeof kinds };
    for (size_t i = 0; i < (size_t)KINDS * KINDS * KINDS; i++) {
        const uint8_t text[3] = {kinds[i % KINDS], kinds[i / KINDS % KINDS],
                                 kinds[i / KINDS / KINDS]};
        struct buffer out = {0};
        assert_int_equal(json_append_string(&out, bytes_make(text, 3)), ERROR_NONE);
        assert_true(utf8_is_valid(buffer_bytes(&out)));
        bool escaped = false;
        for (size_t j = 1; j + 1 < out.size; j++) {
            assert_true(out.data[j] >= 0x20 && (escaped || out.data[j] != '"'));
            escaped = !escaped && out.data[j] == '\\';
        }
        assert_false(escaped);
        buffer_fini(&out);
    }
}

static void out_of_memory_is_told(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    char text[300];
    memset(text, '\n', sizeof text);
    for (size_t skip = 0;; skip++) {
        struct buffer out = {0};
        memory_fail_after(skip, 1);
        enum error error = json_append_string(&out, bytes_make(text, sizeof text));
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        buffer_fini(&out);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        if (failures == 0)
            break;
    }
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(any_three_bytes_become_valid_json),
        cmocka_unit_test(out_of_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
