/* Settings from RINGCAST_ variables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "app/config.h"
#include "base/clock.h"
#include "base/memory.h"
#include "config_environment.h"

#define ENVIRONMENT(...) ((char *const *)(const char *const[]){__VA_ARGS__, NULL})

static void load(struct config *config, const char *text, char *const *environment) {
    struct config_errors errors = {0};
    if (config_load_text(config, "etc/config.json", bytes_of(text), environment, &errors) !=
        ERROR_NONE)
        fail_msg("%s", errors.lines[0]);
}

static void check_lines(const char *text, char *const *environment, const char *expected) {
    struct config config;
    struct config_errors errors = {0};
    struct buffer lines = {0};
    assert_int_equal(config_load_text(&config, "config.json", bytes_of(text), environment, &errors),
                     ERROR_CONFIG_INVALID);
    for (size_t i = 0; i < errors.count; i++)
        assert_int_equal(buffer_format(&lines, "%s\n", errors.lines[i]), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&lines, '\0'), ERROR_NONE);
    assert_string_equal((const char *)lines.data, expected);
    buffer_fini(&lines);
    config_errors_fini(&errors);
}

static void test_texts_stand_as_they_are_and_the_rest_as_json(void **state) {
    (void)state;
    struct config config;
    load(&config, "{}",
         ENVIRONMENT("PATH=/bin", "RINGCAST_WORKERS=auto", "RINGCAST_HASH_THREADS=2",
                     "RINGCAST_HUB_LISTEN=[::]:80", "RINGCAST_FETCH_CONCURRENCY=50",
                     "RINGCAST_FETCH_JITTER=0.5", "RINGCAST_FETCH_EVERY=30s", "RINGCAST_DRAIN=0",
                     "RINGCAST_FETCH_MAX_BODY=1048576", "RINGCAST_HUB_MAX_MESSAGE=2KiB",
                     "RINGCAST_LOG_LEVEL=debug", "RINGCAST_FETCH_AUTHORITIES=a.pem",
                     "RINGCAST_FETCH_URLS=[\"http://a/\", {\"url\": \"http://b/\"}]",
                     "RINGCAST_HUB_CHANNELS={\"*\": {\"publish\": \"anyone\"}}"));
    assert_int_equal(config.workers, CONFIG_AUTO);
    assert_int_equal(config.hash.threads, 2);
    assert_string_equal(config.hub.listen.entries[0].address, "[::]:80");
    assert_int_equal(config.fetch.concurrency, 50);
    assert_true(config.fetch.jitter == 0.5);
    assert_int_equal(config.fetch.every, 30 * SECOND);
    assert_int_equal(config.drain, 0);
    assert_int_equal(config.fetch.max_body, 1048576);
    assert_int_equal(config.hub.max_message, 2048);
    assert_int_equal(config.log.level, LOG_DEBUG);
    assert_string_equal(config.fetch.authorities, "etc/a.pem");
    assert_int_equal(config.fetch.urls.count, 2);
    assert_string_equal(config.fetch.urls.entries[1].url, "http://b/");
    assert_int_equal(config.fetch.urls.entries[1].every, 30 * SECOND);
    assert_int_equal(config_channel(&config, bytes_of("x"))->publish, CONFIG_RIGHT_ANYONE);
    assert_true(config_channel(&config, bytes_of("chat"))->prefix);
    config_fini(&config);
}

static void test_a_variable_takes_the_place_of_the_file(void **state) {
    (void)state;
    struct config config;
    load(&config,
         "{\"fetch\": {\"urls\": [\"http://a/\", \"http://b/\"], \"channel\": \"f\"},"
         " \"hub\": {\"listen\": \"*:1\", \"channels\": {\"x\": {\"prefix\": true}}}}",
         ENVIRONMENT("RINGCAST_FETCH_URLS=[\"http://c/\"]", "RINGCAST_FETCH_CHANNEL=e",
                     "RINGCAST_HUB_LISTEN=*:2", "RINGCAST_HUB_CHANNELS={\"y\": {}}"));
    assert_int_equal(config.fetch.urls.count, 1);
    assert_string_equal(config.fetch.urls.entries[0].url, "http://c/");
    assert_string_equal(config.fetch.urls.entries[0].channel, "e");
    assert_string_equal(config.hub.listen.entries[0].address, "*:2");
    assert_int_equal(config.hub.channels.count, 3);
    assert_string_equal(config_channel(&config, bytes_of("x"))->name, "*");
    config_fini(&config);
}

static void test_bad_values_name_variable_and_key(void **state) {
    (void)state;
    check_lines(
        "{}",
        ENVIRONMENT("RINGCAST_WORKERS=65", "RINGCAST_HUB_LISTEN=", "RINGCAST_DRAIN=20",
                    "RINGCAST_FETCH_CONCURRENCY=many", "RINGCAST_HASH_THREADS=007",
                    "RINGCAST_FETCH_CONCURRENCY=\"5\"", "RINGCAST_FETCH_URLS=[\"http://a/\",\n7]",
                    "RINGCAST_FETCH_URLS=[,]", "RINGCAST_FETCH_JITTER=2",
                    "RINGCAST_FETCH_AUTHORITIES=\xFF",
                    "RINGCAST_HUB_CHANNELS={\"a\":{\"prefx\":true},\"a\":{}}"),
        "RINGCAST_WORKERS: workers: found 65, expected \"auto\" or an integer from 1 to 64\n"
        "RINGCAST_HUB_LISTEN: hub.listen: found \"\", expected \"HOST:PORT\", HOST being "
        "localhost, an IPv4 address, an [IPv6 address] or *, PORT 0 to 65535; or "
        "\"unix:/PATH\"\n"
        "RINGCAST_DRAIN: drain: found \"20\", expected a duration such as \"20s\"\n"
        "RINGCAST_FETCH_CONCURRENCY: fetch.concurrency: found \"many\", expected an integer "
        "from 1 to 10000\n"
        "RINGCAST_HASH_THREADS: hash.threads: found \"007\", expected \"auto\" or an integer "
        "from 1 to 64\n"
        "RINGCAST_FETCH_CONCURRENCY: fetch.concurrency: found \"5\", expected an integer "
        "from 1 to 10000\n"
        "RINGCAST_FETCH_URLS: fetch.urls[1]: found 7, expected a URL, or an object with "
        "\"url\"\n"
        "RINGCAST_FETCH_URLS:1:2: found ',', expected a value\n"
        "RINGCAST_FETCH_JITTER: fetch.jitter: found 2, expected a number from 0 to 1\n"
        "RINGCAST_FETCH_AUTHORITIES: fetch.authorities: found \"\xEF\xBF\xBD\", expected "
        "UTF-8\n"
        "RINGCAST_HUB_CHANNELS: hub.channels.a.prefx: unknown key; did you mean "
        "\"prefix\"?\n"
        "RINGCAST_HUB_CHANNELS: hub.channels.a: given twice, first on line 1\n");
}

static void test_an_unknown_variable_gets_a_suggestion(void **state) {
    (void)state;
    check_lines("{}",
                ENVIRONMENT("RINGCAST_HUB_LISEN=x", "RINGCAST_FETCH_TIMEOUT=1s", "RINGCAST_=1",
                            "RINGCAST_PERHOST=1", "RINGCAST_FETCH_PER__HOST=1",
                            "RINGCAST_hub_listen=x"),
                "RINGCAST_HUB_LISEN: unknown variable; did you mean RINGCAST_HUB_LISTEN?\n"
                "RINGCAST_FETCH_TIMEOUT: unknown variable; did you mean "
                "RINGCAST_FETCH_TIMEOUT_DNS?\n"
                "RINGCAST_: unknown variable; it names no key of the configuration\n"
                "RINGCAST_PERHOST: unknown variable; it names no key of the configuration\n"
                "RINGCAST_FETCH_PER__HOST: unknown variable; did you mean "
                "RINGCAST_FETCH_PER_HOST?\n"
                "RINGCAST_hub_listen: unknown variable; did you mean RINGCAST_HUB_LISTEN?\n");
}

static void test_mistakes_of_file_and_environment_are_told_together(void **state) {
    (void)state;
    check_lines("{\"workers\": 0}", ENVIRONMENT("RINGCAST_WORKERS=2", "RINGCAST_X=1"),
                "config.json:1: workers: found 0, expected \"auto\" or an integer from 1 to 64\n"
                "RINGCAST_X: unknown variable; it names no key of the configuration\n");
    check_lines(
        "{", ENVIRONMENT("RINGCAST_WORKERS=0"),
        "config.json:1:2: found the end of the text, expected a key in double quotes\n"
        "RINGCAST_WORKERS: workers: found 0, expected \"auto\" or an integer from 1 to 64\n");
}

static void test_kubernetes_service_links_are_no_settings(void **state) {
    (void)state;
    struct config config;
    load(&config, "{}",
         ENVIRONMENT(
             "RINGCAST_SERVICE_HOST=10.0.0.1", "RINGCAST_SERVICE_PORT=8765",
             "RINGCAST_SERVICE_PORT_WS=8765", "RINGCAST_PORT=tcp://10.0.0.1:8765",
             "RINGCAST_PORT_8765_TCP=tcp://10.0.0.1:8765", "RINGCAST_PORT_8765_TCP_PROTO=tcp",
             "RINGCAST_PORT_8765_TCP_PORT=8765", "RINGCAST_PORT_8765_TCP_ADDR=10.0.0.1",
             "RINGCAST_PORT_53_UDP=udp://10.0.0.1:53", "RINGCAST_ADMIN_SERVICE_HOST=10.0.0.2",
             "RINGCAST_ADMIN_PORT=tcp://10.0.0.2:9465"));
    config_fini(&config);
    check_lines("{}", ENVIRONMENT("RINGCAST_PORT=8765"),
                "RINGCAST_PORT: unknown variable; it names no key of the configuration\n");
}

static void test_no_two_keys_share_a_variable(void **state) {
    (void)state;
    for (size_t i = 0; i < config_keys.count; i++) {
        for (size_t j = 0; j < i; j++) {
            char one[CONFIG_VARIABLE_MAX], other[CONFIG_VARIABLE_MAX];
            config_variable_name(&config_keys.keys[i], one);
            config_variable_name(&config_keys.keys[j], other);
            assert_string_not_equal(one, other);
        }
    }
    char name[CONFIG_VARIABLE_MAX];
    config_variable_name(&config_keys.keys[0], name);
    assert_string_equal(name, "RINGCAST_WORKERS");
}

static void test_the_process_environment_is_read(void **state) {
    (void)state;
    struct config config;
    struct config_errors errors = {0};
    setenv("RINGCAST_FETCH_PER_HOST", "9", 1);
    assert_int_equal(config_load(&config, NULL, &errors), ERROR_NONE);
    assert_int_equal(config.fetch.per_host, 9);
    config_fini(&config);
    setenv("RINGCAST_FETCH_PER_HOST", "0", 1);
    assert_int_equal(config_load(&config, NULL, &errors), ERROR_CONFIG_INVALID);
    assert_string_equal(errors.lines[0], "RINGCAST_FETCH_PER_HOST: fetch.per_host: found 0, "
                                         "expected an integer from 1 to 10000");
    unsetenv("RINGCAST_FETCH_PER_HOST");
    config_errors_fini(&errors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_stand_as_they_are_and_the_rest_as_json),
        cmocka_unit_test(test_a_variable_takes_the_place_of_the_file),
        cmocka_unit_test(test_bad_values_name_variable_and_key),
        cmocka_unit_test(test_an_unknown_variable_gets_a_suggestion),
        cmocka_unit_test(test_mistakes_of_file_and_environment_are_told_together),
        cmocka_unit_test(test_kubernetes_service_links_are_no_settings),
        cmocka_unit_test(test_no_two_keys_share_a_variable),
        cmocka_unit_test(test_the_process_environment_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
