#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/clock.h"
#include "base/memory.h"
#include "key_ring.h"

static struct key_ring ring;

static int tear_down(void **state) {
    (void)state;
    key_ring_fini(&ring);
    assert_int_equal(memory_live_blocks(), 0);
    return 0;
}

static bool find(const char *key, uint64_t now, uint64_t *offset) {
    unsigned count;
    return key_ring_find(&ring, bytes_of(key), now, offset, &count);
}

static void add(const char *key, uint64_t now, uint64_t offset) {
    unsigned count;
    assert_int_equal(key_ring_add(&ring, bytes_of(key), now, &count), ERROR_NONE);
    key_ring_answer(&ring, bytes_of(key), offset, 1);
}

static void found_with_its_answer(void **state) {
    (void)state;
    uint64_t offset = 0;
    assert_false(find("a", 0, &offset));
    add("a", 0, 7);
    add("b", 1, 8);
    assert_true(find("a", 2, &offset));
    assert_int_equal(offset, 7);
    assert_true(find("b", 2, &offset));
    assert_int_equal(offset, 8);
}

/* What it was added for may have failed: then it may be tried again. */
static void not_found_before_its_answer(void **state) {
    (void)state;
    uint64_t offset;
    unsigned count = 1;
    assert_int_equal(key_ring_add(&ring, bytes_of("a"), 0, &count), ERROR_NONE);
    assert_int_equal(count, 0);
    assert_false(find("a", 0, &offset));
    key_ring_fail(&ring, bytes_of("a"), 5);
    assert_false(find("a", 0, &offset));
    assert_int_equal(key_ring_add(&ring, bytes_of("a"), 0, &count), ERROR_NONE);
    assert_int_equal(count, 5); /* the rest is to be done */
    add("a", 1, 9);
    assert_true(find("a", 1, &offset));
}

static void forgotten_after_its_time(void **state) {
    (void)state;
    uint64_t offset;
    add("a", 0, 1);
    add("b", 10 * SECOND, 2);
    assert_true(find("a", (KEY_RING_SECONDS - 1) * SECOND, &offset));
    assert_false(find("a", KEY_RING_SECONDS * SECOND, &offset));
    assert_true(find("b", KEY_RING_SECONDS * SECOND, &offset));
}

/* Five minutes from the attempt that was answered, not from the one that failed. */
static void tried_again_it_is_kept_anew(void **state) {
    (void)state;
    const uint64_t again = (KEY_RING_SECONDS - 1) * SECOND;
    uint64_t offset;
    unsigned count;
    assert_int_equal(key_ring_add(&ring, bytes_of("a"), 0, &count), ERROR_NONE);
    key_ring_fail(&ring, bytes_of("a"), 5);
    add("b", SECOND, 2);
    assert_false(find("a", again, &offset));
    add("a", again, 9);
    assert_true(find("a", again + (KEY_RING_SECONDS - 1) * SECOND, &offset));
    assert_int_equal(offset, 9);
    assert_false(find("b", again + 2 * SECOND, &offset)); /* it is not behind the younger one */
    assert_false(find("a", again + KEY_RING_SECONDS * SECOND, &offset));
}

static void bounded_in_number(void **state) {
    (void)state;
    uint64_t offset;
    char key[20];
    for (unsigned i = 0; i <= KEY_RING_MAX; i++) {
        snprintf(key, sizeof key, "%u", i);
        add(key, i, i);
    }
    assert_false(find("0", KEY_RING_MAX, &offset));
    assert_true(find("1", KEY_RING_MAX, &offset));
    assert_true(find(key, KEY_RING_MAX, &offset));
}

static void out_of_memory(void **state) {
    (void)state;
    for (size_t spared = 0; spared < 2; spared++) {
        unsigned count;
        memory_fail_after(spared, 1);
        assert_int_equal(key_ring_add(&ring, bytes_of("a"), 0, &count), ERROR_NO_MEMORY);
        assert_int_equal(memory_failures(), 1);
        memory_fail_after(0, 0);
    }
}

#define ring_test(name) cmocka_unit_test_teardown(name, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        ring_test(found_with_its_answer),    ring_test(not_found_before_its_answer),
        ring_test(forgotten_after_its_time), ring_test(tried_again_it_is_kept_anew),
        ring_test(bounded_in_number),        ring_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("key ring", tests, NULL, NULL);
}
