/*
 * The chat client. The flow, in order:
 *   resolved, dialled   the hub's address is found and connected to
 *   begin_handshake     (after TLS, for wss) the request for WebSocket is sent
 *   take_handshake      the answer is checked; what is typed and what arrives flow from here on
 *   leave               'exit', 'quit', the end of the input, or a signal: a close frame is sent
 *   closed              the connection has ended; the rest is put away
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "command.h"
#include "http/response.h"
#include "http/url.h"
#include "http/writer.h"
#include "loop/signals.h"
#include "net/dialer.h"
#include "net/resolver.h"
#include "output.h"
#include "transport/transport.h"
#include "workers.h"
#include "ws/close.h"
#include "ws/frame_encode.h"
#include "ws/handshake.h"
#include "ws/message.h"

enum {
    DNS_SECONDS = 5,
    CONNECT_SECONDS = 10,
    CLOSE_SECONDS = 5,
    MESSAGE_MAX = 64 * 1024 * 1024,
    READ_SIZE = 64 * 1024
};

enum chat_state { CHAT_CONNECTING, CHAT_SHAKING, CHAT_OPEN, CHAT_LEAVING, CHAT_ENDED };

struct chat {
    struct loop *loop;
    struct url url;
    struct tls_context *tls;
    struct resolver *resolver;
    struct scope dialling;
    struct lookup lookup;
    struct dialer *dialer;
    struct transport transport;
    bool has_transport;
    struct http_response response;
    struct message_reader reader;
    struct signals signals;
    struct operation input; /* waits for standard input */
    bool input_ended;
    struct buffer line; /* typed, without its end yet */
    struct buffer sending, queued;
    size_t sent;
    char key[WS_KEY_SIZE];
    struct timer timer;
    enum chat_state state;
    int exit_code;
};

/* ---- the end, whichever way it comes -------------------------------------------------------- */

static void signals_closed(struct signals *signals) {
    loop_stop(container_of(signals, struct chat, signals)->loop);
}

static void resolver_closed(void *context) {
    struct chat *chat = context;
    signals_close(&chat->signals, signals_closed);
}

static void finish_if_idle(struct chat *chat) {
    if (chat->state != CHAT_ENDED || chat->has_transport || operation_is_armed(&chat->input))
        return;
    loop_stop_timer(chat->loop, &chat->timer);
    scope_join(&chat->dialling);
}

static void dialling_ended(struct scope *scope) {
    struct chat *chat = container_of(scope, struct chat, dialling);
    scope_fini(scope);
    resolver_close(chat->resolver, resolver_closed, chat);
}

static void end(struct chat *chat, int exit_code) {
    if (chat->state == CHAT_ENDED)
        return;
    chat->state = CHAT_ENDED;
    chat->exit_code = exit_code;
    lookup_abandon(&chat->lookup);
    scope_cancel(&chat->dialling);
    ring_cancel(chat->loop->ring, &chat->input);
    if (chat->has_transport)
        transport_close(&chat->transport);
    finish_if_idle(chat);
}

static void fail(struct chat *chat, const char *what, const char *why) {
    if (chat->state != CHAT_ENDED)
        output_complain("%s: %s", what, why);
    end(chat, EXIT_SOME_FAILED);
}

/* ---- sending -------------------------------------------------------------------------------- */

static void send_more(struct chat *chat) {
    if (chat->state == CHAT_ENDED || transport_is_sending(&chat->transport))
        return;
    if (chat->sent == chat->sending.size) {
        struct buffer emptied = chat->sending;
        buffer_clear(&emptied);
        chat->sending = chat->queued;
        chat->queued = emptied;
        chat->sent = 0;
    }
    if (chat->sent < chat->sending.size)
        transport_send(&chat->transport, chat->sending.data + chat->sent,
                       chat->sending.size - chat->sent);
}

static void random_mask(struct chat *chat, uint8_t mask[FRAME_MASK_SIZE]) {
    ring_random(chat->loop->ring, mask, FRAME_MASK_SIZE);
}

