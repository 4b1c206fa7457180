#include "chat_terminal.h"

#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { COLUMNS_USUAL = 80 };

/* One in a process, for a signal handler and atexit() must find it. */
static struct termios before;
static volatile sig_atomic_t is_raw;

/* Signals that end the process without a word to the loop. */
static const int deadly[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGQUIT, SIGSEGV};

bool chat_terminal_is_there(void) {
    const char *kind = getenv("TERM");
    return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && kind != NULL && kind[0] != '\0' &&
           strcmp(kind, "dumb") != 0;
}

void chat_terminal_leave(void) {
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
    is_raw = 0;
}

/* tcsetattr() may be called here; the signal then does what it would have done. */
static void restore_and_die(int number) {
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_deadly_signals(void) {
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
        struct sigaction now, restoring = {.sa_handler = restore_and_die};
        sigemptyset(&restoring.sa_mask);
        if (sigaction(deadly[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
            sigaction(deadly[i], &restoring, NULL);
    }
}

/* Ctrl-C stays a signal, which the loop receives; Ctrl-Z arrives as a key. Output is left alone: a
 * line end is one. */
static bool make_raw(void) {
    struct termios raw = before;
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR);
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | IEXTEN);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
    return is_raw;
}

bool chat_terminal_enter(void) {
    static bool prepared;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    if (!prepared) {
        setlocale(LC_CTYPE, "C.UTF-8"); /* for the widths of characters */
        atexit(chat_terminal_leave);
        catch_deadly_signals();
    }
    prepared = true;
    return make_raw();
}

void chat_terminal_suspend(void) {
    chat_terminal_leave();
    raise(SIGSTOP);
    chat_terminal_enter();
}

unsigned chat_terminal_columns(void) {
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                           : COLUMNS_USUAL;
}
