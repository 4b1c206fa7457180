/*
 * Memory for c-ares, which is never told that there is none: its newer versions dereference a query
 * that lost its socket to a failed allocation. When the heap has nothing, a small reserve serves,
 * and whoever called c-ares asks ares_memory_was_short() afterwards and gives up what is being
 * looked up, which empties the reserve. May be called from any thread.
 */
#ifndef RINGCAST_NET_ARES_MEMORY_H
#define RINGCAST_NET_ARES_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* As memory_allocate(), memory_resize() and memory_free(). NULL only when the reserve is used up.
 */
void *ares_memory_allocate(size_t size);
void *ares_memory_resize(void *data, size_t size);
void ares_memory_free(void *data);

/* Whether the reserve was asked by this thread since the last call. */
bool ares_memory_was_short(void);

#endif
