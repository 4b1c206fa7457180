/*
 * One fetch, from the URL to its result. The steps, in order:
 *   session_fetch        the URL is parsed and queued at its origin
 *   fetch_begin          it has a slot: a pooled connection is taken, or
 *   resolve, resolved    the name is looked up
 *   dial, dialled        an address is connected to
 *   fetch_connected      (after the TLS handshake, if any) the request is sent
 *   fetch_received       head, then body, which is hashed and scanned as it comes
 *   complete             the response is whole: the connection goes back to the pool, the slot too
 *   body_finished        the pool of threads has the digest
 *   finish               the result is handed out, the scope is left, the memory freed
 * Every other way out is fail(): what is under way is given up, and finish follows from the ready
 * list, so `done` never runs inside a call of the user.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "http/writer.h"
#include "session_internal.h"

enum fetch_state {
    FETCH_QUEUED,
    FETCH_RESOLVING,
    FETCH_CONNECTING,
    FETCH_AWAITING, /* the request is being sent, or the head awaited */
    FETCH_READING,
    FETCH_HASHING,
    FETCH_ENDING,
};

#define USER_AGENT "ringcast/" RINGCAST_VERSION

static struct loop *loop_of(const struct fetch *fetch) {
    return fetch->session->loop;
}

/* ---- the end -------------------------------------------------------------------------------- */

static void stop_timers(struct fetch *fetch) {
    loop_stop_timer(loop_of(fetch), &fetch->total);
    loop_stop_timer(loop_of(fetch), &fetch->attempt);
    loop_stop_timer(loop_of(fetch), &fetch->phase);
}

static void release_slot(struct fetch *fetch) {
    struct origin *origin = fetch->origin;
    fetch->origin = NULL;
    if (origin != NULL)
        session_release(origin);
}

static void count(const struct fetch *fetch) {
    struct session_statistics *statistics = &fetch->session->statistics;
    const struct fetch_result *result = &fetch->result;
    counter_add(&statistics->fetches, 1);
    counter_add(&statistics->body_bytes, result->bytes);
    histogram_add(&statistics->duration, result->duration);
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
    result->duration = fetch->started == 0 ? 0 : loop_of(fetch)->now - fetch->started;
    count(fetch);
    if (fetch->body_begun)
        body_fini(&fetch->body);
    if (fetch->has_url)
        url_fini(&fetch->url);
    enum error error = result->error;
    fetch->done(fetch->context, result);
    scope_leave(&fetch->member, error);
    memory_free(fetch);
}

static const struct task_handler finish_handler = {"fetch_finish", finish};

/* Gives up whatever is under way. True when nothing is left to wait for. */
static bool give_up(struct fetch *fetch) {
    stop_timers(fetch);
    lookup_abandon(&fetch->lookup);
    if (fetch->dialer != NULL)
        dialer_abandon(fetch->dialer);
    fetch->dialer = NULL;
    if (fetch->connection != NULL)
        connection_drop(fetch->connection);
    fetch->connection = NULL;
    if (fetch->state == FETCH_QUEUED)
        session_unqueue(fetch);
    else
        release_slot(fetch);
    return !fetch->body_begun || body_abandon(&fetch->body);
}

static void set_error(struct fetch *fetch, enum error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_error(struct fetch *fetch, enum error error, const char *format, ...) {
    va_list arguments;
    fetch->result.error = error;
    va_start(arguments, format);
    vsnprintf(fetch->result.detail, sizeof fetch->result.detail, format, arguments);
    va_end(arguments);
}

/* The error is in the result; the first one counts. */
static void end_badly(struct fetch *fetch) {
    bool idle = give_up(fetch);
    fetch->state = FETCH_ENDING;
    if (idle)
        loop_post(loop_of(fetch), &fetch->finish);
}

static void fail(struct fetch *fetch, enum error error) {
    if (fetch->state == FETCH_ENDING)
        return;
    if (fetch->result.detail[0] == '\0')
        set_error(fetch, error, "%s", error_text(error));
    fetch->result.error = error;
    end_badly(fetch);
}

static void cancelled(struct scope_member *member) {
    fail(container_of(member, struct fetch, member), ERROR_CANCELLED);
}

static const struct scope_member_handler member_handler = {"fetch", cancelled};

/* ---- time ----------------------------------------------------------------------------------- */

static void time_out(struct fetch *fetch, const char *what, uint64_t limit) {
    if (fetch->state == FETCH_ENDING)
        return;
    set_error(fetch, ERROR_TIMED_OUT, "%s timed out after %.3g s", what,
              (double)limit / (double)SECOND);
    end_badly(fetch);
}

static void total_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, total);
    time_out(fetch, "the fetch", fetch->session->options.total_timeout);
}

