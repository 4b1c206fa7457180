/* The strict scanner: what RFC 8259 allows, and the place and the words of what it does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "json/text.h"

static enum error scan(struct bytes text, struct json_syntax_error *problem) {
    struct buffer places = {0};
    enum error error = json_text_scan(text, &places, problem);
    buffer_fini(&places);
    return error;
}

static void test_valid_texts_are_accepted(void **state) {
    (void)state;
    static const char *const valid[] = {
        "{}",
        "[]",
        " \t\r\n{ } \n",
        "null",
        "true",
        "false",
        "\"\"",
        "0",
        "-0",
        "-1.5e+10",
        "1E-2",
        "123456789012345678901234567890",
        "[1,2,[3,{}]]",
        "{\"a\":1,\"b\":[true,null]}",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\xC3\xA9\xF0\x9F\x98\x80\"",
        "\"\xEF\xBF\xBD\"", /* the replacement character itself is no mistake */
        "\"\x7F\"",
        "{\"\":0}",
        "[ 1 , 2 ]",
        "{ \"a\" : 1 , \"a\" : 2 }",
        "\"\\u0001\"",
        "\"\\uDBFF\\uDFFF\"",
    };
    for (size_t i = 0; i < sizeof valid / sizeof *valid; i++) {
        struct json_syntax_error problem = {0};
        if (scan(bytes_of(valid[i]), &problem) != ERROR_NONE)
            fail_msg("%s: %zu:%zu found %s, expected %s", valid[i], problem.line, problem.column,
                     problem.found, problem.expected);
    }
}

struct refused {
    const char *text;
    const char *words; /* "LINE:COLUMN found, expected" */
};

static void check_refused(const struct refused *refused, size_t count) {
    for (size_t i = 0; i < count; i++) {
        struct json_syntax_error problem;
        char words[256];
        assert_int_equal(scan(bytes_of(refused[i].text), &problem), ERROR_CONFIG_INVALID);
        snprintf(words, sizeof words, "%zu:%zu %s, %s", problem.line, problem.column, problem.found,
                 problem.expected);
        assert_string_equal(words, refused[i].words);
    }
}
#define CHECK_REFUSED(table) check_refused((table), sizeof(table) / sizeof *(table))

static void test_bad_structure_is_refused_with_its_place(void **state) {
    (void)state;
    static const struct refused table[] = {
        {"", "1:1 the end of the text, a value"},
        {" \n ", "2:2 the end of the text, a value"},
        {"{", "1:2 the end of the text, a key in double quotes"},
        {"[", "1:2 the end of the text, a value"},
        {"[1", "1:3 the end of the text, ',' or ']'"},
        {"{\"a\"", "1:5 the end of the text, ':' after the key"},
        {"{\"a\":", "1:6 the end of the text, a value"},
        {"{\"a\":1", "1:7 the end of the text, ',' or '}'"},
        {"{\"a\":1,}", "1:8 '}', a key in double quotes"},
        {"{\n  \"a\": 1,\n}", "3:1 '}', a key in double quotes"},
        {"[1,]", "1:4 ']', a value"},
        {"[1 2]", "1:4 '2', ',' or ']'"},
        {"[,1]", "1:2 ',', a value"},
        {"[1}", "1:3 '}', ',' or ']'"},
        {"{\"a\":1]", "1:7 ']', ',' or '}'"},
        {"{\"a\" 1}", "1:6 '1', ':' after the key"},
        {"{a:1}", "1:2 'a', a key in double quotes"},
        {"{1:1}", "1:2 '1', a key in double quotes"},
        {"{'a':1}", "1:2 a single quote, a key in double quotes"},
        {"{} {}", "1:4 '{', the end of the text"},
        {"1 x", "1:3 'x', the end of the text"},
        {"{ // no\n}", "1:3 '/' (JSON has no comments), a key in double quotes"},
        {"[1, /* no */ 2]", "1:5 '/' (JSON has no comments), a value"},
        {"]", "1:1 ']', a value"},
        {"\xEF\xBB\xBF{}", "1:1 a byte order mark, a value"},
        {"[\v1]", "1:2 control character U+000B, a value"},
        {"[\xC2\xA0]", "1:2 '\xC2\xA0', a value"},
        {"[\xFF]", "1:2 byte 0xFF, which is not UTF-8, a value"},
    };
    CHECK_REFUSED(table);
}

