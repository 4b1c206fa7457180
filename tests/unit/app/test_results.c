/* The latest results: those of URLs that stay in the list stay, wherever they go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "results.h"

enum { LIST_MAX = 8 };

/* A list of URLs of one letter each. */
struct list {
    struct config_url entries[LIST_MAX];
    struct config_urls urls;
};

static struct results results;
static struct config_urls current;

static void make(struct list *list, const char *letters) {
    static char channel[] = "results";
    *list = (struct list){.urls = {list->entries, strlen(letters)}};
    for (size_t i = 0; i < list->urls.count; i++) {
        list->entries[i].channel = channel;
        list->entries[i].request_hash = (uint64_t)letters[i];
    }
}

static void begin(struct list *list, const char *letters) {
    make(list, letters);
    current = list->urls;
    assert_int_equal(results_init(&results, &current), ERROR_NONE);
}

static void change_to(struct list *list, const char *letters) {
    struct results_change change;
    make(list, letters);
    assert_int_equal(results_prepare(&results, &list->urls, &change), ERROR_NONE);
    current = list->urls;
    results_change(&results, &change);
    results_change_fini(&change);
}

/* A result of what is at this place in the list that is fetched. */
static void keep(size_t index, const char *text) {
    const struct fetch_result result = {.index = index};
    char json[64];
    snprintf(json, sizeof json, "{\"index\":%zu,\"x\":\"%s\"}", index, text);
    results_keep(&results, &result, bytes_of(json));
}

/* "0A 2B": result A is in place 0, and B in place 2. */
static void assert_latest(const char *expected) {
    struct buffer out = {0};
    char text[256] = "", *end = text;
    assert_int_equal(results_append(&results, &out), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&out, '\0'), ERROR_NONE);
    const char *at = strstr((char *)out.data, "\"results\":[");
    assert_non_null(at);
    for (at = strchr(at, '{'); at != NULL; at = strchr(at + 1, '{')) {
        size_t index;
        char word[32];
        assert_int_equal(sscanf(at, "{\"index\":%zu,\"x\":\"%31[^\"]\"}", &index, word), 2);
        end += snprintf(end, sizeof text - (size_t)(end - text), "%s%zu%s", end == text ? "" : " ",
                        index, word);
    }
    assert_string_equal(text, expected);
    buffer_fini(&out);
}

static void the_latest_of_each(void **state) {
    struct list list;
    (void)state;
    begin(&list, "abc");
    assert_latest("");
    keep(2, "C");
    keep(0, "A");
    assert_latest("0A 2C");
    keep(2, "C2");
    keep(3, "nobody's");
    assert_latest("0A 2C2");
    results_fini(&results);
}

static void those_that_stay_go_to_their_places(void **state) {
    struct list first, second, third;
    (void)state;
    begin(&first, "abcd");
    for (size_t i = 0; i < 4; i++)
        keep(i, (const char *[]){"A", "B", "C", "D"}[i]);
    change_to(&second, "xdab");
    assert_latest("1D 2A 3B");
    results_settle(&results);
    keep(0, "X");
    assert_latest("0X 1D 2A 3B");
    change_to(&third, "");
    assert_latest("");
    results_fini(&results);
}

static void the_same_request_twice(void **state) {
    struct list first, second;
    (void)state;
    begin(&first, "aaa");
    keep(0, "1");
    keep(1, "2");
    keep(2, "3");
    change_to(&second, "baba");
    assert_latest("11 32");
    results_fini(&results);
}

/* What was under way when the list changed, once and again, still finds its place. */
static void late_results_find_their_places(void **state) {
    struct list first, second, third;
    (void)state;
    begin(&first, "abc");
    change_to(&second, "cb");
    keep(0, "A");
    keep(1, "B");
    assert_latest("1B");
    change_to(&third, "xxxc");
    keep(1, "B");
    keep(2, "C");
    assert_latest("3C");
    results_settle(&results);
    keep(0, "X");
    assert_latest("0X 3C");
    results_fini(&results);
}

static bool fails(void *context) {
    size_t *left = context;
    return (*left)-- == 0;
}

static void without_memory_all_stays(void **state) {
    struct list first, second;
    (void)state;
    begin(&first, "ab");
    keep(1, "B");
    make(&second, "b");
    for (size_t allowed = 0;; allowed++) {
        struct results_change change;
        size_t left = allowed;
        memory_fail_when(fails, &left);
        enum error error = results_prepare(&results, &second.urls, &change);
        memory_fail_when(NULL, NULL);
        if (error == ERROR_NONE) {
            assert_true(allowed >= 3);
            results_change_fini(&change);
            break;
        }
        assert_latest("1B");
    }
    results_fini(&results);
}

static int blocks(void **state) {
    static size_t before;
    if (*state == NULL)
        before = memory_live_blocks();
    else
        assert_int_equal(memory_live_blocks(), before);
    *state = &before;
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_latest_of_each),
        cmocka_unit_test(those_that_stay_go_to_their_places),
        cmocka_unit_test(the_same_request_twice),
        cmocka_unit_test(late_results_find_their_places),
        cmocka_unit_test(without_memory_all_stays),
    };
    return cmocka_run_group_tests(tests, blocks, blocks);
}