static void send_text(struct chat *chat, struct bytes text) {
    uint8_t mask[FRAME_MASK_SIZE];
    random_mask(chat, mask);
    if (frame_append_message(&chat->queued, FRAME_TEXT, text, mask) != ERROR_NONE)
        fail(chat, "sending", error_text(ERROR_NO_MEMORY));
    else
        send_more(chat);
}

static void send_frame(struct chat *chat, const uint8_t *frame, size_t size) {
    if (buffer_append(&chat->queued, frame, size) != ERROR_NONE)
        fail(chat, "sending", error_text(ERROR_NO_MEMORY));
    else
        send_more(chat);
}

static void leave(struct chat *chat, uint16_t code) {
    uint8_t mask[FRAME_MASK_SIZE], frame[FRAME_CONTROL_MAX];
    if (chat->state != CHAT_OPEN) {
        if (chat->state < CHAT_OPEN)
            end(chat, EXIT_ALL_WELL);
        return;
    }
    chat->state = CHAT_LEAVING;
    random_mask(chat, mask);
    send_frame(chat, frame, frame_encode_close(frame, code, (struct bytes){0}, mask));
    loop_start_timer(chat->loop, &chat->timer, chat->loop->now + CLOSE_SECONDS * SECOND);
}

static void timed_out(struct timer *timer) {
    struct chat *chat = container_of(timer, struct chat, timer);
    if (chat->state == CHAT_LEAVING)
        end(chat, chat->exit_code);
    else
        fail(chat, "connecting", error_text(ERROR_TIMED_OUT));
}

static const struct timer_handler timer_handler = {"chat_timeout", timed_out};

/* ---- what is typed -------------------------------------------------------------------------- */

static bool says_leave(struct bytes line) {
    return bytes_equal_ignoring_case(line, bytes_of("exit")) ||
           bytes_equal_ignoring_case(line, bytes_of("quit"));
}

static void take_line(struct chat *chat, struct bytes line) {
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (says_leave(line))
        leave(chat, WS_CLOSE_NORMAL);
    else if (line.size > 0 && !utf8_is_valid(line))
        output_complain("a line that is not UTF-8 was not sent");
    else if (line.size > 0)
        send_text(chat, line);
}

static void take_lines(struct chat *chat) {
    struct bytes rest = buffer_bytes(&chat->line);
    const uint8_t *newline;
    while (chat->state == CHAT_OPEN && rest.size > 0 &&
           (newline = memchr(rest.data, '\n', rest.size)) != NULL) {
        size_t size = (size_t)(newline - rest.data);
        take_line(chat, bytes_make(rest.data, size));
        rest = bytes_after(rest, size + 1);
    }
    buffer_consume(&chat->line, chat->line.size - rest.size);
    if (chat->input_ended && chat->state == CHAT_OPEN) {
        take_line(chat, buffer_bytes(&chat->line));
        leave(chat, WS_CLOSE_NORMAL);
    }
}

static void await_input(struct chat *chat) {
    ring_poll(chat->loop->ring, &chat->input, STDIN_FILENO, POLL_FOR_READING);
}

static void input_ready(struct operation *operation, const struct completion *completion) {
    struct chat *chat = container_of(operation, struct chat, input);
    if (chat->state == CHAT_ENDED) {
        finish_if_idle(chat);
        return;
    }
    ssize_t size = -1;
    if (completion->error == ERROR_NONE && buffer_reserve(&chat->line, READ_SIZE) == ERROR_NONE)
        size = read(STDIN_FILENO, chat->line.data + chat->line.size, READ_SIZE);
    if (size > 0)
        chat->line.size += (size_t)size;
    else if (size == 0 || (errno != EINTR && errno != EAGAIN))
        chat->input_ended = true;
    take_lines(chat);
    if (!chat->input_ended && chat->state == CHAT_OPEN)
        await_input(chat);
}

