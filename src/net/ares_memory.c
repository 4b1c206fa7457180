#include "ares_memory.h"

#include <malloc.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/list.h"
#include "base/memory.h"

/* One call of c-ares wants at most a receive buffer of 64 KiB, grown twice, and a few small blocks.
 */
enum { RESERVE_SIZE = 512 * 1024, ALIGNMENT = alignof(max_align_t) };

struct block {
    struct block *before; /* the one that was cut off before this one */
    size_t size;
    bool freed;
    alignas(max_align_t) unsigned char bytes[];
};

/* Blocks are cut off one behind another; room comes back when the last ones are free. */
static struct {
    pthread_mutex_t mutex;
    struct block *last;
    alignas(max_align_t) unsigned char bytes[RESERVE_SIZE];
} reserve = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static _Thread_local bool was_short;

static bool is_reserved(const void *data) {
    uintptr_t at = (uintptr_t)data, first = (uintptr_t)reserve.bytes;
    return at >= first && at < first + RESERVE_SIZE;
}

static struct block *block_of(void *data) {
    return container_of(data, struct block, bytes);
}

static size_t used(void) {
    if (reserve.last == NULL)
        return 0;
    size_t end = (size_t)(reserve.last->bytes - reserve.bytes) + reserve.last->size;
    return (end + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static void *reserve_allocate(size_t size) {
    struct block *block = NULL;
    if (size == 0)
        size = 1; /* so that its address is one of the reserve's */
    pthread_mutex_lock(&reserve.mutex);
    size_t begin = used();
    if (begin + sizeof *block <= RESERVE_SIZE && size <= RESERVE_SIZE - begin - sizeof *block) {
        block = (struct block *)(void *)(reserve.bytes + begin);
        *block = (struct block){.before = reserve.last, .size = size};
        reserve.last = block;
    }
    pthread_mutex_unlock(&reserve.mutex);
    was_short = true;
    return block == NULL ? NULL : block->bytes;
}

static void reserve_free(struct block *block) {
    pthread_mutex_lock(&reserve.mutex);
    block->freed = true;
    while (reserve.last != NULL && reserve.last->freed)
        reserve.last = reserve.last->before;
    pthread_mutex_unlock(&reserve.mutex);
}

void *ares_memory_allocate(size_t size) {
    void *data = memory_allocate(size);
    return data != NULL ? data : reserve_allocate(size);
}

void ares_memory_free(void *data) {
    if (is_reserved(data))
        reserve_free(block_of(data));
    else
        memory_free(data);
}

static size_t size_of(void *data) {
    return is_reserved(data) ? block_of(data)->size : malloc_usable_size(data);
}

void *ares_memory_resize(void *data, size_t size) {
    void *resized = is_reserved(data) ? NULL : memory_resize(data, size);
    if (resized != NULL)
        return resized;
    size_t had = size_of(data);
    resized = ares_memory_allocate(size);
    if (resized == NULL)
        return NULL;
    if (had > 0)
        memcpy(resized, data, had < size ? had : size);
    ares_memory_free(data);
    return resized;
}

bool ares_memory_was_short(void) {
    bool answer = was_short;
    was_short = false;
    return answer;
}
