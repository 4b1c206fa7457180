/*
 * One exchange after another. The flow of each:
 *   opening_advance       what may come before HTTP
 *   transport_received    bytes are parsed; a whole request is announced
 *   http_connection_respond, or _refuse: the response is written and sent
 *   transport_sent        all of it is out: the next request, or the end
 *   linger                the end: our side is shut, the peer has a moment to read and close, since
 *                         closing with unread input would reset the connection and lose the
 * response
 */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "exchange.h"
#include "forwarded.h"
#include "ring/socket.h"

enum { LINGER_SECONDS = 2, BEHIND_MAX = 64 * 1024 };

static struct http_connection *connection_of(struct transport *transport) {
    return container_of(transport, struct http_connection, transport);
}

static struct loop *loop_of(struct exchange *exchange) {
    return exchange->connection->server->loop;
}

static void set_timer(struct exchange *exchange, uint64_t duration) {
    struct loop *loop = loop_of(exchange);
    loop_stop_timer(loop, &exchange->timer);
    loop_start_timer(loop, &exchange->timer, loop->now + duration);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void linger(struct exchange *exchange) {
    exchange->state = EXCHANGE_LINGERING;
    if (exchange->peer_ended) {
        transport_close(&exchange->connection->transport);
        return;
    }
    transport_shutdown(&exchange->connection->transport);
    transport_start_receive(&exchange->connection->transport);
    set_timer(exchange, LINGER_SECONDS * SECOND);
}

static void exchange_free(struct exchange *exchange) {
    loop_stop_timer(loop_of(exchange), &exchange->timer);
    http_request_fini(&exchange->request);
    buffer_fini(&exchange->body);
    buffer_fini(&exchange->behind);
    buffer_fini(&exchange->output);
    if (exchange->handshaking)
        counter_add(&exchange->connection->server->statistics.handshakes_failed, 1);
    exchange->connection->exchange = NULL;
    memory_free(exchange);
}

static void timed_out(struct timer *timer) {
    struct exchange *exchange = container_of(timer, struct exchange, timer);
    struct http_connection *connection = exchange->connection;
    bool reading = exchange->state <= EXCHANGE_READING;
    bool started = http_request_started(&exchange->request);
    if (reading && (started || !exchange->kept_alive))
        counter_add(&connection->server->statistics.head_timeouts, 1);
    if (reading && started)
        http_connection_refuse(connection, HTTP_STATUS_REQUEST_TIMEOUT,
                               "the request took too long to arrive");
    else
        transport_close(&connection->transport);
}

static const struct timer_handler timer_handler = {"http_timeout", timed_out};

/* ---- reading --------------------------------------------------------------------------------- */

static int status_of(enum error error) {
    switch (error) {
    case ERROR_HTTP_LINE_TOO_LONG:
        return HTTP_STATUS_URI_TOO_LONG;
    case ERROR_HTTP_HEAD_TOO_LARGE:
        return HTTP_STATUS_FIELDS_TOO_LARGE;
    case ERROR_UNSUPPORTED:
        return HTTP_STATUS_NOT_IMPLEMENTED;
    case ERROR_HTTP_VERSION:
        return HTTP_STATUS_VERSION_NOT_SUPPORTED;
    case ERROR_BODY_TOO_LARGE:
        return HTTP_STATUS_CONTENT_TOO_LARGE;
    case ERROR_NO_MEMORY:
        return HTTP_STATUS_SERVICE_UNAVAILABLE;
    default:
        return HTTP_STATUS_BAD_REQUEST;
    }
}

static void refuse_bad_request(struct exchange *exchange, enum error error) {
    counter_add(&exchange->connection->server->statistics.bad_requests, 1);
    http_connection_refuse(exchange->connection, status_of(error), error_text(error));
}

static enum error keep_body(struct exchange *exchange, struct bytes piece) {
    /* added, since the bound may be lower than when the body began */
    if (exchange->body.size + piece.size > exchange->connection->server->options.max_body)
        return ERROR_BODY_TOO_LARGE;
    return buffer_append(&exchange->body, piece.data, piece.size);
}

/* Is there something to answer or to send before the next bytes are read? A 100 Continue counts: it
 * must be out before a response, or an upgrade's first send, can follow. */
static bool is_answering(const struct exchange *exchange) {
    return exchange->state != EXCHANGE_READING ||
           transport_is_sending(&exchange->connection->transport);
}

static void invite_body(struct exchange *exchange) {
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    struct http_connection *connection = exchange->connection;
    /* a client that gets no 100 sends its body after a while all the same (RFC 9110 10.1.1) */
    if (exchange->request.expects_continue &&
        buffer_append(&exchange->output, go_on, sizeof go_on - 1) == ERROR_NONE)
        transport_send(&connection->transport, exchange->output.data, exchange->output.size);
}

static void announce(struct exchange *exchange, struct bytes rest) {
    struct http_connection *connection = exchange->connection;
    exchange->state = EXCHANGE_ANNOUNCED;
    loop_stop_timer(loop_of(exchange), &exchange->timer);
    counter_add(&connection->server->statistics.requests, 1);
    struct buffer behind = {0};
    if (buffer_append(&behind, rest.data, rest.size) != ERROR_NONE) {
        http_connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, "out of memory");
        return;
    }
    buffer_fini(&exchange->behind);
    exchange->behind = behind;
    connection->server->events->requested(connection, &exchange->request,
                                          buffer_bytes(&exchange->body));
}

