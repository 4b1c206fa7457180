/* Times in milliseconds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "milliseconds.h"

static void assert_text(uint64_t time, const char *expected) {
    struct buffer text = {0};
    assert_int_equal(milliseconds_append(&text, time), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&text, '\0'), ERROR_NONE);
    assert_string_equal((char *)text.data, expected);
    buffer_fini(&text);
}

static void three_digits_behind_the_point(void **state) {
    (void)state;
    assert_text(0, "0.000");
    assert_text(999, "0.000"); /* cut, not rounded */
    assert_text(MICROSECOND, "0.001");
    assert_text(MILLISECOND, "1.000");
    assert_text(81402 * MICROSECOND + 999, "81.402");
    assert_text(HOUR + 90 * MICROSECOND, "3600000.090");
    assert_text(UINT64_MAX, "18446744073709.551");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(three_digits_behind_the_point)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
