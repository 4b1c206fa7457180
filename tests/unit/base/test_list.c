/* Intrusive lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct list_node link;
};

static int number_of(const struct list_node *node) {
    return container_of(node, const struct item, link)->number;
}

/* Reads the list forwards and backwards as decimal digits. */
static long digits(const struct list_node *head) {
    long forwards = 0, backwards = 0, place = 1;
    list_for_each (node, head) {
        forwards = forwards * 10 + number_of(node);
    }
    for (const struct list_node *node = head->previous; node != head; node = node->previous) {
        backwards += place * number_of(node);
        place *= 10;
    }
    assert_int_equal(forwards, backwards);
    return forwards;
}

static struct list_node head;
static struct item items[5];

static int make_list(void **state) {
    (void)state;
    list_init(&head);
    for (int i = 0; i < 5; i++) {
        items[i].number = i + 1;
        list_init(&items[i].link);
    }
    return 0;
}

static void appends_prepends_and_inserts(void **state) {
    (void)state;
    assert_true(list_is_empty(&head));
    list_append(&head, &items[1].link);
    list_append(&head, &items[3].link);
    list_prepend(&head, &items[0].link);
    list_insert_before(&items[3].link, &items[2].link);
    assert_int_equal(digits(&head), 1234);
    assert_true(list_is_linked(&items[2].link));
    assert_false(list_is_linked(&items[4].link));
}

static void removes_anywhere_and_twice(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++)
        list_append(&head, &items[i].link);
    list_remove(&items[0].link);
    list_remove(&items[2].link);
    list_remove(&items[2].link);
    list_remove(&items[4].link);
    assert_int_equal(digits(&head), 24);
    assert_ptr_equal(list_take_first(&head), &items[1].link);
    assert_ptr_equal(list_take_first(&head), &items[3].link);
    assert_null(list_take_first(&head));
    assert_true(list_is_empty(&head));
}

static void splices_to_the_end(void **state) {
    (void)state;
    struct list_node other;
    list_init(&other);
    list_splice(&head, &other);
    assert_true(list_is_empty(&head));
    list_append(&other, &items[3].link);
    list_append(&other, &items[4].link);
    list_append(&head, &items[0].link);
    list_splice(&head, &other);
    assert_int_equal(digits(&head), 145);
    assert_true(list_is_empty(&other));
    list_splice(&other, &head);
    assert_int_equal(digits(&other), 145);
    list_init(&other);
}

static void safe_walk_may_remove_the_node_it_is_at(void **state) {
    (void)state;
    for (int i = 0; i < 5; i++)
        list_append(&head, &items[i].link);
    list_for_each_safe (node, &head) {
        if (number_of(node) % 2 == 1)
            list_remove(node);
    }
    assert_int_equal(digits(&head), 24);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(appends_prepends_and_inserts, make_list),
        cmocka_unit_test_setup(removes_anywhere_and_twice, make_list),
        cmocka_unit_test_setup(splices_to_the_end, make_list),
        cmocka_unit_test_setup(safe_walk_may_remove_the_node_it_is_at, make_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
