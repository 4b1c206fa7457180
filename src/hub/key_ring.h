/*
 * The idempotency keys that a channel has seen lately, each with what was answered. Bounded in
 * number and in time: the oldest go first.
 */
#ifndef RINGCAST_HUB_KEY_RING_H
#define RINGCAST_HUB_KEY_RING_H

#include "base/list.h"
#include "base/map.h"

/* `{0}` is an empty one. Fields are private. */
struct key_ring {
    struct map map;
    struct list_node oldest_first; /* meaningful while the map is not empty */
};

void key_ring_fini(struct key_ring *ring);

/* Was this key added less than KEY_RING_SECONDS ago? */
bool key_ring_find(struct key_ring *ring, struct bytes key, uint64_t now, uint64_t *offset,
                   unsigned *count);

/*
 * Makes room for a key that key_ring_find() did not find; it is not found yet. `*count` is how many
 * messages an earlier attempt has published before it failed; its time begins anew.
 * ERROR_NO_MEMORY.
 */
enum error key_ring_add(struct key_ring *ring, struct bytes key, uint64_t now, unsigned *count);

/* The added key's attempt has failed behind so many messages. */
void key_ring_fail(struct key_ring *ring, struct bytes key, unsigned count);

/* From now on the added key is found, with this answer. */
void key_ring_answer(struct key_ring *ring, struct bytes key, uint64_t offset, unsigned count);

enum { KEY_RING_SECONDS = 300, KEY_RING_MAX = 10000 };

#endif
