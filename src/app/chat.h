/*
 * The chat client: what is typed goes to a channel, what comes from there is printed. Who is at a
 * terminal types in a line editor, and is connected again when the connection breaks.
 *
 * Nothing that was typed is lost in silence: what was not sent in the end is counted on standard
 * error, and the exit code says so. Want of memory breaks the connection, at worst; lines that
 * there is no room for wait.
 *
 * The command (command_chat.c) gives it a loop, standard input and signals. Its own files, chat.c
 * and chat_input.c, share the struct.
 */
#ifndef RINGCAST_APP_CHAT_H
#define RINGCAST_APP_CHAT_H

#include <sys/types.h>

#include "chat_arguments.h"
#include "chat_screen.h"
#include "chat_session.h"

/* Where what is typed comes from: something to poll and read. */
struct chat_source {
    int descriptor;
    ssize_t (*read)(struct ring *ring, int descriptor, void *data, size_t size); /* or -errno */
};

/* All fields zero, but `arguments` that were read and a `screen` that may be open, it is ready. */
struct chat {
    struct loop *loop;
    struct chat_arguments arguments;
    struct chat_source source;
    void (*ended)(struct chat *chat);
    struct resolver *resolver;
    struct scope dialling;
    struct chat_connection connection;
    struct chat_session session;
    struct operation input; /* waits for what is typed */
    struct buffer lines;    /* read, but not taken yet */
    struct timer shortage;  /* runs while there is no room for what is typed */
    bool input_ended;
    bool skips; /* the rest of a line that is too long */
    struct chat_screen screen;
    bool at_terminal;      /* it was one at the start */
    struct timer pause;    /* before another connection */
    struct timer patience; /* of who leaves a terminal, for what is to be sent */
    unsigned failures;     /* in a row */
    bool was_joined;
    bool leaving; /* when everything has arrived */
    bool finished;
    bool interrupted;
    int exit_code;
};

/*
 * Begins. `ended` follows, once, when nothing is armed any more; `exit_code` is then what the
 * command's is to be. An error leaves nothing behind.
 */
enum error chat_start(struct chat *chat, struct loop *loop, const struct chat_source *source,
                      void (*ended)(struct chat *chat));

/* Leaves in order, but waits for nothing that is to be sent. */
void chat_interrupt(struct chat *chat);

/* Of one that has ended. */
void chat_fini(struct chat *chat);

/* ---- between its files: chat.c --------------------------------------------------------------- */

/* Prints a line; where nobody reads it any more, it is the end. */
enum error chat_print(struct chat *chat, struct bytes text);

/* Something was not sent, or not well: the exit code is to say so, unless it says more. */
void chat_note_failure(struct chat *chat);

/* Leaves when everything has arrived; from a terminal after some seconds in any case. */
void chat_leave(struct chat *chat);

/* Ends at once. What was not sent by then is told. */
void chat_finish(struct chat *chat, int exit_code);
void chat_finish_if_idle(struct chat *chat);

/* ---- what is typed (chat_input.c) ------------------------------------------------------------ */

extern const struct handler chat_input_handler;
extern const struct timer_handler chat_shortage_handler;

void chat_await_input(struct chat *chat);

/* Goes on with what was read, and reads more when that is used up. */
void chat_take_input(struct chat *chat);

/* Lines that were read, but not said, up to one that would have left. */
size_t chat_count_lines_left(const struct chat *chat);

/* Is there room for what it would say? */
bool chat_takes_lines(const struct chat *chat);

#endif
