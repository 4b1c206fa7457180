#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

enum { PROGRESS_MILLISECONDS = 200, MINUTE_SECONDS = 60, HOUR_SECONDS = 3600 };

/* "1:02:03", "2:03" */
static void print_left(uint64_t seconds) {
    unsigned hours = (unsigned)(seconds / HOUR_SECONDS);
    unsigned minutes = (unsigned)(seconds % HOUR_SECONDS / MINUTE_SECONDS);
    if (hours > 0)
        fprintf(stderr, ", %u:%02u:%02u left", hours, minutes,
                (unsigned)(seconds % MINUTE_SECONDS));
    else
        fprintf(stderr, ", %u:%02u left", minutes, (unsigned)(seconds % MINUTE_SECONDS));
}

static void print(struct progress *progress) {
    const struct round *round = progress->round;
    double seconds = (double)(progress->loop->now - progress->started) / (double)SECOND;
    double rate = seconds > 0 ? (double)round->done / seconds : 0;
    fprintf(stderr, "\r\033[K%zu", round->done);
    if (progress->total > 0)
        fprintf(stderr, " of %zu", progress->total);
    fprintf(stderr, " done, %zu failed, %.0f a second", round->done_badly, rate);
    if (progress->total >= round->done && rate > 0)
        print_left((uint64_t)((double)(progress->total - round->done) / rate));
    fflush(stderr);
    progress->shown = true;
}

static void show(struct timer *timer) {
    struct progress *progress = container_of(timer, struct progress, timer);
    print(progress);
    loop_start_timer(progress->loop, timer,
                     progress->loop->now + PROGRESS_MILLISECONDS * MILLISECOND);
}

static const struct timer_handler handler = {"fetch_progress", show};

void progress_start(struct progress *progress, const struct round *round, struct loop *loop,
                    size_t total) {
    *progress = (struct progress){.round = round,
                                  .loop = loop,
                                  .timer.handler = &handler,
                                  .started = loop->now,
                                  .total = total};
    if (isatty(STDERR_FILENO))
        loop_start_timer(loop, &progress->timer, loop->now + PROGRESS_MILLISECONDS * MILLISECOND);
}

void progress_clear(struct progress *progress) {
    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

void progress_stop(struct progress *progress) {
    progress_clear(progress);
    loop_stop_timer(progress->loop, &progress->timer);
}
