/* What this process may use. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"

static void descriptors_are_counted(void **state) {
    (void)state;
    size_t before = limits_open_descriptors();
    assert_true(before >= 3);
    int descriptor = dup(STDOUT_FILENO);
    assert_int_equal(limits_open_descriptors(), before + 1);
    close(descriptor);
    assert_int_equal(limits_open_descriptors(), before);
}

static void the_soft_limit_is_raised_to_the_hard_one(void **state) {
    (void)state;
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(limits_descriptors(), limit.rlim_cur);
    const struct rlimit low = {.rlim_cur = 64, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    assert_int_equal(limits_descriptors(), 64);
    assert_int_equal(limits_raise_descriptors(), limit.rlim_max);
    assert_int_equal(limits_descriptors(), limit.rlim_max);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static void processors_follow_the_affinity(void **state) {
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_in_range(limits_processors(), 1, CPU_COUNT(&all));
    CPU_ZERO(&one);
    int first = 0;
    while (!CPU_ISSET(first, &all))
        first++;
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(limits_processors(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

static void some_memory_is_resident(void **state) {
    (void)state;
    assert_true(limits_resident_memory() > 100 * 1024);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_counted),
        cmocka_unit_test(the_soft_limit_is_raised_to_the_hard_one),
        cmocka_unit_test(processors_follow_the_affinity),
        cmocka_unit_test(some_memory_is_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
