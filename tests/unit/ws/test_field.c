#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "ws/field.h"

enum { FIELDS_MAX = 8 };

/* "Name: value" texts as fields; the array is the caller's. */
static struct ws_fields fields_of(struct ws_field array[FIELDS_MAX], const char *const *lines) {
    size_t count = 0;
    for (; lines[count] != NULL; count++) {
        const char *colon = strchr(lines[count], ':');
        array[count].name = bytes_make(lines[count], (size_t)(colon - lines[count]));
        array[count].value = bytes_of(colon + 1);
    }
    return (struct ws_fields){array, count};
}

#define FIELDS(...) \
    fields_of((struct ws_field[FIELDS_MAX]){0}, (const char *const[]){__VA_ARGS__, NULL})

/* All elements in brackets. */
static void assert_list(struct ws_list list, const char *expected) {
    struct buffer text = {0};
    struct bytes element;
    while (ws_list_next(&list, &element)) {
        assert_int_equal(buffer_append_byte(&text, '['), ERROR_NONE);
        assert_int_equal(buffer_append(&text, element.data, element.size), ERROR_NONE);
        assert_int_equal(buffer_append_byte(&text, ']'), ERROR_NONE);
    }
    assert_false(ws_list_next(&list, &element));
    assert_int_equal(buffer_append_byte(&text, '\0'), ERROR_NONE);
    assert_string_equal((char *)text.data, expected);
    buffer_fini(&text);
}

static void fields_are_found_in_any_case_and_counted(void **state) {
    (void)state;
    struct ws_fields fields = FIELDS("Host: a ", "hOST:b", "Hos:c", "Hostt:d", "X:");
    struct bytes value;
    assert_int_equal(ws_fields_find(fields, "Host", &value), 2);
    assert_true(bytes_equal(value, bytes_of("a")));
    assert_int_equal(ws_fields_find(fields, "x", &value), 1);
    assert_int_equal(value.size, 0);
    value = bytes_of("untouched");
    assert_int_equal(ws_fields_find(fields, "Y", &value), 0);
    assert_true(bytes_equal(value, bytes_of("untouched")));
    assert_int_equal(ws_fields_find(fields, "Host", NULL), 2);
    assert_int_equal(ws_fields_find((struct ws_fields){0}, "Host", NULL), 0);
}

static void lists_run_over_all_fields_of_the_name(void **state) {
    (void)state;
    struct ws_fields fields = FIELDS("L: a , b", "M: no", "l:", "L: ,, c\t,,", "L:d");
    assert_list(ws_list_begin(fields, "L"), "[a][b][c][d]");
    assert_list(ws_list_begin(fields, "N"), "");
    assert_list(ws_list_begin((struct ws_fields){0}, "L"), "");
    assert_list(ws_list_of(bytes_of("a,b")), "[a][b]");
    assert_list(ws_list_of(bytes_make(NULL, 0)), "");
}

static void commas_in_quotes_part_nothing(void **state) {
    (void)state;
    assert_list(ws_list_of(bytes_of("a; b=\"c,d\", e")), "[a; b=\"c,d\"][e]");
    assert_list(ws_list_of(bytes_of("a=\"\\\",\",b")), "[a=\"\\\",\"][b]");
    assert_list(ws_list_of(bytes_of("a=\"never closed, b")), "[a=\"never closed, b]");
    assert_list(ws_list_of(bytes_of("a=\"\\")), "[a=\"\\]");
}

static void elements_are_compared_whole_and_in_any_case(void **state) {
    (void)state;
    struct ws_fields fields = FIELDS("Connection: keep-alive, UPGRADE", "Connection: x");
    assert_true(ws_list_has(fields, "connection", "upgrade"));
    assert_true(ws_list_has(fields, "connection", "X"));
    assert_false(ws_list_has(fields, "connection", "keep"));
    assert_false(ws_list_has(fields, "connection", "keep-alive, upgrade"));
    assert_false(ws_list_has(fields, "connection", ""));
}

/* RFC 9110 section 5.6.2. */
static void every_character_of_a_token(void **state) {
    (void)state;
    static const char others[] = "\"(),/:;<=>?@[\\]{} \t";
    for (unsigned value = 0; value < 256; value++) {
        uint8_t text[] = {'a', (uint8_t)value, 'z'};
        bool good = value > ' ' && value < 0x7F && strchr(others, (int)value) == NULL;
        assert_int_equal(ws_is_token(bytes_make(text, sizeof text)), good);
    }
    assert_false(ws_is_token(bytes_of("")));
}

static void parameters_come_one_by_one(void **state) {
    (void)state;
    struct bytes rest = bytes_of("permessage-deflate ; server_max_window_bits = \"10\";flag ; x=1");
    static const char *const expected[][2] = {
        {"permessage-deflate", ""}, {"server_max_window_bits", "10"}, {"flag", ""}, {"x", "1"}};
    struct bytes name, value;
    for (size_t i = 0; i < 4; i++) {
        assert_true(ws_parameter_next(&rest, &name, &value));
        assert_true(bytes_equal(name, bytes_of(expected[i][0])));
        assert_true(bytes_equal(value, bytes_of(expected[i][1])));
    }
    assert_false(ws_parameter_next(&rest, &name, &value));
    assert_int_equal(rest.size, 0);
    rest = bytes_make(NULL, 0);
    assert_false(ws_parameter_next(&rest, &name, &value));
}

static void extensions_by_their_syntax(void **state) {
    (void)state;
    static const char *const good[] = {"a", "x-y; b", "a;b=c;d=\"e\"", "a ; b = c", " a "};
    static const char *const bad[] = {"",        ";",     "a;",       "a;;b",       "a b",
                                      "a=b",     "a;b=",  "a;b=\"\"", "a;b=\"c",    "a;b=\"c d\"",
                                      "a;b=c d", "a;=c",  "a;b=\"",   "a;b=\"c\"d", "a/b",
                                      "a; b=c;", "a;\xFF"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(ws_extension_is_valid(bytes_of(good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ws_extension_is_valid(bytes_of(bad[i])));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_found_in_any_case_and_counted),
        cmocka_unit_test(lists_run_over_all_fields_of_the_name),
        cmocka_unit_test(commas_in_quotes_part_nothing),
        cmocka_unit_test(elements_are_compared_whole_and_in_any_case),
        cmocka_unit_test(every_character_of_a_token),
        cmocka_unit_test(parameters_come_one_by_one),
        cmocka_unit_test(extensions_by_their_syntax),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
