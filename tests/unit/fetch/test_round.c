/* Rounds on a simulated machine: their order, and group mode, where one failure ends all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch_world.h"

enum { IN_FLIGHT = 200, ROUNDS = 200 };

static struct round fetch_round;
static size_t asked_for, came, cancelled, succeeded, arrivals;
static size_t last_arrival;
static bool is_over, in_any_order;
static size_t wanted;
static char url[192];

static enum round_next next(struct round *round, struct fetch_request *request) {
    (void)round;
    if (asked_for == wanted)
        return ROUND_END;
    snprintf(url, sizeof url, "%s/%zu", url_of(""), asked_for++);
    request->url = url;
    return ROUND_MORE;
}

static void arrived(struct round *round, const struct fetch_result *got) {
    arrivals++;
    assert_int_equal(arrivals, round->done); /* each at once */
    last_arrival = got->index;
}

static void result(struct round *round, const struct fetch_result *got) {
    (void)round;
    assert_true(in_any_order || got->index == came);
    came++;
    cancelled += got->error == ERROR_CANCELLED;
    succeeded += got->error == ERROR_NONE;
}

static void ended(struct round *round) {
    (void)round;
    is_over = true;
}

static const struct round_events events = {next, arrived, result, ended};

static void begin_with(size_t count, const struct round_options *options) {
    asked_for = came = cancelled = succeeded = arrivals = 0;
    is_over = in_any_order = false;
    wanted = count;
    assert_int_equal(round_start(&fetch_round, session, options, &events), ERROR_NONE);
}

static void begin(size_t count, enum scope_policy policy) {
    const struct round_options options = {.policy = policy, .window = 512};
    begin_with(count, &options);
}

/* ---- order ----------------------------------------------------------------------------------- */

static const char *nobody_yet(const char *path, unsigned nth) {
    (void)path;
    (void)nth;
    return NULL;
}

static const char *always(const char *path, unsigned nth) {
    (void)path;
    (void)nth;
    return OK_ANSWER OK_BODY;
}

static void results_come_in_order(void **state) {
    (void)state;
    struct session_options options = world_options();
    fetch_world_open(&options, always);
    begin(5000, SCOPE_COLLECT);
    world_wait(is_over);
    assert_int_equal(succeeded, 5000);
    assert_int_equal(arrivals, 5000);
    fetch_world_close();
}

/* ---- one that hangs -------------------------------------------------------------------------- */

enum { WINDOW = 64 };

static const char *the_first_hangs(const char *path, unsigned nth) {
    (void)nth;
    return strcmp(path, "/0") == 0 ? NULL : OK_ANSWER OK_BODY;
}

static void begin_hanging(size_t count, bool overtaking) {
    const struct round_options round = {.window = WINDOW, .overtaking = overtaking};
    struct session_options options = world_options();
    fetch_world_open(&options, the_first_hangs);
    begin_with(count, &round);
}

static void end_hanging(size_t count) {
    round_cancel(&fetch_round);
    world_wait(is_over);
    assert_int_equal(came, count);
    assert_int_equal(arrivals, count);
    assert_int_equal(cancelled + succeeded, count);
    fetch_world_close();
}

/* All others have arrived; none of them has had its turn. */
static void results_arrive_behind_one_that_hangs(void **state) {
    (void)state;
    begin_hanging(WINDOW, true);
    world_wait(arrivals == WINDOW - 1);
    assert_int_equal(came, 0);
    end_hanging(WINDOW);
    assert_int_equal(last_arrival, 0);
}

static void one_that_hangs_holds_up_a_window_in_order(void **state) {
    (void)state;
    begin_hanging(10 * WINDOW, false);
    world_wait(arrivals == WINDOW - 1);
    uint64_t reached = sim_now(sim);
    world_wait(sim_now(sim) > reached + SECOND);
    assert_int_equal(asked_for, WINDOW);
    assert_int_equal(came, 0);
    end_hanging(10 * WINDOW);
}

static void one_that_hangs_may_be_overtaken(void **state) {
    (void)state;
    begin_hanging(10 * WINDOW, true);
    in_any_order = true;
    world_wait(came == 10 * WINDOW - 1);
    assert_int_equal(succeeded, came);
    assert_int_equal(fetch_round.under_way, 1);
    end_hanging(10 * WINDOW);
    assert_int_equal(last_arrival, 0);
}

/* However many are overtaken, no more are under way than the window has places. */
static void all_that_hang_fill_a_window(void **state) {
    const struct round_options round = {.window = WINDOW, .overtaking = true};
    struct session_options options = world_options();
    (void)state;
    fetch_world_open(&options, nobody_yet);
    begin_with(10 * WINDOW, &round);
    world_wait(requests == WINDOW);
    uint64_t reached = sim_now(sim);
    world_wait(sim_now(sim) > reached + SECOND);
    assert_int_equal(asked_for, WINDOW);
    in_any_order = true;
    end_hanging(10 * WINDOW);
}

/* ---- group mode ------------------------------------------------------------------------------ */

/* The nth of those that wait. */
static void fail_one(uint64_t nth) {
    static const char failure[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    struct visitor *waiting = NULL;
    for (size_t i = 0; i < VISITORS_MAX && waiting == NULL; i++)
        if (visitors[i].is_open && nth-- == 0)
            waiting = &visitors[i];
    assert_non_null(waiting);
    assert_int_equal(sim_peer_write(waiting->socket, failure, sizeof failure - 1),
                     sizeof failure - 1);
}

/*
 * With everything in flight one fails: the rest is cancelled and awaited, and the round is over at
 * once, with nothing left. RINGCAST_GROUP_ROUNDS sets how many rounds.
 */
static void the_first_failure_ends_all(void **state) {
    const char *text = getenv("RINGCAST_GROUP_ROUNDS");
    size_t rounds = text == NULL ? ROUNDS : strtoul(text, NULL, 10);
    struct session_options options = world_options();
    (void)state;
    fetch_world_open(&options, nobody_yet);
    size_t descriptors = sim_open_descriptors(sim), blocks = 0;
    for (size_t i = 0; i < rounds; i++) {
        requests = 0;
        begin(IN_FLIGHT, SCOPE_FAIL_FAST);
        world_wait(requests == IN_FLIGHT);
        fail_one(sim_below(sim, IN_FLIGHT));
        uint64_t failed = sim_now(sim);
        world_wait(is_over);
        assert_true(sim_now(sim) - failed <= 50 * MILLISECOND);
        assert_int_equal(came, IN_FLIGHT);
        assert_int_equal(cancelled, IN_FLIGHT - 1);
        assert_true(fetch_round.has_cause);
        /* but for the connection over which the failure came in order: that is kept */
        world_wait(visitors_open <= 1);
        world_wait(sim_open_descriptors(sim) <= descriptors + 1);
        if (i == 0)
            blocks = memory_live_blocks();
        assert_int_equal(memory_live_blocks(), blocks);
    }
    fetch_world_close();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_in_order),
        cmocka_unit_test(results_arrive_behind_one_that_hangs),
        cmocka_unit_test(one_that_hangs_holds_up_a_window_in_order),
        cmocka_unit_test(one_that_hangs_may_be_overtaken),
        cmocka_unit_test(all_that_hang_fill_a_window),
        cmocka_unit_test(the_first_failure_ends_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
