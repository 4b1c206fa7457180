/* What a mistake in a config is told: the exact words, for every key and every kind of mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "app/config.h"
#include "base/memory.h"
#include "config_nearest.h"
#include "config_table.h"
#include "http/url.h"

static enum error load(struct config *config, struct config_errors *errors, struct bytes text) {
    return config_load_text(config, "config.json", text, NULL, errors);
}

/* The lines that `text` must give, each with its line end. */
static void check_lines(struct bytes text, const char *expected) {
    struct config config;
    struct config_errors errors = {0};
    struct buffer lines = {0};
    assert_int_equal(load(&config, &errors, text), ERROR_CONFIG_INVALID);
    for (size_t i = 0; i < errors.count; i++)
        assert_int_equal(buffer_format(&lines, "%s\n", errors.lines[i]), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&lines, '\0'), ERROR_NONE);
    assert_string_equal((const char *)lines.data, expected);
    buffer_fini(&lines);
    config_errors_fini(&errors);
    config_fini(&config);
}

/* {"hub":{"listen":VALUE}} of "hub.listen". */
static void wrap(struct buffer *text, const char *path, const char *value) {
    size_t groups = 0;
    buffer_clear(text);
    assert_int_equal(buffer_append_text(text, "{\""), ERROR_NONE);
    for (; *path != '\0'; path++) {
        bool is_dot = *path == '.';
        groups += is_dot;
        assert_int_equal(is_dot ? buffer_append_text(text, "\":{\"")
                                : buffer_append_byte(text, (uint8_t)*path),
                         ERROR_NONE);
    }
    assert_int_equal(buffer_format(text, "\":%s}", value), ERROR_NONE);
    while (groups-- > 0)
        assert_int_equal(buffer_append_byte(text, '}'), ERROR_NONE);
}

static void check_accepted(const char *path, const char *value) {
    struct config config;
    struct config_errors errors = {0};
    struct buffer text = {0};
    wrap(&text, path, value);
    if (load(&config, &errors, buffer_bytes(&text)) != ERROR_NONE)
        fail_msg("%s", errors.lines[0]);
    config_fini(&config);
    buffer_fini(&text);
}

static void check_refused(const char *path, const char *value, const char *expected) {
    struct buffer text = {0};
    char line[512];
    wrap(&text, path, value);
    snprintf(line, sizeof line, "config.json:1: %s: found %s, expected %s\n", path, value,
             expected);
    check_lines(buffer_bytes(&text), line);
    buffer_fini(&text);
}

/* For each key: values on its bounds, which pass, and just beyond them, which do not. */
struct bounds {
    const char *path;
    const char *accepted[6];
    const char *refused[6];
    const char *expected;
};

#define TEN_MS_TO_HOUR                                                       \
    {"\"10ms\"", "\"1h\"", "\"60m\""},                                       \
        {"\"9ms\"", "\"9999us\"", "\"3600001ms\"", "\"61m\"", "\"0\"", "0"}, \
        "a duration from \"10ms\" to \"1h\""
#define LISTEN                                                                           \
    {"\"localhost:0\"",        "\"127.0.0.1:65535\"", "\"[::]:80\"",                     \
     "\"[::ffff:1.2.3.4]:1\"", "\"unix:/run/hub\"",   "\"0.0.0.0:8765\""},               \
        {"\"localhost:65536\"", "\"localhost\"",      "\"::1:80\"",                      \
         "\"example.org:80\"",  "\"127.0.0.256:80\"", "\"[::1]:-1\""},                   \
        "\"HOST:PORT\", HOST being localhost, an IPv4 address, an [IPv6 address] or *, " \
        "PORT 0 to 65535; or \"unix:/PATH\""
#define CHANNEL_NAME                                                                             \
    {"\"a\"", "\"Az09._-~:\""}, {"\"\"", "\"a b\"", "\"*\"", "\"a/b\"", "7", "\"caf\xC3\xA9\""}, \
        "a channel name of 1 to 255 of A-Z a-z 0-9 . _ - ~ :"

