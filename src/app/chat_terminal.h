/*
 * The terminal that somebody chats at: raw while a line is edited, and as it was before at every
 * exit, also by signals that nobody handles. There is one in a process.
 */
#ifndef RINGCAST_APP_CHAT_TERMINAL_H
#define RINGCAST_APP_CHAT_TERMINAL_H

#include <stdbool.h>

/* Are standard input and output one, of which lines can be drawn? */
bool chat_terminal_is_there(void);

/* Makes it raw. False if that cannot be: then it is as before. */
bool chat_terminal_enter(void);

/* Makes it what it was. Harmless when it is that already. */
void chat_terminal_leave(void);

/* Stops the process as Ctrl-Z does, with the terminal as it was; raw again when it goes on. */
void chat_terminal_suspend(void);

unsigned chat_terminal_columns(void);

#endif
