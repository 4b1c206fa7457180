/* How long a response says that it stays as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "freshness.h"

static void what_is_said_is_understood(void **state) {
    static const struct {
        const char *control, *more, *age;
        uint64_t seconds;
    } cases[] = {
        {"max-age=60", "", "", 60},
        {"public, Max-Age=60", "", "", 60},
        {"max-age=\"60\"", "", "", 60},
        {"public", "max-age=60, must-revalidate", "", 60},
        {"max-age=60", "max-age=600", "", 60}, /* the first */
        {"max-age=60", "", "20", 40},
        {"max-age=60", "", "60", 0},
        {"max-age=60", "", "61", 0},
        {"max-age=60", "", "soon", 60},
        {"max-age=0", "", "", 0},
        {"max-age=-1", "max-age=60", "", 0},
        {"max-age=1e3", "", "", 0},
        {"max-age", "", "", 0},
        {"max-age=", "", "", 0},
        {"no-cache, max-age=60", "", "", 0},
        {"max-age=60, no-store", "", "", 0},
        {"no-cache=\"a, b\", max-age=60", "", "", 0},
        {"s-maxage=60", "", "", 0},
        {"x-max-age=60, y=\"max-age=60\"", "", "", 0},
        {"", "", "", 0},
        {"max-age=99999999999", "", "", 365 * 24 * 3600},
        {"max-age=99999999999999999999999", "", "", 365 * 24 * 3600}, /* too great to be known */
        {"max-age=\"99999999999999999999999\"", "", "", 365 * 24 * 3600},
        {"max-age=99999999999999999999999x", "", "", 0},
        {"max-age=60", "", "99999999999999999999999", 0},
        {"max-age=99999999999999999999999", "", "99999999999999999999999", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_field items[] = {
            {bytes_of("Cache-Control"), bytes_of(cases[i].control)},
            {bytes_of("cache-control"), bytes_of(cases[i].more)},
            {bytes_of("Age"), bytes_of(cases[i].age)},
        };
        const struct http_fields fields = {items, cases[i].age[0] != '\0' ? 3 : 2};
        if (freshness_of(fields) != cases[i].seconds * SECOND)
            fail_msg("%s | %s | %s", cases[i].control, cases[i].more, cases[i].age);
    }
    assert_int_equal(freshness_of((struct http_fields){NULL, 0}), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_said_is_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
