/*
 * A hash table from byte-string keys to structs that embed a map_node. The table owns its slots
 * only; keys and nodes belong to the caller and must outlive their membership. Keys are hashed with
 * a secret (SipHash-1-3), since peers choose many of them. Not thread-safe.
 */
#ifndef RINGCAST_BASE_MAP_H
#define RINGCAST_BASE_MAP_H

#include "base/bytes.h"
#include "base/error.h"

struct map_node {
    struct map_node *next;
    struct bytes key; /* borrowed from the struct that embeds the node */
    uint64_t hash;
};

/* `{0}` is an empty map. */
struct map {
    struct map_node **slots;
    size_t slot_count; /* a power of two, or 0 */
    size_t size;
};

/* Frees the slots. The map must be empty. */
void map_fini(struct map *map);

struct map_node *map_find(const struct map *map, struct bytes key);

/* Adds a node under `key`, which must not be in the map yet. ERROR_NO_MEMORY changes nothing. */
enum error map_insert(struct map *map, struct map_node *node, struct bytes key);

/* Takes out a node that is in the map. */
void map_remove(struct map *map, struct map_node *node);

/* Any node of the map, or NULL when it is empty; for emptying a map. */
struct map_node *map_any(const struct map *map);

/* Calls `visit` for every node. `visit` may remove the node that it is given, and no other. */
void map_visit(struct map *map, void (*visit)(struct map_node *node, void *context), void *context);

/* The keyed hash itself, the same for the life of the process. */
uint64_t map_hash(struct bytes key);

#endif