static void attempt_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, attempt);
    time_out(fetch, "the request", fetch->session->options.attempt_timeout);
}

/* Silence is measured from the last byte, and looked at only when it may have been too long: moving
 * the timer at each byte would cost more than reading it. */
static void phase_passed(struct timer *timer) {
    struct fetch *fetch = container_of(timer, struct fetch, phase);
    uint64_t deadline = fetch->phase_began + fetch->phase_limit;
    if (loop_of(fetch)->now < deadline)
        loop_start_timer(loop_of(fetch), &fetch->phase, deadline);
    else
        time_out(fetch, fetch->phase_name, fetch->phase_limit);
}

static const struct timer_handler total_handler = {"fetch_total_timeout", total_passed};
static const struct timer_handler attempt_handler = {"fetch_attempt_timeout", attempt_passed};
static const struct timer_handler phase_handler = {"fetch_phase_timeout", phase_passed};

static void begin_phase(struct fetch *fetch, enum fetch_state state, const char *name,
                        uint64_t limit) {
    fetch->state = (uint8_t)state;
    fetch->phase_name = name;
    fetch->phase_limit = limit;
    fetch->phase_began = loop_of(fetch)->now;
    loop_start_timer(loop_of(fetch), &fetch->phase, fetch->phase_began + limit);
}

/* ---- connecting ----------------------------------------------------------------------------- */

static void dialled(void *context, int descriptor, enum error error,
                    const struct address *address) {
    struct fetch *fetch = context;
    fetch->dialer = NULL;
    if (error != ERROR_NONE) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(address, text);
        set_error(fetch, error, "%s (%s)", error_text(error), text);
        end_badly(fetch);
        return;
    }
    error = connection_new(fetch, descriptor, &fetch->connection);
    if (error != ERROR_NONE)
        fail(fetch, error);
    else if (fetch->url.scheme == URL_HTTP)
        fetch_connected(fetch);
}

static void dial(struct fetch *fetch, const struct address *addresses, size_t count) {
    begin_phase(fetch, FETCH_CONNECTING, "connecting", fetch->session->options.connect_timeout);
    enum error error =
        dialer_new(&fetch->session->background, addresses, count, dialled, fetch, &fetch->dialer);
    if (error != ERROR_NONE)
        fail(fetch, error);
}

static void resolved(struct lookup *lookup, enum error error, const struct address *addresses,
                     size_t count) {
    struct fetch *fetch = container_of(lookup, struct fetch, lookup);
    if (error == ERROR_NONE) {
        dial(fetch, addresses, count);
    } else if (error == ERROR_TIMED_OUT) {
        time_out(fetch, "looking up the name", fetch->session->options.dns_timeout);
    } else {
        set_error(fetch, error, "%s: %.*s", error_text(error), (int)fetch->url.host.size,
                  (const char *)fetch->url.host.data);
        end_badly(fetch);
    }
}

static void resolve(struct fetch *fetch) {
    begin_phase(fetch, FETCH_RESOLVING, "looking up the name", fetch->session->options.dns_timeout);
    enum error error = resolver_lookup(fetch->session->resolver, &fetch->lookup,
                                       url_host_name(&fetch->url), fetch->url.port, resolved);
    if (error != ERROR_NONE)
        fail(fetch, error);
}

void fetch_begin(struct fetch *fetch) {
    struct loop *loop = loop_of(fetch);
    fetch->started = loop->now;
    loop_start_timer(loop, &fetch->total, loop->now + fetch->session->options.total_timeout);
    loop_start_timer(loop, &fetch->attempt, loop->now + fetch->session->options.attempt_timeout);
    fetch->connection = connection_take(fetch->origin, fetch);
    if (fetch->connection == NULL) {
        resolve(fetch);
        return;
    }
    counter_add(&fetch->session->statistics.reused, 1);
    fetch_connected(fetch);
}

/* ---- the request ---------------------------------------------------------------------------- */

static enum error write_request(struct fetch *fetch, struct buffer *target) {
    struct http_field fields[] = {
        {bytes_of("User-Agent"), bytes_of(USER_AGENT)},
        {bytes_of("Accept"), bytes_of("text/html,application/xhtml+xml,*/*;q=0.8")},
        {bytes_of("Accept-Encoding"), bytes_of("identity")},
    };
    struct buffer host = {0};
    enum error error = url_append_target(&fetch->url, target);
    if (error == ERROR_NONE)
        error = url_append_host_header(&fetch->url, &host);
    const struct http_request_head head = {
        .method = bytes_of("GET"),
        .target = buffer_bytes(target),
        .host = buffer_bytes(&host),
        .fields = {fields, sizeof fields / sizeof *fields},
        .content_length = -1,
    };
    if (error == ERROR_NONE)
        error = http_write_request(&fetch->connection->request, &head);
    buffer_fini(&host);
    return error;
}