static const struct handler input_handler = {"chat_input", input_ready};

/* ---- what arrives --------------------------------------------------------------------------- */

static void print_message(struct chat *chat, struct bytes payload) {
    if (!output_write(payload) || !output_write(bytes_of("\n")))
        end(chat, EXIT_SOME_FAILED);
}

static void answer_ping(struct chat *chat, struct bytes payload) {
    uint8_t mask[FRAME_MASK_SIZE], frame[FRAME_CONTROL_MAX];
    if (chat->state != CHAT_OPEN)
        return;
    random_mask(chat, mask);
    send_frame(chat, frame, frame_encode_control(frame, FRAME_PONG, payload, mask));
}

static void hub_closed(struct chat *chat, const struct message *message) {
    if (chat->state == CHAT_LEAVING) {
        end(chat, chat->exit_code);
        return;
    }
    output_complain("the hub closed the connection: %u %.*s", message->code,
                    (int)message->payload.size, (const char *)message->payload.data);
    chat->exit_code = message->code == WS_CLOSE_NORMAL || message->code == WS_CLOSE_GOING_AWAY
                          ? EXIT_ALL_WELL
                          : EXIT_SOME_FAILED;
    leave(chat, message->code);
}

static void take_messages(struct chat *chat, uint8_t *data, size_t size) {
    struct message message;
    enum message_event event;
    while (chat->state != CHAT_ENDED &&
           (event = message_next(&chat->reader, &data, &size, &message)) != MESSAGE_NEEDS_MORE) {
        if (event == MESSAGE_TEXT || event == MESSAGE_BINARY)
            print_message(chat, message.payload);
        else if (event == MESSAGE_PING)
            answer_ping(chat, message.payload);
        else if (event == MESSAGE_CLOSE)
            hub_closed(chat, &message);
        else if (event == MESSAGE_FAILED)
            fail(chat, "the hub", error_text(message.error));
    }
}

/* ---- the handshake -------------------------------------------------------------------------- */

static enum error write_handshake(struct chat *chat) {
    uint8_t nonce[WS_NONCE_SIZE];
    struct buffer target = {0}, host = {0};
    ring_random(chat->loop->ring, nonce, sizeof nonce);
    ws_key_make(nonce, chat->key);
    struct http_field fields[] = {
        {bytes_of("Upgrade"), bytes_of("websocket")},
        {bytes_of("Connection"), bytes_of("Upgrade")},
        {bytes_of("Sec-WebSocket-Key"), bytes_of(chat->key)},
        {bytes_of("Sec-WebSocket-Version"), bytes_of(WS_VERSION)},
        {bytes_of("User-Agent"), bytes_of("ringcast/" RINGCAST_VERSION)},
    };
    enum error error = url_append_target(&chat->url, &target);
    if (error == ERROR_NONE)
        error = url_append_host_header(&chat->url, &host);
    const struct http_request_head head = {
        .method = bytes_of("GET"),
        .target = buffer_bytes(&target),
        .host = buffer_bytes(&host),
        .fields = {fields, sizeof fields / sizeof *fields},
        .content_length = -1,
    };
    if (error == ERROR_NONE)
        error = http_write_request(&chat->queued, &head);
    buffer_fini(&target);
    buffer_fini(&host);
    return error;
}

static void begin_handshake(struct chat *chat) {
    chat->state = CHAT_SHAKING;
    if (write_handshake(chat) != ERROR_NONE) {
        fail(chat, "connecting", error_text(ERROR_NO_MEMORY));
        return;
    }
    transport_start_receive(&chat->transport);
    send_more(chat);
}

static void opened_for_chat(struct chat *chat) {
    chat->state = CHAT_OPEN;
    loop_stop_timer(chat->loop, &chat->timer);
    message_reader_init(&chat->reader, MESSAGE_ROLE_CLIENT, MESSAGE_MAX, 0);
    if (isatty(STDIN_FILENO))
        fprintf(stderr, "connected; 'exit' leaves\n");
    await_input(chat);
}

