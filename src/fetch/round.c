#include "fetch/round.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum place { PLACE_AWAITED, PLACE_ARRIVED, PLACE_SKIPPED }; /* of those that have not had a turn */

static void pull(struct round *round);

/* ---- results in order ------------------------------------------------------------------------ */

/* A result for whose URL there was no memory says so with an empty one. */
static void lend(struct round *round, const struct fetch_result *result,
                 void (*to)(struct round *round, const struct fetch_result *result)) {
    static char unnamed[] = "";
    struct fetch_result lent = *result;
    if (lent.url == NULL)
        lent.url = unnamed;
    to(round, &lent);
}

static void hand_out_now(struct round *round, struct fetch_result *result) {
    round->failed += result->error != ERROR_NONE;
    lend(round, result, round->events->result);
    fetch_result_fini(result);
}

static void hand_out(struct round *round) {
    while (!round->options.unordered && round->turn < round->started) {
        size_t slot = round->turn % round->slots;
        uint8_t place = round->places[slot];
        if (place == PLACE_AWAITED)
            return;
        round->places[slot] = PLACE_AWAITED;
        round->turn++;
        if (place == PLACE_ARRIVED)
            hand_out_now(round, &round->window[slot]);
    }
}

static void keep(struct round *round, struct fetch_result *result) {
    round->done++;
    round->done_badly += result->error != ERROR_NONE;
    if (round->events->arrived != NULL)
        lend(round, result, round->events->arrived);
    if (round->options.unordered || result->index < round->turn) {
        hand_out_now(round, result);
        return;
    }
    size_t slot = result->index % round->slots;
    round->window[slot] = *result;
    round->places[slot] = PLACE_ARRIVED;
}

static void skip(struct round *round) {
    if (!round->options.unordered)
        round->places[round->started % round->slots] = PLACE_SKIPPED;
    round->started++;
}

/* The first failure that is not a cancellation is what a fail-fast round names as its cause. */
static void note_cause(struct round *round, const struct fetch_result *result) {
    if (round->has_cause || result->error == ERROR_NONE || result->error == ERROR_CANCELLED)
        return;
    round->has_cause = true;
    round->cause = result->index;
}

static void fetched(void *context, struct fetch_result *result) {
    struct round *round = context;
    round->under_way--;
    note_cause(round, result);
    keep(round, result);
    if (result->error != ERROR_NONE && round->scope.policy == SCOPE_FAIL_FAST)
        scope_cancel(&round->scope);
    hand_out(round);
    pull(round);
}

/* A URL that could not be started still has its result. */
static void give_result(struct round *round, const char *url, enum error error) {
    struct fetch_result result = {.index = round->started++, .error = error};
    result.url = memory_copy_text(url, strlen(url));
    if (result.url == NULL)
        result.error = ERROR_NO_MEMORY; /* which is why it has no name */
    snprintf(result.detail, sizeof result.detail, "%s", error_text(result.error));
    keep(round, &result);
}

/* ---- pulling --------------------------------------------------------------------------------- */

static void start_one(struct round *round, const struct fetch_request *request) {
    size_t index = round->started;
    enum error error = session_fetch(round->session, &round->scope, request, index, fetched, round);
    if (error != ERROR_NONE) {
        give_result(round, request->url, error);
        return;
    }
    round->started++;
    round->under_way++;
}

static bool is_full(const struct round *round) {
    return !round->options.unordered && round->started - round->turn == round->slots;
}

/* May there be one more? */
static bool has_room(const struct round *round) {
    return round->under_way < round->options.window &&
           (round->options.overtaking || !is_full(round));
}

/* Where as many wait as may be under way, their first gives way: its result comes when it comes. */
static void make_room(struct round *round) {
    if (!is_full(round))
        return;
    round->turn++;
    hand_out(round);
}

static void pull(struct round *round) {
    enum round_next next = ROUND_MORE;
    if (round->pulling)
        return;
    round->pulling = true;
    while (next != ROUND_LATER && !round->exhausted && has_room(round)) {
        struct fetch_request request = {0};
        next = round->events->next(round, &request);
        if (next != ROUND_LATER && next != ROUND_END)
            make_room(round);
        if (next == ROUND_MORE)
            start_one(round, &request);
        else if (next == ROUND_CANCEL)
            give_result(round, request.url, ERROR_CANCELLED);
        else if (next == ROUND_SKIP)
            skip(round);
        round->exhausted = next == ROUND_END;
        hand_out(round);
    }
    round->pulling = false;
    if (round->exhausted)
        scope_join(&round->scope);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static void scope_ended(struct scope *scope) {
    struct round *round = container_of(scope, struct round, scope);
    scope_take_error(scope); /* each result carries its own */
    scope_fini(scope);
    memory_free(round->window);
    memory_free(round->places);
    round->window = NULL;
    round->places = NULL;
    round->events->ended(round);
}

enum error round_start(struct round *round, struct session *session,
                       const struct round_options *options, const struct round_events *events) {
    *round = (struct round){.events = events, .session = session, .options = *options};
    round->slots = options->overtaking ? 2 * options->window : options->window;
    round->window = memory_allocate_zeroed(round->slots * sizeof *round->window);
    round->places = memory_allocate_zeroed(round->slots * sizeof *round->places);
    if (round->window == NULL || round->places == NULL) {
        memory_free(round->window);
        memory_free(round->places);
        return ERROR_NO_MEMORY;
    }
    scope_init(&round->scope, session_loop(session), NULL, options->policy, scope_ended);
    pull(round);
    return ERROR_NONE;
}

void round_go_on(struct round *round) {
    if (!round->exhausted)
        pull(round);
}

void round_cancel(struct round *round) {
    scope_cancel(&round->scope);
}
