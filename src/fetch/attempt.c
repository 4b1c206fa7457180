/*
 * One attempt: a request and its response. The steps, in order:
 *   attempt_begin        a pooled connection is taken, or connect_begin() makes one
 *   attempt_connected    the request is sent
 *   attempt_received     head, then body, which is hashed and scanned as it comes
 *   complete             the response is whole: the connection goes back to the pool, the slot too
 *   body_finished        the pool of threads has the digest
 *   attempt_over         nothing is under way any more: fetch_attempt_over() decides what is next
 * Every other way out is attempt_fail(): what is under way is given up, and attempt_over follows at
 * once, or when the pool of threads lets go of the body.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fetch.h"
#include "http/writer.h"
#include "retry.h"

/* A body that nobody wants is read to its end when that is near, for the sake of the connection. */
enum { DRAIN_BYTES = 32 * 1024 };

static bool is_success(int status) {
    return status >= 200 && status <= 299;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void stop_timers(struct fetch *fetch) {
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

static void attempt_over(struct fetch *fetch) {
    become_idle(fetch);
    fetch_attempt_over(fetch);
}

bool attempt_stop(struct fetch *fetch) {
    struct attempt *attempt = &fetch->attempt;
    stop_timers(fetch);
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

/* ---- time ----------------------------------------------------------------------------------- */

static void limit_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, attempt.limit);
    attempt_time_out(fetch, "the request", fetch->session->options.attempt_timeout);
}

/* Silence is measured from the last byte, and looked at only when it may have been too long: moving
 * the timer at each byte would cost more than reading it. */
static void phase_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, attempt.phase);
    struct attempt *attempt = &fetch->attempt;
    uint64_t deadline = attempt->phase_began + attempt->phase_limit;
    if (fetch_loop(fetch)->now < deadline)
        loop_start_timer(fetch_loop(fetch), &attempt->phase, deadline);
    else
        attempt_time_out(fetch, attempt->phase_name, attempt->phase_limit);
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

uint64_t attempt_step(struct fetch *fetch) {
    uint64_t now = fetch_loop(fetch)->now, took = now - fetch->attempt.step_began;
    fetch->attempt.step_began = now;
    return took;
}

/* ---- the beginning -------------------------------------------------------------------------- */

void attempt_init(struct fetch *fetch) {
    fetch->attempt.limit.handler = &limit_handler;
    fetch->attempt.phase.handler = &phase_handler;
}

/* What the attempt before has left in the result says nothing about this one. */
static void forget(struct fetch *fetch) {
    struct fetch_result *result = &fetch->result;
    result->status = 0;
    result->http_minor = 0;
    result->bytes = result->wire_bytes = result->retry_after = 0;
    result->error = ERROR_NONE;
    result->detail[0] = '\0';
    result->timings.dns = result->timings.connect = FETCH_NO_TIME;
    result->timings.tls = result->timings.ttfb = FETCH_NO_TIME;
    buffer_clear(&fetch->attempt.location);
    fetch->attempt.has_retry_after = fetch->attempt.replaced = false;
}

/* A pooled connection may have been closed by its server while the request is on the way, and then
 * nobody knows whether it was heard: what must not be sent twice gets a fresh one. */
static struct fetch_connection *take_pooled(struct fetch *fetch) {
    return retry_allows_method(fetch->hop.method)
               ? connection_take(fetch->origin, fetch, &fetch->policy)
               : NULL;
}

void attempt_begin(struct fetch *fetch) {
    struct loop *loop = fetch_loop(fetch);
    forget(fetch);
    loop_start_timer(loop, &fetch->attempt.limit,
                     loop->now + fetch->session->options.attempt_timeout);
    fetch->attempt.by_proxy = fetch->origin->proxy != NULL;
    if (!connect_is_allowed(fetch)) {
        attempt_fail(fetch, ERROR_ADDRESS_NOT_ALLOWED);
        return;
    }
    fetch->attempt.connection = take_pooled(fetch);
    fetch->result.reused = fetch->attempt.connection != NULL;
    fetch->result.unverified =
        fetch->origin->trust != NULL && fetch->origin->trust->options.accept_any_certificate;
    if (!fetch->result.reused) {
        connect_begin(fetch);
        return;
    }
    fetch->attempt.address = fetch->attempt.connection->address;
    counter_add(&fetch->session->statistics.reused, 1);
    attempt_connected(fetch);
}

/* ---- the request ---------------------------------------------------------------------------- */

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