static const struct bounds bounds[] = {
    {"workers",
     {"1", "64", "\"auto\""},
     {"0", "65", "-1", "1.5", "\"4\"", "\"AUTO\""},
     "\"auto\" or an integer from 1 to 64"},
    {"shutdown_timeout",
     {"\"100ms\"", "\"1h\""},
     {"\"99ms\"", "\"61m\"", "0"},
     "a duration from \"100ms\" to \"1h\""},
    {"drain", {"\"0\"", "0", "\"0s\"", "\"1h\""}, {"\"3601s\""}, "a duration from 0 to \"1h\""},
    {"fetch.urls", {"[]", "[\"http://localhost/\"]"}, {"\"x\"", "null", "1"}, "an array of URLs"},
    {"fetch.every",
     {"0", "\"0\"", "\"1s\"", "\"365d\""},
     {"\"999ms\"", "\"1ns\"", "\"366d\""},
     "a duration from \"1s\" to \"365d\", or 0"},
    {"fetch.jitter",
     {"0", "1", "0.5", "1.0", "1e-3"},
     {"-0.1", "1.01", "1e999", "-1e999", "\"0.1\"", "null"},
     "a number from 0 to 1"},
    {"fetch.spread", {"0", "1", "0.5"}, {"-0.1", "1.01", "\"0.1\""}, "a number from 0 to 1"},
    {"fetch.max_age",
     {"0", "\"1s\"", "\"365d\""},
     {"\"999ms\"", "\"366d\""},
     "a duration from \"1s\" to \"365d\", or 0"},
    {"fetch.backoff",
     {"0", "\"1s\"", "\"365d\""},
     {"\"999ms\"", "\"366d\""},
     "a duration from \"1s\" to \"365d\", or 0"},
    {"fetch.state_file", {"\"a\"", "\"/a\""}, {"\"\"", "1", "null"}, "the name of a file"},
    {"fetch.channel", CHANNEL_NAME},
    {"fetch.concurrency",
     {"1", "10000"},
     {"0", "10001", "1e2", "100.0", "18446744073709551716", "\"100\""},
     "an integer from 1 to 10000"},
    {"fetch.per_host", {"1", "10000"}, {"0", "10001", "-0", "true"}, "an integer from 1 to 10000"},
    {"fetch.redirects", {"0", "50"}, {"51", "-1", "\"10\""}, "an integer from 0 to 50"},
    {"fetch.retries", {"0", "10"}, {"11", "-1", "null"}, "an integer from 0 to 10"},
    {"fetch.private_addresses",
     {"\"configured\"", "\"always\"", "\"never\""},
     {"\"yes\"", "true", "\"\""},
     "\"configured\", \"always\" or \"never\""},
    {"fetch.cookies", {"true", "false"}, {"1", "\"true\"", "null"}, "true or false"},
    {"fetch.max_body",
     {"1", "1000", "\"1KiB\"", "\"1TiB\"", "1099511627776"},
     {"0", "\"0KiB\"", "\"2TiB\"", "1099511627777"},
     "a size from 1 to \"1TiB\""},
    {"fetch.timeout.total", TEN_MS_TO_HOUR},
    {"fetch.timeout.attempt", TEN_MS_TO_HOUR},
    {"fetch.timeout.connect", TEN_MS_TO_HOUR},
    {"fetch.timeout.dns", TEN_MS_TO_HOUR},
    {"fetch.timeout.read", TEN_MS_TO_HOUR},
    {"fetch.name_servers",
     {"\"127.0.0.1\"", "\"127.0.0.1:5353\"", "[\"::1\", \"[2001:db8::1]:53\"]"},
     {"\"localhost\"", "\"dns.example\"", "\"127.0.0.1:0\"", "\"*:53\"", "\"\"", "53"},
     "the IP address of a name server, and maybe :PORT behind it (then with IPv6 in brackets)"},
    {"fetch.proxy", {"\"environment\"", "\"http://me:secret@localhost:3128\""}, {NULL}, ""},
    {"fetch.no_proxy", {"\"\"", "\"*\""}, {"1", "null"}, "a text"},
    {"fetch.authorities", {"\"a.pem\"", "\"/a\""}, {"\"\"", "1", "null"}, "the name of a file"},
    {"hash.threads",
     {"1", "64", "\"auto\""},
     {"0", "65", "\"\""},
     "\"auto\" or an integer from 1 to 64"},
    {"hash.inline_below",
     {"0", "\"1GiB\"", "1073741824", "\"auto\""},
     {"1073741825", "\"2GiB\""},
     "\"auto\" or a size from 0 to \"1GiB\""},
    {"hub.listen", LISTEN},
    {"hub.trusted_proxies",
     {"[]", "\"10.0.0.0/8\"", "[\"127.0.0.1\", \"::/0\", \"unix\"]"},
     {"\"10.0.0.1/8\"", "\"localhost\"", "\"\"", "true", "\"::1/129\""},
     "a network such as \"10.0.0.0/8\" or \"2001:db8::/32\" with nothing set behind its prefix, "
     "an address, or \"unix\""},
    {"hub.tls.certificate", {"\"a.pem\""}, {"\"\"", "7"}, "the name of a file"},
    {"hub.tls.key", {"\"a.key\""}, {"\"\"", "null"}, "the name of a file"},
    {"hub.tls.more",
     {"[]"},
     {"true", "\"a.pem\"", "null"},
     "an array of at most 100 certificates with their keys"},
    {"hub.max_message",
     {"1", "\"256MiB\""},
     {"0", "268435457", "\"257MiB\""},
     "a size from 1 to \"256MiB\""},
    {"hub.compression", {"true", "false"}, {"1", "\"true\"", "null"}, "true or false"},
    {"hub.handshake_timeout", TEN_MS_TO_HOUR},
    {"hub.ping_interval",
     {"0", "\"0s\"", "\"10ms\"", "\"1h\""},
     {"\"9ms\"", "\"2h\""},
     "a duration from \"10ms\" to \"1h\", or 0"},
    {"hub.ping_timeout", TEN_MS_TO_HOUR},
    {"hub.close_timeout", TEN_MS_TO_HOUR},
    {"hub.slow_reader",
     {"\"close\"", "\"skip\"", "\"latest\""},
     {"\"drop\"", "\"Close\"", "\"\"", "true", "null", "0"},
     "\"close\", \"skip\" or \"latest\""},
    {"hub.progress_timeout",
     {"0", "\"10ms\"", "\"1h\""},
     {"\"9ms\"", "\"2h\""},
     "a duration from \"10ms\" to \"1h\", or 0"},
    {"hub.origins",
     {"[]", "\"*\"", "\"null\"", "\"https://example.org\"", "\"http://*.example.org:8080\"",
      "\"app://*\""},
     {"\"example.org\"", "\"https://example.org/\"", "\"https://\"", "\"https://Example.org\"",
      "\"://x\"", "7"},
     "an origin such as \"https://example.org\", with * for any part of a name, or \"*\" or "
     "\"null\""},
    {"hub.missing_origin",
     {"\"allow\"", "\"refuse\""},
     {"true", "\"deny\""},
     "\"allow\" or \"refuse\""},
    {"hub.auth.anonymous", {"true", "false"}, {"0", "\"true\""}, "true or false"},
    {"hub.auth.jwt_secret_file", {"\"a\""}, {"\"\"", "null"}, "the name of a file"},
    {"hub.auth.jwt_public_key_files",
     {"\"a.pem\"", "[\"a.pem\", \"/b.pem\"]", "[]"},
     {"\"\"", "7", "null"},
     "the name of a file"},
    {"hub.auth.jwt_audience", {"\"hub\""}, {"\"\"", "7"}, "a text that is not empty"},
    {"hub.auth.tokens_file", {"\"tokens\""}, {"\"\"", "false"}, "the name of a file"},
    {"hub.limits.connections",
     {"1", "10000000", "\"auto\""},
     {"0", "10000001"},
     "\"auto\" or an integer from 1 to 10000000"},
    {"hub.limits.per_address",
     {"0", "10000000"},
     {"10000001", "-1", "\"auto\""},
     "an integer from 0 to 10000000"},
    {"hub.limits.accepts_per_second",
     {"0", "1000000"},
     {"1000001"},
     "an integer from 0 to 1000000"},
    {"hub.limits.messages_per_second",
     {"0", "1000000"},
     {"1000001"},
     "an integer from 0 to 1000000"},
    {"hub.limits.bytes_per_second",
     {"0", "1024", "\"4GiB\""},
     {"1023", "\"5GiB\""},
     "a size from \"1KiB\" to \"4GiB\", or 0"},
    {"hub.limits.controls_per_second",
     {"0", "1000000"},
     {"1000001"},
     "an integer from 0 to 1000000"},
    {"hub.limits.frame",
     {"0", "1", "\"256MiB\""},
     {"\"257MiB\""},
     "a size from 1 to \"256MiB\", or 0"},
    {"hub.limits.inflate_ratio",
     {"0", "10", "10000"},
     {"9", "10001"},
     "an integer from 10 to 10000, or 0"},
    {"hub.limits.headers", {"16", "10000"}, {"15", "10001"}, "an integer from 16 to 10000"},
    {"hub.limits.header_bytes",
     {"\"1KiB\"", "\"1MiB\""},
     {"1023", "\"2MiB\""},
     "a size from \"1KiB\" to \"1MiB\""},
    {"hub.limits.channel_name", {"1", "255"}, {"0", "256"}, "an integer from 1 to 255"},
    {"hub.limits.channels", {"1", "10000000"}, {"0"}, "an integer from 1 to 10000000"},
    {"hub.limits.subscriptions", {"1", "100000"}, {"0", "100001"}, "an integer from 1 to 100000"},
    {"hub.channels", {"{}"}, {"null", "\"chat\""}, "an object of channels by their names"},
    {"admin.listen", LISTEN},
    {"admin.channel_metrics", {"0", "10000"}, {"10001", "-1"}, "an integer from 0 to 10000"},
    {"ring.backend",
     {"\"auto\"", "\"io_uring\""},
     {"\"epoll\"", "\"uring\""},
     "\"auto\" or \"io_uring\""},
    {"log.level",
     {"\"error\"", "\"warning\"", "\"info\"", "\"debug\""},
     {"\"trace\"", "2"},
     "\"error\", \"warning\", \"info\" or \"debug\""},
    {"log.format", {"\"text\"", "\"json\""}, {"\"xml\""}, "\"text\" or \"json\""},
};

