/*
 * The chat client: what is typed goes to a channel, what comes from there is printed. Who is at a
 * terminal types in a line editor, and is connected again when the connection breaks.
 *   opened, joined      there is a connection; who is there is told what was said before
 *   chat_take_input     lines are said (chat_input.c)
 *   received            messages are printed, above the line that is being typed
 *   connection_ended    once more, after a pause; or the end
 *   chat_leave          'exit', 'quit', the end of the input: when everything has arrived
 *   chat_finish         the rest is put away
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "chat.h"
#include "chat_terminal.h"
#include "command.h"
#include "output.h"
#include "workers.h"
#include "ws/close.h"

enum {
    DNS_SECONDS = 5,
    HISTORY_AT_TERMINAL = 20,
    PAUSE_FIRST_MS = 500, /* the bound of the first pause before another connection */
    PAUSE_LONGEST_MS = 30000,
};

/* ---- the end --------------------------------------------------------------------------------- */

static void signals_closed(struct signals *signals) {
    loop_stop(container_of(signals, struct chat, signals)->loop);
}

static void resolver_closed(void *context) {
    struct chat *chat = context;
    signals_close(&chat->signals, signals_closed);
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
    ring_cancel(chat->loop->ring, &chat->input);
    if (chat->connection.state != CHAT_CONNECTION_CLOSED)
        chat_connection_leave(&chat->connection);
    chat_finish_if_idle(chat);
}

void chat_print(struct chat *chat, struct bytes text) {
    if (!chat_screen_print(&chat->screen, text))
        chat_finish(chat, EXIT_SOME_FAILED);
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
        if (!chat_session_is_settled(&chat->session))
            output_complain("%zu lines were not sent", chat->session.said_count);
        chat_finish(chat,
                    chat_session_is_settled(&chat->session) ? EXIT_ALL_WELL : EXIT_SOME_FAILED);
    }
}

void chat_leave(struct chat *chat) {
    chat->leaving = true;
    leave_if_settled(chat);
}

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

static void received(struct chat_session *session, const struct chat_message *message) {
    struct chat *chat = chat_of_session(session);
    chat_print(chat, chat->arguments.json ? message->json : message->payload);
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
    chat->exit_code = EXIT_SOME_FAILED;
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

/* May it be otherwise next time? */
static bool may_pass(const struct chat_connection *connection) {
    if (connection->end == CHAT_END_CLOSED)
        return connection->code == WS_CLOSE_GOING_AWAY || connection->code >= 1011;
    if (connection->end == CHAT_END_REFUSED)
        return connection->code == 429 || connection->code >= 500;
    return connection->end == CHAT_END_FAILED;
}

static bool tries_again(const struct chat *chat) {
    if (chat->finished || chat->arguments.reconnect == CHAT_RECONNECT_NEVER ||
        !may_pass(&chat->connection))
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
    chat_connection_open(&container_of(timer, struct chat, pause)->connection);
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
    if (chat_session_is_settled(&chat->session))
        return in_order ? EXIT_ALL_WELL : EXIT_SOME_FAILED;
    output_complain("%zu lines were not sent", chat->session.said_count);
    return EXIT_SOME_FAILED;
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

/* ---- the command ----------------------------------------------------------------------------- */

/* The first one leaves in order, but waits for nothing; the second one is the end. */
static void signal_received(struct signals *signals, int number) {
    struct chat *chat = container_of(signals, struct chat, signals);
    if (chat->exit_code == EXIT_INTERRUPTED) {
        chat_terminal_leave();
        _exit(128 + number);
    }
    chat->exit_code = EXIT_INTERRUPTED;
    chat_finish(chat, EXIT_INTERRUPTED);
}

static unsigned history_wanted(const struct chat *chat) {
    if (chat->arguments.history != CHAT_HISTORY_USUAL)
        return (unsigned)chat->arguments.history;
    return chat->at_terminal ? HISTORY_AT_TERMINAL : 0;
}

static enum error start(struct chat *chat) {
    const struct chat_connection_options options = {
        .url = &chat->arguments.url,
        .subprotocol = chat->arguments.channel != NULL ? CHAT_SUBPROTOCOL : NULL,
        .authorization = chat->arguments.authorization,
        .authority_file = chat->arguments.authority_file,
    };
    chat->input.handler = &chat_input_handler;
    chat->pause.handler = &pause_handler;
    enum error error = signals_open(&chat->signals, chat->loop, signal_received);
    if (error == ERROR_NONE)
        error = resolver_new(chat->loop, DNS_SECONDS * SECOND, NULL, &chat->resolver);
    if (error != ERROR_NONE)
        return error;
    scope_init(&chat->dialling, chat->loop, NULL, SCOPE_COLLECT, dialling_ended);
    chat_screen_open(&chat->screen);
    chat->at_terminal = chat->screen.at_terminal;
    chat_connection_init(&chat->connection, chat->loop, chat->resolver, &chat->dialling, &options,
                         &connection_events);
    chat_session_init(&chat->session, &chat->connection, chat->arguments.channel,
                      history_wanted(chat), &session_events);
    chat_connection_open(&chat->connection);
    if (chat->at_terminal)
        chat_await_input(chat);
    return ERROR_NONE;
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
    chat_session_fini(&chat->session);
    chat_connection_fini(&chat->connection);
    line_editor_fini(&chat->screen.editor);
    buffer_fini(&chat->lines);
    return chat->exit_code;
}

int command_chat(int count, char **arguments) {
    struct chat *chat = memory_allocate_zeroed(sizeof *chat);
    int code = EXIT_USAGE;
    if (chat == NULL) {
        output_complain("cannot start: %s", error_text(ERROR_NO_MEMORY));
        return EXIT_SOME_FAILED;
    }
    if (chat_arguments_read(&chat->arguments, count, arguments))
        code = run(chat);
    chat_arguments_fini(&chat->arguments);
    memory_free(chat);
    return code;
}
