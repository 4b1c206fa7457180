/* What is known of a URL between its rounds: changes, validators, failures, and its memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/memory.h"
#include "watched.h"

static const uint64_t NOW = 1764000000 * SECOND;
#define BACKOFF (24 * HOUR)
static const struct schedule_options defaults = {.backoff = BACKOFF};

static struct watched watched;
static char final_url[] = "http://example.org/", etag[] = "\"1\"", title[] = "Title";

static int begin(void **state) {
    const struct schedule_entry entry = {.request = {.url = final_url}, .every = MINUTE};
    (void)state;
    return watched_init(&watched, &entry, &defaults, NOW) ? 0 : -1;
}

static int end(void **state) {
    (void)state;
    watched_fini(&watched);
    return 0;
}

static struct fetch_result content(uint8_t digest) {
    struct fetch_result result = {.url = final_url,
                                  .final_url = final_url,
                                  .status = 200,
                                  .title = title,
                                  .etag = etag,
                                  .has_digest = true};
    memset(result.digest, digest, sizeof result.digest);
    return result;
}

static struct fetch_result failure(enum error error) {
    return (struct fetch_result){.url = final_url, .final_url = final_url, .error = error};
}

/* ---- changes --------------------------------------------------------------------------------- */

static void what_differs_is_a_change(void **state) {
    (void)state;
    struct fetch_result first = content(1), second = content(2), failed = failure(ERROR_TIMED_OUT);
    assert_true(watched_take(&watched, &first, NOW));
    assert_false(watched_take(&watched, &first, NOW));
    assert_true(watched_take(&watched, &second, NOW));
    assert_true(watched_take(&watched, &failed, NOW));
    assert_false(watched_take(&watched, &failed, NOW));
    assert_true(watched_take(&watched, &second, NOW));
}

static void a_304_says_what_we_have(void **state) {
    (void)state;
    struct fetch_result first = content(1);
    struct fetch_result unchanged = {.url = final_url, .status = 304, .unchanged = true};
    assert_true(watched_take(&watched, &first, NOW));
    struct fetch_result whole = watched_complete(&watched, &unchanged);
    assert_string_equal(whole.title, "Title");
    assert_true(whole.has_digest);
    assert_memory_equal(whole.digest, first.digest, sizeof whole.digest);
    assert_false(watched_take(&watched, &unchanged, NOW));
    assert_non_null(watched_begin(&watched, NOW).validators);
    watched.known = false; /* nobody heard of it */
    assert_true(watched_take(&watched, &unchanged, NOW));
    assert_false(watched_take(&watched, &unchanged, NOW));
}

/* ---- validators ------------------------------------------------------------------------------ */

static void validators_last_a_day(void **state) {
    (void)state;
    struct fetch_result first = content(1);
    assert_null(watched_begin(&watched, NOW).validators);
    watched_take(&watched, &first, NOW);
    const struct fetch_validators *validators = watched_begin(&watched, NOW).validators;
    assert_string_equal(validators->url, final_url);
    assert_string_equal(validators->etag, etag);
    assert_null(validators->last_modified);
    assert_non_null(watched_begin(&watched, NOW + 24 * HOUR - 1).validators);
    assert_null(watched_begin(&watched, NOW + 24 * HOUR).validators);
    assert_null(watched_begin(&watched, NOW - 1).validators); /* the clock was set back */
}

static void a_failure_forgets_them(void **state) {
    (void)state;
    struct fetch_result first = content(1), failed = failure(ERROR_TIMED_OUT);
    watched_take(&watched, &first, NOW);
    watched_take(&watched, &failed, NOW);
    assert_null(watched_begin(&watched, NOW).validators);
    first.etag = NULL;
    watched_take(&watched, &first, NOW);
    assert_null(watched_begin(&watched, NOW).validators);
}

/* ---- failures -------------------------------------------------------------------------------- */

static void note(const struct fetch_result *result, uint64_t backoff, uint32_t random) {
    const struct schedule_options options = {.backoff = backoff};
    watched_note_end(&watched, result, &options, NOW, random);
}

/* When it is due after so many failures in a row. */
static uint64_t delay_after(unsigned failures, uint64_t backoff, uint32_t random) {
    struct fetch_result failed = failure(ERROR_TIMED_OUT), good = content(1);
    note(&good, backoff, random);
    assert_true(watched_is_due(&watched, NOW));
    for (unsigned i = 0; i < failures; i++)
        note(&failed, backoff, random);
    uint64_t delay = watched.due - NOW;
    assert_true(watched_is_due(&watched, NOW + delay));
    assert_true(delay == 0 || !watched_is_due(&watched, NOW + delay - 1));
    return delay;
}