static void test_bad_words_and_numbers_are_refused(void **state) {
    (void)state;
    static const struct refused table[] = {
        {"nul", "1:1 'nul', a value"},
        {"True", "1:1 'True', a value"},
        {"nulll", "1:1 'nulll', a value"},
        {"NaN", "1:1 'NaN', a value"},
        {"-Infinity", "1:2 'Infinity', a digit"},
        {"undefined_undefined_undefined", "1:1 'undefined_undefined_unde...', a value"},
        {"01", "1:2 '1', no digit after a leading 0"},
        {"-01", "1:3 '1', no digit after a leading 0"},
        {"+1", "1:1 '+', a value"},
        {".5", "1:1 '.', a value"},
        {"1.", "1:3 the end of the text, a digit"},
        {"1.e5", "1:3 'e5', a digit"},
        {"1e", "1:3 the end of the text, a digit"},
        {"1e+", "1:4 the end of the text, a digit"},
        {"-", "1:2 the end of the text, a digit"},
        {"--1", "1:2 '-', a digit"},
        {"0x10", "1:2 'x10', the end of the text"},
        {"1a", "1:2 'a', the end of the text"},
        {"[1,1234567890123456789012345678901234567890123456789012345678901234]",
         "1:4 a longer number, a number of at most 63 characters"},
    };
    CHECK_REFUSED(table);
}

static void test_bad_strings_are_refused(void **state) {
    (void)state;
    static const struct refused table[] = {
        {"\"", "1:2 the end of the text, the quote that ends the string"},
        {"\"abc", "1:5 the end of the text, the quote that ends the string"},
        {"\"a\nb\"", "1:3 a line break, an escape such as \\n in a string"},
        {"\"a\tb\"", "1:3 control character U+0009, an escape such as \\n in a string"},
        {"\"\x01\"", "1:2 control character U+0001, an escape such as \\n in a string"},
        {"\"\\x41\"", "1:3 'x41', one of \" \\ / b f n r t u after a backslash"},
        {"\"\\", "1:3 the end of the text, one of \" \\ / b f n r t u after a backslash"},
        {"\"\\u12g4\"", "1:3 'u12g4', four hexadecimal digits after \\u"},
        {"\"\\u12", "1:3 'u12', four hexadecimal digits after \\u"},
        {"\"\\u0000\"", "1:3 \\u0000, no NUL character in a string"},
        {"\"\\ud800\"", "1:3 half of a surrogate pair, a character, or both halves"},
        {"\"\\ud800\\u0041\"", "1:3 half of a surrogate pair, a character, or both halves"},
        {"\"\\ud800\\ud800\"", "1:3 half of a surrogate pair, a character, or both halves"},
        {"\"\\udc00\"", "1:3 half of a surrogate pair, a character, or both halves"},
        {"\"\xFF\"", "1:2 byte 0xFF, which is not UTF-8, UTF-8"},
        {"\"\xC0\x80\"", "1:2 byte 0xC0, which is not UTF-8, UTF-8"},
        {"\"\xED\xA0\x80\"", "1:2 byte 0xED, which is not UTF-8, UTF-8"},
        {"\"\xF4\x90\x80\x80\"", "1:2 byte 0xF4, which is not UTF-8, UTF-8"},
        {"\"\xE2\x82\"", "1:2 byte 0xE2, which is not UTF-8, UTF-8"},
        {"\"\x80\"", "1:2 byte 0x80, which is not UTF-8, UTF-8"},
        /* columns count characters */
        {"{\"\xC3\xA9\xF0\x9F\x98\x80\": x}", "1:8 'x', a value"},
    };
    CHECK_REFUSED(table);
}

static void test_a_nul_byte_is_refused_anywhere(void **state) {
    (void)state;
    static const char text[] = "{\"a\":[1]}";
    for (size_t i = 0; i <= sizeof text - 1; i++) {
        char with_nul[sizeof text];
        struct json_syntax_error problem;
        memcpy(with_nul, text, i);
        with_nul[i] = '\0';
        memcpy(with_nul + i + 1, text + i, sizeof text - 1 - i);
        assert_int_equal(scan(bytes_make(with_nul, sizeof with_nul), &problem),
                         ERROR_CONFIG_INVALID);
    }
}

