/* The loop's turn: ready list, turn's end, timers, waiting for descriptors, and what it sees. */
#include "loop_test.h"

struct step {
    struct task task;
    char name;
    unsigned again; /* how often it posts itself once more */
    struct step *posts;
    struct step *unposts;
};

static char trace[64];

static void note(char name) {
    size_t used = strlen(trace);
    assert_true(used + 1 < sizeof trace);
    trace[used] = name;
    trace[used + 1] = '\0';
}

static void run_step(struct task *task) {
    struct step *step = container_of(task, struct step, task);
    assert_false(task->posted);
    note(step->name);
    if (step->again > 0) {
        step->again--;
        loop_post(&loop, task);
    }
    if (step->posts != NULL)
        loop_post(&loop, &step->posts->task);
    if (step->unposts != NULL)
        loop_unpost(&step->unposts->task);
}

static const struct task_handler step_handler = {"step", run_step};

static struct step make_step(char name) {
    trace[0] = '\0';
    return (struct step){.task.handler = &step_handler, .name = name};
}

/* ---- ready list ------------------------------------------------------------------------------ */

static void posted_tasks_run_once_in_order(void **state) {
    (void)state;
    struct step a = make_step('a'), b = make_step('b'), c = make_step('c');
    loop_post(&loop, &b.task);
    loop_post(&loop, &a.task);
    loop_post(&loop, &b.task);
    loop_post(&loop, &c.task);
    assert_string_equal(trace, "");
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "bac");
    loop_turn(&loop, 0);
    assert_string_equal(trace, "bac");
}

/* A task that keeps posting itself neither runs twice in a turn nor keeps timers from firing. */
static void what_tasks_post_waits_for_the_next_turn(void **state) {
    (void)state;
    struct step a = make_step('a'), b = make_step('b'), c = make_step('c');
    a.again = 2;
    b.posts = &c;
    loop_post(&loop, &a.task);
    loop_post(&loop, &b.task);
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "ab");
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "abac");
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "abaca");
}

static void a_task_can_be_taken_back(void **state) {
    (void)state;
    struct step a = make_step('a'), b = make_step('b'), c = make_step('c');
    a.unposts = &b; /* b is in the batch that runs */
    loop_post(&loop, &a.task);
    loop_post(&loop, &b.task);
    loop_post(&loop, &c.task);
    loop_unpost(&c.task);
    loop_unpost(&c.task);
    loop_turn(&loop, 0);
    assert_string_equal(trace, "a");
    a.unposts = NULL;
    loop_post(&loop, &b.task);
    loop_turn(&loop, 0);
    assert_string_equal(trace, "ab");
}

static void the_turn_s_end_comes_after_everything_else(void **state) {
    (void)state;
    struct step a = make_step('a'), b = make_step('b'), end = make_step('.');
    end.posts = &b;
    loop_post_turn_end(&loop, &end.task);
    loop_post(&loop, &a.task);
    loop_post_turn_end(&loop, &end.task);
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "a.");
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "a.b");
}

/* ---- timers ---------------------------------------------------------------------------------- */

struct alarm {
    struct timer timer;
    char name;
    uint64_t fired;
    uint64_t again; /* the deadline of its next life */
    unsigned left;
    struct alarm *stops;
};

static void expire(struct timer *timer) {
    struct alarm *alarm = container_of(timer, struct alarm, timer);
    assert_false(timer_is_started(timer));
    assert_true(loop.now >= timer->deadline);
    note(alarm->name);
    alarm->fired = loop.now;
    if (alarm->left > 0) {
        alarm->left--;
        loop_start_timer(&loop, timer, alarm->again);
    }
    if (alarm->stops != NULL)
        loop_stop_timer(&loop, &alarm->stops->timer);
}

static const struct timer_handler alarm_handler = {"alarm", expire};

static struct alarm make_alarm(char name) {
    trace[0] = '\0';
    return (struct alarm){.timer.handler = &alarm_handler, .name = name};
}

static void timers_fire_in_order_and_not_early(void **state) {
    (void)state;
    struct alarm a = make_alarm('a'), b = make_alarm('b'), c = make_alarm('c');
    uint64_t start = loop.now;
    loop_start_timer(&loop, &c.timer, start + 30 * MILLISECOND);
    loop_start_timer(&loop, &a.timer, start + 10 * MILLISECOND);
    loop_start_timer(&loop, &b.timer, start + 20 * MILLISECOND);
    wait_for(strlen(trace) == 3);
    assert_string_equal(trace, "abc");
    assert_true(c.fired >= start + 30 * MILLISECOND);
}

static void a_turn_without_a_deadline_waits_for_the_next_timer(void **state) {
    (void)state;
    struct alarm a = make_alarm('a');
    loop_start_timer(&loop, &a.timer, loop.now + 20 * MILLISECOND);
    while (a.fired == 0)
        loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "a");
}

/* Started for a time long past by its own callback, it does not keep the loop in this turn. */
static void a_timer_started_by_a_callback_waits_for_the_next_turn(void **state) {
    (void)state;
    struct alarm a = make_alarm('a');
    struct step b = make_step('b');
    a.left = 3;
    loop_start_timer(&loop, &a.timer, 0);
    loop_post(&loop, &b.task);
    loop_turn(&loop, 0);
    assert_string_equal(trace, "ab");
    wait_for(a.left == 0 && !timer_is_started(&a.timer));
    assert_string_equal(trace, "abaaa");
}