static void test_every_key_keeps_its_bounds(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        for (size_t j = 0; j < 6 && bounds[i].accepted[j] != NULL; j++)
            check_accepted(bounds[i].path, bounds[i].accepted[j]);
        for (size_t j = 0; j < 6 && bounds[i].refused[j] != NULL; j++)
            check_refused(bounds[i].path, bounds[i].refused[j], bounds[i].expected);
    }
}

static void test_name_servers_are_hosts(void **state) {
    (void)state;
    static const char *const refused[] = {
        "\"0.0.0.0\"",         "\"0.0.0.0:53\"",   "\"::\"",       "\"[::]:53\"",
        "\"255.255.255.255\"", "\"224.0.0.251\"",  "\"ff02::fb\"", "\"[ff02::fb]:5353\"",
        "\"::ffff:0.0.0.0\"",  "\"239.1.2.3:53\"",
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        check_refused("fetch.name_servers", refused[i],
                      "the address of one host, not of any or of many");
}

static void test_no_key_is_without_a_test_of_its_bounds(void **state) {
    (void)state;
    assert_int_equal(config_keys.count, sizeof bounds / sizeof *bounds);
    for (size_t i = 0; i < config_keys.count; i++)
        assert_string_equal(config_keys.keys[i].path, bounds[i].path);
}

static void test_channel_settings_keep_their_bounds(void **state) {
    (void)state;
    static const struct bounds channel[] = {
        {"hub.channels.news.prefix", {"true", "false"}, {"1", "\"true\"", "null"}, "true or false"},
        {"hub.channels.news.presence", {"true", "false"}, {"1", "null"}, "true or false"},
        {"hub.channels.news.echo", {"true", "false"}, {"0", "\"false\""}, "true or false"},
        {"hub.channels.news.publish",
         {"\"anyone\"", "\"token\"", "\"service\""},
         {"\"nobody\""},
         "\"anyone\", \"token\" or \"service\""},
        {"hub.channels.news.slow_reader",
         {"\"hub\"", "\"close\"", "\"skip\"", "\"latest\""},
         {"\"drop\"", "0"},
         "\"hub\", \"close\", \"skip\" or \"latest\""},
        {"hub.channels.news.subscribe",
         {"\"anyone\"", "\"token\"", "\"service\""},
         {"\"\"", "null"},
         "\"anyone\", \"token\" or \"service\""},
        {"hub.channels.news.retain.bytes",
         {"\"64KiB\"", "65536", "\"1TiB\""},
         {"65535", "\"63KiB\"", "0", "\"2TiB\""},
         "a size from \"64KiB\" to \"1TiB\""},
        {"hub.channels.news.retain.messages",
         {"1", "1000000000"},
         {"0", "1000000001"},
         "an integer from 1 to 1000000000"},
        {"hub.channels.news.retain.age",
         {"\"1ms\"", "\"365d\""},
         {"\"999us\"", "0", "\"366d\""},
         "a duration from \"1ms\" to \"365d\""},
    };
    assert_int_equal(config_channel_keys.count, sizeof channel / sizeof *channel);
    for (size_t i = 0; i < sizeof channel / sizeof *channel; i++) {
        for (size_t j = 0; j < 6 && channel[i].accepted[j] != NULL; j++)
            check_accepted(channel[i].path, channel[i].accepted[j]);
        for (size_t j = 0; j < 6 && channel[i].refused[j] != NULL; j++)
            check_refused(channel[i].path, channel[i].refused[j], channel[i].expected);
    }
}

static void test_what_is_no_duration_or_size_gets_an_example(void **state) {
    (void)state;
    static const char *const durations[] = {
        "\"20\"", "20", "\"\"", "\"20 s\"", "\"-1s\"", "null", "true", "1.5", "\"99999999999999d\"",
        "\"1.s\""};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++)
        check_refused("hub.ping_interval", durations[i], "a duration such as \"20s\"");
    static const char *const sizes[] = {"\"1024\"",  "\"1MB\"", "\"KiB\"", "\"1.5MiB\"",
                                        "\"1 KiB\"", "-1",      "1e3",     "\"17179869184GiB\"",
                                        "\"1kib\"",  "null"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        check_refused("fetch.max_body", sizes[i], "a size such as \"64KiB\", or a number of bytes");
}

static void test_what_listeners_may_be(void **state) {
    (void)state;
    static const struct {
        const char *value, *expected;
    } cases[] = {
        {"[]", ": found an array, expected 1 to 8 listeners"},
        {"{\"proxy_protocol\": true}", ": found an object, expected an object with \"address\""},
        {"[\"*:1\", {\"address\": \"*:2\", \"prxy_protocol\": true}]",
         "[1].prxy_protocol: unknown key; did you mean \"proxy_protocol\"?"},
        {"[{\"address\": \"*:2\", \"proxy_protocol\": 1}]",
         "[0].proxy_protocol: found 1, expected true or false"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer text = {0};
        char line[512];
        wrap(&text, "hub.listen", cases[i].value);
        snprintf(line, sizeof line, "config.json:1: hub.listen%s\n", cases[i].expected);
        check_lines(buffer_bytes(&text), line);
        buffer_fini(&text);
    }
    check_accepted("hub.listen", "{\"address\": \"*:1\"}");
    check_accepted("hub.listen", "[{\"address\": \"*:1\", \"proxy_protocol\": false}, \"*:2\"]");
    check_lines(
        bytes_of("{\"hub\": {\"listen\": {\"address\": \"*:1\", \"proxy_protocol\": true}}}"),
        "config.json: hub.listen: \"proxy_protocol\" needs hub.trusted_proxies: nobody else "
        "may connect there\n");
}

static void test_certificates_have_their_keys(void **state) {
    (void)state;
    static const struct {
        const char *tls, *expected;
    } cases[] = {
        {"{\"certificate\": \"a\", \"key\": \"b\", \"more\": [{\"certificate\": \"c\"}]}",
         "config.json:1: hub.tls.more[0]: found an object, expected an object with \"certificate\" "
         "and \"key\"\n"},
        {"{\"certificate\": \"a\", \"key\": \"\"}",
         "config.json:1: hub.tls.key: found \"\", expected the name of a file\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buffer text = {0};
        assert_int_equal(buffer_format(&text, "{\"hub\": {\"tls\": %s}}", cases[i].tls),
                         ERROR_NONE);
        check_lines(buffer_bytes(&text), cases[i].expected);
        buffer_fini(&text);
    }
}

static void test_channel_names_have_255_bytes_at_most(void **state) {
    (void)state;
    char name[260] = {0};
    memset(name, 'n', 257);
    name[0] = name[256] = '"';
    check_accepted("fetch.channel", name);
    memset(name, 'n', 258);
    name[0] = name[257] = '"';
    struct buffer text = {0};
    wrap(&text, "fetch.channel", name);
    check_lines(buffer_bytes(&text),
                "config.json:1: fetch.channel: found "
                "\"nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn\"..., expected "
                "a channel name of 1 to 255 of A-Z a-z 0-9 . _ - ~ :\n");
    buffer_fini(&text);
}

static void test_an_unknown_key_gets_a_suggestion(void **state) {
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"{\n\n\"hub\": {\"lisen\": 1}}",
         "config.json:3: hub.lisen: unknown key; did you mean \"listen\"?\n"},
        {"{\"Workers\": 1}", "config.json:1: Workers: unknown key; did you mean \"workers\"?\n"},
        {"{\"fecth\": {}}", "config.json:1: fecth: unknown key; did you mean \"fetch\"?\n"},
        {"{\"fetch\": {\"timeouts\": {}}}",
         "config.json:1: fetch.timeouts: unknown key; did you mean \"timeout\"?\n"},
        {"{\"fetch\": {\"timeout\": {\"dsn\": 1}}}",
         "config.json:1: fetch.timeout.dsn: unknown key; did you mean \"dns\"?\n"},
        {"{\"hub\": {\"channels\": {\"x\": {\"pubish\": 1}}}}",
         "config.json:1: hub.channels.x.pubish: unknown key; did you mean \"publish\"?\n"},
        {"{\"hub\": {\"channels\": {\"x\": {\"retain\": {\"byte\": 1}}}}}",
         "config.json:1: hub.channels.x.retain.byte: unknown key; did you mean \"bytes\"?\n"},
        {"{\"fetch\": {\"urls\": [{\"url\": \"http://a/\", \"password\": \"GET\"}]}}",
         "config.json:1: fetch.urls[0].password: unknown key; known here: \"url\", \"every\", "
         "\"channel\", \"method\", \"headers\", \"body\", \"basic\", \"bearer\", \"ca\", "
         "\"certificate\", \"key\", \"insecure\"\n"},
        {"{\"listen\": \"localhost:1\"}",
         "config.json:1: listen: unknown key; known here: \"workers\", \"shutdown_timeout\", "
         "\"drain\", \"fetch\", \"hash\", \"hub\", \"admin\", \"ring\", \"log\"\n"},
        {"{\"fetch.every\": \"5m\"}",
         "config.json:1: [\"fetch.every\"]: unknown key; known here: \"workers\", "
         "\"shutdown_timeout\", \"drain\", \"fetch\", \"hash\", \"hub\", \"admin\", \"ring\", "
         "\"log\"\n"},
        {"{\"log\": {\"\": 1}}",
         "config.json:1: log[\"\"]: unknown key; known here: \"level\", \"format\"\n"},
        {"{\"log\": {\"le\\u001bvel\": 1}}",
         "config.json:1: log[\"le\\u001bvel\"]: unknown key; did you mean \"level\"?\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        check_lines(bytes_of(cases[i].text), cases[i].expected);
}

static void test_nearest_counts_letters_cases_and_swaps(void **state) {
    (void)state;
    static const struct {
        const char *typed, *expected;
    } cases[] = {
        {"listen", "listen"},
        {"LISTEN", "listen"},
        {"lsiten", "listen"},
        {"listn", "listen"},
        {"listening", "listen"},
        {"max_mesage", "max_message"},
        {"message", ""},
        {"x", ""},
        {"", ""},
        {"pingtimeout", "ping_timeout"},
        {"ping_timeuot", "ping_timeout"},
    };
    static const char *const known[] = {"listen", "max_message", "ping_interval", "ping_timeout"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nearest nearest = nearest_to(bytes_of(cases[i].typed));
        for (size_t j = 0; j < sizeof known / sizeof *known; j++)
            nearest_consider(&nearest, bytes_of(known[j]));
        assert_int_equal(nearest.best.size, strlen(cases[i].expected));
        assert_memory_equal(nearest.best.size > 0 ? (const char *)nearest.best.data : "",
                            cases[i].expected, nearest.best.size);
    }
}

static void test_a_very_long_key_is_shown_in_part(void **state) {
    (void)state;
    struct buffer text = {0};
    assert_int_equal(buffer_append_text(&text, "{\"log\":{\""), ERROR_NONE);
    for (int i = 0; i < 100000; i++)
        assert_int_equal(buffer_append_byte(&text, 'k'), ERROR_NONE);
    assert_int_equal(buffer_append_text(&text, "\":1}}"), ERROR_NONE);
    check_lines(
        buffer_bytes(&text),
        "config.json:1: log[\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\""
        "...]: unknown key; known here: \"level\", \"format\"\n");
    buffer_fini(&text);
}

static void test_what_is_no_url_says_why(void **state) {
    (void)state;
    check_lines(bytes_of("{\"fetch\": {\"urls\": [\"HTTPS://a/\",\n\"ftp://a/\",\n"
                         "{\"url\": 5},\n{\"url\": \"file:///a\", \"every\": 1}]}}"),
                "config.json:2: fetch.urls[1]: found \"ftp://a/\", expected an http or https URL "
                "(URL scheme is neither http nor https)\n"
                "config.json:3: fetch.urls[2].url: found 5, expected an http or https URL\n"
                "config.json:4: fetch.urls[3].url: found \"file:///a\", expected an http or https "
                "URL (URL scheme is neither http nor https)\n"
                "config.json:4: fetch.urls[3].every: found 1, expected a duration such as "
                "\"20s\"\n");
}

/* The first URL of a config that has only this one. */
static void check_url_refused(const char *url, const char *found, const char *reason) {
    struct buffer text = {0};
    char line[512];
    assert_int_equal(buffer_format(&text, "{\"fetch\": {\"urls\": [\"%s\"]}}", url), ERROR_NONE);
    snprintf(line, sizeof line,
             "config.json:1: fetch.urls[0]: %sexpected an http or https URL (%s)\n", found, reason);
    check_lines(buffer_bytes(&text), line);
    buffer_fini(&text);
}

static void test_every_part_of_a_url_is_judged(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "URL scheme is neither http nor https"},
        {"example.org", "URL scheme is neither http nor https"},
        {"http://", "URL has an invalid host"},
        {"http://a b/", "URL has an invalid host"},
        {"http://1.2.3.256/", "URL has an invalid host"},
        {"http://[::1/", "URL has an invalid host"},
        {"https://a:65536/", "URL has an invalid port"},
        {"https://a:http/", "URL has an invalid port"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char found[128];
        snprintf(found, sizeof found, "found \"%s\", ", cases[i][0]);
        check_url_refused(cases[i][0], found, cases[i][1]);
    }
}

static void test_urls_are_taken_as_people_write_them(void **state) {
    (void)state;
    check_accepted("fetch.urls", "[\" HTTP:\\\\a\\\\b \", \"https://b\u00fccher.example:8443\"]");
    check_accepted("fetch.urls", "[\"http://a/@b?c@d#e@f\", \"http://@a/\"]");
}

static void test_a_password_in_a_url_is_refused_and_not_shown(void **state) {
    (void)state;
    static const char *const credentials = "URL carries a user name or password";
    check_url_refused("http://user:secret@a/", "", credentials);
    check_url_refused("http://user@a/", "", credentials);
    check_url_refused("http://:secret@a/", "", credentials);
    check_url_refused("http://user:secret@a:99999/", "", "URL has an invalid port");
    check_url_refused("http://user:secret@/", "", "URL has an invalid host");
    check_url_refused("ftp://user:secret@a/", "", "URL scheme is neither http nor https");
}

static void check_request_line(const char *key, const char *value, const char *expected) {
    struct buffer text = {0}, line = {0};
    assert_int_equal(
        buffer_format(&text, "{\"fetch\":{\"urls\":[{\"url\":\"http://a/\",%s:%s}]}}", key, value),
        ERROR_NONE);
    assert_int_equal(buffer_format(&line, "config.json:1: fetch.urls[0]%s\n", expected),
                     ERROR_NONE);
    assert_int_equal(buffer_append_byte(&line, '\0'), ERROR_NONE);
    check_lines(buffer_bytes(&text), (const char *)line.data);
    buffer_fini(&text);
    buffer_fini(&line);
}

static void test_a_proxy_is_never_shown(void **state) {
    static const char *const values[] = {"1", "\"https://me:secret@proxy/\"", "\"socks5://secret\"",
                                         "\"secret\""};
    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        struct buffer text = {0};
        wrap(&text, "fetch.proxy", values[i]);
        check_lines(buffer_bytes(&text),
                    "config.json:1: fetch.proxy: expected an http URL, or \"environment\"\n");
        buffer_fini(&text);
    }
}

/* What may be a secret is never shown. */
static void test_what_a_request_may_not_say(void **state) {
    (void)state;
    check_request_line("\"method\"", "\"CONNECT\"",
                       ".method: found \"CONNECT\", expected a method such as \"POST\", but "
                       "CONNECT and TRACE");
    check_request_line("\"method\"", "\"a b\"",
                       ".method: found \"a b\", expected a method such as \"POST\", but CONNECT "
                       "and TRACE");
    check_request_line("\"body\"", "1", ".body: found 1, expected a text");
    check_request_line("\"headers\"", "[]",
                       ".headers: found an array, expected an object of at most 64 fields, each "
                       "a text");
    static const char *const headers[] = {
        "{\"Host\":\"a\"}",      "{\"Content-Length\":\"1\"}",   "{\"transfer-encoding\":\"x\"}",
        "{\"a b\":\"secret\"}",  "{\"a\":\"secret\\r\\nb: c\"}", "{\"a\":1}",
        "{\"Connection\":\"x\"}"};
    static const char *const names[] = {
        ".Host", ".Content-Length", ".transfer-encoding", "[\"a b\"]", ".a", ".a", ".Connection"};
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        char expected[256];
        snprintf(expected, sizeof expected,
                 ".headers%s: expected a field that may be set, and its value in one line",
                 names[i]);
        check_request_line("\"headers\"", headers[i], expected);
    }
    static const char basic[] = ".basic: expected \"USER:PASSWORD\", or {\"file\": NAME} with that";
    check_request_line("\"basic\"", "\"secret\"", basic);
    check_request_line("\"basic\"", "\"me:sec\\nret\"", basic);
    check_request_line("\"basic\"", "{\"path\":\"secret\"}", basic);
    check_request_line("\"bearer\"", "\"secret token\"",
                       ".bearer: expected a token, or {\"file\": NAME} with that");
    check_request_line("\"bearer\"", "{\"file\":\"/nowhere/token\"}",
                       ".bearer: the file cannot be read: not found");
    check_request_line("\"certificate\"", "\"a.pem\"",
                       ": expected \"certificate\" and \"key\", or neither");
    check_request_line("\"key\"", "\"a.pem\"",
                       ": expected \"certificate\" and \"key\", or neither");
    check_request_line("\"basic\":\"a:b\",\"bearer\"", "\"c\"",
                       ": expected \"basic\" or \"bearer\", not both");
}

