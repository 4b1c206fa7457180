/*
 * Fetches of a session on the simulated machine of fetch_world.h, and what came of each.
 */
#ifndef RINGCAST_TEST_OUTCOMES_H
#define RINGCAST_TEST_OUTCOMES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fetch_world.h"

enum { MANY = 1000 };

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

static inline void open_world(const struct session_options *options, origin_script *with) {
    fetch_world_open(options, with);
    memset(outcomes, 0, sizeof outcomes);
    ended_count = 0;
    scope_is_over = false;
    scope_init(&scope, &loop, NULL, SCOPE_COLLECT, scope_ended);
}

static inline void close_world(void) {
    scope_join(&scope);
    world_wait(scope_is_over);
    fetch_world_close();
}

static inline void start_url(size_t index, const char *url, const char *method) {
    const struct fetch_request request = {.url = url, .method = bytes_of(method)};
    assert_int_equal(session_fetch(session, &scope, &request, index, fetched, &outcomes[index]),
                     ERROR_NONE);
}

static inline void start(size_t index, const char *path) {
    start_url(index, url_of(path), "GET");
}

#endif
