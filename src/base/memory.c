#include "base/memory.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t live_blocks;

/* Failure injection: `armed` is read first so that an ordinary run pays one relaxed load. */
static struct {
    atomic_bool armed;
    atomic_size_t skip;
    atomic_size_t count;
    atomic_size_t failures;
} injected;

static bool take_one(atomic_size_t *counter) {
    size_t value = atomic_load(counter);
    while (value > 0)
        if (atomic_compare_exchange_weak(counter, &value, value - 1))
            return true;
    return false;
}

static bool must_fail(void) {
    if (!atomic_load_explicit(&injected.armed, memory_order_relaxed))
        return false;
    if (take_one(&injected.skip) || !take_one(&injected.count))
        return false;
    atomic_fetch_add(&injected.failures, 1);
    return true;
}

static void *counted(void *block) {
    if (block != NULL)
        atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    return block;
}

void *memory_allocate(size_t size) {
    return must_fail() ? NULL : counted(malloc(size));
}

void *memory_allocate_zeroed(size_t size) {
    return must_fail() ? NULL : counted(calloc(1, size));
}

void *memory_resize(void *block, size_t size) {
    if (block == NULL)
        return memory_allocate(size);
    return must_fail() ? NULL : realloc(block, size);
}

char *memory_copy_text(const char *text, size_t size) {
    char *copy = memory_allocate(size + 1);
    if (copy == NULL)
        return NULL;
    if (size > 0)
        memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

void memory_free(void *block) {
    if (block == NULL)
        return;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    free(block);
}

size_t memory_live_blocks(void) {
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}

void memory_fail_after(size_t skip, size_t count) {
    atomic_store(&injected.skip, skip);
    atomic_store(&injected.count, count);
    atomic_store(&injected.failures, 0);
    atomic_store(&injected.armed, count > 0);
}

size_t memory_failures(void) {
    return atomic_load(&injected.failures);
}
