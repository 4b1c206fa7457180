/* The wheel on a loop whose ring does nothing and whose clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "deadlines.h"

#define START (1234567 * MILLISECOND)

static uint64_t now;

static void still_turn(struct ring *ring, uint64_t deadline, ring_dispatch *dispatch,
                       void *context) {
    (void)ring, (void)deadline, (void)dispatch, (void)context;
}

static uint64_t still_clock(struct ring *ring) {
    (void)ring;
    return now;
}

static const struct ring_backend backend = {
    .name = "still", .turn = still_turn, .now = still_clock};

static struct ring ring = {.backend = &backend};
static struct loop loop;
static struct deadlines deadlines;

struct owner {
    struct deadline deadline;
    unsigned passed;
    uint64_t passed_at;
    uint64_t again;      /* sets itself anew, by this much; 0: does not */
    struct owner *other; /* whose deadline it clears */
};

static void passed(struct deadline *deadline) {
    struct owner *owner = container_of(deadline, struct owner, deadline);
    assert_false(deadline_is_set(deadline));
    owner->passed++;
    owner->passed_at = loop.now;
    if (owner->again > 0)
        deadline_set(&deadlines, deadline, loop.now + owner->again);
    if (owner->other != NULL)
        deadline_clear(&owner->other->deadline);
}

static int begin(void **state) {
    (void)state;
    now = START;
    loop_init(&loop, &ring);
    deadlines_init(&deadlines, &loop, passed);
    return 0;
}

static int end(void **state) {
    (void)state;
    deadlines_fini(&deadlines);
    loop_fini(&loop);
    return 0;
}

static void start(struct owner *owner, uint64_t after) {
    deadline_init(&owner->deadline);
    deadline_set(&deadlines, &owner->deadline, now + after);
}

/* Turns the loop at each of its own deadlines up to `until`, as a ring with a clock would. */
static void run_until(uint64_t until) {
    for (uint64_t next; (next = loop_deadline(&loop)) <= until;) {
        now = next > now ? next : now;
        loop_turn(&loop, 0);
    }
    now = until;
    loop_turn(&loop, 0);
}

/* ---- one ------------------------------------------------------------------------------------- */

static void a_deadline_is_never_early_and_a_tick_late_at_most(void **state) {
    (void)state;
    static const uint64_t after[] = {0,
                                     1,
                                     DEADLINE_TICK - 1,
                                     DEADLINE_TICK,
                                     DEADLINE_TICK + 1,
                                     20 * SECOND,
                                     DEADLINE_SLOTS * DEADLINE_TICK - 1,
                                     DEADLINE_SLOTS * DEADLINE_TICK,
                                     DEADLINE_SLOTS * DEADLINE_TICK + 1,
                                     10 * DEADLINE_SLOTS * DEADLINE_TICK + 7 * DEADLINE_TICK};
    for (size_t i = 0; i < sizeof after / sizeof *after; i++) {
        struct owner owner = {0};
        uint64_t at = now + after[i];
        start(&owner, after[i]);
        assert_true(deadline_is_set(&owner.deadline));
        run_until(at + 2 * DEADLINE_TICK);
        assert_int_equal(owner.passed, 1);
        assert_in_range(owner.passed_at, at, at + DEADLINE_TICK);
    }
}

static void one_that_is_cleared_does_not_pass(void **state) {
    (void)state;
    struct owner owner = {0};
    start(&owner, SECOND);
    deadline_clear(&owner.deadline);
    assert_false(deadline_is_set(&owner.deadline));
    deadline_clear(&owner.deadline);
    run_until(now + MINUTE);
    assert_int_equal(owner.passed, 0);
}

static void setting_one_anew_moves_it(void **state) {
    (void)state;
    struct owner owner = {0};
    uint64_t began = now;
    start(&owner, 10 * SECOND);
    deadline_set(&deadlines, &owner.deadline, now + SECOND);
    run_until(now + 2 * SECOND);
    assert_int_equal(owner.passed, 1);
    start(&owner, SECOND);
    deadline_set(&deadlines, &owner.deadline, began + MINUTE);
    run_until(began + MINUTE - 1);
    assert_int_equal(owner.passed, 1);
    run_until(began + MINUTE + DEADLINE_TICK);
    assert_int_equal(owner.passed, 2);
}

