/*
 * Which known name did the user probably mean? Ask about each candidate in turn; the best one that
 * is close enough stays.
 */
#ifndef RINGCAST_APP_CONFIG_NEAREST_H
#define RINGCAST_APP_CONFIG_NEAREST_H

#include "base/bytes.h"

struct nearest {
    struct bytes typed;
    struct bytes best; /* borrowed from a candidate; empty: none is close enough */
    size_t distance;   /* of the best one */
};

/* `{.typed = ...}` would forget the limit: this sets it from the length of what was typed. */
struct nearest nearest_to(struct bytes typed);

/* Of equally near candidates the first one stays. */
void nearest_consider(struct nearest *nearest, struct bytes candidate);

#endif
