/*
 * The flow, in order:
 *   resolved, dialled   the hub's address is found and connected to
 *   begin_handshake     (after TLS, for wss) the request for WebSocket is sent
 *   take_handshake      the answer is checked; messages flow from here on
 *   leave               a close frame is sent, and the peer's awaited
 *   closed, report      the connection has ended
 */
#include "chat_connection.h"

#include <stdio.h>

#include "base/clock.h"
#include "http/writer.h"
#include "ws/close.h"
#include "ws/frame_encode.h"

enum { CONNECT_SECONDS = 10, CLOSE_SECONDS = 5, MESSAGE_MAX = 64 * 1024 * 1024 };

/* ---- the end, whichever way it comes --------------------------------------------------------- */

static void report(struct task *task) {
    struct chat_connection *connection = container_of(task, struct chat_connection, ended_task);
    loop_stop_timer(connection->loop, &connection->timer);
    message_reader_fini(&connection->reader);
    buffer_clear(&connection->sending);
    buffer_clear(&connection->queued);
    connection->sent = 0;
    connection->state = CHAT_CONNECTION_CLOSED;
    connection->events->ended(connection);
}

static const struct task_handler ended_handler = {"chat_ended", report};

/* The first reason stays. */
static void note_end(struct chat_connection *connection, enum chat_end end, uint16_t code) {
    if (connection->end != CHAT_END_LEFT)
        return;
    connection->end = end;
    connection->code = code;
}

static void finish(struct chat_connection *connection) {
    if (connection->state == CHAT_CONNECTION_ENDING || connection->state == CHAT_CONNECTION_CLOSED)
        return;
    connection->state = CHAT_CONNECTION_ENDING;
    lookup_abandon(&connection->lookup);
    if (connection->dialer != NULL)
        dialer_abandon(connection->dialer);
    connection->dialer = NULL;
    if (connection->has_transport)
        transport_close(&connection->transport);
    else
        loop_post(connection->loop, &connection->ended_task);
}

void chat_connection_fail(struct chat_connection *connection, const char *what, const char *why) {
    if (connection->end == CHAT_END_LEFT && connection->state != CHAT_CONNECTION_LEAVING) {
        note_end(connection, CHAT_END_FAILED, 0);
        snprintf(connection->why, sizeof connection->why, "%s: %s", what, why);
    }
    finish(connection);
}

static void timed_out(struct timer *timer) {
    struct chat_connection *connection = container_of(timer, struct chat_connection, timer);
    chat_connection_fail(connection, "connecting", error_text(ERROR_TIMED_OUT));
}

static const struct timer_handler timer_handler = {"chat_timeout", timed_out};

/* ---- sending --------------------------------------------------------------------------------- */

size_t chat_connection_backlog(const struct chat_connection *connection) {
    return connection->sending.size - connection->sent + connection->queued.size;
}

uint64_t chat_connection_position(const struct chat_connection *connection) {
    return connection->taken + chat_connection_backlog(connection);
}

static void send_more(struct chat_connection *connection) {
    if (connection->state == CHAT_CONNECTION_ENDING || transport_is_sending(&connection->transport))
        return;
    if (connection->sent == connection->sending.size) {
        struct buffer emptied = connection->sending;
        buffer_clear(&emptied);
        connection->sending = connection->queued;
        connection->queued = emptied;
        connection->sent = 0;
    }
    if (connection->sent < connection->sending.size)
        transport_send(&connection->transport, connection->sending.data + connection->sent,
                       connection->sending.size - connection->sent);
    else if (connection->state == CHAT_CONNECTION_OPEN ||
             connection->state == CHAT_CONNECTION_LEAVING)
        connection->events->drained(connection);
}

static void random_mask(struct chat_connection *connection, uint8_t mask[FRAME_MASK_SIZE]) {
    ring_random(connection->loop->ring, mask, FRAME_MASK_SIZE);
}

