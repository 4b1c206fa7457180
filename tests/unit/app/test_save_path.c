/* Names of files for bodies: never outside the folder, never the same twice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "save_path.h"

static void check(size_t index, const char *url, const char *expected) {
    struct buffer path = {0};
    assert_int_equal(save_path("folder", index, url, &path), ERROR_NONE);
    assert_string_equal((const char *)path.data, expected);
    buffer_fini(&path);
}

static void test_names(void **state) {
    (void)state;
    check(0, "http://example.org/", "folder/000000-example.org_");
    check(12, "https://example.org:81/a/b.html?c=d#e",
          "folder/000012-example.org_81_a_b.html_c_d_e");
    check(1234567, "http://a/../../etc/passwd", "folder/1234567-a_.._.._etc_passwd");
    check(1, "no URL", "folder/000001-no_URL");
    check(2, "", "folder/000002-");
    check(3, "http://\xC3\xA4/\n\"", "folder/000003-_____");
}

static void test_long_urls_are_cut(void **state) {
    char url[4000];
    struct buffer path = {0};
    (void)state;
    memset(url, 'a', sizeof url - 1);
    url[sizeof url - 1] = '\0';
    assert_int_equal(save_path("f", 0, url, &path), ERROR_NONE);
    assert_true(path.size < 230);
    buffer_fini(&path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_urls_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