static void test_a_url_longer_than_is_read(void **state) {
    (void)state;
    struct buffer url = {0};
    assert_int_equal(buffer_append_text(&url, "http://a/"), ERROR_NONE);
    while (url.size <= URL_INPUT_MAX)
        assert_int_equal(buffer_append_byte(&url, 'x'), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&url, '\0'), ERROR_NONE);
    check_url_refused((const char *)url.data,
                      "found \"http://a/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"..., ",
                      "invalid URL");
    buffer_fini(&url);
}

static void test_a_repeated_key_names_both_lines(void **state) {
    (void)state;
    check_lines(bytes_of("{\"workers\": 1,\n\"log\": {},\n\"work\\u0065rs\": 0,\n\"workers\": 2}"),
                "config.json:3: workers: given twice, first on line 1\n"
                "config.json:4: workers: given twice, first on line 1\n");
    check_lines(
        bytes_of("{\"fetch\":{\"urls\":[{\"url\":\"http://a/\",\n\"url\":\"http://b/\"}]}}"),
        "config.json:2: fetch.urls[0].url: given twice, first on line 1\n");
    check_lines(bytes_of("{\"hub\":{\"channels\":{\"*\":{},\n\"*\":{}}}}"),
                "config.json:2: hub.channels[\"*\"]: given twice, first on line 1\n");
    check_lines(bytes_of("{\"hub\":{},\n\"hub\":{\"lisen\":1}}"),
                "config.json:2: hub: given twice, first on line 1\n");
}