static void the_wait_doubles_up_to_its_bound(void **state) {
    (void)state;
    assert_int_equal(delay_after(1, BACKOFF, 0), 0);
    assert_int_equal(delay_after(2, BACKOFF, 0), 90 * SECOND); /* two intervals, less a half */
    assert_int_equal(delay_after(3, BACKOFF, 0), 210 * SECOND);
    assert_int_equal(delay_after(3, BACKOFF, UINT32_MAX), 150 * SECOND); /* less a quarter */
    assert_int_equal(delay_after(11, BACKOFF, 0), 1024 * MINUTE - 30 * SECOND);
    assert_int_equal(delay_after(12, BACKOFF, 0), BACKOFF - 30 * SECOND);
    assert_int_equal(delay_after(1000, BACKOFF, 0), BACKOFF - 30 * SECOND);
    assert_int_equal(delay_after(1000, 3 * MINUTE, 0), 150 * SECOND);
    assert_int_equal(delay_after(1000, MINUTE, 0), 0);
    assert_int_equal(delay_after(1000, SECOND, 0), 0);
    assert_int_equal(delay_after(1000, 0, 0), 0);
}

static void once_is_once(void **state) {
    (void)state;
    watched.entry.every = 0;
    assert_int_equal(delay_after(1000, BACKOFF, 0), 0);
}

static void retry_after_is_a_lower_bound(void **state) {
    (void)state;
    struct fetch_result failed = failure(ERROR_HTTP_STATUS);
    failed.retry_after = HOUR;
    note(&failed, BACKOFF, 0);
    assert_int_equal(watched.due, NOW + HOUR);
    failed.retry_after = 365 * BACKOFF;
    note(&failed, BACKOFF, 0);
    assert_int_equal(watched.due, NOW + BACKOFF);
    failed.retry_after = 1 * SECOND;
    note(&failed, BACKOFF, 0);
    assert_int_equal(watched.due, NOW + 210 * SECOND);
    failed.retry_after = HOUR;
    note(&failed, 0, 0);
    assert_true(watched_is_due(&watched, NOW));
}

/* When it is due after a success that stays so long. */
static uint64_t delay_of_fresh(uint64_t fresh, uint64_t max_age) {
    const struct schedule_options options = {.max_age = max_age};
    struct fetch_result good = content(1);
    good.fresh = fresh;
    watched_note_end(&watched, &good, &options, NOW, 0);
    return watched.due - NOW;
}

static void what_stays_is_left_alone_to_the_nearest_round(void **state) {
    (void)state;
    assert_int_equal(delay_of_fresh(0, HOUR), 0);
    assert_int_equal(delay_of_fresh(59 * SECOND, HOUR), 0);
    assert_int_equal(delay_of_fresh(MINUTE, HOUR), 0); /* the next round */
    assert_int_equal(delay_of_fresh(10 * MINUTE, HOUR), 570 * SECOND);
    assert_int_equal(delay_of_fresh(24 * HOUR, HOUR), HOUR - 30 * SECOND);
    assert_int_equal(delay_of_fresh(24 * HOUR, 0), 0); /* nobody asked for it */
    struct fetch_result failed = failure(ERROR_HTTP_STATUS);
    failed.fresh = 24 * HOUR;
    note(&failed, 0, 0);
    assert_int_equal(watched.due, NOW); /* of a failure it says nothing */
}

