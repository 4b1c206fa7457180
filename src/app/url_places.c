#include "url_places.h"

#include <stdlib.h>

#include "base/memory.h"

struct url_place {
    uint64_t hash;
    size_t index;
    size_t claimed; /* in the first of those with this request: so many of them */
};

static int compare(const void *a, const void *b) {
    const struct url_place *first = a, *second = b;
    if (first->hash != second->hash)
        return first->hash < second->hash ? -1 : 1;
    return (first->index > second->index) - (first->index < second->index);
}

enum error url_places_init(struct url_places *places, const struct config_urls *urls) {
    places->count = urls->count;
    places->items = memory_allocate((urls->count + 1) * sizeof *places->items);
    if (places->items == NULL)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < urls->count; i++)
        places->items[i] = (struct url_place){.hash = urls->entries[i].request_hash, .index = i};
    qsort(places->items, places->count, sizeof *places->items, compare);
    return ERROR_NONE;
}

void url_places_fini(struct url_places *places) {
    memory_free(places->items);
    *places = (struct url_places){0};
}

/* The first place whose request is not a smaller one. */
static size_t lower_bound(const struct url_places *places, uint64_t hash) {
    size_t low = 0, high = places->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (places->items[middle].hash < hash)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool url_places_claim(struct url_places *places, uint64_t request_hash, size_t *index) {
    size_t first = lower_bound(places, request_hash);
    if (first == places->count || places->items[first].hash != request_hash)
        return false;
    size_t place = first + places->items[first].claimed;
    if (place == places->count || places->items[place].hash != request_hash)
        return false;
    places->items[first].claimed++;
    *index = places->items[place].index;
    return true;
}
