/* Loading what is right: defaults, every key, files, the channel lookup. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/config.h"
#include "base/clock.h"
#include "base/memory.h"

#define MIB ((size_t)1024 * 1024)

static void load_text(struct config *config, const char *text) {
    struct config_errors errors = {0};
    if (config_load_text(config, "config.json", bytes_of(text), NULL, &errors) != ERROR_NONE)
        fail_msg("%s", errors.lines[0]);
    assert_int_equal(errors.count, 0);
}

static void load_file(struct config *config, const char *path) {
    struct config_errors errors = {0};
    if (config_load(config, path, &errors) != ERROR_NONE)
        fail_msg("%s", errors.lines[0]);
    assert_int_equal(errors.count, 0);
}

static void check_top_defaults(const struct config *config) {
    assert_int_equal(config->workers, CONFIG_AUTO);
    assert_int_equal(config->shutdown_timeout, 8 * SECOND);
    assert_int_equal(config->drain, 0);
    assert_int_equal(config->hash.threads, CONFIG_AUTO);
    assert_int_equal(config->hash.inline_below, CONFIG_SIZE_AUTO);
    assert_string_equal(config->admin.listen, "localhost:9465");
    assert_int_equal(config->admin.channel_metrics, 100);
    assert_int_equal(config->ring.backend, CONFIG_RING_AUTO);
    assert_int_equal(config->log.level, LOG_INFO);
    assert_int_equal(config->log.format, LOG_FORMAT_TEXT);
}

static void check_fetch_defaults(const struct config_fetch *fetch) {
    assert_int_equal(fetch->urls.count, 0);
    assert_int_equal(fetch->every, 5 * MINUTE);
    assert_true(fetch->jitter == 0.1);
    assert_int_equal(fetch->backoff, 24 * HOUR);
    assert_true(fetch->spread == 0.5);
    assert_int_equal(fetch->max_age, 0);
    assert_null(fetch->state_file);
    assert_string_equal(fetch->channel, "results");
    assert_int_equal(fetch->concurrency, 100);
    assert_int_equal(fetch->per_host, 6);
    assert_int_equal(fetch->redirects, 10);
    assert_int_equal(fetch->retries, 2);
    assert_int_equal(fetch->private_addresses, CONFIG_PRIVATE_ADDRESSES_CONFIGURED);
    assert_false(fetch->cookies);
    assert_int_equal(fetch->max_body, 32 * MIB);
    assert_int_equal(fetch->timeout.total, 60 * SECOND);
    assert_int_equal(fetch->timeout.attempt, 30 * SECOND);
    assert_int_equal(fetch->timeout.connect, 10 * SECOND);
    assert_int_equal(fetch->timeout.dns, 5 * SECOND);
    assert_int_equal(fetch->timeout.read, 15 * SECOND);
    assert_null(fetch->name_servers);
    assert_null(fetch->proxy);
    assert_null(fetch->no_proxy);
    assert_null(fetch->authorities);
}

static void check_default_limits(const struct config_hub_limits *limits) {
    assert_int_equal(limits->connections, CONFIG_AUTO);
    assert_int_equal(limits->per_address, 0);
    assert_int_equal(limits->accepts_per_second, 0);
    assert_int_equal(limits->messages_per_second, 0);
    assert_int_equal(limits->bytes_per_second, 0);
    assert_int_equal(limits->controls_per_second, 1000);
    assert_int_equal(limits->frame, 0);
    assert_int_equal(limits->headers, 128);
    assert_int_equal(limits->header_bytes, 16 * 1024);
    assert_int_equal(limits->channel_name, 255);
    assert_int_equal(limits->channels, 10000);
    assert_int_equal(limits->subscriptions, 128);
}

static void check_hub_defaults(const struct config_hub *hub) {
    assert_int_equal(hub->listen.count, 1);
    assert_string_equal(hub->listen.entries[0].address, "localhost:8765");
    assert_false(hub->listen.entries[0].proxy_protocol);
    assert_int_equal(hub->trusted_proxies.count, 0);
    assert_null(hub->tls.certificate);
    assert_null(hub->tls.key);
    assert_int_equal(hub->tls.more.count, 0);
    assert_int_equal(hub->max_message, MIB);
    assert_int_equal(hub->handshake_timeout, 10 * SECOND);
    assert_int_equal(hub->ping_interval, 20 * SECOND);
    assert_int_equal(hub->ping_timeout, 20 * SECOND);
    assert_int_equal(hub->close_timeout, 10 * SECOND);
    assert_int_equal(hub->slow_reader, CONFIG_SLOW_READER_CLOSE);
    check_default_limits(&hub->limits);
    assert_int_equal(hub->origins.count, 1);
    assert_string_equal(hub->origins.entries[0], "*");
    assert_int_equal(hub->missing_origin, CONFIG_ORIGIN_ALLOW);
    assert_true(hub->auth.anonymous);
    assert_null(hub->auth.jwt_secret_file);
    assert_int_equal(hub->auth.jwt_public_key_files.count, 0);
    assert_int_equal(hub->channels.count, 2);
}

static void check_retain(const struct config_retain *retain, size_t bytes, unsigned messages,
                         uint64_t age) {
    assert_int_equal(retain->bytes, bytes);
    assert_int_equal(retain->messages, messages);
    assert_int_equal(retain->age, age);
}

static void check_default_channels(const struct config *config) {
    const struct config_channel *chat = config_channel(config, bytes_of("chat"));
    assert_string_equal(chat->name, "chat");
    assert_true(chat->prefix);
    assert_int_equal(chat->publish, CONFIG_RIGHT_ANYONE);
    check_retain(&chat->retain, 16 * MIB, 10000, HOUR);
    const struct config_channel *other = config_channel(config, bytes_of("chatter"));
    assert_string_equal(other->name, "*");
    assert_false(other->prefix);
    assert_int_equal(other->publish, CONFIG_RIGHT_TOKEN);
    assert_int_equal(other->subscribe, CONFIG_RIGHT_ANYONE);
    check_retain(&other->retain, 16 * MIB, 10000, HOUR);
    assert_ptr_equal(config_channel(config, bytes_of("cha")), other);
    assert_ptr_equal(config_channel(config, bytes_of("")), other);
}

static void check_defaults(const struct config *config) {
    check_top_defaults(config);
    check_fetch_defaults(&config->fetch);
    check_hub_defaults(&config->hub);
    check_default_channels(config);
}

static void test_defaults(void **state) {
    (void)state;
    struct config config;
    assert_int_equal(config_init_defaults(&config), ERROR_NONE);
    check_defaults(&config);
    config_fini(&config);
    config_fini(&config);
}

static void test_an_empty_object_and_no_file_are_the_defaults(void **state) {
    (void)state;
    struct config config;
    load_text(&config, "{}");
    check_defaults(&config);
    config_fini(&config);
    load_text(&config, "{\"fetch\": {\"timeout\": {}}, \"hub\": {\"channels\": {\"*\": {}}}}");
    check_defaults(&config);
    config_fini(&config);
    load_file(&config, NULL);
    check_defaults(&config);
    config_fini(&config);
}

static void check_url(const struct config_url *url, const char *text, uint64_t every,
                      const char *channel) {
    assert_string_equal(url->url, text);
    assert_int_equal(url->every, every);
    assert_string_equal(url->channel, channel);
}

static void check_plain_request(const struct config_url *url) {
    assert_null(url->method);
    assert_null(url->body);
    assert_null(url->basic);
    assert_null(url->bearer);
    assert_null(url->ca);
    assert_int_equal(url->headers.count, 0);
    assert_false(url->insecure);
}

static void check_form(const struct config_url *url) {
    assert_string_equal(url->method, "PUT");
    assert_string_equal(url->body, "a=1&b=2");
    assert_string_equal(url->ca, "/etc/own.pem");
    assert_string_equal(url->basic, "Basic bWU6c2VjcmV0");
    assert_int_equal(url->headers.count, 2);
    assert_true(bytes_equal(url->headers.items[0].name, bytes_of("Content-Type")));
    assert_true(
        bytes_equal(url->headers.items[0].value, bytes_of("application/x-www-form-urlencoded")));
    assert_true(bytes_equal(url->headers.items[1].name, bytes_of("X-Empty")));
    assert_int_equal(url->headers.items[1].value.size, 0);
}

static void check_everything_fetch(const struct config_fetch *fetch) {
    assert_int_equal(fetch->urls.count, 6);
    check_form(&fetch->urls.entries[4]);
    check_plain_request(&fetch->urls.entries[0]);
    check_url(&fetch->urls.entries[5], "https://localhost/api", 10 * MINUTE, "found");
    assert_string_equal(fetch->urls.entries[5].bearer, "Bearer abc.def");
    assert_true(fetch->urls.entries[5].insecure);
    assert_string_equal(fetch->urls.entries[5].certificate, TEST_DATA "/config/client.pem");
    assert_string_equal(fetch->urls.entries[5].key, TEST_DATA "/config/client.key");
    assert_int_equal(fetch->redirects, 3);
    assert_int_equal(fetch->retries, 4);
    check_url(&fetch->urls.entries[0], "https://example.org/", 10 * MINUTE, "found");
    check_url(&fetch->urls.entries[1], "http://localhost:8080/slow", 30 * SECOND, "pages");
    check_url(&fetch->urls.entries[2], "http://127.0.0.1/", 0, "once");
    check_url(&fetch->urls.entries[3], "http://[::1]:81/?q=1", 10 * MINUTE, "found");
    assert_int_equal(fetch->every, 10 * MINUTE);
    assert_true(fetch->jitter == 0.25);
    assert_true(fetch->spread == 0.75);
    assert_int_equal(fetch->max_age, 6 * HOUR);
    assert_string_equal(fetch->channel, "found");
    assert_int_equal(fetch->concurrency, 200);
    assert_int_equal(fetch->per_host, 7);
    assert_int_equal(fetch->max_body, 64 * MIB);
    assert_int_equal(fetch->timeout.total, 50 * SECOND);
    assert_int_equal(fetch->timeout.attempt, 20 * SECOND);
    assert_int_equal(fetch->timeout.connect, 4 * SECOND);
    assert_int_equal(fetch->timeout.dns, 3 * SECOND);
    assert_int_equal(fetch->timeout.read, 1500 * MILLISECOND);
    assert_string_equal(fetch->name_servers, "192.0.2.1:53,[2001:db8::1]:5353");
    assert_string_equal(fetch->authorities, TEST_DATA "/config/certificates/test.pem");
}

static void check_every_limit(const struct config_hub_limits *limits) {
    assert_int_equal(limits->connections, 5000);
    assert_int_equal(limits->per_address, 20);
    assert_int_equal(limits->accepts_per_second, 100);
    assert_int_equal(limits->messages_per_second, 30);
    assert_int_equal(limits->bytes_per_second, 64 * 1024);
    assert_int_equal(limits->controls_per_second, 10);
    assert_int_equal(limits->frame, 32 * 1024);
    assert_int_equal(limits->headers, 40);
    assert_int_equal(limits->header_bytes, 8 * 1024);
    assert_int_equal(limits->channel_name, 64);
    assert_int_equal(limits->channels, 500);
    assert_int_equal(limits->subscriptions, 16);
}

static void check_everything_hub(const struct config_hub *hub) {
    assert_int_equal(hub->listen.count, 2);
    assert_string_equal(hub->listen.entries[0].address, "[::1]:9000");
    assert_true(hub->listen.entries[0].proxy_protocol);
    assert_true(hub->listen.entries[0].plain);
    assert_false(hub->listen.entries[1].plain);
    assert_string_equal(hub->tls.certificate, TEST_DATA "/config/hub.pem");
    assert_string_equal(hub->tls.key, "/hub.key");
    assert_int_equal(hub->tls.more.count, 1);
    assert_string_equal(hub->tls.more.entries[0].certificate, TEST_DATA "/config/other.pem");
    assert_string_equal(hub->tls.more.entries[0].key, TEST_DATA "/config/other.key");
    assert_string_equal(hub->listen.entries[1].address, "*:9001");
    assert_false(hub->listen.entries[1].proxy_protocol);
    assert_int_equal(hub->trusted_proxies.count, 3);
    assert_int_equal(hub->trusted_proxies.entries[0].bits, 8);
    assert_int_equal(hub->trusted_proxies.entries[1].bits, 128);
    assert_int_equal(hub->trusted_proxies.entries[2].family, AF_UNIX);
    assert_int_equal(hub->max_message, 2 * MIB);
    assert_false(hub->compression);
    assert_int_equal(hub->handshake_timeout, 11 * SECOND);
    assert_int_equal(hub->ping_interval, 0);
    assert_int_equal(hub->ping_timeout, 21 * SECOND);
    assert_int_equal(hub->close_timeout, 12 * SECOND);
    assert_int_equal(hub->slow_reader, CONFIG_SLOW_READER_SKIP);
    assert_int_equal(hub->progress_timeout, 31 * SECOND);
    assert_int_equal(hub->origins.count, 3);
    assert_string_equal(hub->origins.entries[1], "https://*.example.org:8443");
    assert_int_equal(hub->missing_origin, CONFIG_ORIGIN_REFUSE);
    assert_false(hub->auth.anonymous);
    assert_string_equal(hub->auth.jwt_secret_file, TEST_DATA "/config/secret");
    assert_int_equal(hub->auth.jwt_public_key_files.count, 2);
    assert_string_equal(hub->auth.jwt_public_key_files.entries[0], TEST_DATA "/config/one.pem");
    assert_string_equal(hub->auth.jwt_public_key_files.entries[1], "/two.pem");
    assert_string_equal(hub->auth.jwt_audience, "hub");
    assert_string_equal(hub->auth.tokens_file, TEST_DATA "/config/tokens");
    check_every_limit(&hub->limits);
    assert_int_equal(hub->channels.count, 4);
}

/* An entry changes only the keys that it names. */
static void check_everything_channels(const struct config *config) {
    const struct config_channel *news = config_channel(config, bytes_of("news"));
    assert_true(news->prefix);
    assert_true(news->echo);
    assert_true(news->presence);
    assert_int_equal(news->slow_reader, 1 + CONFIG_SLOW_READER_LATEST);
    assert_int_equal(news->publish, CONFIG_RIGHT_SERVICE);
    assert_int_equal(news->subscribe, CONFIG_RIGHT_TOKEN);
    check_retain(&news->retain, MIB, 50, 10 * MINUTE);
    const struct config_channel *chat = config_channel(config, bytes_of("chat"));
    assert_true(chat->prefix);
    assert_int_equal(chat->publish, CONFIG_RIGHT_ANYONE);
    check_retain(&chat->retain, 16 * MIB, 5, HOUR);
    const struct config_channel *other = config_channel(config, bytes_of("other"));
    assert_false(other->prefix);
    assert_false(other->echo);
    assert_false(other->presence);
    assert_int_equal(other->publish, CONFIG_RIGHT_ANYONE);
    const struct config_channel *named = config_channel(config, bytes_of("cafe~1"));
    assert_string_equal(named->name, "cafe~1");
    assert_int_equal(named->publish, CONFIG_RIGHT_TOKEN);
}

