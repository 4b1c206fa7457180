#include "base/memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static atomic_size_t live_blocks, live_bytes;

/* Failure injection: `armed` is read first so that an ordinary run pays one relaxed load. */
static struct {
    atomic_bool armed;
    atomic_size_t skip;
    atomic_size_t count;
    atomic_size_t failures;
    bool (*fails)(void *context);
    void *context;
} injected;

static bool take_one(atomic_size_t *counter) {
    size_t value = atomic_load(counter);
    while (value > 0)
        if (atomic_compare_exchange_weak(counter, &value, value - 1))
            return true;
    return false;
}

static bool is_its_turn(void) {
    return !take_one(&injected.skip) && take_one(&injected.count);
}

static bool must_fail(void) {
    if (!atomic_load_explicit(&injected.armed, memory_order_relaxed))
        return false;
    if (injected.fails != NULL ? !injected.fails(injected.context) : !is_its_turn())
        return false;
    atomic_fetch_add(&injected.failures, 1);
    return true;
}

static void *counted(void *block) {
    if (block == NULL)
        return NULL;
    atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&live_bytes, malloc_usable_size(block), memory_order_relaxed);
    return block;
}

void memory_keep_some(void) {
    mallopt(M_TRIM_THRESHOLD, 4 << 20);
    mallopt(M_TOP_PAD, 512 << 10);
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
    if (must_fail())
        return NULL;
    size_t before = malloc_usable_size(block);
    void *moved = realloc(block, size);
    if (moved != NULL)
        atomic_fetch_add_explicit(&live_bytes, malloc_usable_size(moved) - before,
                                  memory_order_relaxed);
    return moved;
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
    atomic_fetch_sub_explicit(&live_bytes, malloc_usable_size(block), memory_order_relaxed);
    free(block);
}

size_t memory_live_blocks(void) {
    return atomic_load_explicit(&live_blocks, memory_order_relaxed);
}

size_t memory_live_bytes(void) {
    return atomic_load_explicit(&live_bytes, memory_order_relaxed);
}

void memory_fail_after(size_t skip, size_t count) {
    atomic_store(&injected.skip, skip);
    atomic_store(&injected.count, count);
    atomic_store(&injected.failures, 0);
    atomic_store(&injected.armed, count > 0);
}

void memory_fail_when(bool (*fails)(void *context), void *context) {
    injected.fails = fails;
    injected.context = context;
    atomic_store(&injected.armed, fails != NULL);
}

size_t memory_failures(void) {
    return atomic_load(&injected.failures);
}