static void timers_are_moved_and_stopped(void **state) {
    (void)state;
    struct alarm a = make_alarm('a'), b = make_alarm('b'), c = make_alarm('c');
    a.stops = &b;
    loop_start_timer(&loop, &b.timer, 2);
    loop_start_timer(&loop, &a.timer, 1); /* both are due: a stops b in the same turn */
    loop_start_timer(&loop, &c.timer, loop.now + HOUR);
    loop_turn(&loop, 0);
    assert_string_equal(trace, "a");
    loop_start_timer(&loop, &c.timer, loop.now);
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "ac");
    loop_start_timer(&loop, &c.timer, loop.now + HOUR);
    loop_stop_timer(&loop, &c.timer);
    loop_stop_timer(&loop, &c.timer);
    assert_false(timer_is_started(&c.timer));
}

/* ---- stopping, descriptors ------------------------------------------------------------------- */

static void stop(struct task *task) {
    (void)task;
    loop_stop(&loop);
}

static void running_until_stopped(void **state) {
    (void)state;
    static const struct task_handler handler = {"stop", stop};
    struct task task = {.handler = &handler};
    for (int i = 0; i < 2; i++) {
        uint64_t turns = counter_read(&loop.statistics.turns);
        loop_post(&loop, &task);
        loop_run(&loop);
        assert_int_equal(counter_read(&loop.statistics.turns), turns + 1);
    }
}

static void closing_a_descriptor_posts_who_waits_for_one(void **state) {
    (void)state;
    struct step a = make_step('a'), b = make_step('b');
    loop_post_on_close(&loop, &a.task);
    loop_post_on_close(&loop, &b.task);
    loop_post_on_close(&loop, &b.task);
    turn_a_while();
    assert_string_equal(trace, "");
    int pair[2];
    make_pair(pair);
    loop_close_descriptor(&loop, pair[0]);
    loop_turn(&loop, UINT64_MAX);
    assert_string_equal(trace, "ab");
    assert_int_equal(fcntl(pair[0], F_GETFD), -1);
    loop_close_descriptor(&loop, pair[1]);
    loop_turn(&loop, 0);
    assert_string_equal(trace, "ab");
    loop_post_on_close(&loop, &a.task);
    loop_unpost(&a.task);
}

/* ---- sight ----------------------------------------------------------------------------------- */

static void hold(uint64_t duration) {
    for (uint64_t end = ring_now(loop.ring) + duration; ring_now(loop.ring) < end;)
        ;
}

static void run_slowly(struct task *task) {
    (void)task;
    hold(3 * MILLISECOND);
}

static void expire_slowly(struct timer *timer) {
    (void)timer;
    hold(2 * MILLISECOND);
}

static void slow_callbacks_are_told_by_name(void **state) {
    (void)state;
    static const struct task_handler slow_task = {"slow_task", run_slowly};
    static const struct timer_handler slow_timer = {"slow_timer", expire_slowly};
    struct task task = {.handler = &slow_task};
    struct timer timer = {.handler = &slow_timer};
    struct step quick = make_step('q');
    loop.slow_threshold = MILLISECOND;
    for (int i = 0; i < 2; i++) {
        loop_post(&loop, &task);
        loop_turn(&loop, 0);
    }
    loop_start_timer(&loop, &timer, loop.now);
    loop_turn(&loop, UINT64_MAX);
    loop.slow_threshold = HOUR;
    loop_post(&loop, &quick.task);
    loop_post(&loop, &task);
    loop_turn(&loop, 0);
    const struct slow_callback *slow = loop.statistics.slow;
    assert_string_equal(atomic_load(&slow[0].name), "slow_task");
    assert_int_equal(counter_read(&slow[0].count), 2);
    assert_true(counter_read(&slow[0].longest) >= 3 * MILLISECOND);
    assert_string_equal(atomic_load(&slow[1].name), "slow_timer");
    assert_int_equal(counter_read(&slow[1].count), 1);
    assert_null(atomic_load(&slow[2].name));
}

static void more_slow_names_than_places(void **state) {
    (void)state;
    static struct task_handler handlers[SLOW_NAMES + 2];
    static char names[SLOW_NAMES + 2][8];
    loop.slow_threshold = MICROSECOND;
    for (size_t i = 0; i < SLOW_NAMES + 2; i++) {
        names[i][0] = (char)('a' + i);
        handlers[i] = (struct task_handler){names[i], run_slowly};
        struct task task = {.handler = &handlers[i]};
        loop_post(&loop, &task);
        loop_turn(&loop, 0);
    }
    for (size_t i = 0; i < SLOW_NAMES; i++)
        assert_ptr_equal(atomic_load(&loop.statistics.slow[i].name), names[i]);
}

static void the_lag_of_each_turn_is_measured(void **state) {
    (void)state;
    static const struct task_handler slow_task = {"slow_task", run_slowly};
    struct task task = {.handler = &slow_task};
    loop_turn(&loop, 0);
    loop_post(&loop, &task);
    loop_turn(&loop, 0);
    assert_int_equal(counter_read(&loop.statistics.turns), 2);
    assert_int_equal(counter_read(&loop.statistics.lag.count), 2);
    assert_true(counter_read(&loop.statistics.lag.sum) >= 3 * MILLISECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(posted_tasks_run_once_in_order),
        loop_test(what_tasks_post_waits_for_the_next_turn),
        loop_test(a_task_can_be_taken_back),
        loop_test(the_turn_s_end_comes_after_everything_else),
        loop_test(timers_fire_in_order_and_not_early),
        loop_test(a_turn_without_a_deadline_waits_for_the_next_timer),
        loop_test(a_timer_started_by_a_callback_waits_for_the_next_turn),
        loop_test(timers_are_moved_and_stopped),
        loop_test(running_until_stopped),
        loop_test(closing_a_descriptor_posts_who_waits_for_one),
        loop_test(slow_callbacks_are_told_by_name),
        loop_test(more_slow_names_than_places),
        loop_test(the_lag_of_each_turn_is_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
