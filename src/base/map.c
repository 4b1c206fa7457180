#include "base/map.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "base/memory.h"

enum { FIRST_SLOTS = 16 };

static uint64_t secret[2];
static pthread_once_t secret_once = PTHREAD_ONCE_INIT;

static void draw_secret(void) {
    /* up to 256 bytes never fail or fall short once the kernel's pool is ready */
    ssize_t drawn = getrandom(secret, sizeof secret, 0);
    assert(drawn == (ssize_t)sizeof secret);
}

static uint64_t rotate_left(uint64_t value, unsigned count) {
    return value << count | value >> (64 - count);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate_left(v[1], 13) ^ v[0];
    v[3] = rotate_left(v[3], 16) ^ v[2];
    v[0] = rotate_left(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate_left(v[1], 17) ^ v[2];
    v[3] = rotate_left(v[3], 21) ^ v[0];
    v[2] = rotate_left(v[2], 32);
}

/* SipHash with one compression and three finalisation rounds. */
uint64_t map_hash(struct bytes key) {
    pthread_once(&secret_once, draw_secret);
    uint64_t v[4] = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d,
                     secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
    struct bytes rest = key;
    uint64_t word = 0;
    while (rest.size >= sizeof word) {
        memcpy(&word, rest.data, sizeof word);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        rest = bytes_after(rest, sizeof word);
    }
    word = (uint64_t)key.size << 56;
    for (size_t i = 0; i < rest.size; i++)
        word |= (uint64_t)rest.data[i] << (8 * i);
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct map_node **slot_of(const struct map *map, uint64_t hash) {
    return &map->slots[hash & (map->slot_count - 1)];
}

static enum error grow(struct map *map) {
    struct map wider = {.slot_count = map->slot_count == 0 ? FIRST_SLOTS : map->slot_count * 2};
    wider.slots = memory_allocate_zeroed(wider.slot_count * sizeof(struct map_node *));
    if (wider.slots == NULL)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < map->slot_count; i++) {
        for (struct map_node *node = map->slots[i], *next; node != NULL; node = next) {
            next = node->next;
            struct map_node **slot = slot_of(&wider, node->hash);
            node->next = *slot;
            *slot = node;
        }
    }
    memory_free(map->slots);
    map->slots = wider.slots;
    map->slot_count = wider.slot_count;
    return ERROR_NONE;
}

void map_fini(struct map *map) {
    assert(map->size == 0);
    memory_free(map->slots);
    *map = (struct map){0};
}

struct map_node *map_find(const struct map *map, struct bytes key) {
    if (map->size == 0)
        return NULL;
    uint64_t hash = map_hash(key);
    for (struct map_node *node = *slot_of(map, hash); node != NULL; node = node->next)
        if (node->hash == hash && bytes_equal(node->key, key))
            return node;
    return NULL;
}

enum error map_insert(struct map *map, struct map_node *node, struct bytes key) {
    assert(map_find(map, key) == NULL);
    if (map->size == map->slot_count) {
        enum error error = grow(map);
        if (error != ERROR_NONE)
            return error;
    }
    node->key = key;
    node->hash = map_hash(key);
    struct map_node **slot = slot_of(map, node->hash);
    node->next = *slot;
    *slot = node;
    map->size++;
    return ERROR_NONE;
}

void map_remove(struct map *map, struct map_node *node) {
    struct map_node **link = slot_of(map, node->hash);
    while (*link != node) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    map->size--;
}

struct map_node *map_any(const struct map *map) {
    for (size_t i = 0; i < map->slot_count; i++)
        if (map->slots[i] != NULL)
            return map->slots[i];
    return NULL;
}

void map_visit(struct map *map, void (*visit)(struct map_node *node, void *context),
               void *context) {
    for (size_t i = 0; i < map->slot_count; i++) {
        for (struct map_node *node = map->slots[i], *next; node != NULL; node = next) {
            next = node->next;
            visit(node, context);
        }
    }
}
