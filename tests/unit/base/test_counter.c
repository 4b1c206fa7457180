/* Counters and histograms; a reader on another thread sees whole values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/counter.h"

static void counters_count(void **state) {
    (void)state;
    struct counter counter = {0};
    counter_add(&counter, 5);
    counter_add(&counter, 1);
    counter_subtract(&counter, 4);
    assert_int_equal(counter_read(&counter), 2);
    counter_set(&counter, 100);
    assert_int_equal(counter_read(&counter), 100);
}

static void bounds_double_and_end_in_infinity(void **state) {
    (void)state;
    assert_int_equal(histogram_bound(0), 10 * MICROSECOND);
    for (size_t i = 1; i + 1 < HISTOGRAM_BUCKETS; i++)
        assert_int_equal(histogram_bound(i), 2 * histogram_bound(i - 1));
    assert_true(histogram_bound(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
}

static void a_bound_belongs_to_its_bucket(void **state) {
    (void)state;
    struct histogram histogram = {0};
    for (size_t i = 0; i + 1 < HISTOGRAM_BUCKETS; i++)
        histogram_add(&histogram, histogram_bound(i));
    histogram_add(&histogram, 0);
    histogram_add(&histogram, histogram_bound(3) + 1);
    histogram_add(&histogram, HOUR);
    histogram_add(&histogram, HOUR);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
        bool twice = i == 0 || i == 4 || i + 1 == HISTOGRAM_BUCKETS;
        assert_int_equal(counter_read(&histogram.buckets[i]), twice ? 2 : 1);
    }
    assert_int_equal(counter_read(&histogram.count), HISTOGRAM_BUCKETS + 3);
    uint64_t finite = 10 * MICROSECOND * ((1u << (HISTOGRAM_BUCKETS - 1)) - 1);
    assert_int_equal(counter_read(&histogram.sum), finite + histogram_bound(3) + 1 + 2 * HOUR);
}

static struct counter shared;

static void *count_up(void *argument) {
    (void)argument;
    for (uint64_t i = 1; i <= 100000; i++)
        counter_set(&shared, i << 32 | i);
    return NULL;
}

static void a_reader_on_another_thread_sees_whole_values(void **state) {
    (void)state;
    pthread_t writer;
    assert_int_equal(pthread_create(&writer, NULL, count_up, NULL), 0);
    uint64_t value = 0, before = 0;
    while ((value >> 32) < 100000) {
        value = counter_read(&shared);
        assert_int_equal(value >> 32, value & UINT32_MAX);
        assert_true(value >= before);
        before = value;
    }
    pthread_join(writer, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_count),
        cmocka_unit_test(bounds_double_and_end_in_infinity),
        cmocka_unit_test(a_bound_belongs_to_its_bucket),
        cmocka_unit_test(a_reader_on_another_thread_sees_whole_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
