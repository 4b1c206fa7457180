/* The table of errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/error.h"

static void names_are_distinct_lower_case_words(void **state) {
    (void)state;
    assert_string_equal(error_name(ERROR_CONNECTION_REFUSED), "connection-refused");
    assert_string_equal(error_text(ERROR_CONNECTION_REFUSED), "connection refused");
    for (enum error a = ERROR_NONE; a < ERROR_COUNT; a++) {
        assert_true(strlen(error_name(a)) > 0 && strlen(error_text(a)) > 0);
        assert_true(strspn(error_name(a), "abcdefghijklmnopqrstuvwxyz0123456789-") ==
                    strlen(error_name(a)));
        for (enum error b = a + 1; b < ERROR_COUNT; b++)
            assert_string_not_equal(error_name(a), error_name(b));
    }
}

static void errno_is_translated(void **state) {
    (void)state;
    static const struct {
        int number;
        enum error error;
    } cases[] = {
        {0, ERROR_NONE},
        {ENOMEM, ERROR_NO_MEMORY},
        {EMFILE, ERROR_TOO_MANY_DESCRIPTORS},
        {ENFILE, ERROR_TOO_MANY_DESCRIPTORS},
        {ENOBUFS, ERROR_NO_BUFFERS},
        {EPERM, ERROR_PERMISSION_DENIED},
        {EACCES, ERROR_PERMISSION_DENIED},
        {EAFNOSUPPORT, ERROR_UNSUPPORTED},
        {EINVAL, ERROR_INVALID_ARGUMENT},
        {ENOENT, ERROR_NOT_FOUND},
        {ECANCELED, ERROR_CANCELLED},
        {ETIME, ERROR_TIMED_OUT},
        {ETIMEDOUT, ERROR_TIMED_OUT},
        {ECONNREFUSED, ERROR_CONNECTION_REFUSED},
        {ECONNRESET, ERROR_CONNECTION_RESET},
        {EPIPE, ERROR_CONNECTION_RESET},
        {EHOSTUNREACH, ERROR_HOST_UNREACHABLE},
        {ENETUNREACH, ERROR_NETWORK_UNREACHABLE},
        {EADDRINUSE, ERROR_ADDRESS_IN_USE},
        {EADDRNOTAVAIL, ERROR_ADDRESS_UNAVAILABLE},
        {EXDEV, ERROR_SYSTEM},
        {-1, ERROR_SYSTEM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(error_from_errno(cases[i].number), cases[i].error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_distinct_lower_case_words),
        cmocka_unit_test(errno_is_translated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