static void test_every_key_is_read(void **state) {
    (void)state;
    struct config config;
    load_file(&config, TEST_DATA "/config/everything.json");
    assert_int_equal(config.workers, 3);
    assert_int_equal(config.shutdown_timeout, 9 * SECOND);
    assert_int_equal(config.drain, 2 * SECOND);
    check_everything_fetch(&config.fetch);
    assert_int_equal(config.hash.threads, 2);
    assert_int_equal(config.hash.inline_below, 0);
    check_everything_hub(&config.hub);
    check_everything_channels(&config);
    assert_string_equal(config.admin.listen, "*:0");
    assert_int_equal(config.admin.channel_metrics, 10);
    assert_int_equal(config.ring.backend, CONFIG_RING_IO_URING);
    assert_int_equal(config.log.level, LOG_DEBUG);
    assert_int_equal(config.log.format, LOG_FORMAT_JSON);
    config_fini(&config);
}

static void test_the_example_lists_the_sites_in_their_order(void **state) {
    (void)state;
    static const char *const sites[] = {
        "https://www.bbc.com",     "https://www.cnn.com",         "https://www.reuters.com",
        "https://www.nytimes.com", "https://www.theguardian.com", "https://www.aljazeera.com",
        "https://www.wsj.com",     "https://www.foxnews.com",     "https://www.nbcnews.com",
        "https://www.cbsnews.com", "http://localhost:8765/",
    };
    struct config config;
    load_file(&config, TEST_DATA "/../../config.json");
    assert_int_equal(config.fetch.urls.count, 11);
    for (size_t i = 0; i < 11; i++)
        check_url(&config.fetch.urls.entries[i], sites[i], 5 * MINUTE, "results");
    assert_string_equal(config.hub.listen.entries[0].address, "localhost:8765");
    config_fini(&config);
}

