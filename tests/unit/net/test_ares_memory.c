/* The reserve behind c-ares: blocks of the heap while there are any, its own when there are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "ares_memory.h"
#include "base/memory.h"

enum { BLOCKS = 200 };

static struct {
    unsigned char *data;
    size_t size;
    unsigned char fill;
} blocks[BLOCKS];

static void check(size_t i) {
    for (size_t at = 0; at < blocks[i].size; at++)
        assert_int_equal(blocks[i].data[at], blocks[i].fill);
}

static void fill(size_t i, size_t size) {
    blocks[i].size = size;
    blocks[i].fill = (unsigned char)rand();
    if (size > 0)
        memset(blocks[i].data, blocks[i].fill, size);
}

static void heap_comes_first(void **state) {
    (void)state;
    size_t before = memory_live_blocks();
    void *data = ares_memory_allocate(100);
    assert_non_null(data);
    assert_int_equal(memory_live_blocks(), before + 1);
    assert_false(ares_memory_was_short());
    ares_memory_free(data);
    ares_memory_free(NULL);
    assert_int_equal(memory_live_blocks(), before);
}

static void a_failure_is_served_and_told_once(void **state) {
    (void)state;
    memory_fail_after(0, 1);
    unsigned char *data = ares_memory_allocate(100);
    assert_non_null(data);
    assert_int_equal((uintptr_t)data % _Alignof(max_align_t), 0);
    assert_true(ares_memory_was_short());
    assert_false(ares_memory_was_short());
    ares_memory_free(data);
    memory_fail_after(0, 0);
}

static void a_block_of_the_heap_moves_when_it_cannot_grow(void **state) {
    (void)state;
    char *data = ares_memory_allocate(5);
    memcpy(data, "kept", 5);
    memory_fail_after(0, SIZE_MAX);
    data = ares_memory_resize(data, 5000);
    assert_string_equal(data, "kept");
    data = ares_memory_resize(data, 50000);
    assert_string_equal(data, "kept");
    memory_fail_after(0, 0);
    data = ares_memory_resize(data, 100000); /* and back again */
    assert_string_equal(data, "kept");
    ares_memory_free(data);
}

/* As many small blocks and moves as there are calls, in any order: no two share a byte. */
static void no_two_blocks_overlap(void **state) {
    (void)state;
    srand(1);
    memory_fail_after(0, SIZE_MAX);
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)rand() % BLOCKS, size = (size_t)rand() % 2000;
        check(i);
        if (rand() % 2 == 0) {
            ares_memory_free(blocks[i].data);
            blocks[i].data = NULL;
            blocks[i].size = 0;
            continue;
        }
        size_t kept = size < blocks[i].size ? size : blocks[i].size;
        unsigned char *data = ares_memory_resize(blocks[i].data, size);
        if (data == NULL)
            continue; /* full: the old block stays */
        blocks[i].data = data;
        blocks[i].size = kept;
        check(i);
        fill(i, size);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        ares_memory_free(blocks[i].data);
    void *whole = ares_memory_allocate(500000); /* everything came back */
    assert_non_null(whole);
    assert_null(ares_memory_allocate(500000));
    ares_memory_free(whole);
    memory_fail_after(0, 0);
    ares_memory_was_short();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heap_comes_first),
        cmocka_unit_test(a_failure_is_served_and_told_once),
        cmocka_unit_test(a_block_of_the_heap_moves_when_it_cannot_grow),
        cmocka_unit_test(no_two_blocks_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