void chat_connection_send(struct chat_connection *connection, struct bytes text) {
    uint8_t mask[FRAME_MASK_SIZE];
    random_mask(connection, mask);
    if (frame_append_message(&connection->queued, FRAME_TEXT, text, mask) != ERROR_NONE)
        chat_connection_fail(connection, "sending", error_text(ERROR_NO_MEMORY));
    else
        send_more(connection);
}

static void send_frame(struct chat_connection *connection, const uint8_t *frame, size_t size) {
    if (buffer_append(&connection->queued, frame, size) != ERROR_NONE)
        chat_connection_fail(connection, "sending", error_text(ERROR_NO_MEMORY));
    else
        send_more(connection);
}

static void close_with_code(struct chat_connection *connection, uint16_t code) {
    uint8_t mask[FRAME_MASK_SIZE], frame[FRAME_CONTROL_MAX];
    connection->state = CHAT_CONNECTION_LEAVING;
    loop_start_timer(connection->loop, &connection->timer,
                     connection->loop->now + CLOSE_SECONDS * SECOND);
    random_mask(connection, mask);
    send_frame(connection, frame, frame_encode_close(frame, code, (struct bytes){0}, mask));
}

void chat_connection_leave(struct chat_connection *connection) {
    if (connection->state == CHAT_CONNECTION_OPEN)
        close_with_code(connection, WS_CLOSE_NORMAL);
    else if (connection->state != CHAT_CONNECTION_LEAVING)
        finish(connection);
}

/* ---- what arrives ---------------------------------------------------------------------------- */

static void answer_ping(struct chat_connection *connection, struct bytes payload) {
    uint8_t mask[FRAME_MASK_SIZE], frame[FRAME_CONTROL_MAX];
    if (connection->state != CHAT_CONNECTION_OPEN)
        return;
    random_mask(connection, mask);
    send_frame(connection, frame, frame_encode_control(frame, FRAME_PONG, payload, mask));
}

static void peer_closed(struct chat_connection *connection, const struct message *message) {
    if (connection->state == CHAT_CONNECTION_LEAVING) {
        finish(connection);
        return;
    }
    note_end(connection, CHAT_END_CLOSED, message->code);
    snprintf(connection->why, sizeof connection->why, "%u %.*s", message->code,
             (int)message->payload.size, (const char *)message->payload.data);
    close_with_code(connection, message->code);
}

static void take_messages(struct chat_connection *connection, uint8_t *data, size_t size) {
    struct message message;
    enum message_event event;
    while (connection->state < CHAT_CONNECTION_ENDING &&
           (event = message_next(&connection->reader, &data, &size, &message)) !=
               MESSAGE_NEEDS_MORE) {
        if (event == MESSAGE_TEXT || event == MESSAGE_BINARY)
            connection->events->received(connection, event == MESSAGE_TEXT, message.payload);
        else if (event == MESSAGE_PING)
            answer_ping(connection, message.payload);
        else if (event == MESSAGE_CLOSE)
            peer_closed(connection, &message);
        else if (event == MESSAGE_FAILED)
            chat_connection_fail(connection,
                                 message.error == ERROR_NO_MEMORY ? "receiving" : "the hub",
                                 error_text(message.error));
    }
}

/* ---- the handshake --------------------------------------------------------------------------- */

static enum error write_request(struct chat_connection *connection, struct http_fields fields) {
    struct buffer target = {0}, host = {0};
    enum error error = url_append_target(connection->options.url, &target);
    if (error == ERROR_NONE)
        error = url_append_host_header(connection->options.url, &host);
    const struct http_request_head head = {
        .method = bytes_of("GET"),
        .target = buffer_bytes(&target),
        .host = buffer_bytes(&host),
        .fields = fields,
        .content_length = -1,
    };
    if (error == ERROR_NONE)
        error = http_write_request(&connection->queued, &head);
    buffer_fini(&target);
    buffer_fini(&host);
    return error;
}