static void test_authorities_are_relative_to_the_folder(void **state) {
    (void)state;
    static const struct {
        const char *name, *file, *expected;
    } cases[] = {
        {"config.json", "a.pem", "a.pem"},
        {"etc/config.json", "a.pem", "etc/a.pem"},
        {"/etc/x/config.json", "../a.pem", "/etc/x/../a.pem"},
        {"/config.json", "a.pem", "/a.pem"},
        {"/etc/config.json", "/ssl/a.pem", "/ssl/a.pem"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config config;
        struct config_errors errors = {0};
        char text[128];
        snprintf(text, sizeof text, "{\"fetch\": {\"authorities\": \"%s\"}}", cases[i].file);
        assert_int_equal(config_load_text(&config, cases[i].name, bytes_of(text), NULL, &errors),
                         ERROR_NONE);
        assert_string_equal(config.fetch.authorities, cases[i].expected);
        config_fini(&config);
    }
}

static void test_many_channels_are_all_found(void **state) {
    (void)state;
    struct buffer text = {0};
    struct config config;
    assert_int_equal(buffer_append_text(&text, "{\"hub\":{\"channels\":{"), ERROR_NONE);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buffer_format(&text, "%s\"c%d\":{\"retain\":{\"messages\":%d}}",
                                       i > 0 ? "," : "", i * 7919 % 1000, i * 7919 % 1000 + 1),
                         ERROR_NONE);
    assert_int_equal(buffer_append(&text, "}}}", 4), ERROR_NONE);
    load_text(&config, (const char *)text.data);
    assert_int_equal(config.hub.channels.count, 1002);
    for (unsigned i = 0; i < 1000; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%u", i);
        assert_int_equal(config_channel(&config, bytes_of(name))->retain.messages, i + 1);
    }
    assert_string_equal(config_channel(&config, bytes_of("c1000"))->name, "*");
    config_fini(&config);
    buffer_fini(&text);
}

