/*
 * One attempt: a request and its response. The steps, in order:
 *   attempt_begin        a pooled connection is taken, or connect_begin() makes one
 *   attempt_connected    the request is sent
 *   attempt_received     head, then body, which is hashed and scanned as it comes; this and the
 *                        next are in attempt_response.c
 *   attempt_complete     the response is whole: the connection goes back to the pool
 *   attempt_over         the body is hashed, too, and nothing is under way any more: the slot goes
 *                        back, and fetch_attempt_over() decides what is next
 * Every other way out is attempt_fail(): what is under way is given up, and attempt_over follows at
 * once, or when the pool of threads lets go of the body.
 */
#include <stdio.h>

#include "base/clock.h"
#include "fetch.h"
#include "retry.h"

/* ---- the end --------------------------------------------------------------------------------- */

void attempt_stop_timers(struct fetch *fetch) {
    loop_stop_timer(fetch_loop(fetch), &fetch->attempt.limit);
    loop_stop_timer(fetch_loop(fetch), &fetch->attempt.phase);
}

/* Nothing of it is under way any more. */
static void become_idle(struct fetch *fetch) {
    struct attempt *attempt = &fetch->attempt;
    if (attempt->body_begun) {
        fetch->result.bytes = attempt->body.size;
        fetch->result.wire_bytes = attempt->body.wire_size;
        body_fini(&attempt->body);
    }
    attempt->body_begun = false;
    attempt->state = ATTEMPT_IDLE;
}

void attempt_over(struct fetch *fetch) {
    become_idle(fetch);
    fetch_release_slot(fetch);
    fetch_attempt_over(fetch);
}

bool attempt_stop(struct fetch *fetch) {
    struct attempt *attempt = &fetch->attempt;
    attempt_stop_timers(fetch);
    connect_abandon(fetch);
    if (attempt->connection != NULL)
        connection_drop(attempt->connection);
    attempt->connection = NULL;
    fetch_release_slot(fetch);
    if (attempt->state == ATTEMPT_STOPPING)
        return false;
    attempt->state = ATTEMPT_STOPPING;
    if (attempt->body_begun && !body_abandon(&attempt->body))
        return false;
    become_idle(fetch);
    return true;
}

/* The error is in the result; the first one counts. */
void attempt_fail_as_set(struct fetch *fetch) {
    if (attempt_stop(fetch))
        attempt_over(fetch);
}

void attempt_fail(struct fetch *fetch, enum error error) {
    fetch_set_error(fetch, error, "%s", error_text(error));
    attempt_fail_as_set(fetch);
}

void attempt_time_out(struct fetch *fetch, const char *what, uint64_t limit) {
    fetch_set_error(fetch, ERROR_TIMED_OUT, "%s timed out after %.3g s", what,
                    (double)limit / (double)SECOND);
    attempt_fail_as_set(fetch);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void limit_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, attempt.limit);
    attempt_time_out(fetch, "the request", fetch->session->options.attempt_timeout);
}

/* Silence is measured from the last byte, and looked at only when it may have been too long: moving
 * the timer at each byte would cost more than reading it. A lookup is looked at in between. */
static void phase_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, attempt.phase);
    struct attempt *attempt = &fetch->attempt;
    if (attempt->body_begun && attempt->body.full) /* the silence is ours: nothing is read */
        attempt->phase_began = fetch_loop(fetch)->now;
    uint64_t deadline = attempt->phase_began + attempt->phase_limit;
    if (fetch_loop(fetch)->now >= deadline) {
        attempt_time_out(fetch, attempt->phase_name, attempt->phase_limit);
        return;
    }
    if (attempt->state == ATTEMPT_RESOLVING)
        connect_name_is_slow(fetch);
    loop_start_timer(fetch_loop(fetch), &attempt->phase, deadline);
}

static const struct timer_handler limit_handler = {"fetch_attempt_timeout", limit_passed};
static const struct timer_handler phase_handler = {"fetch_phase_timeout", phase_passed};

void attempt_begin_phase(struct fetch *fetch, enum attempt_state state, const char *name,
                         uint64_t limit) {
    struct attempt *attempt = &fetch->attempt;
    attempt->state = (uint8_t)state;
    attempt->phase_name = name;
    attempt->phase_limit = limit;
    attempt->phase_began = attempt->step_began = fetch_loop(fetch)->now;
    loop_start_timer(fetch_loop(fetch), &attempt->phase, attempt->phase_began + limit);
}

void attempt_begin_limit(struct fetch *fetch) {
    struct loop *loop = fetch_loop(fetch);
    loop_start_timer(loop, &fetch->attempt.limit,
                     loop->now + fetch->session->options.attempt_timeout);
}

uint64_t attempt_step(struct fetch *fetch) {
    uint64_t now = fetch_loop(fetch)->now, took = now - fetch->attempt.step_began;
    fetch->attempt.step_began = now;
    return took;
}

/* ---- the beginning --------------------------------------------------------------------------- */

