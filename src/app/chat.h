/* The chat command, as its files share it: command_chat.c and chat_input.c. */
#ifndef RINGCAST_APP_CHAT_H
#define RINGCAST_APP_CHAT_H

#include "chat_arguments.h"
#include "chat_screen.h"
#include "chat_session.h"
#include "loop/signals.h"

struct chat {
    struct loop *loop;
    struct chat_arguments arguments;
    struct resolver *resolver;
    struct scope dialling;
    struct chat_connection connection;
    struct chat_session session;
    struct signals signals;
    struct operation input; /* waits for standard input */
    struct buffer lines;    /* read, but not taken yet */
    bool input_ended;
    struct chat_screen screen;
    bool at_terminal;   /* it was one at the start */
    struct timer pause; /* before another connection */
    unsigned failures;  /* in a row */
    bool was_joined;
    bool leaving; /* when everything has arrived */
    bool finished;
    int exit_code;
};

/* ---- command_chat.c -------------------------------------------------------------------------- */

/* Prints a line; where that is impossible, it is the end. */
void chat_print(struct chat *chat, struct bytes text);

/* Leaves when everything has arrived. */
void chat_leave(struct chat *chat);

/* Ends at once. What was not sent by then is lost. */
void chat_finish(struct chat *chat, int exit_code);
void chat_finish_if_idle(struct chat *chat);

/* ---- what is typed (chat_input.c) ------------------------------------------------------------ */

extern const struct handler chat_input_handler;

void chat_await_input(struct chat *chat);

/* Goes on with what was read, and reads more when that is used up. */
void chat_take_input(struct chat *chat);

/* Is there room for what it would say? */
bool chat_takes_lines(const struct chat *chat);

#endif