/* ---- the body ------------------------------------------------------------------------------- */

static void body_drained(struct body *body) {
    struct fetch *fetch = container_of(body, struct fetch, attempt.body);
    if (fetch->attempt.connection != NULL) {
        fetch->attempt.phase_began = fetch_loop(fetch)->now; /* the silence was ours */
        transport_start_receive(&fetch->attempt.connection->transport);
    }
}

static void take_digest(struct fetch *fetch, struct body *body) {
    struct fetch_result *result = &fetch->result;
    struct bytes title = title_scanner_text(&body->title);
    if (body->has_title && body->title.result == TITLE_FOUND)
        result->title = memory_copy_text((const char *)title.data, title.size);
    /* a title that memory was lacking for is not the same as none */
    if (body->has_title && body->title.result != TITLE_NONE && result->title == NULL) {
        fetch_set_error(fetch, ERROR_NO_MEMORY, "%s", error_text(ERROR_NO_MEMORY));
        return;
    }
    memcpy(result->digest, body->digest, sizeof result->digest);
    result->has_digest = true;
    if (body->file != NULL) {
        result->saved = fetch->save_to;
        fetch->save_to = NULL;
    }
}

static void body_finished(struct body *body) {
    struct fetch *fetch = container_of(body, struct fetch, attempt.body);
    if (fetch->attempt.state == ATTEMPT_HASHING)
        take_digest(fetch, body);
    attempt_over(fetch);
}

static void body_failed(struct body *body, enum error error) {
    struct fetch *fetch = container_of(body, struct fetch, attempt.body);
    if (error != ERROR_SAVE_FAILED) {
        attempt_fail(fetch, error);
        return;
    }
    fetch_set_error(fetch, error, "%s: %s", error_text(error),
                    strerrordesc_np(body->file->failure));
    attempt_fail_as_set(fetch);
}

static enum error save_body(struct fetch *fetch) {
    struct body_file *file;
    if (fetch->save_to == NULL)
        return ERROR_NONE;
    enum error error = body_file_new(fetch->save_to, &file);
    if (error == ERROR_NONE)
        body_save(&fetch->attempt.body, file);
    return error;
}

static const struct body_events body_events = {body_drained, body_failed, body_finished};

static void begin_body(struct fetch *fetch, const struct http_response *response) {
    const struct session_options *options = &fetch->session->options;
    enum error error =
        body_init(&fetch->attempt.body, &fetch->session->port, &body_events, response->fields,
                  response->content_length, options->inline_below, options->max_body);
    fetch->attempt.body_begun = error == ERROR_NONE;
    if (error == ERROR_NONE)
        error = save_body(fetch);
    if (error != ERROR_NONE)
        attempt_fail(fetch, error);
}

/* ---- the response --------------------------------------------------------------------------- */

static bool is_head(const struct fetch *fetch) {
    return bytes_equal(fetch->hop.method, bytes_of("HEAD"));
}

/* A 304 says something only to who asked with validators (RFC 9110 §15.4.5). */
static bool is_unchanged(const struct fetch *fetch) {
    const struct fetch_validators *validators = fetch->request.validators;
    return fetch->result.status == HTTP_STATUS_NOT_MODIFIED && validators != NULL &&
           strcmp(validators->url, fetch->result.final_url) == 0;
}

struct cookie_party attempt_party(const struct fetch *fetch) {
    return (struct cookie_party){.url = &fetch->hop.url,
                                 .is_secure = fetch->hop.url.scheme == URL_HTTPS &&
                                              !fetch->result.unverified};
}

/* Of any response, whatever becomes of it; not from trailers. */
static enum error take_cookies(struct fetch *fetch, const struct http_response *response) {
    const struct cookie_party party = attempt_party(fetch);
    bool changed = false;
    if (fetch->session->jar == NULL)
        return ERROR_NONE;
    enum error error =
        cookie_jar_take(fetch->session->jar, &party, response->fields,
                        (int64_t)(ring_wall(fetch_loop(fetch)->ring) / SECOND), &changed);
    fetch->jar_changed |= changed;
    return error;
}

static void take_head(struct fetch *fetch, const struct http_response *response) {
    fetch->result.status = response->status;
    fetch->result.http_minor = response->minor_version;
    fetch->attempt.state = ATTEMPT_READING;
    enum error error = take_cookies(fetch, response);
    if (error != ERROR_NONE)
        attempt_fail(fetch, error);
    else if (is_success(response->status) && !is_head(fetch))
        begin_body(fetch, response);
}

