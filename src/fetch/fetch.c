/*
 * One fetch, from what is asked for to its result. The steps, in order:
 *   session_fetch        the URL is parsed and queued at its origin
 *   fetch_begin          it has a slot: an attempt begins (attempt.c)
 *   fetch_attempt_over   the attempt has ended, and so has its hold of the slot. Then either
 *     follow             … to where the response redirects, queued there
 *     try_again          … after a pause, queued once more
 *     end                … that was it
 *   finish               the result is handed out, the scope is left, the memory freed
 * A fetch that is cancelled, or takes longer than it may in all, is ended by fetch_fail() whatever
 * its state; finish always comes from the ready list, so `done` never runs inside a call of the
 * user.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fetch.h"
#include "retry.h"

/* ---- the end --------------------------------------------------------------------------------- */

void fetch_set_error(struct fetch *fetch, enum error error, const char *format, ...) {
    va_list arguments;
    fetch->result.error = error;
    va_start(arguments, format);
    vsnprintf(fetch->result.detail, sizeof fetch->result.detail, format, arguments);
    va_end(arguments);
}

static void count(const struct fetch *fetch) {
    struct session_statistics *statistics = &fetch->session->statistics;
    const struct fetch_result *result = &fetch->result;
    counter_add(&statistics->fetches, 1);
    counter_add(&statistics->body_bytes, result->bytes);
    histogram_add(&statistics->duration, result->timings.total);
    if (result->error == ERROR_NONE) {
        counter_add(&statistics->succeeded, 1);
        return;
    }
    const char *kind = fetch_error_kind(result->error);
    for (size_t i = 0; fetch_error_kind_at(i) != NULL; i++)
        if (fetch_error_kind_at(i) == kind)
            counter_add(&statistics->failed[i], 1);
}

static void finish(struct task *task) {
    struct fetch *fetch = container_of(task, struct fetch, finish);
    struct fetch_result *result = &fetch->result;
    result->timings.total = fetch->started == 0 ? 0 : fetch_loop(fetch)->now - fetch->started;
    count(fetch);
    hop_fini(&fetch->hop);
    buffer_fini(&fetch->attempt.location);
    memory_free(fetch->save_to);
    enum error error = result->error;
    fetch->done(fetch->context, result);
    scope_leave(&fetch->member, error);
    memory_free(fetch);
}

static const struct task_handler finish_handler = {"fetch_finish", finish};

static void end(struct fetch *fetch) {
    fetch->state = FETCH_ENDING;
    loop_stop_timer(fetch_loop(fetch), &fetch->total);
    loop_post(fetch_loop(fetch), &fetch->finish);
}

/* Ends it for good, whatever it is doing. The first error counts. */
static void fetch_fail(struct fetch *fetch, enum error error, const char *detail) {
    enum fetch_state state = (enum fetch_state)fetch->state;
    if (state == FETCH_ENDING)
        return;
    fetch_set_error(fetch, error, "%s", detail);
    if (state == FETCH_QUEUED)
        session_unqueue(fetch);
    loop_stop_timer(fetch_loop(fetch), &fetch->pause);
    fetch->state = FETCH_ENDING;
    if (state != FETCH_TRYING || attempt_stop(fetch))
        end(fetch);
}

static void cancelled(struct scope_member *member) {
    fetch_fail(container_of(member, struct fetch, member), ERROR_CANCELLED,
               error_text(ERROR_CANCELLED));
}

void fetch_cancel_unbegun(struct fetch *fetch) {
    if (fetch->started == 0)
        fetch_fail(fetch, ERROR_CANCELLED, error_text(ERROR_CANCELLED));
}

static void total_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, total);
    char detail[64];
    snprintf(detail, sizeof detail, "the fetch timed out after %.3g s",
             (double)fetch->session->options.total_timeout / (double)SECOND);
    fetch_fail(fetch, ERROR_TIMED_OUT, detail);
}

static const struct scope_member_handler member_handler = {"fetch", cancelled};
static const struct timer_handler total_handler = {"fetch_total_timeout", total_passed};

/* ---- slots ----------------------------------------------------------------------------------- */

void fetch_release_slot(struct fetch *fetch) {
    struct origin *origin = fetch->origin;
    bool has_lent = fetch->has_lent;
    fetch->origin = NULL;
    fetch->has_lent = false;
    list_remove(&fetch->link);
    if (origin != NULL)
        session_release(origin, has_lent);
}

void fetch_slot_returned(struct fetch *fetch) {
    fetch->has_lent = false;
    connect_go_on(fetch);
}

/* Queues it again, before fetches that have not begun: its time is running. */
static void queue_again(struct fetch *fetch) {
    fetch->state = FETCH_QUEUED;
    enum error error = session_queue(fetch->session, fetch, true);
    if (error == ERROR_NONE)
        return;
    fetch_set_error(fetch, error, "%s", error_text(error));
    end(fetch);
}

void fetch_begin(struct fetch *fetch) {
    struct loop *loop = fetch_loop(fetch);
    if (fetch->started == 0) {
        fetch->started = loop->now;
        loop_start_timer(loop, &fetch->total, loop->now + fetch->session->options.total_timeout);
    }
    fetch->state = FETCH_TRYING;
    attempt_begin(fetch);
}

/* ---- redirects ------------------------------------------------------------------------------- */

static enum error set_final_url(struct fetch *fetch) {
    struct buffer *href = &fetch->session->scratch;
    buffer_clear(href);
    enum error error = url_append_href(&fetch->hop.url, href, URL_WITHOUT_FRAGMENT);
    if (error != ERROR_NONE)
        return error;
    char *text = memory_copy_text((const char *)href->data, href->size);
    if (text == NULL)
        return ERROR_NO_MEMORY;
    memory_free(fetch->result.final_url);
    fetch->result.final_url = text;
    return ERROR_NONE;
}

