/*
 * The program's last ways around the seam, closed: libraries (c-ares, wolfSSL) read the C library's
 * clocks (machine_clocks.c) and the system's random numbers, and the hash tables' secret comes from
 * getrandom(). These definitions stand in front of the C library's for the whole program.
 */
#include "machine.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

static uint64_t drawn;         /* random numbers, in this run */
static int random_source = -1; /* the descriptor of /dev/urandom, while it is open */

void machine_use(const struct sim *sim) {
    machine_use_clocks(sim);
    drawn = 0;
}

#define VISIBLE __attribute__((visibility("default")))

/* The same bytes in every process, so that a seed means the same in all of them. */
VISIBLE ssize_t getrandom(void *out, size_t size, unsigned flags) {
    (void)flags;
    memset(out, 0x5a, size);
    return (ssize_t)size;
}

/* The same in every run, but no two bytes need be alike: wolfSSL looks at what it gets. */
static void draw(void *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint64_t value = ++drawn * 0x9e3779b97f4a7c15;
        value = (value ^ (value >> 29)) * 0xbf58476d1ce4e5b9;
        ((uint8_t *)out)[i] = (uint8_t)(value >> 56);
    }
}

VISIBLE void arc4random_buf(void *out, size_t size);
VISIBLE void arc4random_buf(void *out, size_t size) {
    draw(out, size);
}

static ssize_t draw_for_stream(void *cookie, char *out, size_t size) {
    (void)cookie;
    draw(out, size);
    return (ssize_t)size;
}

static bool is_random_source(const char *path) {
    return strcmp(path, "/dev/urandom") == 0;
}

/* c-ares reads its random numbers from a stream … */
VISIBLE FILE *fopen(const char *path, const char *mode) {
    if (is_random_source(path))
        return fopencookie(NULL, "r", (cookie_io_functions_t){.read = draw_for_stream});
    return fopen64(path, mode);
}

/* … and wolfSSL from a descriptor. */
VISIBLE int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    int descriptor = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
    if (is_random_source(path))
        random_source = descriptor;
    return descriptor;
}

VISIBLE int close(int descriptor) {
    if (descriptor == random_source)
        random_source = -1;
    return (int)syscall(SYS_close, descriptor);
}

VISIBLE ssize_t read(int descriptor, void *out, size_t size) {
    if (descriptor < 0 || descriptor != random_source)
        return syscall(SYS_read, descriptor, out, size);
    draw(out, size);
    return (ssize_t)size;
}
