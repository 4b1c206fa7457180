#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "http/date.h"

static void both_ways(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"},
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1735689599, "Tue, 31 Dec 2024 23:59:59 GMT"},
        {-1, "Wed, 31 Dec 1969 23:59:59 GMT"},
        {253402300799, "Fri, 31 Dec 9999 23:59:59 GMT"},
        {-62167219200, "Sat, 01 Jan 0000 00:00:00 GMT"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[HTTP_DATE_SIZE + 1];
        int64_t seconds = 42;
        assert_true(http_date_format(rows[i].seconds, text));
        assert_string_equal(text, rows[i].text);
        assert_true(http_date_parse(bytes_of(text), &seconds));
        assert_int_equal(seconds, rows[i].seconds);
    }
}

static void year_out_of_range(void **state) {
    (void)state;
    char text[HTTP_DATE_SIZE + 1] = "untouched";
    static const int64_t seconds[] = {253402300800, -62167219201, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++)
        assert_false(http_date_format(seconds[i], text));
    assert_string_equal(text, "untouched");
}

static void malformed_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "Sun, 06 Nov 1994 08:49:37 GM",
        "Sun, 06 Nov 1994 08:49:37 GMTT",
        "Mon, 06 Nov 1994 08:49:37 GMT", /* another day */
        "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun; 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun,  6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:60 GMT",
        "Fri, 30 Feb 2024 00:00:00 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov -994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994     ",
    };
    int64_t seconds = 42;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(http_date_parse(bytes_of(texts[i]), &seconds));
    assert_int_equal(seconds, 42);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ways),
        cmocka_unit_test(year_out_of_range),
        cmocka_unit_test(malformed_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
