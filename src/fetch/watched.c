#include "watched.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

/* However often it was unchanged: after this time the content is fetched again, to be sure. */
enum { FULL_HOURS = 24 };

enum { FAILURES_MAX = 32 }; /* further ones change nothing */

/* ---- validators ------------------------------------------------------------------------------ */

static char *copy_text(const char *text) {
    return text == NULL ? NULL : memory_copy_text(text, strlen(text));
}

static void forget_validators(struct watched *watched) {
    memory_free((char *)(uintptr_t)watched->validators.url);
    memory_free((char *)(uintptr_t)watched->validators.etag);
    memory_free((char *)(uintptr_t)watched->validators.last_modified);
    watched->validators = (struct fetch_validators){0};
}

/* Without memory for them the next fetch is a whole one. */
static void keep_validators(struct watched *watched, const char *url, const char *etag,
                            const char *last_modified) {
    watched->validators = (struct fetch_validators){
        .url = copy_text(url), .etag = copy_text(etag), .last_modified = copy_text(last_modified)};
    if (watched->validators.url == NULL || (watched->validators.etag == NULL) != (etag == NULL) ||
        (watched->validators.last_modified == NULL) != (last_modified == NULL))
        forget_validators(watched);
}

/* With a 304 they stay as they are. */
static void take_validators(struct watched *watched, const struct fetch_result *result,
                            uint64_t now) {
    if (result->unchanged)
        return;
    forget_validators(watched);
    if (result->error != ERROR_NONE || (result->etag == NULL && result->last_modified == NULL))
        return;
    watched->full_time = now;
    keep_validators(watched, result->final_url, result->etag, result->last_modified);
}

/* A clock that was set back makes a content old: it is fetched once too often. */
struct fetch_request watched_begin(struct watched *watched, uint64_t now) {
    watched->asks = now;
    struct fetch_request request = watched->entry.request;
    request.wants_validators = watched->entry.every > 0;
    if (watched->validators.url != NULL && now - watched->full_time < FULL_HOURS * HOUR)
        request.validators = &watched->validators;
    return request;
}

/* ---- when it is due -------------------------------------------------------------------------- */

/* A clock that was set back does not make anybody wait longer than was said. */
bool watched_is_due(const struct watched *watched, uint64_t now) {
    return now >= watched->due || watched->due - now > watched->delay;
}

/* … and not longer than an interval either. */
uint64_t watched_rest(const struct watched *watched, uint64_t now) {
    uint64_t every = watched->entry.every, passed = now > watched->asked ? now - watched->asked : 0;
    return passed < every ? every - passed : 0;
}

/*
 * Twice, four times … the interval, up to a quarter less at random, so that what failed together
 * is not asked together again. Half an interval less: rounds come when they come, and the one that
 * is meant must not be missed by a moment.
 */
