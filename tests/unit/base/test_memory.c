/* Counting what is alive, and failing on demand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"

static void counts_what_is_alive(void **state) {
    (void)state;
    size_t before = memory_live_blocks();
    void *plain = memory_allocate(10);
    unsigned char *zeroed = memory_allocate_zeroed(100);
    void *grown = memory_resize(NULL, 10);
    assert_int_equal(memory_live_blocks(), before + 3);
    grown = memory_resize(grown, 100000);
    assert_int_equal(memory_live_blocks(), before + 3);
    for (int i = 0; i < 100; i++)
        assert_int_equal(zeroed[i], 0);
    memory_free(plain);
    memory_free(zeroed);
    memory_free(grown);
    memory_free(NULL);
    assert_int_equal(memory_live_blocks(), before);
}

static void copies_text(void **state) {
    (void)state;
    char *copy = memory_copy_text("hello, world", 5);
    assert_string_equal(copy, "hello");
    memory_free(copy);
    copy = memory_copy_text(NULL, 0);
    assert_string_equal(copy, "");
    memory_free(copy);
}

static void fails_when_told_and_no_more(void **state) {
    (void)state;
    size_t before = memory_live_blocks();
    memory_fail_after(2, 2);
    void *first = memory_allocate(1), *second = memory_allocate_zeroed(1);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(memory_copy_text("x", 1));
    assert_null(memory_resize(first, 1000));
    assert_int_equal(memory_failures(), 2);
    first = memory_resize(first, 1000);
    assert_non_null(first);
    assert_int_equal(memory_failures(), 2);
    memory_fail_after(0, 0);
    assert_int_equal(memory_failures(), 0);
    memory_free(first);
    memory_free(second);
    assert_int_equal(memory_live_blocks(), before);
}

static bool fails_every_other(void *context) {
    return ++*(unsigned *)context % 2 == 0;
}

static void failures_as_somebody_decides(void **state) {
    (void)state;
    unsigned asked = 0;
    size_t before = memory_live_bytes();
    memory_fail_when(fails_every_other, &asked);
    void *first = memory_allocate(10), *second = memory_allocate_zeroed(10);
    void *third = memory_resize(NULL, 10), *moved = memory_resize(third, 1000);
    memory_fail_when(NULL, NULL);
    assert_int_equal(asked, 4);
    assert_true(first != NULL && second == NULL && third != NULL && moved == NULL);
    memory_free(first);
    memory_free(third);
    assert_int_equal(memory_live_bytes(), before);
}

static void bytes_are_counted(void **state) {
    (void)state;
    size_t before = memory_live_bytes();
    void *block = memory_allocate(1000);
    assert_true(memory_live_bytes() >= before + 1000);
    block = memory_resize(block, 100000);
    assert_true(memory_live_bytes() >= before + 100000);
    block = memory_resize(block, 10);
    assert_true(memory_live_bytes() < before + 10000);
    memory_free(block);
    assert_int_equal(memory_live_bytes(), before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_is_alive),
        cmocka_unit_test(copies_text),
        cmocka_unit_test(fails_when_told_and_no_more),
        cmocka_unit_test(failures_as_somebody_decides),
        cmocka_unit_test(bytes_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
