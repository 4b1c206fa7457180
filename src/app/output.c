#include "output.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* Standard output may be a non-blocking pipe that somebody shares with us. */
static bool wait_until_writable(void) {
    struct pollfd wait = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&wait, 1, -1) >= 0 || errno == EINTR;
}

static bool (*write_text)(void *context, struct bytes text);
static void *write_context;

void output_write_to(bool (*write)(void *context, struct bytes text), void *context) {
    write_text = write;
    write_context = context;
}

bool output_write(struct bytes text) {
    if (write_text != NULL)
        return write_text(write_context, text);
    while (text.size > 0) {
        ssize_t written = write(STDOUT_FILENO, text.data, text.size);
        if (written >= 0)
            text = bytes_after(text, (size_t)written);
        else if (errno != EINTR && (errno != EAGAIN || !wait_until_writable()))
            return false;
    }
    return true;
}

static void (*complain_to)(void *context, const char *text);
static void *complain_context;

void output_complain_to(void (*complain)(void *context, const char *text), void *context) {
    complain_to = complain;
    complain_context = context;
}

__attribute__((format(printf, 1, 0))) static void complain_aloud(const char *format,
                                                                 va_list arguments) {
    fputs("ringcast: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void output_complain(const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    if (complain_to == NULL) {
        complain_aloud(format, arguments);
    } else {
        vsnprintf(text, sizeof text, format, arguments);
        complain_to(complain_context, text);
    }
    va_end(arguments);
}
