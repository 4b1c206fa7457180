/* Values of Authorization, from texts and files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "credentials.h"

static void check_basic(const char *secret, const char *expected) {
    char *value = NULL;
    enum error error = credentials_basic(bytes_of(secret), &value);
    assert_int_equal(error, expected == NULL ? ERROR_INVALID_ARGUMENT : ERROR_NONE);
    if (expected != NULL)
        assert_string_equal(value, expected);
    memory_free(value);
}

static void test_basic(void **state) {
    (void)state;
    check_basic("Aladdin:open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    check_basic("test:123\xC2\xA3", "Basic dGVzdDoxMjPCow==");
    check_basic(":", "Basic Og==");
    check_basic("a:b:c", "Basic YTpiOmM=");
    check_basic("", NULL);
    check_basic("no colon", NULL);
    check_basic("a:b\n", NULL);
    check_basic("a:\x7F", NULL);
}

static void check_bearer(const char *secret, const char *expected) {
    char *value = NULL;
    enum error error = credentials_bearer(bytes_of(secret), &value);
    assert_int_equal(error, expected == NULL ? ERROR_INVALID_ARGUMENT : ERROR_NONE);
    if (expected != NULL)
        assert_string_equal(value, expected);
    memory_free(value);
}

static void test_bearer(void **state) {
    (void)state;
    check_bearer("mF_9.B5f-4.1JqM", "Bearer mF_9.B5f-4.1JqM");
    check_bearer("", NULL);
    check_bearer("a b", NULL);
    check_bearer("a\r\nb", NULL);
    check_bearer("\xC3\xA4", NULL);
}

static void test_the_first_line_of_a_file(void **state) {
    static const char *const contents[] = {"secret", "secret\n", "secret\r\n", "secret\nmore\n"};
    char path[] = "/tmp/ringcast-secret-XXXXXX";
    struct buffer secret = {0};
    (void)state;
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    for (size_t i = 0; i < sizeof contents / sizeof *contents; i++) {
        assert_int_equal(ftruncate(descriptor, 0), 0);
        assert_int_equal(pwrite(descriptor, contents[i], strlen(contents[i]), 0),
                         strlen(contents[i]));
        buffer_clear(&secret);
        assert_int_equal(credentials_read(path, &secret), ERROR_NONE);
        assert_true(bytes_equal(buffer_bytes(&secret), bytes_of("secret")));
    }
    close(descriptor);
    unlink(path);
    assert_int_equal(credentials_read(path, &secret), ERROR_NOT_FOUND);
    buffer_fini(&secret);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_basic),
        cmocka_unit_test(test_bearer),
        cmocka_unit_test(test_the_first_line_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