static void test_a_group_must_be_an_object(void **state) {
    (void)state;
    check_lines(bytes_of("\n[]"), "config.json:2: found an array, expected an object\n");
    check_lines(bytes_of("\"x\""), "config.json:1: found \"x\", expected an object\n");
    check_lines(bytes_of("{\"hub\": [],\n\"fetch\": {\"timeout\": 5}}"),
                "config.json:1: hub: found an array, expected an object\n"
                "config.json:2: fetch.timeout: found 5, expected an object\n");
    check_lines(bytes_of("{\"hub\": {\"channels\": {\"chat\": true}}}"),
                "config.json:1: hub.channels.chat: found true, expected an object\n");
    check_lines(
        bytes_of("{\"workers\": {}, \"drain\": []}"),
        "config.json:1: workers: found an object, expected \"auto\" or an integer from 1 to "
        "64\nconfig.json:1: drain: found an array, expected a duration such as \"20s\"\n");
}

static void test_a_syntax_error_names_line_and_column(void **state) {
    (void)state;
    check_lines(bytes_of("{\n  \"workers\": 1,\n}"),
                "config.json:3:1: found '}', expected a key in double quotes\n");
    check_lines(bytes_of(""), "config.json:1:1: found the end of the text, expected a value\n");
    check_lines(bytes_of("\xEF\xBB\xBF{}"),
                "config.json:1:1: found a byte order mark, expected a value\n");
}