void exchange_read(struct exchange *exchange, struct bytes input) {
    bool idle = exchange->kept_alive && !http_request_started(&exchange->request);
    for (;;) {
        struct bytes body;
        enum error error;
        switch (http_request_next(&exchange->request, &input, &body)) {
        case HTTP_NEED_MORE:
            /* the first byte of a request on a kept-alive connection starts the head's time */
            if (idle && http_request_started(&exchange->request))
                set_timer(exchange, exchange->connection->server->options.head_timeout);
            return;
        case HTTP_HEAD:
            if (input.size == 0)
                invite_body(exchange);
            continue;
        case HTTP_BODY:
            error = keep_body(exchange, body);
            if (error == ERROR_NONE)
                continue;
            refuse_bad_request(exchange, error);
            return;
        case HTTP_END:
            announce(exchange, input);
            return;
        case HTTP_ERROR:
            refuse_bad_request(exchange, http_request_error(&exchange->request));
            return;
        }
    }
}

static void keep_behind(struct exchange *exchange, struct bytes input) {
    if (buffer_append(&exchange->behind, input.data, input.size) != ERROR_NONE)
        transport_close(&exchange->connection->transport);
    else if (exchange->behind.size > BEHIND_MAX)
        transport_pause_receive(&exchange->connection->transport);
}

/* Reads what has waited, then what comes. The request may have ended in an upgrade afterwards. */
static void read_behind(struct exchange *exchange) {
    struct http_connection *connection = exchange->connection;
    struct buffer behind = exchange->behind;
    exchange->behind = (struct buffer){0};
    transport_start_receive(&connection->transport);
    if (behind.size > 0)
        exchange_read(exchange, buffer_bytes(&behind));
    buffer_fini(&behind);
    exchange = connection->exchange;
    if (exchange != NULL && exchange->peer_ended && !is_answering(exchange))
        transport_close(&connection->transport);
}

static void open_with(struct exchange *exchange, struct bytes input) {
    if (buffer_append(&exchange->behind, input.data, input.size) == ERROR_NONE)
        opening_advance(exchange);
    else
        transport_close(&exchange->connection->transport);
}

static void received(struct transport *transport, uint8_t *data, size_t size) {
    struct exchange *exchange = connection_of(transport)->exchange;
    if (exchange->state == EXCHANGE_OPENING)
        open_with(exchange, bytes_make(data, size));
    else if (!is_answering(exchange))
        exchange_read(exchange, bytes_make(data, size));
    else if (exchange->state != EXCHANGE_LINGERING)
        keep_behind(exchange, bytes_make(data, size));
}

