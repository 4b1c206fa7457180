/* Two configs: where they differ, and one in place of the other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "config_compare.h"
#include "config_table.h"

static char found[4096];
static unsigned changed, fixed_ones;

static void differs(const char *path, bool fixed) {
    changed++;
    fixed_ones += fixed;
    strncat(found, path, sizeof found - strlen(found) - 1);
    strncat(found, fixed ? "! " : " ", sizeof found - strlen(found) - 1);
}

static const char *compare(const struct config *running, const struct config *next) {
    found[0] = '\0';
    changed = fixed_ones = 0;
    config_compare(running, next, differs);
    return found;
}

static void load(struct config *config, const char *text) {
    struct config_errors errors = {0};
    if (config_load_text(config, "config.json", bytes_of(text), NULL, &errors) != ERROR_NONE)
        fail_msg("%s", errors.lines[0]);
}

static void load_everything(struct config *config) {
    struct config_errors errors = {0};
    assert_int_equal(config_load(config, TEST_DATA "/config/everything.json", &errors), ERROR_NONE);
}

static void the_same_twice(void **state) {
    (void)state;
    struct config one, other;
    load_everything(&one);
    load_everything(&other);
    assert_string_equal(compare(&one, &other), "");
    config_fini(&one);
    config_fini(&other);
}

/* The file with every key has each otherwise than by default, but for what has no other value. */
static void every_key_is_seen(void **state) {
    (void)state;
    struct config one, other;
    load(&one, "{}");
    load_everything(&other);
    compare(&one, &other);
    for (size_t i = 0; i < config_keys.count; i++)
        if (strstr(found, config_keys.keys[i].path) == NULL)
            print_message("not otherwise in everything.json: %s\n", config_keys.keys[i].path);
    assert_true(changed + 8 >= config_keys.count);
    assert_true(fixed_ones > 10 && fixed_ones < changed);
    config_fini(&one);
    config_fini(&other);
}

static void single_differences(void **state) {
    (void)state;
    static const struct {
        const char *running, *next, *expected;
    } cases[] = {
        {"{}", "{\"workers\": 2}", "workers! "},
        {"{}", "{\"hub\": {\"max_message\": 5}}", "hub.max_message "},
        {"{}", "{\"fetch\": {\"urls\": [\"http://a/\"]}}", "fetch.urls "},
        {"{\"fetch\": {\"urls\": [{\"url\": \"http://a/\", \"headers\": {\"A\": \"b\"}}]}}",
         "{\"fetch\": {\"urls\": [{\"url\": \"http://a/\", \"headers\": {\"A\": \"c\"}}]}}",
         "fetch.urls "},
        {"{}", "{\"hub\": {\"listen\": \"localhost:1\"}}", "hub.listen! "},
        {"{\"hub\": {\"listen\": \"*:1\"}}", "{\"hub\": {\"listen\": [{\"address\": \"*:1\"}]}}",
         ""},
        {"{\"hub\": {\"listen\": \"*:1\"}}",
         "{\"hub\": {\"listen\": {\"address\": \"*:1\", \"plain\": true}}}", "hub.listen! "},
        {"{}", "{\"hub\": {\"origins\": [\"*\"]}}", ""},
        {"{}", "{\"hub\": {\"origins\": [\"*\", \"null\"]}}", "hub.origins "},
        {"{}", "{\"hub\": {\"channels\": {\"chat\": {\"prefix\": true}}}}", ""},
        {"{}", "{\"hub\": {\"channels\": {\"chat\": {\"prefix\": false}}}}", "hub.channels "},
        {"{}", "{\"hub\": {\"channels\": {\"news\": {}}}}", "hub.channels "},
        {"{}", "{\"hub\": {\"trusted_proxies\": \"10.0.0.0/8\"}}", "hub.trusted_proxies "},
        {"{\"hub\": {\"trusted_proxies\": \"10.0.0.0/8\"}}",
         "{\"hub\": {\"trusted_proxies\": \"10.0.0.0/9\"}}", "hub.trusted_proxies "},
        {"{}", "{\"hub\": {\"tls\": {\"certificate\": \"a\", \"key\": \"b\"}}}",
         "hub.tls.certificate! hub.tls.key! "},
        {"{\"hub\": {\"tls\": {\"certificate\": \"a\", \"key\": \"b\"}}}",
         "{\"hub\": {\"tls\": {\"certificate\": \"a\", \"key\": \"c\"}}}", "hub.tls.key "},
        {"{}", "{\"log\": {\"level\": \"debug\"}}", "log.level "},
        {"{}", "{\"fetch\": {\"jitter\": 0.2}, \"drain\": \"1s\"}", "drain fetch.jitter "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config running, next;
        load(&running, cases[i].running);
        load(&next, cases[i].next);
        assert_string_equal(compare(&running, &next), cases[i].expected);
        config_fini(&running);
        config_fini(&next);
    }
}

/* What the schedule is made of is not fixed; nothing else tells two schedules apart. */
static void schedules(void **state) {
    (void)state;
    static const struct {
        const char *next;
        bool alike;
    } cases[] = {
        {"{}", true},
        {"{\"fetch\": {\"retries\": 7, \"concurrency\": 3}, \"workers\": 2}", true},
        {"{\"fetch\": {\"urls\": [\"http://a/\"]}}", false},
        {"{\"fetch\": {\"every\": \"1h\"}}", false},
        {"{\"fetch\": {\"jitter\": 0.3}}", false},
        {"{\"fetch\": {\"spread\": 0.3}}", false},
        {"{\"fetch\": {\"backoff\": \"1h\"}}", false},
        {"{\"fetch\": {\"max_age\": \"1h\"}}", false},
        {"{\"fetch\": {\"channel\": \"other\"}}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config running, next;
        load(&running, "{}");
        load(&next, cases[i].next);
        assert_int_equal(config_schedules_alike(&running, &next), cases[i].alike);
        config_fini(&running);
        config_fini(&next);
    }
}

/* What is fixed stays, everything else is taken over, and each text has one owner. */
static void in_place_of_the_other(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    struct config running, next, as_next;
    load(&running, "{\"workers\": 2, \"hub\": {\"listen\": \"*:1\", \"max_message\": 7}}");
    load_everything(&next);
    load_everything(&as_next);
    config_adopt(&running, &next);
    assert_int_equal(running.workers, 2);
    assert_int_equal(running.hub.listen.count, 1);
    assert_string_equal(running.hub.listen.entries[0].address, "*:1");
    assert_int_equal(running.fetch.retries, 2);
    assert_int_equal(running.fetch.urls.count, as_next.fetch.urls.count);
    assert_null(running.hub.tls.certificate); /* it cannot be switched on */
    assert_int_equal(running.hub.max_message, as_next.hub.max_message);
    assert_int_equal(next.hub.max_message, 7);
    config_fini(&next);
    compare(&running, &as_next);
    assert_int_equal(changed, fixed_ones);
    config_fini(&running);
    config_fini(&as_next);
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_twice),        cmocka_unit_test(every_key_is_seen),
        cmocka_unit_test(single_differences),    cmocka_unit_test(schedules),
        cmocka_unit_test(in_place_of_the_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
