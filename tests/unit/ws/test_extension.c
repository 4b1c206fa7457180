#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "extension.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const char *const good[][2] = {
    {"a", "a"},
    {" a\t", "a"},
    {"x-y; b", "x-y"},
    {"a;b=c;d=\"e\"", "a"},
    {"a ; b = c ;\td = \"e\" ", "a"},
    {"permessage-deflate; client_max_window_bits; server_max_window_bits=10", "permessage-deflate"},
};

static void ok_with_the_name(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(good); i++) {
        struct bytes element = bytes_of(good[i][0]);
        assert_true(ws_extension_is_valid(element));
        assert_true(bytes_equal(ws_extension_name(element), bytes_of(good[i][1])));
    }
}

static void refused(const char *const *elements, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (ws_extension_is_valid(bytes_of(elements[i])))
            fail_msg("taken as an extension: %s", elements[i]);
}

static void refused_names(void **state) {
    (void)state;
    static const char *const bad[] = {"", " ", "a b", "a/b", "\"a\"", "a=b", "a\xFF", "=", "a,b"};
    refused(bad, COUNT(bad));
}

static void refused_empty_parts(void **state) {
    (void)state;
    static const char *const bad[] = {
        ";",    "a;",  "a; ",  "a;;b",  ";a",     "a;b=c;",   "a; b=c;",
        "a;=c", "a;=", "a;b=", "a;b= ", "a;b=;c", "a;b=\"\"", "a;b=\""};
    refused(bad, COUNT(bad));
}

static void refused_values(void **state) {
    (void)state;
    static const char *const bad[] = {
        "a;b=\"c",       "a;b=c\"",      "a;b=\"c d\"",  "a;b=c d",        "a;b=\"c\"d",
        "a;b=\"c;d\"",   "a;b=\"c=d\"",  "a;b=c=d",      "a;b=\"c\\\"d\"", "a;b=\" c\"",
        "a;b=\"\"c\"\"", "a;\xFF",       "a;b c=d",      "a;\"b\"=c",      "a;b=\"c\\\"",
        "a;b=\"\\\"",    "a;b=\\c",      "a;b=\"\\\\\"", "a;b=\"\\\"\"",   "a;b=\"\\ \"",
        "a;b=\"\\c",     "a;b=\"c\\;d\""};
    refused(bad, COUNT(bad));
}

/* A view ends where its size says, whatever stands behind it. */
static void every_prefix_is_judged_alone(void **state) {
    (void)state;
    static const char text[] = "ab;c=\"d\"";
    static const bool expected[] = {false, true, true, false, true, false, false, false, true};
    for (size_t size = 0; size <= sizeof text - 1; size++)
        assert_int_equal(ws_extension_is_valid(bytes_make(text, size)), expected[size]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ok_with_the_name),
        cmocka_unit_test(refused_names),
        cmocka_unit_test(refused_empty_parts),
        cmocka_unit_test(refused_values),
        cmocka_unit_test(every_prefix_is_judged_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
