/*
 * A limit on how fast something may happen: so much a second, and so much at once. The bucket is
 * one number, the time at which it will be full again (the generic cell rate algorithm), so it
 * needs no timer and no refilling. `{0}` is a full bucket.
 */
#ifndef RINGCAST_BASE_BUCKET_H
#define RINGCAST_BASE_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

/* `per_second` 0: no limit. */
struct bucket_rate {
    uint64_t per_second;
    uint64_t burst; /* at once, from a full bucket; at least 1 */
};

struct bucket {
    uint64_t full_at; /* nanoseconds */
};

/* The most that may be taken at once or a second: amounts times a second must fit 64 bits. */
#define BUCKET_MAX ((uint64_t)1 << 33)

/*
 * Takes `amount` (at most BUCKET_MAX) at `now` (nanoseconds of a clock that does not go back).
 * False if that is too much too soon, or more than the burst; then nothing was taken.
 */
bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount,
                 uint64_t now);

/* In how many nanoseconds bucket_take() would give so much: 0: now; UINT64_MAX: never, for it is
 * more than the burst. */
uint64_t bucket_wait(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount,
                     uint64_t now);

/* Gives back what was taken, and was not used after all. */
void bucket_give(struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount);

#endif
