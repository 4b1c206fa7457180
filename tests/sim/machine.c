/*
 * The program's last ways around the seam, closed: libraries (c-ares, wolfSSL) read the C library's
 * clocks and random numbers, and the hash tables' secret comes from getrandom(). These definitions
 * stand in front of the C library's for the whole program.
 */
#include "machine.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

static const struct sim *current;
static uint64_t random_state;

void machine_use(const struct sim *sim) {
    current = sim;
    random_state = 1;
}

#define VISIBLE __attribute__((visibility("default")))

VISIBLE int clock_gettime(clockid_t which, struct timespec *now) {
    if (current == NULL)
        return (int)syscall(SYS_clock_gettime, which, now);
    uint64_t time = which == CLOCK_REALTIME ? sim_wall(current) : sim_now(current);
    now->tv_sec = (time_t)(time / SECOND);
    now->tv_nsec = (long)(time % SECOND);
    return 0;
}

VISIBLE int gettimeofday(struct timeval *now, void *zone) {
    struct timespec time;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &time);
    *now = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
    return 0;
}

VISIBLE time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL)
        *out = now.tv_sec;
    return now.tv_sec;
}

/* The same bytes in every process, so that a seed means the same in all of them. */
VISIBLE ssize_t getrandom(void *out, size_t size, unsigned flags) {
    (void)flags;
    memset(out, 0x5a, size);
    return (ssize_t)size;
}

/* c-ares draws query numbers here until one is free: they have to differ. */
VISIBLE void arc4random_buf(void *out, size_t size) {
    for (size_t i = 0; i < size; i++) {
        random_state = random_state * 6364136223846793005 + 1442695040888963407;
        ((uint8_t *)out)[i] = (uint8_t)(random_state >> 56);
    }
}
