/* The session on a simulated machine: its pool, its limits, retries, and every time-out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch_world.h"

enum { MANY = 1000, LATE_MILLISECONDS = 50 };

struct outcome {
    struct fetch_result result; /* its texts are gone */
    uint64_t time;
    bool ended;
};

static struct scope scope;
static bool scope_is_over;
static struct outcome outcomes[MANY];
static size_t ended_count;

static void scope_ended(struct scope *ended) {
    scope_take_error(ended);
    scope_fini(ended);
    scope_is_over = true;
}

static void fetched(void *context, struct fetch_result *result) {
    struct outcome *outcome = context;
    assert_false(outcome->ended);
    *outcome = (struct outcome){.result = *result, .time = sim_now(sim), .ended = true};
    fetch_result_fini(result);
    ended_count++;
}

static void open_world(const struct session_options *options, origin_script *with) {
    fetch_world_open(options, with);
    memset(outcomes, 0, sizeof outcomes);
    ended_count = 0;
    scope_is_over = false;
    scope_init(&scope, &loop, NULL, SCOPE_COLLECT, scope_ended);
}

static void close_world(void) {
    scope_join(&scope);
    world_wait(scope_is_over);
    fetch_world_close();
}

static void start_url(size_t index, const char *url, const char *method) {
    const struct fetch_request request = {.url = url, .method = bytes_of(method)};
    assert_int_equal(session_fetch(session, &scope, &request, index, fetched, &outcomes[index]),
                     ERROR_NONE);
}

static void start(size_t index, const char *path) {
    start_url(index, url_of(path), "GET");
}

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

/* ---- time-outs ------------------------------------------------------------------------------- */

/* A byte of a body every 100 ms, to everybody, for ever. */
static void drip(void *context) {
    for (size_t i = 0; i < VISITORS_MAX; i++)
        if (visitors[i].is_open && visitors[i].requests > 0)
            sim_peer_write(visitors[i].socket, "x", 1);
    sim_after(sim, 100 * MILLISECOND, drip, context);
}

static const char *begins(const char *path, unsigned nth) {
    (void)nth;
    return strcmp(path, "/silent") == 0
               ? NULL
               : "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n";
}

/* A thousand fetches that all must end so long after they began. */
static void check_times(const struct session_options *options, const char *url, uint64_t after) {
    open_world(options, begins);
    if (strstr(url, "/silent") == NULL)
        sim_after(sim, 0, drip, NULL);
    uint64_t began = sim_now(sim);
    for (size_t i = 0; i < MANY; i++)
        start_url(i, url, "GET");
    world_wait(ended_count == MANY);
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(outcomes[i].result.error, ERROR_TIMED_OUT);
        assert_true(outcomes[i].time >= began + after);
        assert_true(outcomes[i].time <= began + after + LATE_MILLISECONDS * MILLISECOND);
    }
    close_world();
}

static void the_whole_fetch_ends_in_time(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.total_timeout = 3 * SECOND;
    options.retries = 2;
    check_times(&options, url_of("/drip"), options.total_timeout);
}

static void an_attempt_ends_in_time(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.attempt_timeout = 2500 * MILLISECOND;
    check_times(&options, url_of("/drip"), options.attempt_timeout);
}

/* Bytes that come make it wait on; silence does not. */
static void silence_ends_in_time(void **state) {
    struct session_options options = world_options();
    (void)state;
    options.read_timeout = 150 * MILLISECOND;
    options.attempt_timeout = 2 * SECOND;
    check_times(&options, url_of("/drip"), options.attempt_timeout);
    options.read_timeout = 1 * SECOND;
    check_times(&options, url_of("/silent"), options.read_timeout);
}

static void forget(void *context, struct sim *world, const struct sockaddr *from,
                   const uint8_t *data, size_t size) {
    (void)context;
    (void)world;
    (void)from;
    (void)data;
    (void)size;
}

static void a_name_that_never_answers_ends_in_time(void **state) {
    struct session_options options = world_options();
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(53)};
    (void)state;
    inet_pton(AF_INET, "127.0.0.1", &server.sin_addr);
    options.name_servers = "127.0.0.1:53";
    options.dns_timeout = 2 * SECOND;
    open_world(&options, begins);
    sim_serve_datagrams(sim, (struct sockaddr *)&server, forget, NULL);
    uint64_t began = sim_now(sim);
    for (size_t i = 0; i < 100; i++) {
        char name[64];
        snprintf(name, sizeof name, "http://n%zu.test/", i);
        start_url(i, name, "GET");
    }
    for (size_t i = 100; i < 500; i++)
        start(i, "/drip"); /* others are not held up */
    world_wait(ended_count == 100);
    assert_int_equal(requests, 400);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(outcomes[i].result.error, ERROR_TIMED_OUT);
        assert_true(outcomes[i].time >= began + options.dns_timeout);
        assert_true(outcomes[i].time <=
                    began + options.dns_timeout + LATE_MILLISECONDS * MILLISECOND);
    }
    scope_cancel(&scope);
    world_wait(ended_count == 500);
    close_world();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connections_are_used_again),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(idle_connections_end_after_half_a_minute),
        cmocka_unit_test(a_stale_connection_is_replaced_once),
        cmocka_unit_test(what_must_not_be_repeated_gets_a_fresh_connection),
        cmocka_unit_test(retries_wait_as_long_as_they_are_asked_to),
        cmocka_unit_test(a_wait_beyond_the_fetch_s_time_is_not_begun),
        cmocka_unit_test(the_whole_fetch_ends_in_time),
        cmocka_unit_test(an_attempt_ends_in_time),
        cmocka_unit_test(silence_ends_in_time),
        cmocka_unit_test(a_name_that_never_answers_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