static void a_clock_that_is_set_back_keeps_nobody_waiting(void **state) {
    (void)state;
    assert_true(delay_after(3, BACKOFF, 0) > 0);
    assert_true(watched_is_due(&watched, NOW - 1));
    assert_true(watched_is_due(&watched, NOW - 1000 * HOUR));
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void recall_and_begin_again(void **state, struct schedule_memory *memory, uint64_t now) {
    struct watched again;
    watched_recall(&watched, memory);
    struct schedule_entry entry = watched.entry;
    entry.memory = memory;
    assert_true(watched_init(&again, &entry, &defaults, now));
    watched_fini(&watched);
    watched = again;
    (void)state;
}

static void it_goes_on_after_a_restart(void **state) {
    struct fetch_result first = content(1), second = content(2);
    struct schedule_memory memory;
    watched_take(&watched, &first, NOW);
    recall_and_begin_again(state, &memory, NOW + HOUR);
    assert_string_equal(watched_begin(&watched, NOW + HOUR).validators->etag, etag);
    assert_null(watched_begin(&watched, NOW + 24 * HOUR).validators);
    assert_false(watched_take(&watched, &first, NOW + HOUR));
    assert_true(watched_take(&watched, &second, NOW + HOUR));
}

static void when_it_was_asked_is_known_after_a_restart(void **state) {
    struct fetch_result first = content(1);
    struct schedule_memory memory;
    assert_int_equal(watched_rest(&watched, NOW), 0); /* never was */
    watched_begin(&watched, NOW);
    assert_int_equal(watched_rest(&watched, NOW), 0); /* nothing has come of it */
    watched_note_end(&watched, &first, &defaults, NOW + 5 * SECOND, 0);
    watched_take(&watched, &first, NOW + 5 * SECOND);
    recall_and_begin_again(state, &memory, NOW + 10 * SECOND);
    assert_int_equal(memory.asked_time, NOW / SECOND);
    assert_int_equal(watched_rest(&watched, NOW + 10 * SECOND), 50 * SECOND);
    assert_int_equal(watched_rest(&watched, NOW + MINUTE), 0);
    assert_int_equal(watched_rest(&watched, NOW - HOUR), MINUTE); /* the clock is wrong */
    watched_was_not_told(&watched);
    recall_and_begin_again(state, &memory, NOW + 10 * SECOND);
    assert_int_equal(watched_rest(&watched, NOW + 10 * SECOND), 0);
}

static void so_do_failures(void **state) {
    struct schedule_memory memory;
    uint64_t delay = delay_after(5, BACKOFF, 0);
    recall_and_begin_again(state, &memory, NOW + MINUTE);
    assert_int_equal(watched.failures, 5);
    assert_false(watched_is_due(&watched, NOW + delay - 1));
    assert_true(watched_is_due(&watched, NOW + delay));
    recall_and_begin_again(state, &memory, NOW - 365 * BACKOFF); /* the clock is wrong */
    assert_int_equal(watched.due, NOW - 364 * BACKOFF);
}

/* What is left to wait for after a restart a second later with other options. */
static uint64_t rest_with(const struct schedule_options *options) {
    struct schedule_memory memory;
    struct watched again;
    watched_recall(&watched, &memory);
    struct schedule_entry entry = watched.entry;
    entry.memory = &memory;
    assert_true(watched_init(&again, &entry, options, NOW + SECOND));
    uint64_t rest = again.due > NOW + SECOND ? again.due - (NOW + SECOND) : 0;
    assert_int_equal(watched_is_due(&again, NOW + SECOND), rest == 0);
    watched_fini(&again);
    return rest;
}

static void what_is_waited_for_is_bounded_by_what_is_allowed_now(void **state) {
    const struct schedule_options long_age = {.backoff = HOUR, .max_age = 24 * HOUR};
    const struct schedule_options short_age = {.backoff = 24 * HOUR, .max_age = HOUR};
    const struct schedule_options only_backoff = {.backoff = 24 * HOUR};
    const struct schedule_options only_age = {.max_age = 24 * HOUR};
    (void)state;
    assert_int_equal(delay_of_fresh(2 * HOUR, 24 * HOUR), 2 * HOUR - 30 * SECOND);
    assert_int_equal(rest_with(&long_age), 2 * HOUR - 31 * SECOND);
    assert_int_equal(rest_with(&short_age), HOUR);
    assert_int_equal(rest_with(&only_backoff), 0);
    uint64_t delay = delay_after(9, BACKOFF, 0);
    assert_true(delay > HOUR);
    assert_int_equal(rest_with(&short_age), delay - SECOND);
    assert_int_equal(rest_with(&long_age), HOUR);
    assert_int_equal(rest_with(&only_age), 0);
}

static void what_was_not_told_is_due(void **state) {
    struct fetch_result first = content(1);
    (void)state;
    assert_true(watched_take(&watched, &first, NOW));
    assert_true(delay_of_fresh(2 * HOUR, 24 * HOUR) > 0);
    assert_false(watched_is_due(&watched, NOW));
    watched_was_not_told(&watched);
    assert_true(watched_is_due(&watched, NOW));
    assert_true(watched_take(&watched, &first, NOW));
}

static void no_memory_for_it(void **state) {
    struct fetch_result first = content(1);
    struct schedule_memory memory;
    (void)state;
    watched_take(&watched, &first, NOW);
    watched_recall(&watched, &memory);
    struct schedule_entry entry = watched.entry;
    entry.memory = &memory;
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0;; skip++) {
        struct watched again;
        memory_fail_after(skip, 1);
        bool made = watched_init(&again, &entry, &defaults, NOW);
        bool failed = memory_failures() > 0;
        memory_fail_after(0, 0);
        /* a title must be known; without validators the next fetch is a whole one */
        assert_true(made == !failed || (made && again.validators.url == NULL));
        watched_fini(&again);
        assert_int_equal(memory_live_blocks(), blocks);
        if (!failed)
            break;
    }
}

#define watched_test(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        watched_test(what_differs_is_a_change),
        watched_test(a_304_says_what_we_have),
        watched_test(validators_last_a_day),
        watched_test(a_failure_forgets_them),
        watched_test(the_wait_doubles_up_to_its_bound),
        watched_test(once_is_once),
        watched_test(retry_after_is_a_lower_bound),
        watched_test(what_stays_is_left_alone_to_the_nearest_round),
        watched_test(a_clock_that_is_set_back_keeps_nobody_waiting),
        watched_test(it_goes_on_after_a_restart),
        watched_test(when_it_was_asked_is_known_after_a_restart),
        watched_test(so_do_failures),
        watched_test(what_is_waited_for_is_bounded_by_what_is_allowed_now),
        watched_test(what_was_not_told_is_due),
        watched_test(no_memory_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