void attempt_init(struct fetch *fetch) {
    fetch->attempt.limit.handler = &limit_handler;
    fetch->attempt.phase.handler = &phase_handler;
}

/* What the attempt before has left in the result says nothing about this one. */
static void forget(struct fetch *fetch) {
    struct fetch_result *result = &fetch->result;
    result->status = 0;
    result->http_minor = 0;
    result->bytes = result->wire_bytes = result->retry_after = result->fresh = 0;
    result->error = ERROR_NONE;
    result->detail[0] = '\0';
    result->timings.dns = result->timings.connect = FETCH_NO_TIME;
    result->timings.tls = result->timings.ttfb = FETCH_NO_TIME;
    buffer_clear(&fetch->attempt.location);
    fetch->attempt.has_retry_after = fetch->attempt.replaced = false;
    fetch->attempt.lent_before = false;
}

/* A pooled connection may have been closed by its server while the request is on the way, and then
 * nobody knows whether it was heard: what must not be sent twice gets a fresh one. */
static struct fetch_connection *take_pooled(struct fetch *fetch) {
    return retry_allows_method(fetch->hop.method)
               ? connection_take(fetch->origin, fetch, &fetch->policy)
               : NULL;
}

void attempt_begin(struct fetch *fetch) {
    forget(fetch);
    attempt_begin_limit(fetch);
    fetch->attempt.by_proxy = fetch->origin->proxy != NULL;
    if (!connect_is_allowed(fetch)) {
        attempt_fail(fetch, ERROR_ADDRESS_NOT_ALLOWED);
        return;
    }
    fetch->attempt.connection = take_pooled(fetch);
    fetch->result.reused = fetch->attempt.connection != NULL;
    fetch->result.unverified |= /* on one step of the way, or on all */
        fetch->origin->trust != NULL && fetch->origin->trust->options.accept_any_certificate;
    if (!fetch->result.reused) {
        connect_begin(fetch);
        return;
    }
    fetch->attempt.address = fetch->attempt.connection->address;
    counter_add(&fetch->session->statistics.reused, 1);
    attempt_connected(fetch);
}

/* ---- the request ----------------------------------------------------------------------------- */

static void send_request(struct fetch_connection *connection) {
    transport_send(&connection->transport, connection->request.data + connection->request_sent,
                   connection->request.size - connection->request_sent);
}

void attempt_connected(struct fetch *fetch) {
    struct fetch_connection *connection = fetch->attempt.connection;
    buffer_clear(&connection->request);
    connection->request_sent = 0;
    enum error error = head_write(fetch, &connection->request);
    if (error != ERROR_NONE) {
        attempt_fail(fetch, error);
        return;
    }
    attempt_begin_phase(fetch, ATTEMPT_AWAITING, "waiting for the response",
                        fetch->session->options.read_timeout);
    http_response_start(&connection->response, bytes_equal(fetch->hop.method, bytes_of("HEAD")));
    send_request(connection);
}

void attempt_sent(struct fetch *fetch, size_t size, enum error error) {
    struct fetch_connection *connection = fetch->attempt.connection;
    connection->request_sent += size;
    fetch->attempt.phase_began = fetch_loop(fetch)->now;
    if (error != ERROR_NONE)
        attempt_ended(fetch, error);
    else if (connection->request_sent < connection->request.size)
        send_request(connection);
}

/* ---- the connection's end -------------------------------------------------------------------- */

/* A pooled connection may have been closed by its server while our request was on the way: one more
 * try on a fresh one costs nothing and hides nothing, since not a byte of an answer came. */
static bool is_stale(const struct fetch *fetch) {
    return fetch->attempt.state != ATTEMPT_CONNECTING && fetch->attempt.connection->used &&
           !fetch->attempt.replaced && !http_response_started(&fetch->attempt.connection->response);
}

static void replace_connection(struct fetch *fetch) {
    fetch->attempt.replaced = true;
    fetch->result.reused = false;
    counter_add(&fetch->session->statistics.retried, 1);
    connection_drop(fetch->attempt.connection);
    fetch->attempt.connection = NULL;
    connect_begin(fetch);
}

static void fail_of_connection(struct fetch *fetch, enum error error) {
    const struct tls *tls = transport_tls(&fetch->attempt.connection->transport);
    if (tls == NULL || tls_error(tls) == ERROR_NONE || tls_error_detail(tls)[0] == '\0') {
        attempt_fail(fetch, error);
        return;
    }
    fetch_set_error(fetch, error, "%s", tls_error_detail(tls));
    attempt_fail_as_set(fetch);
}

void attempt_ended(struct fetch *fetch, enum error error) {
    struct http_response *response = &fetch->attempt.connection->response;
    if (is_stale(fetch)) {
        replace_connection(fetch);
        return;
    }
    if (error == ERROR_END_OF_STREAM && fetch->attempt.state != ATTEMPT_CONNECTING) {
        if (http_response_end_of_stream(response) == HTTP_END) {
            attempt_complete(fetch, false);
            return;
        }
        error = http_response_error(response);
    }
    fail_of_connection(fetch, error);
}
