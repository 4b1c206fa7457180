/*
 * What an attempt makes of its response:
 *   take_head            status and cookies; a body that is wanted begins
 *   take_body            its pieces, until reading must pause; body_drained goes on
 *   attempt_complete     the response is whole, and its connection is done with
 *   body_finished        the pool of threads has the digest: the result is there
 */
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fetch.h"
#include "freshness.h"
#include "http/writer.h"
#include "retry.h"

/* A body that nobody wants is read to its end when that is near, for the sake of the connection. */
enum { DRAIN_BYTES = 32 * 1024 };

static bool is_success(int status) {
    return status >= 200 && status <= 299;
}

/* ---- the body -------------------------------------------------------------------------------- */

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

/* ---- the response ---------------------------------------------------------------------------- */

static bool is_head(const struct fetch *fetch) {
    return bytes_equal(fetch->hop.method, bytes_of("HEAD"));
}

/* A 304 says something only to who asked with validators (RFC 9110 §15.4.5). */
static bool is_unchanged(const struct fetch *fetch) {
    return fetch->result.status == HTTP_STATUS_NOT_MODIFIED && head_has_validators(fetch);
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
    result->fresh = freshness_of(fields);
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

void attempt_complete(struct fetch *fetch, bool kept) {
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
    attempt_stop_timers(fetch);
    if (retry_pauses_origin(status))
        fetch_pause_origin(fetch);
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
            attempt_complete(fetch, false);
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
            attempt_complete(fetch, may_keep(fetch, data));
            return;
        case HTTP_ERROR:
            attempt_fail(fetch, http_response_error(response));
            return;
        }
    }
}