/* Keeps a validator of the response, if it has one. False for want of memory. */
static bool keep_field(struct http_fields fields, const char *name, char **text) {
    struct bytes value;
    if (!http_fields_find(fields, name, &value))
        return true;
    *text = memory_copy_text((const char *)value.data, value.size);
    return *text != NULL;
}

/* What the response says about what is next, while it can be read. */
static enum error note_fields(struct fetch *fetch, struct http_fields fields) {
    struct attempt *attempt = &fetch->attempt;
    struct fetch_result *result = &fetch->result;
    struct bytes location;
    if (is_success(result->status))
        return !fetch->request.wants_validators ||
                       (keep_field(fields, "etag", &result->etag) &&
                        keep_field(fields, "last-modified", &result->last_modified))
                   ? ERROR_NONE
                   : ERROR_NO_MEMORY;
    attempt->has_retry_after = retry_after(fields, &attempt->retry_after);
    result->retry_after = attempt->has_retry_after ? attempt->retry_after : 0;
    if (hop_is_redirect(result->status) && http_fields_find(fields, "location", &location))
        return buffer_append(&attempt->location, location.data, location.size);
    return ERROR_NONE;
}

/* The response is whole; `kept` says that the connection may carry another request. */
static void complete(struct fetch *fetch, bool kept) {
    struct attempt *attempt = &fetch->attempt;
    struct fetch_connection *connection = attempt->connection;
    int status = fetch->result.status;
    enum error error = note_fields(fetch, connection->response.fields);
    if (error != ERROR_NONE) {
        attempt_fail(fetch, error);
        return;
    }
    attempt->connection = NULL;
    if (kept)
        connection_keep(connection);
    else
        connection_drop(connection);
    stop_timers(fetch);
    if (retry_pauses_origin(status))
        fetch_pause_origin(fetch);
    fetch_release_slot(fetch);
    if (attempt->body_begun) {
        attempt->state = ATTEMPT_HASHING;
        body_finish(&attempt->body);
        return;
    }
    fetch->result.unchanged = is_unchanged(fetch);
    if (!is_success(status) && !fetch->result.unchanged)
        fetch_set_error(fetch, ERROR_HTTP_STATUS, "HTTP %d %s", status, http_status_text(status));
    attempt_over(fetch);
}

static void take_body(struct fetch *fetch, struct bytes piece) {
    struct attempt *attempt = &fetch->attempt;
    bool stop = false;
    fetch->result.bytes += piece.size;
    fetch->result.wire_bytes += piece.size;
    if (!attempt->body_begun) {
        if (fetch->result.bytes > DRAIN_BYTES)
            complete(fetch, false);
        return;
    }
    enum error error = body_add(&attempt->body, piece, &stop);
    if (error != ERROR_NONE)
        attempt_fail(fetch, error);
    else if (stop)
        transport_pause_receive(&attempt->connection->transport);
}

static bool may_keep(const struct fetch *fetch, struct bytes behind) {
    const struct fetch_connection *connection = fetch->attempt.connection;
    return behind.size == 0 && connection->request_sent == connection->request.size &&
           http_response_keeps_alive(&connection->response) &&
           !scope_is_cancelled(&fetch->session->background);
}

void attempt_received(struct fetch *fetch, struct bytes data) {
    struct fetch_connection *connection = fetch->attempt.connection;
    struct http_response *response = &connection->response;
    struct bytes piece;
    fetch->attempt.phase_began = fetch_loop(fetch)->now;
    if (!http_response_started(response))
        fetch->result.timings.ttfb = attempt_step(fetch);
    /* each case may end the attempt, and with it its hold of the connection */
    while (fetch->attempt.connection == connection) {
        switch (http_response_next(response, &data, &piece)) {
        case HTTP_NEED_MORE:
            return;
        case HTTP_HEAD:
            take_head(fetch, response);
            break;
        case HTTP_BODY:
            take_body(fetch, piece);
            break;
        case HTTP_END:
            complete(fetch, may_keep(fetch, data));
            return;
        case HTTP_ERROR:
            attempt_fail(fetch, http_response_error(response));
            return;
        }
    }
}

/* ---- the connection's end ------------------------------------------------------------------- */

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
            complete(fetch, false);
            return;
        }
        error = http_response_error(response);
    }
    fail_of_connection(fetch, error);
}
