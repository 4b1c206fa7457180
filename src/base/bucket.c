#include "base/bucket.h"

#include <assert.h>

#include "base/clock.h"

static uint64_t time_for(uint64_t amount, uint64_t per_second) {
    return amount * SECOND / per_second;
}

/* When the bucket would be full again if so much were taken. */
static uint64_t full_after(const struct bucket *bucket, const struct bucket_rate *rate,
                           uint64_t amount, uint64_t now) {
    return (bucket->full_at > now ? bucket->full_at : now) + time_for(amount, rate->per_second);
}

uint64_t bucket_wait(const struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount,
                     uint64_t now) {
    if (rate->per_second == 0)
        return 0;
    assert(amount <= BUCKET_MAX && rate->burst <= BUCKET_MAX);
    if (amount > rate->burst)
        return UINT64_MAX;
    uint64_t missing = full_after(bucket, rate, amount, now) - now;
    uint64_t burst = time_for(rate->burst, rate->per_second);
    return missing > burst ? missing - burst : 0;
}

bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount,
                 uint64_t now) {
    if (bucket_wait(bucket, rate, amount, now) > 0)
        return false;
    if (rate->per_second > 0)
        bucket->full_at = full_after(bucket, rate, amount, now);
    return true;
}

void bucket_give(struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount) {
    uint64_t time = rate->per_second == 0 ? 0 : time_for(amount, rate->per_second);
    bucket->full_at -= time < bucket->full_at ? time : bucket->full_at;
}
