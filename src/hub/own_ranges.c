#include "own_ranges.h"

#include <string.h>

#include "base/memory.h"

enum { CAPACITY_FIRST = 4 };

void own_ranges_drop_first(struct own_ranges **own) {
    (*own)->first++;
    if (--(*own)->count > 0)
        return;
    memory_free(*own);
    *own = NULL;
}

static enum error make_room(struct own_ranges **own_in) {
    struct own_ranges *own = *own_in;
    if (own != NULL && own->first + own->count < own->capacity)
        return ERROR_NONE;
    uint32_t count = own == NULL ? 0 : own->count;
    uint32_t capacity = count < CAPACITY_FIRST ? CAPACITY_FIRST : count * 2;
    struct own_ranges *wider = memory_allocate(sizeof *wider + capacity * sizeof(struct own_range));
    if (wider == NULL)
        return ERROR_NO_MEMORY;
    wider->first = 0;
    wider->count = count;
    wider->capacity = capacity;
    if (count > 0)
        memcpy(wider->items, own_ranges_first(own), count * sizeof(struct own_range));
    memory_free(own);
    *own_in = wider;
    return ERROR_NONE;
}

enum error own_ranges_add(struct own_ranges **own, uint64_t start, uint64_t end) {
    struct own_ranges *there = *own;
    if (there != NULL && there->items[there->first + there->count - 1].end == start) {
        there->items[there->first + there->count - 1].end = end;
        return ERROR_NONE;
    }
    enum error error = make_room(own);
    if (error != ERROR_NONE)
        return error;
    there = *own;
    there->items[there->first + there->count++] = (struct own_range){start, end};
    return ERROR_NONE;
}
