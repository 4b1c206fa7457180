/*
 * A client's own messages ahead of its cursor: ranges of offsets, in order, which the cursor steps
 * over when it meets them. Most clients have none, and then there is no memory either.
 */
#ifndef RINGCAST_HUB_OWN_RANGES_H
#define RINGCAST_HUB_OWN_RANGES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Offsets; `end` is behind the last message. */
struct own_range {
    uint64_t start, end;
};

/* NULL is one without any. Fields are private. */
struct own_ranges {
    uint32_t first, count, capacity;
    struct own_range items[];
};

/* The nearest one, or NULL. */
static inline struct own_range *own_ranges_first(struct own_ranges *own) {
    return own == NULL ? NULL : &own->items[own->first];
}

/* Takes the nearest one out. The last one frees the memory, and `*own` is NULL again. */
void own_ranges_drop_first(struct own_ranges **own);

/* Adds one behind the others. ERROR_NO_MEMORY. */
enum error own_ranges_add(struct own_ranges **own, uint64_t start, uint64_t end);

#endif