/* A peer may end its side and still wait for the answer. */
static void ended(struct transport *transport, enum error error) {
    struct exchange *exchange = connection_of(transport)->exchange;
    exchange->peer_ended = true;
    if (exchange->state == EXCHANGE_OPENING || !is_answering(exchange) ||
        exchange->state == EXCHANGE_LINGERING || error != ERROR_END_OF_STREAM)
        transport_close(transport);
}

/* ---- answering ------------------------------------------------------------------------------- */

static void next_request(struct exchange *exchange) {
    exchange->state = EXCHANGE_READING;
    exchange->kept_alive = true;
    http_request_start(&exchange->request);
    buffer_clear(&exchange->body);
    set_timer(exchange, exchange->connection->server->options.idle_timeout);
    read_behind(exchange);
}

static void sent(struct transport *transport, size_t size, enum error error) {
    struct exchange *exchange = connection_of(transport)->exchange;
    if (error != ERROR_NONE) {
        transport_close(transport);
        return;
    }
    exchange->output_sent += size;
    if (exchange->output_sent < exchange->output.size) {
        transport_send(transport, exchange->output.data + exchange->output_sent,
                       exchange->output.size - exchange->output_sent);
        return;
    }
    buffer_clear(&exchange->output);
    exchange->output_sent = 0;
    if (exchange->state != EXCHANGE_RESPONDING)
        read_behind(exchange); /* it was a 100 Continue */
    else if (exchange->close_after)
        linger(exchange);
    else
        next_request(exchange);
}

static enum error write_response(struct exchange *exchange, const struct http_response_head *head,
                                 struct bytes body, struct buffer *out) {
    struct http_response_head complete = *head;
    complete.date = (int64_t)(ring_wall(loop_of(exchange)->ring) / SECOND);
    bool is_head = bytes_equal(exchange->request.method, bytes_of("HEAD"));
    assert(head->content_length >= 0 || is_head);
    /* RFC 9110 section 8.6: a 204 has no length, nor a head whose body would have none */
    bool has_length = head->status != HTTP_STATUS_NO_CONTENT && head->content_length >= 0;
    complete.content_length = has_length ? (int64_t)body.size : -1;
    complete.connection = exchange->close_after ? "close" : head->connection;
    enum error error = http_write_response(out, &complete);
    if (error == ERROR_NONE && !is_head)
        error = buffer_append(out, body.data, body.size);
    return error;
}

void http_connection_respond(struct http_connection *connection,
                             const struct http_response_head *head, struct bytes body, bool close) {
    struct exchange *exchange = connection->exchange;
    if (connection->transport.stream.closing)
        return;
    exchange->close_after = close || !http_request_keeps_alive(&exchange->request) ||
                            scope_is_cancelled(&connection->server->connections);
    exchange->state = EXCHANGE_RESPONDING;
    struct buffer out = {0};
    if (transport_is_sending(&connection->transport) ||
        write_response(exchange, head, body, &out) != ERROR_NONE) {
        buffer_fini(&out);
        transport_close(&connection->transport);
        return;
    }
    buffer_fini(&exchange->output);
    exchange->output = out;
    exchange->output_sent = 0;
    set_timer(exchange, connection->server->closing ? LINGER_SECONDS * SECOND
                                                    : connection->server->options.idle_timeout);
    transport_send(&connection->transport, out.data, out.size);
}

static void refuse(struct http_connection *connection, int status, struct http_fields fields,
                   const char *what, const char *why) {
    struct buffer text = {0};
    struct bytes body = {0};
    if (buffer_format(&text, "%d %s: %s%s\n", status, http_status_text(status), what, why) ==
        ERROR_NONE)
        body = buffer_bytes(&text);
    const struct http_response_head head = {
        .status = status,
        .content_type = bytes_of("text/plain; charset=utf-8"),
        .fields = fields,
    };
    http_connection_respond(connection, &head, body, true);
    buffer_fini(&text);
}

void http_connection_refuse(struct http_connection *connection, int status, const char *why) {
    refuse(connection, status, (struct http_fields){0}, "", why);
}