static void test_values_are_shown_escaped_and_cut(void **state) {
    (void)state;
    check_lines(bytes_of("{\"log\": {\"level\": \"\\u001b[31m\\n\\u00e9\"}}"),
                "config.json:1: log.level: found \"\\u001b[31m\\n\xC3\xA9\", expected \"error\", "
                "\"warning\", \"info\" or \"debug\"\n");
    check_lines(
        bytes_of("{\"log\": {\"format\": \"12345678901234567890123456789012345678901234567890"
                 "123456789\xC3\xA9\"}}"),
        "config.json:1: log.format: found \"12345678901234567890123456789012345678901234567"
        "890123456789\"..., expected \"text\" or \"json\"\n");
}

static size_t read_whole(const char *path, char *out, size_t size) {
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t count = fread(out, 1, size - 1, file);
    fclose(file);
    out[count] = '\0';
    return count;
}

static void test_all_mistakes_of_a_file_are_found(void **state) {
    (void)state;
    static char text[8192], expected[8192];
    struct config config;
    struct config_errors errors = {0};
    struct buffer lines = {0};
    size_t size = read_whole(TEST_DATA "/config/broken.json", text, sizeof text);
    read_whole(TEST_DATA "/config/broken.expected", expected, sizeof expected);
    assert_int_equal(
        config_load_text(&config, "broken.json", bytes_make(text, size), NULL, &errors),
        ERROR_CONFIG_INVALID);
    for (size_t i = 0; i < errors.count; i++)
        assert_int_equal(buffer_format(&lines, "%s\n", errors.lines[i]), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&lines, '\0'), ERROR_NONE);
    assert_string_equal((const char *)lines.data, expected);
    buffer_fini(&lines);
    config_errors_fini(&errors);
}

