#include "chat_screen.h"

#include <unistd.h>

#include "chat_terminal.h"
#include "output.h"

void chat_screen_draw(struct chat_screen *screen) {
    struct buffer out = {0};
    if (screen->at_terminal &&
        line_editor_draw(&screen->editor, chat_terminal_columns(), &out) == ERROR_NONE)
        output_write(buffer_bytes(&out));
    buffer_fini(&out);
}

static void erase(const struct chat_screen *screen) {
    struct buffer out = {0};
    if (screen->at_terminal && line_editor_erase(&out) == ERROR_NONE)
        output_write(buffer_bytes(&out));
    buffer_fini(&out);
}

/* What a program reads comes as it is; what a terminal shows must not play tricks with it. */
enum error chat_screen_print(struct chat_screen *screen, struct bytes text) {
    struct buffer out = {0};
    enum error error = screen->at_terminal ? line_editor_erase(&out) : ERROR_NONE;
    if (error == ERROR_NONE)
        error = isatty(STDOUT_FILENO) ? line_editor_append_harmless(&out, text)
                                      : buffer_append(&out, text.data, text.size);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&out, '\n');
    if (error == ERROR_NONE && !output_write(buffer_bytes(&out)))
        error = ERROR_END_OF_STREAM;
    buffer_fini(&out);
    chat_screen_draw(screen);
    return error;
}

/* Without memory it is told all the same, as far as it is plain. */
static void complain_plainly(const char *text) {
    char plain[CHAT_SCREEN_SAYS_MAX];
    size_t size = 0;
    for (; text[size] != '\0' && size < sizeof plain - 1; size++)
        plain[size] = text[size] >= ' ' && text[size] <= '~' ? text[size] : '?';
    plain[size] = '\0';
    output_complain("%s", plain);
}

/* What is said may quote the hub. */
void chat_screen_say(struct chat_screen *screen, const char *text) {
    struct buffer out = {0};
    erase(screen);
    if (line_editor_append_harmless(&out, bytes_of(text)) == ERROR_NONE)
        output_complain("%.*s", (int)out.size, (const char *)out.data);
    else
        complain_plainly(text);
    buffer_fini(&out);
    chat_screen_draw(screen);
}

void chat_screen_open(struct chat_screen *screen) {
    screen->at_terminal = chat_terminal_is_there() && chat_terminal_enter();
    chat_screen_draw(screen);
}

/* A line that was begun stays to be seen. */
void chat_screen_close(struct chat_screen *screen) {
    if (!line_editor_is_empty(&screen->editor) && screen->at_terminal)
        output_write(bytes_of("\n"));
    else
        erase(screen);
    screen->at_terminal = false;
    chat_terminal_leave();
}