static void send_request(struct fetch_connection *connection) {
    transport_send(&connection->transport, connection->request.data + connection->request_sent,
                   connection->request.size - connection->request_sent);
}

void fetch_connected(struct fetch *fetch) {
    struct buffer target = {0};
    buffer_clear(&fetch->connection->request);
    fetch->connection->request_sent = 0;
    enum error error = write_request(fetch, &target);
    buffer_fini(&target);
    if (error != ERROR_NONE) {
        fail(fetch, error);
        return;
    }
    begin_phase(fetch, FETCH_AWAITING, "waiting for the response",
                fetch->session->options.read_timeout);
    http_response_start(&fetch->connection->response, false);
    send_request(fetch->connection);
}

void fetch_sent(struct fetch *fetch, size_t size, enum error error) {
    struct fetch_connection *connection = fetch->connection;
    connection->request_sent += size;
    if (error != ERROR_NONE)
        fetch_ended(fetch, error);
    else if (connection->request_sent < connection->request.size)
        send_request(connection);
}

/* ---- the response --------------------------------------------------------------------------- */

static bool is_success(int status) {
    return status >= 200 && status <= 299;
}

static void body_drained(struct body *body) {
    struct fetch *fetch = container_of(body, struct fetch, body);
    if (fetch->connection != NULL) {
        fetch->phase_began = loop_of(fetch)->now; /* the silence was ours */
        transport_start_receive(&fetch->connection->transport);
    }
}

static void body_finished(struct body *body) {
    struct fetch *fetch = container_of(body, struct fetch, body);
    struct fetch_result *result = &fetch->result;
    if (fetch->state != FETCH_ENDING) {
        memcpy(result->digest, body->digest, sizeof result->digest);
        result->has_digest = true;
        result->bytes = body->size;
        struct bytes title = title_scanner_text(&body->title);
        if (body->has_title && body->title.result == TITLE_FOUND) {
            result->title = memory_copy_text((const char *)title.data, title.size);
            if (result->title == NULL) {
                result->has_digest = false;
                set_error(fetch, ERROR_NO_MEMORY, "%s", error_text(ERROR_NO_MEMORY));
            }
        }
        stop_timers(fetch);
        fetch->state = FETCH_ENDING;
    }
    loop_post(loop_of(fetch), &fetch->finish);
}

static const struct body_events body_events = {body_drained, body_finished};

/* A coding that was not asked for cannot be undone yet, and a digest of it would mislead. */
static bool has_coding(struct http_fields fields) {
    struct bytes coding;
    return http_fields_find(fields, "content-encoding", &coding) &&
           !bytes_equal_ignoring_case(coding, bytes_of("identity"));
}

static void take_head(struct fetch *fetch, const struct http_response *response) {
    struct bytes content_type = {0};
    fetch->result.status = response->status;
    fetch->state = FETCH_READING;
    if (!is_success(response->status))
        return;
    if (has_coding(response->fields)) {
        set_error(fetch, ERROR_UNSUPPORTED, "the body has a content coding that was not asked for");
        end_badly(fetch);
        return;
    }
    http_fields_find(response->fields, "content-type", &content_type);
    struct session *session = fetch->session;
    body_init(&fetch->body, &session->port, &body_events, content_type, response->content_length,
              session->options.inline_below, session->options.max_body);
    fetch->body_begun = true;
    if (response->content_length > 0 &&
        (uint64_t)response->content_length > session->options.max_body)
        fail(fetch, ERROR_BODY_TOO_LARGE);
}

static void take_body(struct fetch *fetch, struct bytes piece) {
    bool stop = false;
    enum error error = ERROR_NONE;
    if (fetch->body_begun)
        error = body_add(&fetch->body, piece, &stop);
    else if (piece.size > fetch->session->options.max_body - fetch->result.bytes)
        error = ERROR_BODY_TOO_LARGE;
    fetch->result.bytes += piece.size;
    if (error != ERROR_NONE)
        fail(fetch, error);
    else if (stop)
        transport_pause_receive(&fetch->connection->transport);
}

/* `kept` says that the connection may carry another request. */
static void complete(struct fetch *fetch, bool kept) {
    struct fetch_connection *connection = fetch->connection;
    fetch->connection = NULL;
    if (kept)
        connection_keep(connection);
    else
        connection_drop(connection);
    stop_timers(fetch);
    release_slot(fetch);
    if (fetch->body_begun) {
        fetch->state = FETCH_HASHING;
        body_finish(&fetch->body);
        return;
    }
    int status = fetch->result.status;
    set_error(fetch, ERROR_HTTP_STATUS, "HTTP %d %s", status, http_status_text(status));
    end_badly(fetch);
}

