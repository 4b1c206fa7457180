#include "base/counter.h"

#include "base/clock.h"

/* 10 us, doubled each time: the last bound before infinity is 2.6 s. */
uint64_t histogram_bound(size_t bucket) {
    return bucket + 1 < HISTOGRAM_BUCKETS ? (10 * MICROSECOND) << bucket : UINT64_MAX;
}

void histogram_add(struct histogram *histogram, uint64_t duration) {
    size_t bucket = 0;
    while (duration > histogram_bound(bucket))
        bucket++;
    counter_add(&histogram->buckets[bucket], 1);
    counter_add(&histogram->count, 1);
    counter_add(&histogram->sum, duration);
}
