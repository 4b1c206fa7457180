/*
 * What is typed into the chat, or comes from a program: lines, each of which is said. At a terminal
 * they are typed in the line editor. Nothing is read while much waits to be sent.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "chat.h"
#include "chat_terminal.h"
#include "command.h"
#include "output.h"

enum { READ_SIZE = 64 * 1024 };

static bool says_leave(struct bytes line) {
    return bytes_equal_ignoring_case(line, bytes_of("exit")) ||
           bytes_equal_ignoring_case(line, bytes_of("quit"));
}

static void take_line(struct chat *chat, struct bytes line) {
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    if (says_leave(line))
        chat_leave(chat);
    else if (line.size > 0 && !utf8_is_valid(line))
        chat_screen_say(&chat->screen, "a line that is not UTF-8 was not sent");
    else if (line.size > 0 && chat_session_say(&chat->session, line) != ERROR_NONE)
        chat_finish(chat, EXIT_SOME_FAILED);
}

bool chat_takes_lines(const struct chat *chat) {
    return !chat->leaving && !chat->finished && !chat_session_is_full(&chat->session);
}

/* Shows at a terminal what was said, since it does not come back. */
static void take_edited_line(struct chat *chat, struct bytes line) {
    struct buffer shown = {0};
    if (line.size > 0 && buffer_append_text(&shown, "> ") == ERROR_NONE &&
        buffer_append(&shown, line.data, line.size) == ERROR_NONE)
        chat_print(chat, buffer_bytes(&shown));
    buffer_fini(&shown);
    take_line(chat, line);
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
        else if (event == LINE_FAILED)
            chat_finish(chat, EXIT_SOME_FAILED);
        if (event == LINE_END)
            break;
    }
    buffer_consume(&chat->lines, chat->lines.size - rest.size);
    chat_screen_draw(&chat->screen);
}

static void take_lines(struct chat *chat) {
    struct bytes rest = buffer_bytes(&chat->lines);
    const uint8_t *newline;
    while (chat_takes_lines(chat) && rest.size > 0 &&
           (newline = memchr(rest.data, '\n', rest.size)) != NULL) {
        size_t size = (size_t)(newline - rest.data);
        take_line(chat, bytes_make(rest.data, size));
        rest = bytes_after(rest, size + 1);
    }
    if (chat->input_ended && chat_takes_lines(chat)) {
        take_line(chat, rest);
        rest.size = 0;
    }
    buffer_consume(&chat->lines, chat->lines.size - rest.size);
}

/* Goes on with what was read, and reads more when that is used up. */
void chat_take_input(struct chat *chat) {
    if (chat->at_terminal)
        take_keys(chat);
    else
        take_lines(chat);
    if (chat->input_ended && chat_takes_lines(chat))
        chat_leave(chat);
    else if (!chat->input_ended && chat_takes_lines(chat) && !operation_is_armed(&chat->input))
        chat_await_input(chat);
}

void chat_await_input(struct chat *chat) {
    ring_poll(chat->loop->ring, &chat->input, STDIN_FILENO, POLL_FOR_READING);
}

static void input_ready(struct operation *operation, const struct completion *completion) {
    struct chat *chat = container_of(operation, struct chat, input);
    if (chat->finished) {
        chat_finish_if_idle(chat);
        return;
    }
    ssize_t size = -1;
    if (completion->error == ERROR_NONE && buffer_reserve(&chat->lines, READ_SIZE) == ERROR_NONE)
        size = read(STDIN_FILENO, chat->lines.data + chat->lines.size, READ_SIZE);
    if (size > 0)
        chat->lines.size += (size_t)size;
    else if (size == 0 || (errno != EINTR && errno != EAGAIN))
        chat->input_ended = true;
    chat_take_input(chat);
}

const struct handler chat_input_handler = {"chat_input", input_ready};
