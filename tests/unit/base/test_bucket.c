/* Buckets: the rate, the burst, and what is too much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bucket.h"
#include "base/clock.h"

#define START (1000 * SECOND)

static unsigned take_all(struct bucket *bucket, const struct bucket_rate *rate, uint64_t now) {
    unsigned taken = 0;
    while (taken < 10000 && bucket_take(bucket, rate, 1, now))
        taken++;
    return taken;
}

static void the_burst_and_then_the_rate(void **state) {
    (void)state;
    const struct bucket_rate rate = {.per_second = 10, .burst = 25};
    struct bucket bucket = {0};
    assert_int_equal(take_all(&bucket, &rate, START), 25);
    assert_int_equal(take_all(&bucket, &rate, START + 99 * MILLISECOND), 0);
    assert_int_equal(take_all(&bucket, &rate, START + 100 * MILLISECOND), 1);
    assert_int_equal(take_all(&bucket, &rate, START + SECOND), 9);
    assert_int_equal(take_all(&bucket, &rate, START + 100 * SECOND), 25); /* never more */
}

/* Over a long time exactly the rate, however it is asked. */
static void steady_takers(void **state) {
    (void)state;
    const struct bucket_rate rate = {.per_second = 7, .burst = 7};
    struct bucket bucket = {0};
    unsigned taken = 0;
    for (uint64_t now = START; now < START + 100 * SECOND; now += 3 * MILLISECOND)
        taken += bucket_take(&bucket, &rate, 1, now);
    assert_in_range(taken, 700, 707);
}

static void what_is_refused_costs_nothing(void **state) {
    (void)state;
    const struct bucket_rate rate = {.per_second = 1, .burst = 1};
    struct bucket bucket = {0};
    assert_true(bucket_take(&bucket, &rate, 1, START));
    for (int i = 0; i < 1000; i++)
        assert_false(bucket_take(&bucket, &rate, 1, START + SECOND / 2));
    assert_true(bucket_take(&bucket, &rate, 1, START + SECOND));
}

static void more_than_the_burst_is_never_given(void **state) {
    (void)state;
    const struct bucket_rate rate = {.per_second = 1000, .burst = 2000};
    struct bucket bucket = {0};
    assert_false(bucket_take(&bucket, &rate, 2001, START));
    assert_true(bucket_wait(&bucket, &rate, 2001, START) == UINT64_MAX);
    assert_true(bucket_take(&bucket, &rate, 2000, START));
    assert_false(bucket_take(&bucket, &rate, 1, START));
    assert_false(bucket_take(&bucket, &rate, 2001, START + 100 * SECOND));
}

/* When the wait is over it is given, and not a nanosecond earlier. */
static void how_long_to_wait(void **state) {
    (void)state;
    const struct bucket_rate rate = {.per_second = 1000, .burst = 2000}, none = {0};
    struct bucket bucket = {0};
    assert_int_equal(bucket_wait(&bucket, &rate, 2000, START), 0);
    assert_int_equal(bucket_wait(&bucket, &none, BUCKET_MAX, START), 0);
    assert_true(bucket_take(&bucket, &rate, 1500, START));
    assert_int_equal(bucket_wait(&bucket, &rate, 500, START), 0);
    assert_int_equal(bucket_wait(&bucket, &rate, 600, START), 100 * MILLISECOND);
    assert_int_equal(bucket_wait(&bucket, &rate, 2000, START + SECOND), SECOND / 2);
    assert_false(bucket_take(&bucket, &rate, 600, START + 100 * MILLISECOND - 1));
    assert_true(bucket_take(&bucket, &rate, 600, START + 100 * MILLISECOND));
}

static void what_is_given_back_can_be_taken_again(void **state) {
    (void)state;
    const struct bucket_rate rate = {.per_second = 1, .burst = 2}, none = {0};
    struct bucket bucket = {0};
    for (int i = 0; i < 100; i++) {
        assert_true(bucket_take(&bucket, &rate, 1, START));
        bucket_give(&bucket, &rate, 1);
    }
    bucket_give(&bucket, &none, 1);
    assert_true(bucket_take(&bucket, &rate, 2, START));
    assert_false(bucket_take(&bucket, &rate, 1, START));
    bucket_give(&bucket, &rate, 1);
    assert_true(bucket_take(&bucket, &rate, 1, START));
    assert_false(bucket_take(&bucket, &rate, 1, START));
    struct bucket full = {0};
    bucket_give(&full, &rate, 1000); /* it is no fuller than full */
    assert_true(bucket_take(&full, &rate, 2, START));
    assert_false(bucket_take(&full, &rate, 1, START));
}

static void no_limit(void **state) {
    (void)state;
    const struct bucket_rate rate = {0};
    struct bucket bucket = {0};
    for (int i = 0; i < 1000; i++)
        assert_true(bucket_take(&bucket, &rate, BUCKET_MAX, START));
}

static void the_largest_numbers(void **state) {
    (void)state;
    const struct bucket_rate rate = {.per_second = 1, .burst = BUCKET_MAX};
    struct bucket bucket = {0};
    assert_true(bucket_take(&bucket, &rate, BUCKET_MAX, START));
    assert_false(bucket_take(&bucket, &rate, 1, START));
    assert_true(bucket_take(&bucket, &rate, 1, START + SECOND));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_burst_and_then_the_rate),
        cmocka_unit_test(steady_takers),
        cmocka_unit_test(what_is_refused_costs_nothing),
        cmocka_unit_test(more_than_the_burst_is_never_given),
        cmocka_unit_test(how_long_to_wait),
        cmocka_unit_test(what_is_given_back_can_be_taken_again),
        cmocka_unit_test(no_limit),
        cmocka_unit_test(the_largest_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
