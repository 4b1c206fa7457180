/* The timer heap against a plain search for the earliest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "loop/timer.h"

enum { TIMERS = 300, STEPS = 100000 };

static void expired(struct timer *timer) {
    (void)timer;
}

static const struct timer_handler handler = {"test", expired};

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static uint64_t earliest(const struct timer *timers, size_t count) {
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < count; i++)
        if (timer_is_started(&timers[i]) && timers[i].deadline < least)
            least = timers[i].deadline;
    return least;
}

/* Deadlines from a small range, so that equal ones are common. */
static void random_steps_agree_with_a_search(void **state) {
    (void)state;
    static struct timer all[TIMERS];
    struct timers timers = {0};
    uint32_t seed = 1;
    for (size_t i = 0; i < TIMERS; i++)
        all[i] = (struct timer){.handler = &handler};
    for (int step = 0; step < STEPS; step++) {
        struct timer *timer = &all[next_random(&seed) % TIMERS];
        uint32_t choice = next_random(&seed) % 8;
        if (choice == 0) {
            uint64_t least = earliest(all, TIMERS);
            assert_null(timers_take_expired(&timers, least - 1));
            struct timer *first = timers_take_expired(&timers, least);
            if (least == UINT64_MAX)
                continue;
            assert_int_equal(first->deadline, least);
            assert_false(timer_is_started(first));
        } else if (timer_is_started(timer)) {
            timers_stop(&timers, timer);
            assert_false(timer_is_started(timer));
        } else {
            timers_start(&timers, timer, next_random(&seed) % 1000 + 1);
            assert_true(timer_is_started(timer));
        }
        if (step % 64 == 0)
            assert_int_equal(timers_next(&timers), earliest(all, TIMERS));
    }
    uint64_t before = 0;
    struct timer *timer;
    while ((timer = timers_take_expired(&timers, UINT64_MAX)) != NULL) {
        assert_true(timer->deadline >= before);
        before = timer->deadline;
    }
    assert_true(earliest(all, TIMERS) == UINT64_MAX);
    assert_true(timers_next(&timers) == UINT64_MAX);
}

static int by_deadline(const void *a, const void *b) {
    const struct timer *first = a, *second = b;
    return (first->deadline > second->deadline) - (first->deadline < second->deadline);
}

/* Many at once, in an order that makes the heap one long list of siblings, then a sorted end. */
static void a_hundred_thousand_come_out_sorted(void **state) {
    (void)state;
    enum { MANY = 100000 };
    struct timer *all = calloc(MANY, sizeof *all);
    struct timer *sorted = calloc(MANY, sizeof *sorted);
    struct timers timers = {0};
    uint32_t seed = 5;
    for (size_t i = 0; i < MANY; i++) {
        all[i].handler = &handler;
        uint64_t deadline = i % 2 == 0 ? i : ((uint64_t)next_random(&seed) << 20) + i;
        timers_start(&timers, &all[i], deadline);
        sorted[i].deadline = deadline;
    }
    qsort(sorted, MANY, sizeof *sorted, by_deadline);
    for (size_t i = 0; i < MANY; i++) {
        struct timer *timer = timers_take_expired(&timers, UINT64_MAX - 1);
        assert_int_equal(timer->deadline, sorted[i].deadline);
    }
    assert_null(timers_take_expired(&timers, UINT64_MAX));
    free(all);
    free(sorted);
}

static void the_deadline_itself_is_late_enough(void **state) {
    (void)state;
    struct timers timers = {0};
    struct timer timer = {.handler = &handler};
    assert_true(timers_next(&timers) == UINT64_MAX);
    assert_null(timers_take_expired(&timers, UINT64_MAX));
    timers_start(&timers, &timer, 10);
    assert_null(timers_take_expired(&timers, 9));
    assert_int_equal(timers_next(&timers), 10);
    assert_ptr_equal(timers_take_expired(&timers, 10), &timer);
    timers_stop(&timers, &timer);
    assert_true(timers_next(&timers) == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_agree_with_a_search),
        cmocka_unit_test(a_hundred_thousand_come_out_sorted),
        cmocka_unit_test(the_deadline_itself_is_late_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
