/* The schedule on a simulated machine: rounds, changes, back-off, memory, and its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch_world.h"

static struct schedule *schedule;
static size_t results, changes, turns, rounds;
static size_t cancelled;
static size_t entries_count;
static bool is_over, is_deaf, is_mixed, has_little_room;
static unsigned indexes; /* a bit each that has come */

static bool result_came(void *context, const struct schedule_entry *entry,
                        const struct fetch_result *result, bool changed) {
    (void)context;
    if (entry->every != 10 * MINUTE && is_mixed) /* the place in the whole list */
        assert_int_equal(entry->every, result->index % 2 == 0 ? MINUTE : HOUR);
    indexes |= 1U << (result->index % 32);
    results++;
    changes += changed;
    assert_true(result->error != ERROR_CANCELLED);
    return !is_deaf;
}

/* Each that came has one, and each that is cancelled; where there is one interval only, in the
 * order of the list. */
static void turn_came(void *context, const struct schedule_entry *entry,
                      const struct fetch_result *result) {
    (void)context;
    (void)entry;
    cancelled += result->error == ERROR_CANCELLED;
    assert_true(turns < results + cancelled);
    assert_true(is_mixed || has_little_room || result->index == turns % entries_count);
    turns++;
}

static void round_ended(void *context, size_t fetched, size_t failed) {
    (void)context;
    assert_true(failed <= fetched);
    assert_true(is_mixed || turns == results + cancelled);
    rounds++;
}

static const struct schedule_events events = {result_came, turn_came, round_ended};

static void ended(void *context) {
    (void)context;
    is_over = true;
}

static void begin_with(const struct schedule_options *options, const struct schedule_entry *entries,
                       size_t count, origin_script *with) {
    const struct session_options session_options = world_options();
    results = changes = cancelled = turns = rounds = 0;
    entries_count = count;
    is_over = false;
    fetch_world_open(&session_options, with);
    assert_int_equal(schedule_new(session, entries, count, options, &schedule), ERROR_NONE);
}

static const struct schedule_options defaults = {
    .jitter = 0, .at_once = 100, .backoff = HOUR, .window = 1024, .events = &events};

