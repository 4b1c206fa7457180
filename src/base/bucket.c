#include "base/bucket.h"

#include <assert.h>

#include "base/clock.h"

static uint64_t time_for(uint64_t amount, uint64_t per_second) {
    return amount * SECOND / per_second;
}

bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount,
                 uint64_t now) {
    if (rate->per_second == 0)
        return true;
    assert(amount <= BUCKET_MAX && rate->burst <= BUCKET_MAX);
    bool is_full = bucket->full_at <= now;
    uint64_t full_at = (is_full ? now : bucket->full_at) + time_for(amount, rate->per_second);
    if (!is_full && full_at - now > time_for(rate->burst, rate->per_second))
        return false;
    bucket->full_at = full_at;
    return true;
}

void bucket_give(struct bucket *bucket, const struct bucket_rate *rate, uint64_t amount) {
    uint64_t time = rate->per_second == 0 ? 0 : time_for(amount, rate->per_second);
    bucket->full_at -= time < bucket->full_at ? time : bucket->full_at;
}