static void check_handshake(struct chat *chat) {
    const struct ws_offer offer = {.key = chat->key};
    struct bytes subprotocol;
    const char *reason;
    if (ws_response_check((unsigned)chat->response.status, chat->response.fields, &offer,
                          &subprotocol, &reason) == ERROR_NONE) {
        opened_for_chat(chat);
        return;
    }
    char text[160];
    snprintf(text, sizeof text, "HTTP %d: %s", chat->response.status, reason);
    fail(chat, "the hub did not accept", text);
}

static void take_handshake(struct chat *chat, uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size), body;
    enum http_event event = http_response_next(&chat->response, &input, &body);
    if (event == HTTP_ERROR)
        fail(chat, "the hub's answer", error_text(http_response_error(&chat->response)));
    else if (event == HTTP_HEAD)
        check_handshake(chat);
    if (event == HTTP_HEAD && chat->state == CHAT_OPEN) {
        http_response_next(&chat->response, &input, &body); /* the end of the 101 */
        take_messages(chat, data + (size - input.size), input.size);
    }
}

/* ---- the connection ------------------------------------------------------------------------- */

static struct chat *chat_of(struct transport *transport) {
    return container_of(transport, struct chat, transport);
}

static void opened(struct transport *transport) {
    begin_handshake(chat_of(transport));
}

static void received(struct transport *transport, uint8_t *data, size_t size) {
    struct chat *chat = chat_of(transport);
    if (chat->state == CHAT_SHAKING)
        take_handshake(chat, data, size);
    else if (chat->state == CHAT_OPEN || chat->state == CHAT_LEAVING)
        take_messages(chat, data, size);
}

static void stream_ended(struct transport *transport, enum error error) {
    struct chat *chat = chat_of(transport);
    const struct tls *tls = transport_tls(transport);
    if (chat->state == CHAT_LEAVING)
        end(chat, chat->exit_code);
    else if (tls != NULL && tls_error(tls) != ERROR_NONE)
        fail(chat, "connection", tls_error_detail(tls));
    else
        fail(chat, "connection", error_text(error));
}

static void sent(struct transport *transport, size_t size, enum error error) {
    struct chat *chat = chat_of(transport);
    chat->sent += size;
    if (error != ERROR_NONE)
        stream_ended(transport, error);
    else
        send_more(chat);
}

static void closed(struct transport *transport) {
    struct chat *chat = chat_of(transport);
    chat->has_transport = false;
    finish_if_idle(chat);
}

static const struct transport_events transport_events = {opened, received, stream_ended, sent,
                                                         closed};

static enum error start_tls(struct chat *chat, int descriptor) {
    const struct tls_client_options options = {0};
    struct tls_detail detail;
    struct tls *tls;
    enum error error = tls_context_new_client(&options, &chat->tls, &detail);
    if (error == ERROR_NONE)
        error = tls_client_new(chat->tls, chat->url.host, NULL, &tls);
    if (error != ERROR_NONE)
        return error;
    error = transport_init_secure(&chat->transport, chat->loop, descriptor, tls, &transport_events);
    if (error != ERROR_NONE)
        tls_free(tls);
    return error;
}

static void dialled(void *context, int descriptor, enum error error,
                    const struct address *address) {
    struct chat *chat = context;
    (void)address;
    chat->dialer = NULL;
    if (error == ERROR_NONE && chat->url.scheme == URL_HTTPS) {
        error = start_tls(chat, descriptor);
        if (error != ERROR_NONE)
            loop_close_descriptor(chat->loop, descriptor);
    } else if (error == ERROR_NONE) {
        transport_init_plain(&chat->transport, chat->loop, descriptor, &transport_events);
    }
    if (error != ERROR_NONE) {
        fail(chat, "connecting", error_text(error));
        return;
    }
    chat->has_transport = true;
    if (chat->url.scheme == URL_HTTP)
        begin_handshake(chat);
}

