#include "key_ring.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

struct seen_key {
    struct map_node node;
    struct list_node link;
    uint64_t when;
    uint64_t offset;
    unsigned count;
    bool answered;
    uint8_t key[];
};

static void drop(struct key_ring *ring, struct seen_key *seen) {
    map_remove(&ring->map, &seen->node);
    list_remove(&seen->link);
    memory_free(seen);
}

void key_ring_fini(struct key_ring *ring) {
    struct map_node *node;
    while ((node = map_any(&ring->map)) != NULL)
        drop(ring, container_of(node, struct seen_key, node));
    map_fini(&ring->map);
}

static void drop_old(struct key_ring *ring, uint64_t now) {
    while (ring->map.size > 0) {
        struct seen_key *oldest = container_of(ring->oldest_first.next, struct seen_key, link);
        if (ring->map.size <= KEY_RING_MAX && now - oldest->when < KEY_RING_SECONDS * SECOND)
            return;
        drop(ring, oldest);
    }
}

bool key_ring_find(struct key_ring *ring, struct bytes key, uint64_t now, uint64_t *offset,
                   unsigned *count) {
    drop_old(ring, now);
    struct map_node *node = map_find(&ring->map, key);
    const struct seen_key *seen = node != NULL ? container_of(node, struct seen_key, node) : NULL;
    if (seen == NULL || !seen->answered)
        return false;
    *offset = seen->offset;
    *count = seen->count;
    return true;
}

void key_ring_fail(struct key_ring *ring, struct bytes key, unsigned count) {
    container_of(map_find(&ring->map, key), struct seen_key, node)->count = count;
}

void key_ring_answer(struct key_ring *ring, struct bytes key, uint64_t offset, unsigned count) {
    struct seen_key *seen = container_of(map_find(&ring->map, key), struct seen_key, node);
    seen->offset = offset;
    seen->count = count;
    seen->answered = true;
}

/* What is tried again is as young as a new one. */
static void renew(struct key_ring *ring, struct seen_key *failed, uint64_t now) {
    failed->when = now;
    list_remove(&failed->link);
    list_append(&ring->oldest_first, &failed->link);
}

enum error key_ring_add(struct key_ring *ring, struct bytes key, uint64_t now, unsigned *count) {
    struct map_node *node = map_find(&ring->map, key);
    if (node != NULL) {
        struct seen_key *failed = container_of(node, struct seen_key, node);
        *count = failed->count;
        renew(ring, failed, now);
        return ERROR_NONE;
    }
    *count = 0;
    struct seen_key *seen = memory_allocate(sizeof *seen + key.size);
    if (seen == NULL)
        return ERROR_NO_MEMORY;
    *seen = (struct seen_key){.when = now};
    memcpy(seen->key, key.data, key.size);
    if (map_insert(&ring->map, &seen->node, bytes_make(seen->key, key.size)) != ERROR_NONE) {
        memory_free(seen);
        return ERROR_NO_MEMORY;
    }
    if (ring->map.size == 1)
        list_init(&ring->oldest_first);
    list_append(&ring->oldest_first, &seen->link);
    drop_old(ring, now);
    return ERROR_NONE;
}
