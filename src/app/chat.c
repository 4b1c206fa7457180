/*
 * The flow, in order:
 *   opened, joined      there is a connection; who is there is told what was said before
 *   chat_take_input     lines are said (chat_input.c)
 *   received            messages are printed, above the line that is being typed
 *   connection_ended    once more, after a pause; or the end
 *   chat_leave          'exit', 'quit', the end of the input: when everything has arrived
 *   chat_finish         the rest is put away; what was not sent is told
 */
#include "chat.h"

#include <stdio.h>

#include "base/clock.h"
#include "command.h"
#include "output.h"
#include "ws/close.h"

enum {
    DNS_SECONDS = 5,
    HISTORY_AT_TERMINAL = 20,
    LEAVE_SECONDS = 5,
    PAUSE_FIRST_MS = 500, /* the bound of the first pause before another connection */
    PAUSE_LONGEST_MS = 30000,
};

/* ---- the end --------------------------------------------------------------------------------- */

void chat_note_failure(struct chat *chat) {
    if (chat->exit_code == EXIT_ALL_WELL)
        chat->exit_code = EXIT_SOME_FAILED;
}

static void tell_what_was_not_sent(struct chat *chat) {
    size_t count = chat->session.said_count + chat_count_lines_left(chat);
    if (count == 0)
        return;
    output_complain(count == 1 ? "%zu line was not sent" : "%zu lines were not sent", count);
    chat_note_failure(chat);
}

static void resolver_closed(void *context) {
    struct chat *chat = context;
    tell_what_was_not_sent(chat);
    chat->ended(chat);
}

static void dialling_ended(struct scope *scope) {
    struct chat *chat = container_of(scope, struct chat, dialling);
    scope_fini(scope);
    resolver_close(chat->resolver, resolver_closed, chat);
}

void chat_finish_if_idle(struct chat *chat) {
    if (chat->finished && !operation_is_armed(&chat->input) &&
        chat->connection.state == CHAT_CONNECTION_CLOSED)
        scope_join(&chat->dialling);
}

void chat_finish(struct chat *chat, int exit_code) {
    if (chat->finished)
        return;
    chat->finished = true;
    if (chat->exit_code == EXIT_ALL_WELL)
        chat->exit_code = exit_code;
    chat_screen_close(&chat->screen);
    loop_stop_timer(chat->loop, &chat->pause);
    loop_stop_timer(chat->loop, &chat->shortage);
    loop_stop_timer(chat->loop, &chat->patience);
    ring_cancel(chat->loop->ring, &chat->input);
    if (chat->connection.state != CHAT_CONNECTION_CLOSED)
        chat_connection_leave(&chat->connection);
    chat_finish_if_idle(chat);
}

enum error chat_print(struct chat *chat, struct bytes text) {
    enum error error = chat_screen_print(&chat->screen, text);
    if (error != ERROR_NONE && error != ERROR_NO_MEMORY)
        chat_finish(chat, EXIT_SOME_FAILED);
    return error;
}

/* ---- leaving --------------------------------------------------------------------------------- */

/* Whoever is at a terminal need not wait for a connection in order to leave. */
static void leave_if_settled(struct chat *chat) {
    bool connected = chat->session.joined;
    if (!chat->leaving || chat->finished)
        return;
    if (connected && chat_session_is_settled(&chat->session)) {
        chat_connection_leave(&chat->connection);
    } else if (!connected && (chat->at_terminal ||
                              (chat->was_joined && chat_session_is_settled(&chat->session)))) {
        chat_finish(chat, EXIT_ALL_WELL);
    }
}

void chat_leave(struct chat *chat) {
    if (!chat->leaving && !chat->finished && chat->at_terminal)
        loop_start_timer(chat->loop, &chat->patience, chat->loop->now + LEAVE_SECONDS * SECOND);
    chat->leaving = true;
    leave_if_settled(chat);
}

static void patience_over(struct timer *timer) {
    chat_finish(container_of(timer, struct chat, patience), EXIT_ALL_WELL);
}

static const struct timer_handler patience_handler = {"chat_patience", patience_over};