static enum error write_handshake(struct chat_connection *connection) {
    uint8_t nonce[WS_NONCE_SIZE];
    ring_random(connection->loop->ring, nonce, sizeof nonce);
    ws_key_make(nonce, connection->key);
    struct http_field fields[7] = {
        {bytes_of("Upgrade"), bytes_of("websocket")},
        {bytes_of("Connection"), bytes_of("Upgrade")},
        {bytes_of("Sec-WebSocket-Key"), bytes_of(connection->key)},
        {bytes_of("Sec-WebSocket-Version"), bytes_of(WS_VERSION)},
        {bytes_of("User-Agent"), bytes_of("ringcast/" RINGCAST_VERSION)},
    };
    size_t count = 5;
    if (connection->options.subprotocol != NULL)
        fields[count++] = (struct http_field){bytes_of("Sec-WebSocket-Protocol"),
                                              bytes_of(connection->options.subprotocol)};
    if (connection->authorization != NULL)
        fields[count++] =
            (struct http_field){bytes_of("Authorization"), bytes_of(connection->authorization)};
    return write_request(connection, (struct http_fields){fields, count});
}

static void begin_handshake(struct chat_connection *connection) {
    connection->state = CHAT_CONNECTION_SHAKING;
    http_response_start(&connection->response, false);
    if (write_handshake(connection) != ERROR_NONE) {
        chat_connection_fail(connection, "connecting", error_text(ERROR_NO_MEMORY));
        return;
    }
    transport_start_receive(&connection->transport);
    send_more(connection);
}

static void check_handshake(struct chat_connection *connection) {
    const char *offered = connection->options.subprotocol;
    const struct ws_offer offer = {.key = connection->key,
                                   .subprotocols = bytes_of(offered != NULL ? offered : "")};
    struct bytes subprotocol;
    const char *reason;
    if (ws_response_check((unsigned)connection->response.status, connection->response.fields,
                          &offer, &subprotocol, &reason) != ERROR_NONE) {
        note_end(connection, CHAT_END_REFUSED, (uint16_t)connection->response.status);
        snprintf(connection->why, sizeof connection->why, "the hub did not accept: HTTP %d: %s",
                 connection->response.status, reason);
        finish(connection);
        return;
    }
    connection->state = CHAT_CONNECTION_OPEN;
    loop_stop_timer(connection->loop, &connection->timer);
    message_reader_init(&connection->reader, MESSAGE_ROLE_CLIENT, MESSAGE_MAX, 0);
    connection->events->opened(connection, subprotocol);
}

static void take_handshake(struct chat_connection *connection, uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size), body;
    enum http_event event = http_response_next(&connection->response, &input, &body);
    if (event == HTTP_ERROR) {
        enum error error = http_response_error(&connection->response);
        chat_connection_fail(connection,
                             error == ERROR_NO_MEMORY ? "connecting" : "the hub's answer",
                             error_text(error));
    }
    if (event == HTTP_HEAD)
        check_handshake(connection);
    if (event == HTTP_HEAD && (connection->state == CHAT_CONNECTION_OPEN ||
                               connection->state == CHAT_CONNECTION_LEAVING)) {
        http_response_next(&connection->response, &input, &body); /* the end of the 101 */
        take_messages(connection, data + (size - input.size), input.size);
    }
}

/* ---- the stream ------------------------------------------------------------------------------ */

static struct chat_connection *connection_of(struct transport *transport) {
    return container_of(transport, struct chat_connection, transport);
}

static void opened(struct transport *transport) {
    begin_handshake(connection_of(transport));
}

static void received(struct transport *transport, uint8_t *data, size_t size) {
    struct chat_connection *connection = connection_of(transport);
    if (connection->state == CHAT_CONNECTION_SHAKING)
        take_handshake(connection, data, size);
    else
        take_messages(connection, data, size);
}

static void stream_ended(struct transport *transport, enum error error) {
    struct chat_connection *connection = connection_of(transport);
    const struct tls *tls = transport_tls(transport);
    chat_connection_fail(connection, "connection",
                         tls != NULL && tls_error(tls) != ERROR_NONE ? tls_error_detail(tls)
                                                                     : error_text(error));
}

