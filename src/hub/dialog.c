/*
 * The JSON subprotocol: commands come as text messages, and each has one reply, in the order in
 * which they are done. A bad command is answered with an error and harms nothing else.
 */
#include "dialog.h"

static void answer_ping(struct client *client, const struct command *command) {
    struct buffer out = {0};
    enum error error = buffer_append_text(&out, "{\"type\":\"pong\"");
    if (error == ERROR_NONE)
        error = dialog_append_id(&out, command->has_id, command->id);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&out, '}');
    dialog_reply(client, &out, error);
}

/* ---- commands -------------------------------------------------------------------------------- */

struct verb {
    const char *type;
    bool needs_channel;
    void (*run)(struct client *client, const struct command *command);
};

static const struct verb verbs[] = {
    {"subscribe", true, dialog_subscribe}, {"unsubscribe", true, dialog_unsubscribe},
    {"publish", true, dialog_publish},     {"history", true, dialog_ask_for_history},
    {"state", true, dialog_ask_for_state}, {"presence", true, dialog_ask_for_presence},
    {"watch", true, dialog_watch},         {"unwatch", true, dialog_unwatch},
    {"ping", false, answer_ping},
};

static void run(struct client *client, const struct command *command) {
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (!bytes_equal(command->type, bytes_of(verbs[i].type)))
            continue;
        if (verbs[i].needs_channel && !hub_worker_takes_name(worker_of(client), command->channel))
            dialog_refuse(client, command, "bad_channel", "this cannot be a channel's name");
        else
            verbs[i].run(client, command);
        return;
    }
    dialog_refuse(client, command, "bad_command", "there is no such type of command");
}

void dialog_handle_message(struct client *client, bool text, struct bytes payload) {
    struct command command;
    const char *fault = text ? command_read(payload, &command) : "a command is a text message";
    if (fault != NULL) {
        dialog_reply_error(client, false, 0, "bad_command", fault);
    } else {
        run(client, &command);
        command_fini(&command);
    }
    if (!transport_of(client)->stream.closing)
        client_serve(client);
}
