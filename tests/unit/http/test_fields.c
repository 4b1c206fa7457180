#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "http/fields.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_bytes(struct bytes bytes, const char *text) {
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.size);
}

static struct http_field field(const char *name, const char *value) {
    return (struct http_field){bytes_of(name), bytes_of(value)};
}

static void find_and_count(void **state) {
    (void)state;
    struct http_field items[] = {field("Host", "a"), field("set-cookie", "1"),
                                 field("Set-Cookie", "2"), field("Hostess", "b")};
    struct http_fields fields = {items, COUNT(items)};
    struct bytes value = bytes_of("untouched");
    assert_true(http_fields_find(fields, "HOST", &value));
    assert_bytes(value, "a");
    assert_true(http_fields_find(fields, "Set-Cookie", &value));
    assert_bytes(value, "1");
    assert_false(http_fields_find(fields, "Hos", &value));
    assert_false(http_fields_find((struct http_fields){0}, "Host", &value));
    assert_bytes(value, "1");
    assert_int_equal(http_fields_count(fields, "SET-COOKIE"), 2);
    assert_int_equal(http_fields_count(fields, "Hostess"), 1);
    assert_int_equal(http_fields_count(fields, "Cookie"), 0);
}

static void tokens_in_every_line(void **state) {
    (void)state;
    struct http_field items[] = {field("Connection", "keep-alive , Upgrade"), field("Via", "close"),
                                 field("connection", ",, \"a,close\",x")};
    struct http_fields fields = {items, COUNT(items)};
    assert_true(http_fields_has_token(fields, "connection", "upgrade"));
    assert_true(http_fields_has_token(fields, "connection", "KEEP-ALIVE"));
    assert_true(http_fields_has_token(fields, "connection", "x"));
    assert_false(http_fields_has_token(fields, "connection", "close"));
    assert_false(http_fields_has_token(fields, "connection", "keep"));
    assert_false(http_fields_has_token(fields, "connection", ""));
    assert_false(http_fields_has_token(fields, "upgrade", "x"));
}

static void check_list(const char *text, size_t count, const char *const *elements) {
    struct bytes list = bytes_of(text), element;
    for (size_t i = 0; i < count; i++) {
        assert_true(http_list_next(&list, &element));
        assert_bytes(element, elements[i]);
    }
    assert_false(http_list_next(&list, &element));
    assert_false(http_list_next(&list, &element));
}

static void lists(void **state) {
    (void)state;
    check_list("", 0, NULL);
    check_list(" ,\t, ", 0, NULL);
    check_list("a", 1, (const char *[]){"a"});
    check_list(",a , b;q=\"1,2\" ,,c d\t", 3, (const char *[]){"a", "b;q=\"1,2\"", "c d"});
    check_list("\"a\\\",b\",c", 2, (const char *[]){"\"a\\\",b\"", "c"});
    check_list("\"never closed, c", 1, (const char *[]){"\"never closed, c"});
    check_list("a,\"b\\", 2, (const char *[]){"a", "\"b\\"});
}

static void check_fields_list(struct http_fields fields, const char *name, size_t count,
                              const char *const *elements) {
    struct http_fields_list list = http_fields_list_begin(fields, name);
    struct bytes element;
    for (size_t i = 0; i < count; i++) {
        assert_true(http_fields_list_next(&list, &element));
        assert_bytes(element, elements[i]);
    }
    assert_false(http_fields_list_next(&list, &element));
    assert_false(http_fields_list_next(&list, &element));
}

static void lists_over_all_fields_of_a_name(void **state) {
    (void)state;
    struct http_field items[] = {field("L", "a , b"), field("M", "no"),  field("l", ""),
                                 field("LL", "no"),   field("L", ",,"),  field("L", "\"c,"),
                                 field("l", "d\",e"), field("M", "more")};
    struct http_fields fields = {items, COUNT(items)};
    /* A quoted string ends with its field at the latest. */
    check_fields_list(fields, "L", 4, (const char *[]){"a", "b", "\"c,", "d\",e"});
    check_fields_list(fields, "m", 2, (const char *[]){"no", "more"});
    check_fields_list(fields, "N", 0, NULL);
    check_fields_list((struct http_fields){0}, "L", 0, NULL);
}