static void sent(struct transport *transport, size_t size, enum error error) {
    struct chat_connection *connection = connection_of(transport);
    connection->sent += size;
    connection->taken += size;
    if (error != ERROR_NONE)
        stream_ended(transport, error);
    else
        send_more(connection);
}

static void closed(struct transport *transport) {
    struct chat_connection *connection = connection_of(transport);
    connection->has_transport = false;
    loop_post(connection->loop, &connection->ended_task);
}

static const struct transport_events transport_events = {opened, received, stream_ended, sent,
                                                         closed};

/* ---- connecting ------------------------------------------------------------------------------ */

static enum error start_tls(struct chat_connection *connection, int descriptor,
                            struct tls_detail *detail) {
    const struct tls_client_options options = {.authority_file =
                                                   connection->options.authority_file};
    struct tls *tls;
    enum error error = ERROR_NONE;
    if (connection->tls == NULL)
        error = tls_context_new_client(&options, &connection->tls, detail);
    if (error == ERROR_NONE)
        error = tls_client_new(connection->tls, connection->options.url->host, NULL, &tls);
    if (error != ERROR_NONE)
        return error;
    error = transport_init_secure(&connection->transport, connection->loop, descriptor, tls,
                                  &transport_events);
    if (error != ERROR_NONE)
        tls_free(tls);
    return error;
}

static void dialled(void *context, int descriptor, enum error error,
                    const struct address *address) {
    struct chat_connection *connection = context;
    struct tls_detail detail = {{0}};
    bool secure = connection->options.url->scheme == URL_HTTPS;
    (void)address;
    connection->dialer = NULL;
    if (error == ERROR_NONE && secure) {
        error = start_tls(connection, descriptor, &detail);
        if (error != ERROR_NONE)
            loop_close_descriptor(connection->loop, descriptor);
    } else if (error == ERROR_NONE) {
        transport_init_plain(&connection->transport, connection->loop, descriptor,
                             &transport_events);
    }
    if (error != ERROR_NONE) {
        chat_connection_fail(connection, "connecting",
                             detail.text[0] != '\0' ? detail.text : error_text(error));
        return;
    }
    connection->has_transport = true;
    if (!secure)
        begin_handshake(connection);
}

static void resolved(struct lookup *lookup, enum error error, const struct address *addresses,
                     size_t count) {
    struct chat_connection *connection = container_of(lookup, struct chat_connection, lookup);
    if (error == ERROR_NONE)
        error = dialer_new(connection->scope, addresses, count, dialled, connection,
                           &connection->dialer);
    if (error != ERROR_NONE)
        chat_connection_fail(connection, "looking up the name", error_text(error));
}

void chat_connection_open(struct chat_connection *connection, const char *authorization) {
    const struct url *url = connection->options.url;
    connection->authorization = authorization;
    connection->state = CHAT_CONNECTION_CONNECTING;
    connection->end = CHAT_END_LEFT;
    connection->code = 0;
    connection->taken = 0;
    connection->why[0] = '\0';
    loop_start_timer(connection->loop, &connection->timer,
                     connection->loop->now + CONNECT_SECONDS * SECOND);
    enum error error = resolver_lookup(connection->resolver, &connection->lookup,
                                       url_host_name(url), url->port, resolved);
    if (error != ERROR_NONE)
        chat_connection_fail(connection, "looking up the name", error_text(error));
}

void chat_connection_init(struct chat_connection *connection, struct loop *loop,
                          struct resolver *resolver, struct scope *scope,
                          const struct chat_connection_options *options,
                          const struct chat_connection_events *events) {
    *connection = (struct chat_connection){.loop = loop,
                                           .resolver = resolver,
                                           .scope = scope,
                                           .options = *options,
                                           .events = events,
                                           .timer.handler = &timer_handler,
                                           .ended_task.handler = &ended_handler};
    http_response_init(&connection->response, &http_response_limits);
}

void chat_connection_fini(struct chat_connection *connection) {
    http_response_fini(&connection->response);
    tls_context_free(connection->tls);
    buffer_fini(&connection->sending);
    buffer_fini(&connection->queued);
}