static uint64_t delay_of(const struct watched *watched, uint64_t backoff, uint32_t random) {
    uint64_t every = watched->entry.every, delay = every;
    for (unsigned i = 1; i < watched->failures && delay < backoff; i++)
        delay *= 2;
    if (delay > backoff)
        delay = backoff;
    if (delay <= every)
        return 0;
    return delay - every / 2 - (uint64_t)((double)delay / 4 * ((double)random / UINT32_MAX));
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t delay_of_failure(struct watched *watched, uint64_t retry_after, uint64_t backoff,
                                 uint32_t random) {
    if (backoff == 0)
        return 0;
    if (watched->failures < FAILURES_MAX)
        watched->failures++;
    uint64_t delay = delay_of(watched, backoff, random);
    return retry_after > delay ? least(retry_after, backoff) : delay;
}

/* To the nearest round, for the same reason. */
static uint64_t delay_of_success(const struct watched *watched, uint64_t fresh, uint64_t max_age) {
    uint64_t every = watched->entry.every, delay = least(fresh, max_age);
    return delay > every ? delay - every / 2 : 0;
}

void watched_note_end(struct watched *watched, const struct fetch_result *result,
                      const struct schedule_options *options, uint64_t now, uint32_t random) {
    if (result->error != ERROR_NONE) {
        watched->delay = delay_of_failure(watched, result->retry_after, options->backoff, random);
    } else {
        watched->failures = 0;
        watched->delay = delay_of_success(watched, result->fresh, options->max_age);
    }
    watched->due = now + watched->delay;
    watched->asked = watched->asks;
}

/* ---- results --------------------------------------------------------------------------------- */

struct fetch_result watched_complete(const struct watched *watched,
                                     const struct fetch_result *result) {
    struct fetch_result whole = *result;
    if (!result->unchanged)
        return whole;
    whole.title = watched->last.title;
    whole.has_digest = watched->last.has_digest;
    memcpy(whole.digest, watched->last.digest, sizeof whole.digest);
    return whole;
}

/* The texts are copied, the lent result is only read. */
static void remember(struct watched *watched, const struct fetch_result *result) {
    fetch_result_fini(&watched->last);
    watched->last = *result;
    watched->last.url = watched->last.final_url = watched->last.saved = NULL;
    watched->last.etag = watched->last.last_modified = NULL;
    watched->last.title = copy_text(result->title);
    watched->known = true;
}

bool watched_take(struct watched *watched, const struct fetch_result *result, uint64_t now) {
    take_validators(watched, result, now);
    if (result->unchanged) {
        bool was_known = watched->known; /* or what was said of it did not arrive */
        watched->known = true;
        return !was_known;
    }
    if (watched->known && fetch_result_equal(&watched->last, result))
        return false;
    remember(watched, result);
    return true;
}

void watched_was_not_told(struct watched *watched) {
    watched->known = false;
    watched->due = watched->delay = 0;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static bool restore(struct watched *watched, const struct schedule_memory *memory) {
    struct fetch_result *last = &watched->last;
    watched->known = memory->known;
    last->status = memory->status;
    last->error = memory->error;
    last->title = copy_text(memory->title);
    last->has_digest = memory->digest != NULL;
    if (last->has_digest)
        memcpy(last->digest, memory->digest, sizeof last->digest);
    watched->full_time = (uint64_t)memory->full_time * SECOND;
    if (memory->known && memory->validators.url != NULL)
        keep_validators(watched, memory->validators.url, memory->validators.etag,
                        memory->validators.last_modified);
    watched->asked = memory->known ? (uint64_t)memory->asked_time * SECOND : 0;
    watched->failures = memory->failures < FAILURES_MAX ? memory->failures : FAILURES_MAX;
    return (last->title == NULL) == (memory->title == NULL);
}

/* What it waits for may be allowed less time than it was, or none. */
static void restore_due(struct watched *watched, const struct schedule_memory *memory,
                        const struct schedule_options *options, uint64_t now) {
    uint64_t longest = memory->failures > 0 ? options->backoff : options->max_age;
    uint64_t due = memory->due > 0 ? (uint64_t)memory->due * SECOND : 0;
    if (due <= now)
        return;
    watched->delay = least(due - now, longest);
    watched->due = now + watched->delay;
}

bool watched_init(struct watched *watched, const struct schedule_entry *entry,
                  const struct schedule_options *options, uint64_t now) {
    const struct schedule_memory *memory = entry->memory;
    *watched = (struct watched){.entry = *entry};
    watched->entry.memory = NULL;
    if (memory == NULL)
        return true;
    restore_due(watched, memory, options, now);
    return restore(watched, memory);
}

void watched_fini(struct watched *watched) {
    fetch_result_fini(&watched->last);
    forget_validators(watched);
}

void watched_recall(const struct watched *watched, struct schedule_memory *memory) {
    *memory = (struct schedule_memory){
        .known = watched->known,
        .status = watched->last.status,
        .error = watched->last.error,
        .title = watched->last.title,
        .digest = watched->last.has_digest ? watched->last.digest : NULL,
        .validators = watched->validators,
        .full_time = (int64_t)(watched->full_time / SECOND),
        .asked_time = (int64_t)(watched->asked / SECOND),
        .failures = watched->failures,
        .due = watched->delay > 0 ? (int64_t)(watched->due / SECOND) : 0,
    };
}
