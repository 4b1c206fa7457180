/*
 * Units of time. Points in time and durations are nanoseconds in 64 bits; who asks for the time
 * asks its ring (ring_now()), so that a simulation can own it.
 */
#ifndef RINGCAST_BASE_CLOCK_H
#define RINGCAST_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

#define NANOSECOND  ((uint64_t)1)
#define MICROSECOND (1000 * NANOSECOND)
#define MILLISECOND (1000 * MICROSECOND)
#define SECOND      (1000 * MILLISECOND)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)

/* The kernel's monotonic clock. Only rings and programs without one read it. */
uint64_t clock_monotonic(void);

/* The kernel's wall clock: nanoseconds since 1970 in UTC. */
uint64_t clock_wall(void);

/*
 * Reads "250ms", "1.5s", "5m", "2h", "1d" or "0": a decimal number and its unit (ns, us, ms, s, m,
 * h, d), nothing around it. False when it is none of these or does not fit.
 */
bool duration_parse(struct bytes text, uint64_t *duration);

#endif
