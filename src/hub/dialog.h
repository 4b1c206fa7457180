/*
 * The JSON subprotocol, see docs/protocol.md: what its files share. What the rest of a client calls
 * is in client_internal.h.
 *
 * dialog.c reads commands and carries them out; dialog_seats.c has the subscriptions, and
 * dialog_turns.c their turns; dialog_requests.c what is asked of channels' homes; dialog_reply.c
 * what is answered.
 */
#ifndef RINGCAST_HUB_DIALOG_H
#define RINGCAST_HUB_DIALOG_H

#include "client_internal.h"
#include "command.h"

#define DIALOG_SUBPROTOCOL "ringcast.v1.json"

/* A client's seat in one channel: where its messages are read, or who comes and goes. */
struct dialog_seat {
    struct seat seat;
    struct map_node node;  /* in the dialog, by name; with the NUL behind it if it watches */
    struct list_node turn; /* in the dialog's ready seats */
    uint64_t id;           /* of the command that is to be answered: subscribe, then unsubscribe */
    bool has_id;
    bool wanted_past; /* it said where to begin, so it is told whether that was possible */
    bool watches;     /* who comes and goes */
    bool leaving;     /* as soon as nothing of it is in flight, half sent or unanswered */
    char name[];
};

struct dialog {
    uint64_t id; /* random: how others see this connection among a channel's members */
    struct map seats;
    struct list_node ready; /* seats with something to send, who was served last at the end */
    struct seat *current;   /* the last one that was sent something, or NULL */
};

static inline struct channel_settings dialog_settings_of(const struct client *client,
                                                         struct bytes channel) {
    const struct hub_options *options = &worker_of(client)->hub->options;
    return options->channel_settings(options->context, channel);
}

/* ---- replies (dialog_reply.c) ---------------------------------------------------------------- */

/* Appends `,"id":7` where the command had one. */
enum error dialog_append_id(struct buffer *out, bool has_id, uint64_t id);

/*
 * Queues a reply, which it frees; client_serve() sends it. With an `error` there is none: who
 * cannot be answered for want of memory is closed, for it would wait for ever.
 */
void dialog_reply(struct client *client, struct buffer *text, enum error error);

void dialog_reply_error(struct client *client, bool has_id, uint64_t id, const char *code,
                        const char *text);

/* The same as the answer to a command. */
void dialog_refuse(struct client *client, const struct command *command, const char *code,
                   const char *text);

const char *dialog_code_of_error(enum error error);

/* ---- seats (dialog_seats.c) ------------------------------------------------------------------ */

static inline struct dialog_seat *dialog_seat_of(struct seat *seat) {
    return container_of(seat, struct dialog_seat, seat);
}

/* Where it reads this channel's messages, or NULL. */
struct dialog_seat *dialog_find_seat(const struct client *client, struct bytes name);

void dialog_subscribe(struct client *client, const struct command *command);
void dialog_unsubscribe(struct client *client, const struct command *command);
void dialog_watch(struct client *client, const struct command *command);
void dialog_unwatch(struct client *client, const struct command *command);

/* ---- asking homes (dialog_requests.c) -------------------------------------------------------- */

void dialog_publish(struct client *client, const struct command *command);
void dialog_ask_for_history(struct client *client, const struct command *command);
void dialog_ask_for_state(struct client *client, const struct command *command);
void dialog_ask_for_presence(struct client *client, const struct command *command);

#endif