static void test_a_text_cut_at_any_byte_is_refused_at_its_end(void **state) {
    (void)state;
    static const char text[] =
        "{\"a\": [1.5e3, true, \"\\u00e9\\ud83d\\ude00\\n\"], \"b\": {\"c\": null}}";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct json_syntax_error problem = {0};
        char *copy = memory_allocate(size + 1); /* so that a read beyond the end is seen */
        memcpy(copy, text, size);
        copy = memory_resize(copy, size > 0 ? size : 1);
        assert_int_equal(scan(bytes_make(copy, size), &problem), ERROR_CONFIG_INVALID);
        assert_int_equal(problem.line, 1);
        assert_in_range(problem.column, 1, size + 1);
        memory_free(copy);
    }
}

/* `depth` arrays within each other. */
static enum error scan_nested(size_t depth, const char *open, const char *close,
                              struct json_syntax_error *problem) {
    struct buffer text = {0};
    for (size_t i = 0; i < depth; i++)
        assert_int_equal(buffer_append_text(&text, open), ERROR_NONE);
    assert_int_equal(buffer_append_text(&text, "1"), ERROR_NONE);
    for (size_t i = 0; i < depth; i++)
        assert_int_equal(buffer_append_text(&text, close), ERROR_NONE);
    enum error error = scan(buffer_bytes(&text), problem);
    buffer_fini(&text);
    return error;
}

static void test_depth_is_limited(void **state) {
    (void)state;
    struct json_syntax_error problem;
    assert_int_equal(scan_nested(32, "[", "]", &problem), ERROR_NONE);
    assert_int_equal(scan_nested(33, "[", "]", &problem), ERROR_CONFIG_INVALID);
    assert_string_equal(problem.expected, "at most 32 levels of objects and arrays");
    assert_string_equal(problem.found, "'['");
    assert_int_equal(problem.column, 33);
    assert_int_equal(scan_nested(32, "{\"a\":", "}", &problem), ERROR_NONE);
    assert_int_equal(scan_nested(33, "{\"a\":", "}", &problem), ERROR_CONFIG_INVALID);
    assert_int_equal(scan_nested(1000000, "[", "]", &problem), ERROR_CONFIG_INVALID);
}

static void test_places_are_in_the_order_of_the_text(void **state) {
    (void)state;
    static const char text[] = "{\n \"a\":\n  [1,\n\"x\"],\n \"b\": {}\n}";
    static const struct {
        const char *source;
        uint32_t line, key_line;
    } expected[] = {
        {text, 1, 1}, {"[1,\n\"x\"]", 3, 2}, {"1", 3, 3}, {"\"x\"", 4, 4}, {"{}", 5, 5}};
    struct buffer places = {0};
    struct json_syntax_error problem;
    assert_int_equal(json_text_scan(bytes_of(text), &places, &problem), ERROR_NONE);
    assert_int_equal(places.size, 5 * sizeof(struct json_place));
    const struct json_place *place = (const struct json_place *)(const void *)places.data;
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(place[i].size, strlen(expected[i].source));
        assert_memory_equal(text + place[i].offset, expected[i].source, place[i].size);
        assert_int_equal(place[i].line, expected[i].line);
        assert_int_equal(place[i].key_line, expected[i].key_line);
    }
    buffer_fini(&places);
}

static void test_out_of_memory_is_an_answer(void **state) {
    (void)state;
    struct json_syntax_error problem;
    size_t blocks = memory_live_blocks();
    memory_fail_after(0, 1);
    assert_int_equal(scan(bytes_of("[1]"), &problem), ERROR_NO_MEMORY);
    memory_fail_after(0, 0);
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_texts_are_accepted),
        cmocka_unit_test(test_bad_structure_is_refused_with_its_place),
        cmocka_unit_test(test_bad_words_and_numbers_are_refused),
        cmocka_unit_test(test_bad_strings_are_refused),
        cmocka_unit_test(test_a_nul_byte_is_refused_anywhere),
        cmocka_unit_test(test_a_text_cut_at_any_byte_is_refused_at_its_end),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_places_are_in_the_order_of_the_text),
        cmocka_unit_test(test_out_of_memory_is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