/* ---- what comes ------------------------------------------------------------------------------ */

static struct chat *chat_of_session(struct chat_session *session) {
    return container_of(session, struct chat, session);
}

static void joined(struct chat_session *session) {
    struct chat *chat = chat_of_session(session);
    if (chat->at_terminal)
        chat_screen_say(&chat->screen,
                        chat->was_joined ? "connected again" : "connected; 'exit' leaves");
    if (!chat->was_joined && !operation_is_armed(&chat->input))
        chat_take_input(chat);
    chat->was_joined = true;
    chat->failures = 0;
    leave_if_settled(chat);
}

static enum error received(struct chat_session *session, const struct chat_message *message) {
    struct chat *chat = chat_of_session(session);
    return chat_print(chat, chat->arguments.json ? message->json : message->payload);
}

static void noticed(struct chat_session *session, const char *what) {
    chat_screen_say(&chat_of_session(session)->screen, what);
}

/* A channel that cannot be joined will not be joined later either. */
static void refused(struct chat_session *session, bool all, const char *why) {
    struct chat *chat = chat_of_session(session);
    char text[200];
    snprintf(text, sizeof text, "%s: %s", all ? "the hub" : "a line was not accepted", why);
    chat_screen_say(&chat->screen, text);
    chat_note_failure(chat);
    if (all)
        chat_finish(chat, EXIT_SOME_FAILED);
}

static void progressed(struct chat_session *session) {
    struct chat *chat = chat_of_session(session);
    if (!chat->input_ended || chat->lines.size > 0)
        chat_take_input(chat);
    else if (!chat->leaving && chat_takes_lines(chat))
        chat_leave(chat);
    leave_if_settled(chat);
}

static const struct chat_session_events session_events = {joined, received, noticed, refused,
                                                          progressed};

/* ---- the connection -------------------------------------------------------------------------- */

static struct chat *chat_of(struct chat_connection *connection) {
    return container_of(connection, struct chat, connection);
}

static void opened(struct chat_connection *connection, struct bytes subprotocol) {
    chat_session_opened(&chat_of(connection)->session, subprotocol);
}

static void payload_received(struct chat_connection *connection, bool text, struct bytes payload) {
    chat_session_received(&chat_of(connection)->session, text, payload);
}

static void drained(struct chat_connection *connection) {
    chat_session_drained(&chat_of(connection)->session);
}

/* Was it for want of a right? A token that has expired may have been replaced in its file. */
static bool is_for_rights(const struct chat_connection *connection) {
    return (connection->end == CHAT_END_CLOSED && connection->code == WS_CLOSE_POLICY_VIOLATION) ||
           (connection->end == CHAT_END_REFUSED &&
            (connection->code == 401 || connection->code == 403));
}

/* May it be otherwise next time? */
static bool may_pass(struct chat *chat) {
    const struct chat_connection *connection = &chat->connection;
    if (is_for_rights(connection))
        return chat_arguments_renew_token(&chat->arguments);
    if (connection->end == CHAT_END_CLOSED)
        return connection->code == WS_CLOSE_GOING_AWAY || connection->code >= 1011;
    if (connection->end == CHAT_END_REFUSED)
        return connection->code == 429 || connection->code >= 500;
    return connection->end == CHAT_END_FAILED;
}

static bool tries_again(struct chat *chat) {
    if (chat->finished || chat->arguments.reconnect == CHAT_RECONNECT_NEVER || !may_pass(chat))
        return false;
    return chat->arguments.reconnect == CHAT_RECONNECT_ALWAYS ||
           (chat->at_terminal && chat->was_joined && !chat->leaving);
}