/* Loads a path that fails; its one line must end with `words`. */
static void check_unreadable(const char *path, enum error expected, const char *words) {
    struct config config;
    struct config_errors errors = {0};
    assert_int_equal(config_load(&config, path, &errors), expected);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.lines[0], words);
    config_fini(&config);
    config_errors_fini(&errors);
}

static void test_a_file_that_cannot_be_read_says_why(void **state) {
    (void)state;
    check_unreadable("/nowhere/config.json", ERROR_NOT_FOUND,
                     "/nowhere/config.json: cannot be read: No such file or directory");
    check_unreadable("/", ERROR_SYSTEM, "/: cannot be read: Is a directory");
}

static void test_a_file_that_is_too_large_is_refused(void **state) {
    (void)state;
    char path[] = "/tmp/ringcast-config-XXXXXX", words[128];
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, "{", 1), 1);
    assert_int_equal(ftruncate(descriptor, (off_t)(16 * MIB + 1)), 0);
    snprintf(words, sizeof words, "%s: larger than 16MiB", path);
    check_unreadable(path, ERROR_CONFIG_INVALID, words);
    assert_int_equal(ftruncate(descriptor, (off_t)(16 * MIB)), 0);
    snprintf(words, sizeof words,
             "%s:1:2: found control character U+0000, expected a key in double quotes", path);
    check_unreadable(path, ERROR_CONFIG_INVALID, words);
    close(descriptor);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_an_empty_object_and_no_file_are_the_defaults),
        cmocka_unit_test(test_every_key_is_read),
        cmocka_unit_test(test_the_example_lists_the_sites_in_their_order),
        cmocka_unit_test(test_authorities_are_relative_to_the_folder),
        cmocka_unit_test(test_many_channels_are_all_found),
        cmocka_unit_test(test_a_file_that_cannot_be_read_says_why),
        cmocka_unit_test(test_a_file_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
