/* A config that is damaged, and a machine without memory: an error or a config, never worse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { TEXT_MAX = 8192, MUTATIONS = 20000 };

static size_t read_whole(const char *path, char out[TEXT_MAX]) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t count = fread(out, 1, TEXT_MAX, file);
    fclose(file);
    assert_true(count < TEXT_MAX);
    return count;
}

/* Loads with every allocation failing in turn; `expected` is what comes when none does. */
static void fail_every_allocation(struct bytes text, const char *const *environment,
                                  enum error expected) {
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0;; skip++) {
        struct config config;
        struct config_errors errors = {0};
        memory_fail_after(skip, 1);
        enum error error =
            config_load_text(&config, "etc/config.json", text, (char *const *)environment, &errors);
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : expected);
        config_fini(&config);
        config_errors_fini(&errors);
        assert_int_equal(memory_live_blocks(), blocks);
        if (failures == 0) {
            assert_true(skip > 50);
            return;
        }
    }
}

static void test_out_of_memory_at_any_allocation(void **state) {
    (void)state;
    char text[TEXT_MAX];
    size_t size = read_whole(TEST_DATA "/config/everything.json", text);
    static const char *const good[] = {"RINGCAST_HUB_LISTEN=*:1",
                                       "RINGCAST_FETCH_URLS=[\"http://a/\"]", NULL};
    fail_every_allocation(bytes_make(text, size), good, ERROR_NONE);
    size = read_whole(TEST_DATA "/config/broken.json", text);
    static const char *const bad[] = {"RINGCAST_HUB_LISEN=*:1", "RINGCAST_FETCH_URLS=[", NULL};
    fail_every_allocation(bytes_make(text, size), bad, ERROR_CONFIG_INVALID);
}

static void test_out_of_memory_with_a_file(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0;; skip++) {
        struct config config;
        struct config_errors errors = {0};
        memory_fail_after(skip, 1);
        enum error error = config_load(&config, TEST_DATA "/config/everything.json", &errors);
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        config_fini(&config);
        assert_int_equal(errors.count, 0);
        assert_int_equal(memory_live_blocks(), blocks);
        if (failures == 0)
            return;
    }
}

/* xorshift64: the same sequence in every run, so a failure can be repeated. */
static uint64_t next_random(uint64_t *random) {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    return *random;
}

/* One to four bytes changed, put in, or taken out; or a stretch copied elsewhere. */
static size_t mutate(char *text, size_t size, uint64_t *random) {
    static const char likely[] = "{}[]\",:\\0123456789.eE+-tfnu \n\x01\x80\xC3\xFF";
    size_t changes = 1 + next_random(random) % 4;
    while (changes-- > 0 && size > 1) {
        size_t at = next_random(random) % size;
        char byte = next_random(random) % 4 == 0
                        ? (char)next_random(random)
                        : likely[next_random(random) % (sizeof likely - 1)];
        size_t from = next_random(random) % size, length = next_random(random) % 32;
        switch (next_random(random) % 5) {
        case 0:
            memmove(text + at, text + at + 1, size - at - 1);
            size--;
            break;
        case 1:
            memmove(text + at + 1, text + at, size - at);
            size++;
            text[at] = byte;
            break;
        case 2:
            if (from + length <= size && at + length <= size)
                memmove(text + at, text + from, length);
            break;
        default:
            text[at] = byte;
            break;
        }
    }
    return size;
}

static void check_lines(const struct config_errors *errors) {
    assert_true(errors->count > 0);
    for (size_t i = 0; i < errors->count; i++) {
        struct bytes line = bytes_of(errors->lines[i]);
        assert_true(utf8_is_valid(line));
        assert_true(line.size < 1024);
        assert_null(memchr(line.data, '\n', line.size));
        assert_null(memchr(line.data, 0x1B, line.size));
    }
}

/* Loads a copy of exactly this size, so that a read beyond its end is seen. True if it was valid.
 */
static bool load_exact(const char *text, size_t size) {
    struct config config;
    struct config_errors errors = {0};
    char *copy = memory_allocate(size);
    memcpy(copy, text, size);
    enum error error =
        config_load_text(&config, "config.json", bytes_make(copy, size), NULL, &errors);
    memory_free(copy);
    if (error == ERROR_NONE) {
        assert_int_equal(errors.count, 0);
        assert_non_null(config_channel(&config, bytes_of("chat")));
        config_fini(&config);
    } else {
        assert_int_equal(error, ERROR_CONFIG_INVALID);
        check_lines(&errors);
    }
    config_errors_fini(&errors);
    return error == ERROR_NONE;
}

static void test_a_damaged_config_is_read_or_refused(void **state) {
    (void)state;
    char original[TEXT_MAX], text[TEXT_MAX + 16];
    size_t size = read_whole(TEST_DATA "/config/everything.json", original);
    size_t blocks = memory_live_blocks(), valid = 0;
    uint64_t random = 0x9E3779B97F4A7C15;
    for (int i = 0; i < MUTATIONS; i++) {
        memcpy(text, original, size);
        valid += load_exact(text, mutate(text, size, &random));
        assert_int_equal(memory_live_blocks(), blocks);
    }
    /* both happen, or the mutations are too mild or too wild to tell anything */
    assert_in_range(valid, MUTATIONS / 100, MUTATIONS / 2);
}

static void test_a_config_cut_at_any_byte_is_refused(void **state) {
    (void)state;
    char text[TEXT_MAX];
    size_t size = read_whole(TEST_DATA "/config/everything.json", text);
    while (text[size - 1] != '}')
        size--;
    for (size_t cut = 1; cut < size; cut++)
        assert_false(load_exact(text, cut));
    assert_true(load_exact(text, size));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_of_memory_at_any_allocation),
        cmocka_unit_test(test_out_of_memory_with_a_file),
        cmocka_unit_test(test_a_damaged_config_is_read_or_refused),
        cmocka_unit_test(test_a_config_cut_at_any_byte_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