/* The attempts of the way so far do not count: this is another request. */
static void follow(struct fetch *fetch) {
    if (fetch->attempt.by_proxy)
        fetch->policy.outside = true; /* nobody knows who answered */
    else
        address_policy_note(&fetch->policy, &fetch->attempt.address);
    enum error error =
        hop_follow(&fetch->hop, fetch->result.status, buffer_bytes(&fetch->attempt.location),
                   fetch->session->options.redirects, fetch->jar_changed);
    if (error == ERROR_NONE)
        error = set_final_url(fetch);
    fetch->result.redirects = fetch->hop.count;
    fetch->result.downgraded = fetch->hop.downgraded;
    if (error != ERROR_NONE) {
        fetch_set_error(fetch, error, "%s (HTTP %d)", error_text(error), fetch->result.status);
        end(fetch);
        return;
    }
    counter_add(&fetch->session->statistics.redirects, 1);
    queue_again(fetch);
}

/* ---- trying again ---------------------------------------------------------------------------- */

static void pause_over(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, pause);
    fetch->result.attempts++;
    counter_add(&fetch->session->statistics.retries, 1);
    queue_again(fetch);
}

static const struct timer_handler pause_handler = {"fetch_pause", pause_over};

static uint64_t delay_of(struct fetch *fetch) {
    uint32_t random;
    if (fetch->attempt.has_retry_after)
        return fetch->attempt.retry_after;
    ring_random(fetch_loop(fetch)->ring, &random, sizeof random);
    return retry_delay(fetch->result.attempts - 1, random);
}

void fetch_pause_origin(struct fetch *fetch) {
    uint64_t delay = delay_of(fetch), longest = fetch->session->options.total_timeout;
    counter_add(&fetch->session->statistics.pauses, 1);
    origin_pause(fetch->origin, delay < longest ? delay : longest);
}

static bool may_try_again(const struct fetch *fetch) {
    return fetch->result.attempts <= fetch->session->options.retries &&
           retry_allows_method(fetch->hop.method) &&
           retry_may_help(fetch->result.error, fetch->result.status);
}

/* A wait beyond what is left of the fetch's time would end in nothing: then this was the result. */
static void try_again(struct fetch *fetch) {
    struct loop *loop = fetch_loop(fetch);
    uint64_t time = loop->now + delay_of(fetch);
    if (time >= fetch->total.deadline) {
        end(fetch);
        return;
    }
    fetch->state = FETCH_PAUSING;
    loop_start_timer(loop, &fetch->pause, time);
}

void fetch_attempt_over(struct fetch *fetch) {
    bool is_over = fetch->state == FETCH_ENDING || fetch->result.error == ERROR_NONE;
    if (!is_over && fetch->attempt.location.size > 0)
        follow(fetch);
    else if (!is_over && may_try_again(fetch))
        try_again(fetch);
    else
        end(fetch);
}

/* ---- the beginning --------------------------------------------------------------------------- */

/* Errors of the URL are results like any other, and come as late. */
static void start(struct fetch *fetch) {
    enum error error = hop_init(&fetch->hop, &fetch->request);
    if (error == ERROR_NONE)
        error = set_final_url(fetch);
    if (error == ERROR_NONE)
        error = session_queue(fetch->session, fetch, false);
    if (error == ERROR_NONE)
        return;
    fetch_set_error(fetch, error, "%s", error_text(error));
    end(fetch);
}

/* Of one that has not begun. */
static void fetch_free(struct fetch *fetch) {
    memory_free(fetch->result.url);
    memory_free(fetch->save_to);
    memory_free(fetch);
}

static struct fetch *fetch_new(struct session *session, const struct fetch_request *request) {
    struct fetch *fetch = memory_allocate_zeroed(sizeof *fetch);
    if (fetch == NULL)
        return NULL;
    fetch->session = session;
    fetch->member.handler = &member_handler;
    fetch->finish.handler = &finish_handler;
    fetch->total.handler = &total_handler;
    fetch->pause.handler = &pause_handler;
    list_init(&fetch->link);
    attempt_init(fetch);
    fetch->request = *request;
    fetch->policy.rule = session->options.private_addresses;
    fetch->result.attempts = 1;
    fetch->result.timings =
        (struct fetch_timings){FETCH_NO_TIME, FETCH_NO_TIME, FETCH_NO_TIME, FETCH_NO_TIME, 0};
    fetch->result.url = memory_copy_text(request->url, strlen(request->url));
    fetch->request.url = fetch->result.url;
    if (request->save_to != NULL)
        fetch->save_to = memory_copy_text(request->save_to, strlen(request->save_to));
    if (fetch->result.url != NULL && (fetch->save_to != NULL) == (request->save_to != NULL))
        return fetch;
    fetch_free(fetch);
    return NULL;
}

enum error session_fetch(struct session *session, struct scope *scope,
                         const struct fetch_request *request, size_t index, fetch_done *done,
                         void *context) {
    if (session->stopped)
        return ERROR_CANCELLED;
    struct fetch *fetch = fetch_new(session, request);
    if (fetch == NULL)
        return ERROR_NO_MEMORY;
    fetch->result.index = index;
    fetch->done = done;
    fetch->context = context;
    enum error error = scope_enter(scope, &fetch->member);
    if (error != ERROR_NONE) {
        fetch_free(fetch);
        return error;
    }
    start(fetch);
    return ERROR_NONE;
}
