/* The schedule on a simulated machine: rounds, changes, back-off, memory, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch_world.h"

static struct schedule *schedule;
static size_t results, changes, rounds;
static bool is_over;

static bool result_came(void *context, const struct schedule_entry *entry,
                        const struct fetch_result *result, bool changed) {
    (void)context;
    (void)entry;
    (void)result;
    results++;
    changes += changed;
    return true;
}

static void round_ended(void *context, size_t fetched, size_t failed) {
    (void)context;
    assert_true(failed <= fetched);
    rounds++;
}

static const struct schedule_events events = {result_came, round_ended};

static void ended(void *context) {
    (void)context;
    is_over = true;
}

static void begin(const struct schedule_entry *entries, size_t count, origin_script *with) {
    const struct session_options session_options = world_options();
    const struct schedule_options options = {
        .jitter = 0, .backoff = HOUR, .window = 1024, .events = &events};
    results = changes = rounds = 0;
    is_over = false;
    fetch_world_open(&session_options, with);
    assert_int_equal(schedule_new(session, entries, count, &options, &schedule), ERROR_NONE);
}

static void finish(void) {
    schedule_stop(schedule, sim_now(sim) + SECOND, ended, NULL);
    world_wait(is_over);
    fetch_world_close();
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static const char *changes_at_four(const char *path, unsigned nth) {
    (void)path;
    return nth == 4 ? "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" : OK_ANSWER OK_BODY;
}

static void every_interval_a_round(void **state) {
    (void)state;
    const struct schedule_entry entry = {.request.url = url_of("/"), .every = MINUTE};
    begin(&entry, 1, changes_at_four);
    uint64_t began = sim_now(sim);
    world_wait(rounds == 11);
    assert_true(sim_now(sim) - began >= 10 * MINUTE);
    assert_true(sim_now(sim) - began < 10 * MINUTE + SECOND);
    assert_int_equal(results, 11);
    assert_int_equal(changes, 3); /* the first, another, and back */
    finish();
}

static void once_is_once(void **state) {
    (void)state;
    const struct schedule_entry entry = {.request.url = url_of("/"), .every = 0};
    begin(&entry, 1, changes_at_four);
    world_wait(rounds == 1);
    world_wait(visitors_open == 0); /* half a minute later */
    assert_int_equal(results, 1);
    finish();
}

/* ---- failures -------------------------------------------------------------------------------- */

static uint64_t asked_at[64];
static bool heals;

static const char *fails(const char *path, unsigned nth) {
    (void)path;
    asked_at[nth % 64] = sim_now(sim);
    return heals && nth >= 6 ? OK_ANSWER OK_BODY
                             : "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
}

/* In intervals: a wait of 2 is 1.5 to 2 by the jitter, and then the next round. */
static void who_keeps_failing_is_asked_less(void **state) {
    (void)state;
    const struct schedule_entry entry = {.request.url = url_of("/"), .every = MINUTE};
    heals = true;
    begin(&entry, 1, fails);
    world_wait(requests == 9);
    for (unsigned i = 1; i < 9; i++) {
        uint64_t gap = (asked_at[i] - asked_at[i - 1] + 30 * SECOND) / MINUTE;
        uint64_t most = i < 7 ? (uint64_t)1 << (i - 1) : 1;
        assert_true(gap <= most && gap >= (most * 3 + 3) / 4 - (most > 1));
    }
    assert_int_equal(changes, 2);
    finish();
}

static void an_hour_is_the_most_here(void **state) {
    (void)state;
    const struct schedule_entry entry = {.request.url = url_of("/"), .every = MINUTE};
    heals = false;
    begin(&entry, 1, fails);
    world_wait(requests == 12);
    uint64_t gap = asked_at[11] - asked_at[10];
    assert_true(gap <= HOUR && gap >= 44 * MINUTE);
    finish();
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void what_is_known_is_no_change(void **state) {
    struct schedule_memory memory;
    uint8_t digest[SHA256_SIZE];
    (void)state;
    struct schedule_entry entry = {.request.url = url_of("/"), .every = MINUTE};
    begin(&entry, 1, changes_at_four);
    world_wait(rounds == 1);
    schedule_recall(schedule, 0, &memory);
    assert_true(memory.known);
    if (memory.digest == NULL)
        fail_msg("a content has a digest");
    else
        memcpy(digest, memory.digest, sizeof digest);
    memory.digest = digest;
    memory.title = "A";
    finish();
    entry.memory = &memory;
    begin(&entry, 1, changes_at_four);
    world_wait(rounds == 2);
    assert_int_equal(changes, 0);
    finish();
}

/* ---- the end --------------------------------------------------------------------------------- */

static const char *nothing(const char *path, unsigned nth) {
    (void)path;
    (void)nth;
    return NULL;
}

static void what_is_under_way_ends_by_the_deadline(void **state) {
    (void)state;
    const struct schedule_entry entry = {.request.url = url_of("/"), .every = MINUTE};
    begin(&entry, 1, nothing);
    world_wait(requests == 1);
    uint64_t stopped = sim_now(sim);
    schedule_stop(schedule, stopped + 2 * SECOND, ended, NULL);
    world_wait(is_over);
    assert_true(sim_now(sim) - stopped >= 2 * SECOND);
    assert_true(sim_now(sim) - stopped < 2 * SECOND + 50 * MILLISECOND);
    assert_int_equal(results, 1);
    assert_int_equal(changes, 0);
    fetch_world_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_interval_a_round),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(who_keeps_failing_is_asked_less),
        cmocka_unit_test(an_hour_is_the_most_here),
        cmocka_unit_test(what_is_known_is_no_change),
        cmocka_unit_test(what_is_under_way_ends_by_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