/* Full jitter: anything up to a bound that doubles, so that not all come back at once. */
static void try_again_later(struct chat *chat) {
    uint64_t bound = PAUSE_LONGEST_MS;
    uint32_t random;
    char text[400];
    if (chat->failures < 6)
        bound = (uint64_t)PAUSE_FIRST_MS << chat->failures;
    chat->failures++;
    ring_random(chat->loop->ring, &random, sizeof random);
    uint64_t pause = bound * random / UINT32_MAX;
    snprintf(text, sizeof text, "%s%s; trying again in %.1f s",
             chat->connection.end == CHAT_END_CLOSED ? "the hub closed the connection: " : "",
             chat->connection.why, (double)pause / 1000);
    chat_screen_say(&chat->screen, text);
    loop_start_timer(chat->loop, &chat->pause, chat->loop->now + pause * MILLISECOND);
}

static void pause_over(struct timer *timer) {
    struct chat *chat = container_of(timer, struct chat, pause);
    chat_connection_open(&chat->connection, chat->arguments.authorization);
}

static const struct timer_handler pause_handler = {"chat_pause", pause_over};

/* Says why it is the end, and which exit code that is. */
static int judge_end(struct chat *chat) {
    const struct chat_connection *connection = &chat->connection;
    bool in_order =
        connection->end == CHAT_END_LEFT ||
        (connection->end == CHAT_END_CLOSED &&
         (connection->code == WS_CLOSE_NORMAL || connection->code == WS_CLOSE_GOING_AWAY));
    char text[400];
    snprintf(text, sizeof text, "%s%s",
             connection->end == CHAT_END_CLOSED ? "the hub closed the connection: " : "",
             connection->why);
    if (connection->end != CHAT_END_LEFT)
        chat_screen_say(&chat->screen, text);
    return in_order ? EXIT_ALL_WELL : EXIT_SOME_FAILED;
}

static void connection_ended(struct chat_connection *connection) {
    struct chat *chat = chat_of(connection);
    chat_session_closed(&chat->session);
    if (tries_again(chat))
        try_again_later(chat);
    else if (!chat->finished)
        chat_finish(chat, judge_end(chat));
    else
        chat_finish_if_idle(chat);
    leave_if_settled(chat);
}

static const struct chat_connection_events connection_events = {opened, payload_received, drained,
                                                                connection_ended};

/* ---- the beginning --------------------------------------------------------------------------- */

static unsigned history_wanted(const struct chat *chat) {
    if (chat->arguments.history != CHAT_HISTORY_USUAL)
        return (unsigned)chat->arguments.history;
    return chat->at_terminal ? HISTORY_AT_TERMINAL : 0;
}

enum error chat_start(struct chat *chat, struct loop *loop, const struct chat_source *source,
                      void (*ended)(struct chat *chat)) {
    const struct chat_connection_options options = {
        .url = &chat->arguments.url,
        .subprotocol = chat->arguments.channel != NULL ? CHAT_SUBPROTOCOL : NULL,
        .authority_file = chat->arguments.authority_file,
    };
    chat->loop = loop;
    chat->source = *source;
    chat->ended = ended;
    chat->input.handler = &chat_input_handler;
    chat->shortage.handler = &chat_shortage_handler;
    chat->pause.handler = &pause_handler;
    chat->patience.handler = &patience_handler;
    enum error error = resolver_new(loop, DNS_SECONDS * SECOND, NULL, &chat->resolver);
    if (error != ERROR_NONE)
        return error;
    scope_init(&chat->dialling, loop, NULL, SCOPE_COLLECT, dialling_ended);
    chat->at_terminal = chat->screen.at_terminal;
    chat_connection_init(&chat->connection, loop, chat->resolver, &chat->dialling, &options,
                         &connection_events);
    chat_session_init(&chat->session, &chat->connection, chat->arguments.channel,
                      history_wanted(chat), &session_events);
    chat_connection_open(&chat->connection, chat->arguments.authorization);
    if (chat->at_terminal)
        chat_await_input(chat);
    return ERROR_NONE;
}

void chat_interrupt(struct chat *chat) {
    chat->interrupted = true;
    chat->exit_code = EXIT_INTERRUPTED;
    chat_finish(chat, EXIT_INTERRUPTED);
}

void chat_fini(struct chat *chat) {
    chat_session_fini(&chat->session);
    chat_connection_fini(&chat->connection);
    line_editor_fini(&chat->screen.editor);
    buffer_fini(&chat->lines);
}