static void test_lines_beyond_the_most_are_counted(void **state) {
    (void)state;
    struct buffer text = {0};
    struct config config;
    struct config_errors errors = {0};
    assert_int_equal(buffer_append_text(&text, "{\"fetch\":{\"urls\":[1"), ERROR_NONE);
    for (int i = 1; i < 250; i++)
        assert_int_equal(buffer_append_text(&text, ",1"), ERROR_NONE);
    assert_int_equal(buffer_append_text(&text, "]}}"), ERROR_NONE);
    assert_int_equal(load(&config, &errors, buffer_bytes(&text)), ERROR_CONFIG_INVALID);
    assert_int_equal(errors.count, CONFIG_ERRORS_MAX);
    assert_int_equal(errors.omitted, 250 - CONFIG_ERRORS_MAX);
    assert_string_equal(errors.lines[99], "config.json:1: fetch.urls[99]: found 1, expected a URL, "
                                          "or an object with \"url\"");
    config_errors_fini(&errors);
    buffer_fini(&text);
}

static void test_a_refused_config_is_empty_and_owns_nothing(void **state) {
    (void)state;
    struct config config;
    struct config_errors errors = {0};
    size_t blocks = memory_live_blocks();
    assert_int_equal(load(&config, &errors,
                          bytes_of("{\"fetch\": {\"urls\": [\"http://a/\"]}, \"workers\": 0}")),
                     ERROR_CONFIG_INVALID);
    static const struct config empty;
    assert_memory_equal(&config, &empty, sizeof config);
    config_errors_fini(&errors);
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_key_keeps_its_bounds),
        cmocka_unit_test(test_name_servers_are_hosts),
        cmocka_unit_test(test_no_key_is_without_a_test_of_its_bounds),
        cmocka_unit_test(test_channel_settings_keep_their_bounds),
        cmocka_unit_test(test_what_is_no_duration_or_size_gets_an_example),
        cmocka_unit_test(test_what_listeners_may_be),
        cmocka_unit_test(test_certificates_have_their_keys),
        cmocka_unit_test(test_channel_names_have_255_bytes_at_most),
        cmocka_unit_test(test_an_unknown_key_gets_a_suggestion),
        cmocka_unit_test(test_nearest_counts_letters_cases_and_swaps),
        cmocka_unit_test(test_a_very_long_key_is_shown_in_part),
        cmocka_unit_test(test_what_is_no_url_says_why),
        cmocka_unit_test(test_every_part_of_a_url_is_judged),
        cmocka_unit_test(test_urls_are_taken_as_people_write_them),
        cmocka_unit_test(test_a_password_in_a_url_is_refused_and_not_shown),
        cmocka_unit_test(test_what_a_request_may_not_say),
        cmocka_unit_test(test_a_proxy_is_never_shown),
        cmocka_unit_test(test_a_url_longer_than_is_read),
        cmocka_unit_test(test_a_repeated_key_names_both_lines),
        cmocka_unit_test(test_a_group_must_be_an_object),
        cmocka_unit_test(test_a_syntax_error_names_line_and_column),
        cmocka_unit_test(test_values_are_shown_escaped_and_cut),
        cmocka_unit_test(test_all_mistakes_of_a_file_are_found),
        cmocka_unit_test(test_lines_beyond_the_most_are_counted),
        cmocka_unit_test(test_a_refused_config_is_empty_and_owns_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