static void begin(const struct schedule_entry *entries, size_t count, origin_script *with) {
    begin_with(&defaults, entries, count, with);
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

static void intervals_of_their_own(void **state) {
    (void)state;
    struct schedule_entry entries[4];
    for (size_t i = 0; i < 4; i++)
        entries[i] = (struct schedule_entry){.request.url = url_of("/"),
                                             .every = i % 2 == 0 ? MINUTE : HOUR};
    is_mixed = true;
    indexes = 0;
    begin(entries, 4, changes_at_four);
    world_wait(rounds == 4);
    assert_int_equal(indexes, 0xF);
    finish();
    is_mixed = false;
}

static const char *the_first_waits(const char *path, unsigned nth) {
    (void)nth;
    return strcmp(path, "/first") == 0 ? NULL : OK_ANSWER OK_BODY;
}

/* What comes of the others is known at once, and has its turn when the first one has timed out. */
static void one_that_hangs_delays_nobody(void **state) {
    enum { COUNT = 20 };
    static char urls[COUNT][128];
    struct schedule_entry entries[COUNT];
    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(urls[i], sizeof urls[i], "%s", url_of(i == 0 ? "/first" : "/"));
        entries[i] = (struct schedule_entry){.request.url = urls[i], .every = HOUR};
    }
    begin(entries, COUNT, the_first_waits);
    uint64_t began = sim_now(sim);
    world_wait(changes == COUNT - 1);
    assert_true(sim_now(sim) - began < SECOND);
    assert_int_equal(turns, 0);
    world_wait(rounds == 1);
    assert_true(sim_now(sim) - began > 10 * SECOND);
    assert_int_equal(turns, COUNT);
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

/* ---- a long list ----------------------------------------------------------------------------- */

enum { LONG = 1000 };

static struct schedule_entry long_list[LONG];
static uint64_t long_asked_at[4 * LONG];

static const char *notes_time(const char *path, unsigned nth) {
    (void)path;
    if (nth < 4 * LONG)
        long_asked_at[nth] = sim_now(sim);
    return OK_ANSWER OK_BODY;
}

static void make_long_list(void) {
    for (size_t i = 0; i < LONG; i++)
        long_list[i] = (struct schedule_entry){.request.url = url_of("/"), .every = 10 * MINUTE};
}

static void begin_long(double spread, double jitter) {
    struct schedule_options options = defaults;
    options.spread = spread;
    options.jitter = jitter;
    make_long_list();
    begin_with(&options, long_list, LONG, notes_time);
}

/* How many requests came in the busiest second, among those from one to another. */
static size_t busiest_second(size_t from, size_t to) {
    size_t most = 0;
    for (size_t first = from, last = from; last < to; last++) {
        while (long_asked_at[last] - long_asked_at[first] >= SECOND)
            first++;
        if (last - first + 1 > most)
            most = last - first + 1;
    }
    return most;
}

static void a_long_list_is_spread_over_its_interval(void **state) {
    (void)state;
    begin_long(0.5, 0);
    uint64_t began = sim_now(sim);
    world_wait(requests == 3 * LONG);
    /* nothing is known yet, so the first round is as quick as it can be */
    assert_true(long_asked_at[LONG - 1] - began < 10 * SECOND);
    for (size_t round = 1; round < 3; round++) {
        size_t first = round * LONG;
        uint64_t due = began + round * 10 * MINUTE;
        assert_true(long_asked_at[first] - due < SECOND);
        assert_true(long_asked_at[first + 99] - due < SECOND); /* at once */
        assert_true(long_asked_at[first + LONG - 1] - due > 299 * SECOND);
        assert_true(long_asked_at[first + LONG - 1] - due < 301 * SECOND);
        assert_true(busiest_second(first + 100, first + LONG) <= 4); /* 900 in 300 s */
    }
    finish();
}

/* A round that lasts as long as the interval is over before the next one begins. */
static void spread_over_all_of_it_no_url_is_fetched_twice_at_once(void **state) {
    (void)state;
    begin_long(1, 0.5);
    world_wait(requests == 4 * LONG);
    assert_true(rounds >= 3);
    assert_true(busiest_second(LONG + 100, 2 * LONG) <= 3);
    finish();
}

static void without_spread_all_begin_at_once(void **state) {
    (void)state;
    begin_long(0, 0);
    uint64_t began = sim_now(sim);
    world_wait(rounds == 1);
    assert_true(sim_now(sim) - began < SECOND);
    finish();
}

static void a_spread_round_waits_no_longer_when_the_schedule_stops(void **state) {
    (void)state;
    begin_long(1, 0);
    world_wait(requests == LONG + 150);
    uint64_t stopped = sim_now(sim);
    schedule_stop(schedule, stopped + 10 * SECOND, ended, NULL);
    world_wait(is_over);
    assert_true(sim_now(sim) - stopped < SECOND);
    assert_int_equal(requests, LONG + 150);
    assert_int_equal(turns, 2 * LONG); /* each has its own all the same */
    assert_int_equal(cancelled, LONG - 150);
    assert_int_equal(rounds, 2);
    fetch_world_close();
}

static void nothing_begins_while_the_schedule_stops(void **state) {
    (void)state;
    struct schedule_options options = defaults;
    options.window = 10;
    has_little_room = true;
    make_long_list();
    begin_with(&options, long_list, LONG, notes_time);
    world_wait(requests == 15);
    schedule_stop(schedule, sim_now(sim) + 10 * SECOND, ended, NULL);
    world_wait(is_over);
    assert_true(requests < 15 + 10); /* those under way */
    assert_int_equal(turns, LONG);
    assert_int_equal(cancelled, LONG - requests);
    fetch_world_close();
    has_little_room = false;
}

/* Left alone for as long as it says, but no longer than is allowed. */
static const char *stays(const char *path, unsigned nth) {
    (void)path;
    asked_at[nth % 64] = sim_now(sim);
    return OK_ANSWER "Cache-Control: max-age=600\r\n" OK_BODY;
}

static uint64_t gap_with_max_age(uint64_t max_age) {
    const struct schedule_entry entry = {.request.url = url_of("/"), .every = MINUTE};
    struct schedule_options options = defaults;
    options.max_age = max_age;
    begin_with(&options, &entry, 1, stays);
    world_wait(requests == 3);
    uint64_t gap = asked_at[2] - asked_at[1];
    finish();
    return (gap + 30 * SECOND) / MINUTE;
}

static void what_stays_is_left_alone(void **state) {
    (void)state;
    assert_int_equal(gap_with_max_age(0), 1);
    assert_int_equal(gap_with_max_age(5 * MINUTE), 5);
    assert_int_equal(gap_with_max_age(HOUR), 10);
}

/* However long it stays as it is, the next round tells what nobody heard of. */
static void what_could_not_be_told_is_told_in_the_next_round(void **state) {
    (void)state;
    const struct schedule_entry entry = {.request.url = url_of("/"), .every = MINUTE};
    struct schedule_options options = defaults;
    options.max_age = HOUR;
    is_deaf = true;
    begin_with(&options, &entry, 1, stays);
    world_wait(rounds == 1);
    is_deaf = false;
    uint64_t began = sim_now(sim);
    world_wait(results == 2);
    assert_true(sim_now(sim) - began < MINUTE + SECOND);
    assert_int_equal(changes, 2);
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

static uint64_t last_asked_at[LONG], longest_gap;

static const char *notes_gaps(const char *path, unsigned nth) {
    size_t place = strtoul(path + 1, NULL, 10);
    uint64_t gap = sim_now(sim) - last_asked_at[place];
    (void)nth;
    if (last_asked_at[place] > 0 && gap > longest_gap)
        longest_gap = gap;
    last_asked_at[place] = sim_now(sim);
    return OK_ANSWER OK_BODY;
}

static void recall_all(struct schedule_memory memories[LONG]) {
    static uint8_t digests[LONG][SHA256_SIZE];
    for (size_t i = 0; i < LONG; i++) {
        schedule_recall(schedule, i, &memories[i]);
        if (memories[i].digest != NULL)
            memcpy(digests[i], memories[i].digest, SHA256_SIZE);
        memories[i].digest = memories[i].digest == NULL ? NULL : digests[i];
        memories[i].title = "A";
    }
}

static void pass(void *context) {
    *(bool *)context = true;
}

/* Ten minutes are not over in any of the minutes that a process lasts, and yet no URL waits for
 * longer than that; nor are they all fetched anew each time. */
static void each_has_its_turn_however_often_it_begins_anew(void **state) {
    static struct schedule_memory memories[LONG];
    static char urls[LONG][128];
    struct schedule_options options = defaults;
    (void)state;
    options.spread = 1;
    options.at_once = 1;
    make_long_list();
    for (size_t i = 0; i < LONG; i++) {
        char path[24];
        snprintf(path, sizeof path, "/%zu", i);
        snprintf(urls[i], sizeof urls[i], "%s", url_of(path));
        long_list[i].request.url = urls[i];
        last_asked_at[i] = 0;
    }
    longest_gap = 0;
    is_mixed = true; /* not in the order of the list */
    begin_with(&options, long_list, LONG, notes_gaps);
    for (size_t process = 1; process < 35; process++) {
        bool minute_passed = false;
        sim_after(sim, MINUTE, pass, &minute_passed);
        world_wait(minute_passed);
        recall_all(memories);
        for (size_t i = 0; i < LONG; i++)
            long_list[i].memory = &memories[i];
        is_over = false;
        schedule_stop(schedule, sim_now(sim) + SECOND, ended, NULL);
        world_wait(is_over);
        assert_int_equal(schedule_new(session, long_list, LONG, &options, &schedule), ERROR_NONE);
    }
    uint64_t now = sim_now(sim);
    for (size_t i = 0; i < LONG; i++)
        assert_true(now - last_asked_at[i] < 10 * MINUTE + 2 * SECOND);
    assert_true(longest_gap < 10 * MINUTE + 2 * SECOND);
    assert_true(requests < 5 * LONG);
    is_over = false;
    finish();
    is_mixed = false;
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
    assert_int_equal(turns, 1);
    assert_int_equal(changes, 0);
    fetch_world_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_interval_a_round),
        cmocka_unit_test(intervals_of_their_own),
        cmocka_unit_test(once_is_once),
        cmocka_unit_test(one_that_hangs_delays_nobody),
        cmocka_unit_test(who_keeps_failing_is_asked_less),
        cmocka_unit_test(an_hour_is_the_most_here),
        cmocka_unit_test(a_long_list_is_spread_over_its_interval),
        cmocka_unit_test(spread_over_all_of_it_no_url_is_fetched_twice_at_once),
        cmocka_unit_test(without_spread_all_begin_at_once),
        cmocka_unit_test(a_spread_round_waits_no_longer_when_the_schedule_stops),
        cmocka_unit_test(nothing_begins_while_the_schedule_stops),
        cmocka_unit_test(what_stays_is_left_alone),
        cmocka_unit_test(what_could_not_be_told_is_told_in_the_next_round),
        cmocka_unit_test(what_is_known_is_no_change),
        cmocka_unit_test(each_has_its_turn_however_often_it_begins_anew),
        cmocka_unit_test(what_is_under_way_ends_by_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
