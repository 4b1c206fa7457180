/*
 * Numbers for metrics: written by one thread, read by any. A counter costs what a plain variable
 * costs; readers see each value whole, not several at one instant.
 */
#ifndef RINGCAST_BASE_COUNTER_H
#define RINGCAST_BASE_COUNTER_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct counter {
    _Atomic uint64_t value;
};

static inline uint64_t counter_read(const struct counter *counter) {
    return atomic_load_explicit(&((struct counter *)(uintptr_t)counter)->value,
                                memory_order_relaxed);
}

static inline void counter_set(struct counter *counter, uint64_t value) {
    atomic_store_explicit(&counter->value, value, memory_order_relaxed);
}

static inline void counter_add(struct counter *counter, uint64_t more) {
    counter_set(counter, counter_read(counter) + more);
}

static inline void counter_subtract(struct counter *counter, uint64_t less) {
    counter_set(counter, counter_read(counter) - less);
}

/* A histogram of durations: bucket i counts what is at most histogram_bound(i), the last all else.
 */
enum { HISTOGRAM_BUCKETS = 20 };

struct histogram {
    struct counter buckets[HISTOGRAM_BUCKETS];
    struct counter count;
    struct counter sum; /* nanoseconds */
};

/* The upper bound of a bucket in nanoseconds; UINT64_MAX for the last. */
uint64_t histogram_bound(size_t bucket);

/* Counts a duration in nanoseconds. Only the owning thread. */
void histogram_add(struct histogram *histogram, uint64_t duration);

#endif