static bool may_keep(const struct fetch *fetch, struct bytes behind) {
    const struct fetch_connection *connection = fetch->connection;
    return behind.size == 0 && connection->request_sent == connection->request.size &&
           http_response_keeps_alive(&connection->response) &&
           !scope_is_cancelled(&fetch->session->background);
}

void fetch_received(struct fetch *fetch, struct bytes data) {
    struct fetch_connection *connection = fetch->connection;
    struct bytes piece;
    fetch->phase_began = loop_of(fetch)->now;
    /* each case may end the fetch, and with it its hold of the connection */
    while (fetch->connection == connection) {
        switch (http_response_next(&connection->response, &data, &piece)) {
        case HTTP_NEED_MORE:
            return;
        case HTTP_HEAD:
            take_head(fetch, &connection->response);
            break;
        case HTTP_BODY:
            take_body(fetch, piece);
            break;
        case HTTP_END:
            complete(fetch, may_keep(fetch, data));
            return;
        case HTTP_ERROR:
            fail(fetch, http_response_error(&connection->response));
            return;
        }
    }
}

/* ---- the connection's end ------------------------------------------------------------------- */

/* A pooled connection may have been closed by its server while our request was on the way: one more
 * try on a fresh one costs nothing and hides nothing, since not a byte of an answer came. */
static bool is_stale(const struct fetch *fetch) {
    return fetch->connection->used && !fetch->retried &&
           !http_response_started(&fetch->connection->response);
}

static void start_again(struct fetch *fetch) {
    fetch->retried = true;
    counter_add(&fetch->session->statistics.retried, 1);
    connection_drop(fetch->connection);
    fetch->connection = NULL;
    resolve(fetch);
}

static void describe_tls_error(struct fetch *fetch) {
    const struct tls *tls = transport_tls(&fetch->connection->transport);
    if (tls != NULL && tls_error(tls) != ERROR_NONE && tls_error_detail(tls)[0] != '\0')
        set_error(fetch, tls_error(tls), "%s", tls_error_detail(tls));
}

void fetch_ended(struct fetch *fetch, enum error error) {
    struct http_response *response = &fetch->connection->response;
    if (fetch->state != FETCH_CONNECTING && is_stale(fetch)) {
        start_again(fetch);
        return;
    }
    if (error == ERROR_END_OF_STREAM && fetch->state != FETCH_CONNECTING) {
        if (http_response_end_of_stream(response) == HTTP_END) {
            complete(fetch, false);
            return;
        }
        error = http_response_error(response);
    }
    describe_tls_error(fetch);
    fail(fetch, error);
}

/* ---- the beginning -------------------------------------------------------------------------- */

static enum error parse(struct fetch *fetch) {
    enum error error = url_parse(&fetch->url, bytes_of(fetch->result.url), NULL);
    fetch->has_url = error == ERROR_NONE;
    if (error == ERROR_NONE && url_has_credentials(&fetch->url))
        return ERROR_URL_CREDENTIALS;
    struct buffer href = {0};
    if (error == ERROR_NONE)
        error = url_append_href(&fetch->url, &href, URL_WITHOUT_FRAGMENT);
    if (error == ERROR_NONE) {
        fetch->result.final_url = memory_copy_text((const char *)href.data, href.size);
        error = fetch->result.final_url == NULL ? ERROR_NO_MEMORY : ERROR_NONE;
    }
    buffer_fini(&href);
    return error;
}

/* Errors of the URL are results like any other, and come as late. */
static void start(struct fetch *fetch) {
    enum error error = parse(fetch);
    if (error == ERROR_NONE)
        error = session_queue(fetch->session, fetch);
    if (error == ERROR_NONE)
        return;
    fetch->state = FETCH_ENDING;
    set_error(fetch, error, "%s", error_text(error));
    loop_post(loop_of(fetch), &fetch->finish);
}

enum error session_fetch(struct session *session, struct scope *scope, const char *url,
                         size_t index, fetch_done *done, void *context) {
    struct fetch *fetch = memory_allocate_zeroed(sizeof *fetch);
    if (fetch == NULL)
        return ERROR_NO_MEMORY;
    fetch->session = session;
    fetch->member.handler = &member_handler;
    fetch->finish.handler = &finish_handler;
    fetch->total.handler = &total_handler;
    fetch->attempt.handler = &attempt_handler;
    fetch->phase.handler = &phase_handler;
    fetch->done = done;
    fetch->context = context;
    fetch->result.index = index;
    fetch->result.url = memory_copy_text(url, strlen(url));
    list_init(&fetch->link);
    enum error error =
        fetch->result.url == NULL ? ERROR_NO_MEMORY : scope_enter(scope, &fetch->member);
    if (error != ERROR_NONE) {
        memory_free(fetch->result.url);
        memory_free(fetch);
        return error;
    }
    start(fetch);
    return ERROR_NONE;
}
