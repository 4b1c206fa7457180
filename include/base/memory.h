/*
 * Allocation. Every allocation of ringcast's own code passes here, so that tests can count what is
 * alive and make any allocation fail. All functions may be called from any thread.
 *
 * Failure is an answer, not an abort: whoever allocates handles NULL.
 */
#ifndef RINGCAST_BASE_MEMORY_H
#define RINGCAST_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Lets the process keep some MiB that are free, and get half a MiB at once, instead of giving back
 * and asking again with each body that comes and goes. Before threads start.
 */
void memory_keep_some(void);

/* `size` bytes with undefined content, or NULL. The caller owns them; memory_free() ends them. */
void *memory_allocate(size_t size);

/* The same, filled with zeros. */
void *memory_allocate_zeroed(size_t size);

/* Moves `block` (NULL is allowed) to `size` bytes. On failure NULL, and `block` stays valid. */
void *memory_resize(void *block, size_t size);

/* A NUL-terminated copy of `size` bytes of `text`, or NULL. */
char *memory_copy_text(const char *text, size_t size);

/* Ends a block; NULL is allowed. */
void memory_free(void *block);

/* How many blocks are alive now, and how many bytes, as the C library rounds them. */
size_t memory_live_blocks(void);
size_t memory_live_bytes(void);

/*
 * For tests: after `skip` more successful allocations, the next `count` fail. (0, 0) ends it.
 * Returns nothing; memory_failures() tells how many were made to fail since the last call.
 */
void memory_fail_after(size_t skip, size_t count);
size_t memory_failures(void);

/*
 * For tests with one thread: `fails` is asked at each allocation, and what it says happens. NULL
 * ends it. It counts in memory_failures(), too.
 */
void memory_fail_when(bool (*fails)(void *context), void *context);

#endif
