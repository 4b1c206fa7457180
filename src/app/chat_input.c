/*
 * What is typed into the chat, or comes from a program: lines, each of which is said. At a terminal
 * they are typed in the line editor. Nothing is read while much waits to be sent, or while there is
 * no memory for it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "chat.h"
#include "chat_terminal.h"
#include "command.h"
#include "output.h"

enum { READ_SIZE = 64 * 1024, SHORTAGE_MS = 20, LINE_MAX_FROM_PROGRAM = 1024 * 1024 };

static bool says_leave(struct bytes line) {
    return bytes_equal_ignoring_case(line, bytes_of("exit")) ||
           bytes_equal_ignoring_case(line, bytes_of("quit"));
}

static void refuse(struct chat *chat, const char *why) {
    chat_screen_say(&chat->screen, why);
    chat_note_failure(chat);
}

/* ERROR_NO_MEMORY: it was not said. */
static enum error take_line(struct chat *chat, struct bytes line) {
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (says_leave(line))
        chat_leave(chat);
    else if (line.size > 0 && !utf8_is_valid(line))
        refuse(chat, "a line that is not UTF-8 was not sent");
    else if (line.size > 0)
        return chat_session_say(&chat->session, line);
    return ERROR_NONE;
}

bool chat_takes_lines(const struct chat *chat) {
    return !chat->leaving && !chat->finished && !chat_session_is_full(&chat->session);
}

/* ---- at a terminal --------------------------------------------------------------------------- */

/* Shows what was said, since it does not come back. */
static void take_edited_line(struct chat *chat, struct bytes line) {
    struct buffer shown = {0};
    if (line.size > 0 && buffer_append_text(&shown, "> ") == ERROR_NONE &&
        buffer_append(&shown, line.data, line.size) == ERROR_NONE)
        chat_print(chat, buffer_bytes(&shown));
    buffer_fini(&shown);
    if (take_line(chat, line) == ERROR_NONE)
        return;
    refuse(chat, "out of memory: the line was not sent");
}

static void take_keys(struct chat *chat) {
    struct bytes rest = buffer_bytes(&chat->lines), line;
    while (chat_takes_lines(chat) && rest.size > 0) {
        enum line_event event = line_editor_next(&chat->screen.editor, &rest, &line);
        if (event == LINE_DONE)
            take_edited_line(chat, line);
        else if (event == LINE_END)
            chat->input_ended = true;
        else if (event == LINE_SUSPEND)
            chat_terminal_suspend();
        else if (event == LINE_FULL)
            chat_screen_say(&chat->screen, "the line is full: 64 KiB");
        else if (event == LINE_FAILED)
            chat_screen_say(&chat->screen, "out of memory: what was typed last is not in the line");
        if (event == LINE_END)
            break;
    }
    buffer_consume(&chat->lines, chat->lines.size - rest.size);
    chat_screen_draw(&chat->screen);
}

/* ---- from a program -------------------------------------------------------------------------- */

static void wait_for_memory(struct chat *chat) {
    loop_start_timer(chat->loop, &chat->shortage, chat->loop->now + SHORTAGE_MS * MILLISECOND);
}

/* A line that is too long is passed over as it comes, and takes no room. False: it goes on. */
static bool skip_long_line(struct chat *chat, struct bytes *rest, const uint8_t *newline) {
    if (!chat->skips)
        refuse(chat, "a line of more than 1 MiB was not sent");
    chat->skips = newline == NULL;
    *rest = bytes_after(*rest, newline != NULL ? (size_t)(newline - rest->data) + 1 : rest->size);
    return newline != NULL;
}

/* Takes the first line off `rest`, if it is whole or the last; false: there is none, or no memory
 * for it. */
static bool take_first_line(struct chat *chat, struct bytes *rest) {
    const uint8_t *newline = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = newline != NULL ? (size_t)(newline - rest->data) : rest->size;
    if (chat->skips || size > LINE_MAX_FROM_PROGRAM)
        return skip_long_line(chat, rest, newline);
    if (rest->size == 0 || (newline == NULL && !chat->input_ended))
        return false;
    if (take_line(chat, bytes_make(rest->data, size)) != ERROR_NONE) {
        wait_for_memory(chat);
        return false;
    }
    *rest = bytes_after(*rest, newline != NULL ? size + 1 : size);
    return true;
}

static void take_lines(struct chat *chat) {
    struct bytes rest = buffer_bytes(&chat->lines);
    while (chat_takes_lines(chat) && take_first_line(chat, &rest))
        ;
    buffer_consume(&chat->lines, chat->lines.size - rest.size);
}

/* ---- what is left ---------------------------------------------------------------------------- */

static bool ends_line(const struct chat *chat, uint8_t byte) {
    return byte == '\n' || (chat->at_terminal && byte == '\r');
}

size_t chat_count_lines_left(const struct chat *chat) {
    struct bytes rest = buffer_bytes(&chat->lines);
    size_t count = 0;
    while (rest.size > 0 && !chat->leaving) {
        size_t size = 0;
        while (size < rest.size && !ends_line(chat, rest.data[size]))
            size++;
        struct bytes line = bytes_make(rest.data, size);
        bool whole = size < rest.size;
        if (line.size > 0 && line.data[line.size - 1] == '\r')
            line.size--;
        if (says_leave(line))
            break;
        count += line.size > 0 && (whole || !chat->at_terminal);
        rest = bytes_after(rest, whole ? size + 1 : size);
    }
    return count;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Goes on with what was read, and reads more when that is used up. */
void chat_take_input(struct chat *chat) {
    if (chat->at_terminal)
        take_keys(chat);
    else
        take_lines(chat);
    if (!chat_takes_lines(chat) || timer_is_started(&chat->shortage))
        return;
    if (chat->input_ended)
        chat_leave(chat);
    else if (!operation_is_armed(&chat->input))
        chat_await_input(chat);
}

static void shortage_over(struct timer *timer) {
    chat_take_input(container_of(timer, struct chat, shortage));
}

const struct timer_handler chat_shortage_handler = {"chat_shortage", shortage_over};

void chat_await_input(struct chat *chat) {
    ring_poll(chat->loop->ring, &chat->input, chat->source.descriptor, POLL_FOR_READING);
}

static ssize_t read_input(struct chat *chat) {
    if (buffer_reserve(&chat->lines, READ_SIZE) != ERROR_NONE)
        return -ENOMEM;
    return chat->source.read(chat->loop->ring, chat->source.descriptor,
                             chat->lines.data + chat->lines.size, READ_SIZE);
}

static void end_input(struct chat *chat, enum error error) {
    char why[100];
    chat->input_ended = true;
    snprintf(why, sizeof why, "the input cannot be read: %s", error_text(error));
    if (error != ERROR_NONE)
        refuse(chat, why);
}

static void input_ready(struct operation *operation, const struct completion *completion) {
    struct chat *chat = container_of(operation, struct chat, input);
    if (chat->finished) {
        chat_finish_if_idle(chat);
        return;
    }
    ssize_t size = completion->error == ERROR_NONE ? read_input(chat) : 0;
    enum error error = completion->error;
    if (size < 0 && size != -EINTR && size != -EAGAIN)
        error = error_from_errno((int)-size);
    if (size > 0)
        chat->lines.size += (size_t)size;
    else if (error == ERROR_NO_MEMORY)
        wait_for_memory(chat);
    else if (error != ERROR_NONE || size == 0)
        end_input(chat, error);
    chat_take_input(chat);
}

const struct handler chat_input_handler = {"chat_input", input_ready};