static void one_may_set_itself_anew_when_it_passes(void **state) {
    (void)state;
    struct owner owner = {.again = SECOND};
    start(&owner, SECOND);
    run_until(now + MINUTE + DEADLINE_TICK);
    assert_in_range(owner.passed, 57, 60); /* each is up to a tick late */
    deadline_clear(&owner.deadline);
}

/* ---- many ------------------------------------------------------------------------------------ */

static void one_that_passes_may_clear_its_neighbour(void **state) {
    (void)state;
    struct owner owners[3] = {{.other = &owners[1]}};
    for (size_t i = 0; i < 3; i++)
        start(&owners[i], SECOND);
    run_until(now + 2 * SECOND);
    assert_int_equal(owners[0].passed, 1);
    assert_int_equal(owners[1].passed, 0);
    assert_int_equal(owners[2].passed, 1);
}

/* Thousands at once do not hold the loop: each turn some. */
static void many_that_are_due_at_once_pass_in_batches(void **state) {
    (void)state;
    enum { MANY = 1000 };
    static struct owner owners[MANY];
    for (size_t i = 0; i < MANY; i++)
        start(&owners[i], SECOND);
    now += SECOND + DEADLINE_TICK;
    size_t turns = 0, count = 0;
    while (count < MANY) {
        size_t before = count;
        loop_turn(&loop, 0);
        count = 0;
        for (size_t i = 0; i < MANY; i++)
            count += owners[i].passed;
        assert_in_range(count - before, 1, MANY / 2);
        turns++;
        now++;
    }
    assert_true(turns > 1);
}

static void a_clock_that_jumps_passes_all_that_are_due(void **state) {
    (void)state;
    struct owner soon = {0}, later = {0}, much_later = {0};
    start(&soon, SECOND);
    start(&later, MINUTE);
    start(&much_later, 48 * HOUR);
    now += 24 * HOUR;
    loop_turn(&loop, 0);
    assert_int_equal(soon.passed, 1);
    assert_int_equal(later.passed, 1);
    assert_int_equal(much_later.passed, 0);
    run_until(START + 48 * HOUR + DEADLINE_TICK);
    assert_int_equal(much_later.passed, 1);
}

/* Against the plainest reading of the same: an array that is looked through. */
static void random_deadlines_pass_as_in_a_plain_array(void **state) {
    (void)state;
    enum { OWNERS = 50, STEPS = 20000 };
    static struct owner owners[OWNERS];
    static uint64_t due[OWNERS];
    unsigned seen[OWNERS] = {0};
    srand(1);
    for (size_t i = 0; i < OWNERS; i++) {
        deadline_init(&owners[i].deadline);
        due[i] = UINT64_MAX;
    }
    for (unsigned step = 0; step < STEPS; step++) {
        size_t i = (size_t)rand() % OWNERS;
        if (rand() % 4 == 0) {
            deadline_clear(&owners[i].deadline);
            due[i] = UINT64_MAX;
        } else {
            due[i] = now + (uint64_t)(rand() % 60000) * MILLISECOND;
            deadline_set(&deadlines, &owners[i].deadline, due[i]);
        }
        run_until(now + (uint64_t)(rand() % 500) * MILLISECOND);
        for (i = 0; i < OWNERS; i++) {
            if (owners[i].passed > seen[i]) {
                assert_int_equal(owners[i].passed, ++seen[i]);
                assert_in_range(owners[i].passed_at, due[i], due[i] + DEADLINE_TICK);
                due[i] = UINT64_MAX;
            }
            assert_true(due[i] + DEADLINE_TICK > now || due[i] == UINT64_MAX);
        }
    }
    for (size_t i = 0; i < OWNERS; i++)
        deadline_clear(&owners[i].deadline);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_deadline_is_never_early_and_a_tick_late_at_most, begin,
                                        end),
        cmocka_unit_test_setup_teardown(one_that_is_cleared_does_not_pass, begin, end),
        cmocka_unit_test_setup_teardown(setting_one_anew_moves_it, begin, end),
        cmocka_unit_test_setup_teardown(one_may_set_itself_anew_when_it_passes, begin, end),
        cmocka_unit_test_setup_teardown(one_that_passes_may_clear_its_neighbour, begin, end),
        cmocka_unit_test_setup_teardown(many_that_are_due_at_once_pass_in_batches, begin, end),
        cmocka_unit_test_setup_teardown(a_clock_that_jumps_passes_all_that_are_due, begin, end),
        cmocka_unit_test_setup_teardown(random_deadlines_pass_as_in_a_plain_array, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
