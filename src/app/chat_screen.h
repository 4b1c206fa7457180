/*
 * Where the chat client prints: lines on standard output, and at a terminal the line that is being
 * typed below them, which stays whole whatever arrives.
 */
#ifndef RINGCAST_APP_CHAT_SCREEN_H
#define RINGCAST_APP_CHAT_SCREEN_H

#include "chat_line_editor.h"

enum { CHAT_SCREEN_SAYS_MAX = 512 };

struct chat_screen {
    bool at_terminal; /* lines are edited; may be read */
    struct line_editor editor;
};

/* At a terminal it becomes raw, and an empty line is shown. */
void chat_screen_open(struct chat_screen *screen);

/* The terminal is what it was; from now on nothing is edited. */
void chat_screen_close(struct chat_screen *screen);

/* Shows the line as it is now. */
void chat_screen_draw(struct chat_screen *screen);

/* Prints a line of its own. ERROR_NO_MEMORY; ERROR_END_OF_STREAM when nobody reads it any more. */
enum error chat_screen_print(struct chat_screen *screen, struct bytes text);

/* The same on standard error, for who chats; up to CHAT_SCREEN_SAYS_MAX bytes even without memory.
 */
void chat_screen_say(struct chat_screen *screen, const char *text);

#endif
