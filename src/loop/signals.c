#include "loop/signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t watched_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

void signals_block(void) {
    sigset_t set = watched_signals();
    sigaddset(&set, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void close_now(struct signals *signals) {
    close(signals->descriptor);
    if (signals->closed != NULL)
        signals->closed(signals);
}

static void poll_completed(struct operation *operation, const struct completion *completion) {
    struct signals *signals = container_of(operation, struct signals, poll);
    if (signals->closing) {
        close_now(signals);
        return;
    }
    struct signalfd_siginfo information;
    ssize_t size = completion->error == ERROR_NONE
                       ? read(signals->descriptor, &information, sizeof information)
                       : 0;
    ring_poll(signals->loop->ring, &signals->poll, signals->descriptor, POLL_FOR_READING);
    if (size == (ssize_t)sizeof information)
        signals->received(signals, (int)information.ssi_signo);
}

static const struct handler poll_handler = {"signal", poll_completed};

enum error signals_open(struct signals *signals, struct loop *loop,
                        void (*received)(struct signals *signals, int number)) {
    *signals = (struct signals){.loop = loop, .received = received, .poll.handler = &poll_handler};
    signals->set = watched_signals();
    signals->descriptor = signalfd(-1, &signals->set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->descriptor < 0)
        return error_from_errno(errno);
    ring_poll(loop->ring, &signals->poll, signals->descriptor, POLL_FOR_READING);
    return ERROR_NONE;
}

enum error signals_add(struct signals *signals, int number) {
    sigset_t set = signals->set, one;
    sigemptyset(&one);
    if (sigaddset(&one, number) != 0 || sigaddset(&set, number) != 0 ||
        signalfd(signals->descriptor, &set, 0) < 0)
        return error_from_errno(errno);
    signals->set = set;
    return error_from_errno(pthread_sigmask(SIG_BLOCK, &one, NULL));
}

void signals_close(struct signals *signals, void (*closed)(struct signals *signals)) {
    signals->closing = true;
    signals->closed = closed;
    ring_cancel(signals->loop->ring, &signals->poll);
}