static void resolved(struct lookup *lookup, enum error error, const struct address *addresses,
                     size_t count) {
    struct chat *chat = container_of(lookup, struct chat, lookup);
    if (error == ERROR_NONE)
        error = dialer_new(&chat->dialling, addresses, count, dialled, chat, &chat->dialer);
    if (error != ERROR_NONE)
        fail(chat, "looking up the name", error_text(error));
}

/* ---- the command ---------------------------------------------------------------------------- */

/* A WebSocket URL is its HTTP twin under another scheme (RFC 6455 section 3). */
static enum error parse_url(struct chat *chat, const char *text) {
    struct buffer http = {0};
    bool secure = strncmp(text, "wss://", 6) == 0;
    if (!secure && strncmp(text, "ws://", 5) != 0)
        return ERROR_URL_SCHEME;
    enum error error = buffer_append_text(&http, secure ? "https://" : "http://");
    if (error == ERROR_NONE)
        error = buffer_append_text(&http, text + (secure ? 6 : 5));
    if (error == ERROR_NONE)
        error = url_parse(&chat->url, buffer_bytes(&http), NULL);
    buffer_fini(&http);
    return error;
}

static void signal_received(struct signals *signals, int number) {
    struct chat *chat = container_of(signals, struct chat, signals);
    if (chat->state == CHAT_LEAVING || chat->state == CHAT_ENDED)
        _exit(128 + number);
    chat->exit_code = EXIT_INTERRUPTED;
    if (chat->state < CHAT_OPEN)
        end(chat, EXIT_INTERRUPTED);
    else
        leave(chat, WS_CLOSE_NORMAL);
}

static enum error start(struct chat *chat) {
    chat->input.handler = &input_handler;
    chat->timer.handler = &timer_handler;
    http_response_init(&chat->response, &http_response_limits);
    scope_init(&chat->dialling, chat->loop, NULL, SCOPE_COLLECT, dialling_ended);
    enum error error = signals_open(&chat->signals, chat->loop, signal_received);
    if (error == ERROR_NONE)
        error = resolver_new(chat->loop, DNS_SECONDS * SECOND, NULL, &chat->resolver);
    if (error == ERROR_NONE)
        error = resolver_lookup(chat->resolver, &chat->lookup, url_host_name(&chat->url),
                                chat->url.port, resolved);
    loop_start_timer(chat->loop, &chat->timer, chat->loop->now + CONNECT_SECONDS * SECOND);
    return error;
}

static int run(struct chat *chat) {
    struct workers workers;
    struct ring_refusal refusal;
    signals_block();
    if (workers_start(&workers, 1, &refusal) != ERROR_NONE) {
        output_complain("%s", refusal.text);
        return EXIT_SOME_FAILED;
    }
    chat->loop = workers.loops[0];
    enum error error = start(chat);
    if (error != ERROR_NONE) {
        output_complain("cannot start: %s", error_text(error));
        return EXIT_SOME_FAILED;
    }
    loop_run(chat->loop);
    workers_stop(&workers);
    message_reader_fini(&chat->reader);
    http_response_fini(&chat->response);
    tls_context_free(chat->tls);
    buffer_fini(&chat->line);
    buffer_fini(&chat->sending);
    buffer_fini(&chat->queued);
    return chat->exit_code;
}

int command_chat(int count, char **arguments) {
    const char *text = count > 0 ? arguments[0] : "ws://localhost:8765";
    struct chat chat = {0};
    if (count > 1) {
        output_complain("chat takes one URL");
        return EXIT_USAGE;
    }
    enum error error = parse_url(&chat, text);
    if (error != ERROR_NONE) {
        output_complain("%s: %s, expected something like ws://localhost:8765/channels/news", text,
                        error == ERROR_URL_SCHEME ? "the scheme is neither ws nor wss"
                                                  : error_text(error));
        return EXIT_USAGE;
    }
    int code = run(&chat);
    url_fini(&chat.url);
    return code;
}
