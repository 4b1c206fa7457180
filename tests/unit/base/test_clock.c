/* Durations as text, and clocks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "base/clock.h"

static void durations(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t duration;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"5us", 5 * MICROSECOND},
        {"250ms", 250 * MILLISECOND},
        {"1.5s", 1500 * MILLISECOND},
        {"0.000000001s", 1},
        {"0.0000000019s", 1},
        {"1.5ns", 1},
        {"5m", 5 * MINUTE},
        {"2h", 2 * HOUR},
        {"1d", 24 * HOUR},
        {"0.5d", 12 * HOUR},
        {"18446744073709551615ns", UINT64_MAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t duration = 1;
        assert_true(duration_parse(bytes_of(cases[i].text), &duration));
        assert_int_equal(duration, cases[i].duration);
    }
}

static void texts_that_are_no_durations(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "1",
        "00",
        "s",
        "1 s",
        " 1s",
        "1s ",
        "-1s",
        "+1s",
        ".5s",
        "1.s",
        "1..5s",
        "1e3s",
        "1S",
        "1M",
        "1min",
        "1,5s",
        "0x1s",
        "18446744073709551616ns",
        "18446744073.8s",
        "213504d",
        "1.5",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t duration;
        if (duration_parse(bytes_of(cases[i]), &duration))
            fail_msg("'%s' was taken", cases[i]);
    }
    uint64_t duration;
    assert_false(duration_parse(bytes_make(NULL, 0), &duration));
}

static void clocks_go_forward(void **state) {
    (void)state;
    uint64_t before = clock_monotonic();
    for (int i = 0; i < 1000; i++) {
        uint64_t now = clock_monotonic();
        assert_true(now >= before);
        before = now;
    }
    uint64_t seconds = clock_wall() / SECOND, expected = (uint64_t)time(NULL);
    assert_true(seconds >= expected - 2 && seconds <= expected + 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations),
        cmocka_unit_test(texts_that_are_no_durations),
        cmocka_unit_test(clocks_go_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
