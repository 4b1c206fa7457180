/* The session on a simulated machine: its pool, its limits, retries. */
#include "outcomes.h"

static const char *always(const char *path, unsigned nth) {
    (void)path;
    (void)nth;
    return OK_ANSWER OK_BODY;
}

/* ---- the pool and the limits ----------------------------------------------------------------- */

static void connections_are_used_again(void **state) {
    struct session_options options = world_options();
    (void)state;
    open_world(&options, always);
    for (size_t i = 0; i < 5; i++) {
        start(i, "/");
        world_wait(ended_count == i + 1);
        assert_int_equal(outcomes[i].result.error, ERROR_NONE);
        assert_int_equal(outcomes[i].result.reused, i > 0);
    }
    assert_int_equal(visitor_count, 1);
    close_world();
}

static void limits_hold(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.per_host = 3;
    open_world(&options, always);
    for (size_t i = 0; i < 100; i++)
        start(i, "/");
    world_wait(ended_count == 100);
    assert_int_equal(visitors_open_most, 3);
    close_world();
    options.per_host = 100;
    options.concurrency = 7;
    open_world(&options, always);
    for (size_t i = 0; i < 100; i++)
        start(i, "/");
    world_wait(ended_count == 100);
    assert_int_equal(visitors_open_most, 7);
    close_world();
}

/* A body of unknown length, which the pool of threads hashes. */
static const char *in_chunks(const char *path, unsigned nth) {
    (void)path;
    (void)nth;
    return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n";
}

/* Else bodies would gather there, each with its memory, as fast as they come. */
static void a_body_that_is_hashed_keeps_its_slot(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.concurrency = 1;
    open_world(&options, in_chunks);
    sim_set_fault(sim, SIM_FAULT_WORK_SLOW, 1000000);
    for (size_t i = 0; i < 50; i++)
        start(i, "/");
    world_wait(requests > ended_count + 1 || ended_count == 50);
    assert_int_equal(ended_count, 50);
    close_world();
}

static void idle_connections_end_after_half_a_minute(void **state) {
    struct session_options options = world_options();
    (void)state;
    open_world(&options, always);
    start(0, "/");
    world_wait(ended_count == 1);
    uint64_t kept = sim_now(sim);
    world_wait(visitors_open == 0);
    assert_true(sim_now(sim) - kept >= 30 * SECOND && sim_now(sim) - kept < 31 * SECOND);
    close_world();
}

/* The second request meets the end of its connection: that costs no attempt. */
static const char *ends_second(const char *path, unsigned nth) {
    (void)path;
    return nth == 1 ? "" : OK_ANSWER OK_BODY;
}

static void a_stale_connection_is_replaced_once(void **state) {
    struct session_options options = world_options();
    (void)state;
    open_world(&options, ends_second);
    start(0, "/");
    world_wait(ended_count == 1);
    start(1, "/");
    world_wait(ended_count == 2);
    assert_int_equal(outcomes[1].result.error, ERROR_NONE);
    assert_int_equal(outcomes[1].result.attempts, 1);
    assert_false(outcomes[1].result.reused);
    assert_int_equal(visitor_count, 2);
    close_world();
}

static void what_must_not_be_repeated_gets_a_fresh_connection(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.retries = 2;
    open_world(&options, ends_second);
    start(0, "/");
    world_wait(ended_count == 1);
    start_url(1, url_of("/"), "POST");
    world_wait(ended_count == 2);
    assert_int_equal(visitor_count, 2);
    assert_true(outcomes[1].result.error != ERROR_NONE);
    assert_int_equal(outcomes[1].result.attempts, 1);
    close_world();
}

/* ---- retries --------------------------------------------------------------------------------- */

static const char *busy_twice(const char *path, unsigned nth) {
    (void)path;
    return nth < 2 ? "HTTP/1.1 503 Busy\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"
                   : OK_ANSWER OK_BODY;
}

static void retries_wait_as_long_as_they_are_asked_to(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.retries = 2;
    open_world(&options, busy_twice);
    uint64_t began = sim_now(sim);
    start(0, "/");
    world_wait(ended_count == 1);
    assert_int_equal(outcomes[0].result.error, ERROR_NONE);
    assert_int_equal(outcomes[0].result.attempts, 3);
    assert_true(sim_now(sim) - began >= 6 * SECOND && sim_now(sim) - began < 7 * SECOND);
    close_world();
}

static void a_wait_beyond_the_fetch_s_time_is_not_begun(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.retries = 2;
    options.total_timeout = 2 * SECOND;
    open_world(&options, busy_twice);
    uint64_t began = sim_now(sim);
    start(0, "/");
    world_wait(ended_count == 1);
    assert_int_equal(outcomes[0].result.error, ERROR_HTTP_STATUS);
    assert_int_equal(outcomes[0].result.retry_after, 3 * SECOND);
    assert_true(sim_now(sim) - began < SECOND);
    close_world();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_body_that_is_hashed_keeps_its_slot),
        cmocka_unit_test(idle_connections_end_after_half_a_minute),
        cmocka_unit_test(a_stale_connection_is_replaced_once),
        cmocka_unit_test(what_must_not_be_repeated_gets_a_fresh_connection),
        cmocka_unit_test(retries_wait_as_long_as_they_are_asked_to),
        cmocka_unit_test(a_wait_beyond_the_fetch_s_time_is_not_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