static void tokens(void **state) {
    (void)state;
    static const char others[] = "\"(),/:;<=>?@[\\]{} \t";
    for (unsigned value = 0; value < 256; value++) {
        uint8_t text[] = {'a', (uint8_t)value, 'z'};
        bool good = value > ' ' && value < 0x7F && strchr(others, (int)value) == NULL;
        assert_int_equal(http_is_token(bytes_make(text, sizeof text)), good);
    }
    assert_false(http_is_token(bytes_of("")));
}

static void parameters(void **state) {
    (void)state;
    struct bytes rest = bytes_of("; a=1 ;b = \"x;y\";; c;=no;d e=no; f=\"=\" "), name, value;
    static const char *const expected[][2] = {
        {"a", "1"}, {"b", "\"x;y\""}, {"c", ""}, {"f", "\"=\""}};
    for (size_t i = 0; i < COUNT(expected); i++) {
        assert_true(http_parameter_next(&rest, &name, &value));
        assert_bytes(name, expected[i][0]);
        assert_bytes(value, expected[i][1]);
    }
    assert_false(http_parameter_next(&rest, &name, &value));
}

static void media_types(void **state) {
    (void)state;
    struct http_media_type type;
    assert_true(http_media_type_parse(bytes_of("text/html"), &type));
    assert_bytes(type.type, "text");
    assert_bytes(type.subtype, "html");
    assert_int_equal(type.parameters.size, 0);
    assert_true(http_media_type_parse(bytes_of(" Application/vnd.a+json ;x=y"), &type));
    assert_bytes(type.type, "Application");
    assert_bytes(type.subtype, "vnd.a+json");
    assert_bytes(type.parameters, ";x=y");
    static const char *const refused[] = {"",       " ",     "text",  "text/", "/html",  ";a=b",
                                          "text;/", "a b/c", "a/b c", "a/b/c", "a/b,c/d"};
    for (size_t i = 0; i < COUNT(refused); i++)
        assert_false(http_media_type_parse(bytes_of(refused[i]), &type));
    assert_false(http_media_type_parse((struct bytes){0}, &type));
}

static void media_type_parameter(void **state) {
    (void)state;
    static const struct {
        const char *text;
        const char *charset; /* NULL: refused */
    } rows[] = {
        {"text/html", NULL},
        {"text/html; charset=utf-8", "utf-8"},
        {"text/html;CharSet=UTF-8;charset=x", "UTF-8"},
        {"text/html; a=\"charset=no;\"; charset=\"iso-8859-1\"", "iso-8859-1"},
        {"text/html; charset=\"a\\\"\\b;c\"", "a\"b;c"},
        {"text/html; charset=\"\"", ""},
        {"text/html; charset=", ""},
        {"text/html; charset", ""},
        {"text/html; charset=\"open", NULL},
        {"text/html; charset=\"open\\", NULL},
        {"text/html; charset=\"a\"b", NULL},
        {"text/html; xcharset=a", NULL},
        {"text/html; charset=0123456789abcde", "0123456789abcde"},
        {"text/html; charset=0123456789abcdef", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http_media_type type;
        char value[16];
        assert_true(http_media_type_parse(bytes_of(rows[i].text), &type));
        bool found = http_media_type_parameter(&type, "charset", value, sizeof value);
        assert_int_equal(found, rows[i].charset != NULL);
        if (found)
            assert_string_equal(value, rows[i].charset);
    }
}

static void parameter_needs_room_for_its_nul(void **state) {
    (void)state;
    struct http_media_type type;
    char value[4] = "xyz";
    assert_true(http_media_type_parse(bytes_of("a/b;c=\"\";d=1"), &type));
    assert_false(http_media_type_parameter(&type, "c", value, 0));
    assert_string_equal(value, "xyz");
    assert_true(http_media_type_parameter(&type, "c", value, 1));
    assert_string_equal(value, "");
    assert_false(http_media_type_parameter(&type, "d", value, 1));
    assert_true(http_media_type_parameter(&type, "d", value, 2));
    assert_string_equal(value, "1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(find_and_count),
        cmocka_unit_test(tokens_in_every_line),
        cmocka_unit_test(lists),
        cmocka_unit_test(lists_over_all_fields_of_a_name),
        cmocka_unit_test(tokens),
        cmocka_unit_test(parameters),
        cmocka_unit_test(media_types),
        cmocka_unit_test(media_type_parameter),
        cmocka_unit_test(parameter_needs_room_for_its_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