void http_connection_refuse_method(struct http_connection *connection, const char *allowed) {
    const struct http_field allow = {bytes_of("Allow"), bytes_of(allowed)};
    refuse(connection, HTTP_STATUS_METHOD_NOT_ALLOWED, (struct http_fields){&allow, 1}, "use ",
           allowed);
}

/* ---- beginning and upgrade ------------------------------------------------------------------- */

static void closed(struct transport *transport) {
    struct http_connection *connection = connection_of(transport);
    if (connection->server->events->closed != NULL)
        connection->server->events->closed(connection);
    exchange_free(connection->exchange);
    http_connection_free(connection);
}

/* The TLS handshake is complete. */
static void opened(struct transport *transport) {
    struct exchange *exchange = connection_of(transport)->exchange;
    exchange->handshaking = false;
    counter_add(&exchange->connection->server->statistics.handshakes, 1);
}

static const struct transport_events exchange_events = {
    .opened = opened,
    .received = received,
    .ended = ended,
    .sent = sent,
    .closed = closed,
};

/* The response that is due is still sent, as the last one; an idle connection closes at once. */
static void cancel_exchange(struct scope_member *member) {
    struct http_connection *connection = container_of(member, struct http_connection, member);
    struct exchange *exchange = connection->exchange;
    exchange->close_after = true;
    if (exchange->state <= EXCHANGE_READING)
        transport_close(&connection->transport);
    else if (transport_is_sending(&connection->transport))
        set_timer(exchange, LINGER_SECONDS * SECOND); /* who does not read is not waited for */
}

const struct scope_member_handler exchange_member_handler = {"http_connection", cancel_exchange};

/* The kernel has forgotten whose it was if it has been reset already: AF_UNSPEC. */
static struct address find_peer(struct transport *transport) {
    struct address peer = {0};
    socklen_t size = sizeof peer.socket;
    if (socket_peer(transport->stream.loop->ring, transport->stream.descriptor, &peer.socket.any,
                    &size) != ERROR_NONE)
        return (struct address){0};
    return peer;
}

struct address http_connection_client(const struct http_connection *connection,
                                      const struct http_request *request) {
    const struct http_server_options *options = &connection->server->options;
    /* what a client writes that its proxy does not name is not the proxy's word */
    if (connection->exchange->nameless)
        return connection->exchange->peer;
    return forwarded_client(request->fields, &connection->exchange->peer, options->trusted,
                            options->trusted_count);
}

enum error exchange_start(struct http_connection *connection, const struct http_listening *way) {
    struct exchange *exchange = memory_allocate_zeroed(sizeof *exchange);
    if (exchange == NULL)
        return ERROR_NO_MEMORY;
    exchange->connection = connection;
    exchange->way = *way;
    exchange->state = way->proxy_protocol || way->secure ? EXCHANGE_OPENING : EXCHANGE_READING;
    exchange->timer.handler = &timer_handler;
    http_request_init(&exchange->request, &connection->server->options.request_limits);
    connection->exchange = exchange;
    transport_init_plain(&connection->transport, connection->server->loop,
                         connection->transport.stream.descriptor, &exchange_events);
    exchange->peer = find_peer(&connection->transport);
    set_timer(exchange, connection->server->options.head_timeout);
    transport_start_receive(&connection->transport);
    return ERROR_NONE;
}

void http_connection_upgrade(struct http_connection *connection,
                             const struct transport_events *events,
                             const struct scope_member_handler *member, struct buffer *behind) {
    struct exchange *exchange = connection->exchange;
    assert(exchange->state == EXCHANGE_ANNOUNCED && !transport_is_sending(&connection->transport));
    *behind = exchange->behind;
    exchange->behind = (struct buffer){0};
    bool peer_ended = exchange->peer_ended;
    exchange_free(exchange);
    connection->transport.events = events;
    connection->member.handler = member;
    if (peer_ended)
        transport_close(&connection->transport);
    else
        transport_start_receive(&connection->transport);
}
