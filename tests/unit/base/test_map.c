/* The hash table: against a plain array of what must be in it, and out of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"

enum { KEYS = 2000 };

struct entry {
    struct map_node node;
    char key[16];
    bool present;
};

static struct entry entries[KEYS];

static struct bytes key_of(const struct entry *entry) {
    return bytes_of(entry->key);
}

static void make_keys(void) {
    for (int i = 0; i < KEYS; i++) {
        entries[i] = (struct entry){0};
        snprintf(entries[i].key, sizeof entries[i].key, "key %d", i);
    }
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void check_all(const struct map *map) {
    size_t present = 0;
    for (int i = 0; i < KEYS; i++) {
        struct map_node *found = map_find(map, key_of(&entries[i]));
        assert_ptr_equal(found, entries[i].present ? &entries[i].node : NULL);
        present += entries[i].present;
    }
    assert_int_equal(map->size, present);
}

static void random_inserts_and_removals(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    struct map map = {0};
    uint32_t seed = 7;
    make_keys();
    assert_null(map_find(&map, bytes_of("key 1")));
    assert_null(map_any(&map));
    for (int step = 0; step < 20000; step++) {
        struct entry *entry = &entries[next_random(&seed) % KEYS];
        if (entry->present)
            map_remove(&map, &entry->node);
        else
            assert_int_equal(map_insert(&map, &entry->node, key_of(entry)), ERROR_NONE);
        entry->present = !entry->present;
    }
    check_all(&map);
    struct map_node *node;
    while ((node = map_any(&map)) != NULL) {
        container_of(node, struct entry, node)->present = false;
        map_remove(&map, node);
    }
    check_all(&map);
    map_fini(&map);
    assert_int_equal(memory_live_blocks(), blocks);
}

struct visiting {
    struct map *map;
    size_t seen;
};

static void remove_even(struct map_node *node, void *context) {
    struct visiting *visiting = context;
    struct entry *entry = container_of(node, struct entry, node);
    visiting->seen++;
    if ((entry - entries) % 2 == 0) {
        map_remove(visiting->map, node);
        entry->present = false;
    }
}

static void visiting_sees_each_once_and_may_remove_it(void **state) {
    (void)state;
    struct map map = {0};
    make_keys();
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(map_insert(&map, &entries[i].node, key_of(&entries[i])), ERROR_NONE);
        entries[i].present = true;
    }
    struct visiting visiting = {&map, 0};
    map_visit(&map, remove_even, &visiting);
    assert_int_equal(visiting.seen, KEYS);
    check_all(&map);
    for (int i = 1; i < KEYS; i += 2)
        map_remove(&map, &entries[i].node);
    map_fini(&map);
}

static void keys_may_hold_any_bytes(void **state) {
    (void)state;
    struct map map = {0};
    struct map_node empty, zero, zeros;
    assert_int_equal(map_insert(&map, &empty, bytes_make(NULL, 0)), ERROR_NONE);
    assert_int_equal(map_insert(&map, &zero, bytes_make("\0", 1)), ERROR_NONE);
    assert_int_equal(map_insert(&map, &zeros, bytes_make("\0\0", 2)), ERROR_NONE);
    assert_ptr_equal(map_find(&map, bytes_of("")), &empty);
    assert_ptr_equal(map_find(&map, bytes_make("\0", 1)), &zero);
    assert_ptr_equal(map_find(&map, bytes_make("\0\0", 2)), &zeros);
    map_remove(&map, &zero);
    map_remove(&map, &empty);
    map_remove(&map, &zeros);
    map_fini(&map);
}

static void out_of_memory_changes_nothing(void **state) {
    (void)state;
    struct map map = {0};
    make_keys();
    size_t refused = 0;
    for (int i = 0; i < 100; i++) {
        memory_fail_after(0, 1);
        enum error error = map_insert(&map, &entries[i].node, key_of(&entries[i]));
        memory_fail_after(0, 0);
        entries[i].present = error == ERROR_NONE;
        if (error == ERROR_NONE)
            continue;
        assert_int_equal(error, ERROR_NO_MEMORY);
        refused++;
        assert_int_equal(map_insert(&map, &entries[i].node, key_of(&entries[i])), ERROR_NONE);
        entries[i].present = true;
    }
    assert_true(refused >= 3);
    check_all(&map);
    for (int i = 0; i < 100; i++)
        map_remove(&map, &entries[i].node);
    map_fini(&map);
}

static void the_hash_depends_on_every_byte_and_the_length(void **state) {
    (void)state;
    uint8_t text[24] = {0};
    for (size_t size = 0; size < sizeof text; size++) {
        uint64_t hash = map_hash(bytes_make(text, size));
        assert_true(hash == map_hash(bytes_make(text, size)));
        assert_true(hash != map_hash(bytes_make(text, size + 1)));
        for (size_t i = 0; i < size; i++) {
            text[i] = 1;
            assert_true(hash != map_hash(bytes_make(text, size)));
            text[i] = 0;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_inserts_and_removals),
        cmocka_unit_test(visiting_sees_each_once_and_may_remove_it),
        cmocka_unit_test(keys_may_hold_any_bytes),
        cmocka_unit_test(out_of_memory_changes_nothing),
        cmocka_unit_test(the_hash_depends_on_every_byte_and_the_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
