/* Views, numbers in views, and growing buffers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

static const struct bytes nothing = {NULL, 0};

static void equality_is_by_content(void **state) {
    (void)state;
    assert_true(bytes_equal(bytes_of("abc"), bytes_make("abcd", 3)));
    assert_false(bytes_equal(bytes_of("abc"), bytes_of("abd")));
    assert_false(bytes_equal(bytes_of("abc"), bytes_of("ab")));
    assert_true(bytes_equal(nothing, bytes_of("")));
}

static void case_is_ignored_for_ascii_letters_only(void **state) {
    (void)state;
    assert_true(bytes_equal_ignoring_case(bytes_of("Keep-ALIVE"), bytes_of("keep-alive")));
    assert_false(bytes_equal_ignoring_case(bytes_of("@"), bytes_of("`")));
    assert_false(bytes_equal_ignoring_case(bytes_of("["), bytes_of("{")));
    assert_false(bytes_equal_ignoring_case(bytes_of("\xC3\x84"), bytes_of("\xC3\xA4")));
    assert_true(bytes_equal_ignoring_case(nothing, nothing));
}

static void trimming_takes_blanks_of_both_ends(void **state) {
    (void)state;
    assert_true(bytes_equal(bytes_trimmed(bytes_of(" \ta b\t ")), bytes_of("a b")));
    assert_int_equal(bytes_trimmed(bytes_of(" \t ")).size, 0);
    assert_int_equal(bytes_trimmed(nothing).size, 0);
    assert_true(bytes_equal(bytes_trimmed(bytes_of("\na")), bytes_of("\na")));
}

static void unsigned_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool valid;
        uint64_t value;
    } cases[] = {
        {"0", true, 0},
        {"007", true, 7},
        {"18446744073709551615", true, UINT64_MAX},
        {"18446744073709551616", false, 0},
        {"99999999999999999999999", false, 0},
        {"", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"0x10", false, 0},
        {"1/", false, 0},
        {"1:", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 0;
        assert_int_equal(bytes_to_unsigned(bytes_of(cases[i].text), &value), cases[i].valid);
        assert_int_equal(value, cases[i].value);
    }
    uint64_t value;
    assert_false(bytes_to_unsigned(nothing, &value));
}

static void buffer_grows_and_keeps_its_content(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    struct buffer buffer = {0};
    for (int i = 0; i < 5000; i++)
        assert_int_equal(buffer_append_byte(&buffer, (uint8_t)i), ERROR_NONE);
    for (int i = 0; i < 5000; i++)
        assert_int_equal(buffer.data[i], (uint8_t)i);
    assert_int_equal(buffer_append(&buffer, NULL, 0), ERROR_NONE);
    assert_int_equal(buffer.size, 5000);
    buffer_fini(&buffer);
    assert_null(buffer.data);
    assert_int_equal(memory_live_blocks(), blocks);
}

static void buffer_formats(void **state) {
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append_text(&buffer, "a="), ERROR_NONE);
    assert_int_equal(buffer_format(&buffer, "%d%s", 42, "!"), ERROR_NONE);
    assert_true(bytes_equal(buffer_bytes(&buffer), bytes_of("a=42!")));
    /* longer than any capacity so far */
    assert_int_equal(buffer_format(&buffer, "%0500d", 1), ERROR_NONE);
    assert_int_equal(buffer.size, 505);
    assert_int_equal(buffer.data[504], '1');
    buffer_fini(&buffer);
}

static void buffer_consumes_from_the_front(void **state) {
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append_text(&buffer, "hello world"), ERROR_NONE);
    buffer_consume(&buffer, 0);
    buffer_consume(&buffer, 6);
    assert_true(bytes_equal(buffer_bytes(&buffer), bytes_of("world")));
    buffer_consume(&buffer, 5);
    assert_int_equal(buffer.size, 0);
    assert_int_equal(buffer_append_text(&buffer, "x"), ERROR_NONE);
    buffer_clear(&buffer);
    assert_int_equal(buffer.size, 0);
    assert_non_null(buffer.data);
    buffer_fini(&buffer);
}

static void buffer_refuses_what_cannot_be_counted(void **state) {
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append_text(&buffer, "x"), ERROR_NONE);
    assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), ERROR_NO_MEMORY);
    assert_int_equal(buffer.size, 1);
    buffer_fini(&buffer);
}

static void buffer_out_of_memory_changes_nothing(void **state) {
    (void)state;
    struct buffer buffer = {0};
    assert_int_equal(buffer_append_text(&buffer, "kept"), ERROR_NONE);
    char big[1000];
    memset(big, 'b', sizeof big);
    memory_fail_after(0, 3);
    assert_int_equal(buffer_append(&buffer, big, sizeof big), ERROR_NO_MEMORY);
    assert_int_equal(buffer_format(&buffer, "%01000d", 1), ERROR_NO_MEMORY);
    assert_int_equal(buffer_reserve(&buffer, 1000), ERROR_NO_MEMORY);
    memory_fail_after(0, 0);
    assert_true(bytes_equal(buffer_bytes(&buffer), bytes_of("kept")));
    buffer_fini(&buffer);
}

static void numbers_in_decimal(void **state) {
    (void)state;
    static const struct {
        uint64_t number;
        const char *text;
    } numbers[] = {{0, "0"},
                   {9, "9"},
                   {10, "10"},
                   {1234567890, "1234567890"},
                   {UINT64_MAX, "18446744073709551615"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buffer buffer = {0};
        assert_int_equal(buffer_append_byte(&buffer, '='), ERROR_NONE);
        assert_int_equal(buffer_append_unsigned(&buffer, numbers[i].number), ERROR_NONE);
        assert_int_equal(buffer.size, 1 + strlen(numbers[i].text));
        assert_memory_equal(buffer.data + 1, numbers[i].text, strlen(numbers[i].text));
        buffer_fini(&buffer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_in_decimal),
        cmocka_unit_test(equality_is_by_content),
        cmocka_unit_test(case_is_ignored_for_ascii_letters_only),
        cmocka_unit_test(trimming_takes_blanks_of_both_ends),
        cmocka_unit_test(unsigned_numbers),
        cmocka_unit_test(buffer_grows_and_keeps_its_content),
        cmocka_unit_test(buffer_formats),
        cmocka_unit_test(buffer_consumes_from_the_front),
        cmocka_unit_test(buffer_refuses_what_cannot_be_counted),
        cmocka_unit_test(buffer_out_of_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
