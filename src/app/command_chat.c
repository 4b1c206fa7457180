#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "chat.h"
#include "chat_terminal.h"
#include "command.h"
#include "loop/signals.h"
#include "output.h"
#include "workers.h"

/* The command's run: a chat with the process's own input, output and signals. */
struct run {
    struct chat chat;
    struct signals signals;
};

static struct run *run_of(struct signals *signals) {
    return container_of(signals, struct run, signals);
}

static ssize_t read_standard_input(struct ring *ring, int descriptor, void *data, size_t size) {
    ssize_t result = read(descriptor, data, size);
    (void)ring;
    return result < 0 ? -errno : result;
}

static const struct chat_source standard_input = {STDIN_FILENO, read_standard_input};

/* The first one leaves in order, but waits for nothing; the second one is the end. */
static void signal_received(struct signals *signals, int number) {
    struct chat *chat = &run_of(signals)->chat;
    if (number == SIGWINCH) {
        chat_screen_draw(&chat->screen);
        return;
    }
    if (chat->interrupted) {
        chat_terminal_leave();
        _exit(128 + number);
    }
    chat_interrupt(chat);
}

static void signals_closed(struct signals *signals) {
    loop_stop(signals->loop);
}

static void chat_ended(struct chat *chat) {
    signals_close(&container_of(chat, struct run, chat)->signals, signals_closed);
}

/* Runs the loop until signals, too, are closed. */
static enum error chat_with_signals(struct run *run, struct loop *loop) {
    enum error error = signals_add(&run->signals, SIGWINCH);
    if (error == ERROR_NONE) {
        chat_screen_open(&run->chat.screen);
        error = chat_start(&run->chat, loop, &standard_input, chat_ended);
    }
    if (error != ERROR_NONE) {
        chat_screen_close(&run->chat.screen);
        signals_close(&run->signals, signals_closed);
    }
    loop_run(loop);
    if (error == ERROR_NONE)
        chat_fini(&run->chat);
    return error;
}

static int chat_until_end(struct run *run) {
    struct workers workers;
    struct ring_refusal refusal;
    signals_block();
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT); /* a warning would stand in the line that is typed */
    if (workers_start(&workers, 1, &refusal) != ERROR_NONE) {
        output_complain("%s", refusal.text);
        return EXIT_SOME_FAILED;
    }
    enum error error = signals_open(&run->signals, workers.loops[0], signal_received);
    if (error == ERROR_NONE)
        error = chat_with_signals(run, workers.loops[0]);
    workers_stop(&workers);
    if (error == ERROR_NONE)
        return run->chat.exit_code;
    output_complain("cannot start: %s", error_text(error));
    return EXIT_SOME_FAILED;
}

int command_chat(int count, char **arguments) {
    struct run *run = memory_allocate_zeroed(sizeof *run);
    if (run == NULL) {
        output_complain("cannot start: %s", error_text(ERROR_NO_MEMORY));
        return EXIT_SOME_FAILED;
    }
    int code = chat_arguments_read(&run->chat.arguments, count, arguments);
    if (code == EXIT_ALL_WELL)
        code = chat_until_end(run);
    chat_arguments_fini(&run->chat.arguments);
    memory_free(run);
    return code;
}
