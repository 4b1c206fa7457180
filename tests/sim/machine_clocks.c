/* The C library's clocks, which libraries read (c-ares, wolfSSL), are those of a simulated machine.
 */
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "machine.h"

static const struct sim *current;

void machine_use_clocks(const struct sim *sim) {
    current = sim;
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
