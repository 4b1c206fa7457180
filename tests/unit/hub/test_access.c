/* Origins, tokens and rights, by requests as they come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/memory.h"
#include "hub/hub.h"

enum { NOW = 1500000000 };

/* Signed with SECRET: {"exp":1600000000,"sub":"ann","publish":["room:*"],"subscribe":["news"]} */
#define SECRET "0123456789abcdef0123456789abcdef"
#define ANN                                                                                    \
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJleHAiOjE2MDAwMDAwMDAsInN1YiI6ImFubiIsInB1Ymxpc2g" \
    "iOlsicm9vbToqIl0sInN1YnNjcmliZSI6WyJuZXdzIl19.dXvHUTM6PHUtLZkG_8QYc6JfLY8jzCLtlsX4i8cPwlM"
#define STATIC "a-static-token-of-24-byte"

static struct access rules;
static struct token_key key;
static struct access_token known;
static struct http_request request;

static int set_up(void **state) {
    (void)state;
    static char *const origins[] = {(char *)"https://example.org", (char *)"https://*.example.net"};
    assert_int_equal(token_key_from_secret(&key, bytes_of(SECRET)), ERROR_NONE);
    known = (struct access_token){0};
    assert_int_equal(buffer_append_text(&known.text, STATIC), ERROR_NONE);
    assert_int_equal(token_channels_add(&known.publish, bytes_of("ticker")), ERROR_NONE);
    rules = (struct access){.origins = origins,
                            .origin_count = 2,
                            .missing_origin = true,
                            .anonymous = true,
                            .rules = {.keys = &key, .key_count = 1},
                            .tokens = &known,
                            .token_count = 1};
    http_request_init(&request, &http_request_limits);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    http_request_fini(&request);
    buffer_fini(&known.text);
    buffer_fini(&known.publish.patterns);
    return 0;
}

/* Parses a request for `target` with these field lines. */
static void make_request(const char *target, const char *lines) {
    static struct buffer text;
    struct bytes input, body;
    buffer_clear(&text);
    http_request_start(&request);
    assert_int_equal(buffer_format(&text, "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, lines),
                     ERROR_NONE);
    input = buffer_bytes(&text);
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_HEAD);
    buffer_fini(&text);
}

static bool admits(const char *lines) {
    make_request("/", lines);
    return access_admits_origin(&rules, request.fields);
}

static void origins(void **state) {
    (void)state;
    assert_true(admits(""));
    assert_true(admits("Origin: https://example.org\r\n"));
    assert_true(admits("origin:https://a.b.example.net\r\n"));
    assert_false(admits("Origin: https://example.net\r\n"));
    assert_false(admits("Origin: http://example.org\r\n"));
    assert_false(admits("Origin: https://example.org:444\r\n"));
    assert_false(admits("Origin: https://example.org.evil\r\n"));
    assert_false(admits("Origin: null\r\n"));
    assert_false(admits("Origin:\r\n"));
    assert_false(admits("Origin: https://example.org\r\nOrigin: https://example.org\r\n"));
    rules.missing_origin = false;
    assert_false(admits(""));
    rules.origins = (char *const[]){(char *)"*"};
    rules.origin_count = 1;
    assert_true(admits("Origin: null\r\n"));
    assert_true(admits("Origin: https://any.where:1\r\n"));
    rules.origin_count = 0;
    assert_false(admits("Origin: https://example.org\r\n"));
    assert_true(access_admits_origin(NULL, request.fields));
}

static enum error identify(const char *target, const char *lines, struct grant **grant) {
    make_request(target, lines);
    return access_identify(&rules, &request, NOW, grant);
}

static void expect_ann(const char *target, const char *lines) {
    struct grant *grant;
    assert_int_equal(identify(target, lines, &grant), ERROR_NONE);
    assert_true(bytes_equal(grant_subject(grant), bytes_of("ann")));
    assert_int_equal(grant_expires(grant), 1600000000 + TOKEN_LEEWAY_SECONDS);
    grant_free(grant);
}

static void where_a_token_may_stand(void **state) {
    (void)state;
    expect_ann("/", "Authorization: Bearer " ANN "\r\n");
    expect_ann("/", "authorization: bearer " ANN "\r\n");
    expect_ann("/channels/news?token=" ANN, "");
    expect_ann("/?a=b&token=" ANN "&c", "");
}

static void tokens_that_are_refused(void **state) {
    (void)state;
    struct grant *grant;
    static const char *const targets[] = {"/?token=", "/?token=x", "/?token=" ANN "x",
                                          "/?token=" STATIC "x"};
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++)
        assert_int_equal(identify(targets[i], "", &grant), ERROR_TOKEN_INVALID);
    static const char *const lines[] = {
        "Authorization: Basic " ANN "\r\n", "Authorization: " ANN "\r\n", "Authorization:\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: Bearer " ANN "\r\nAuthorization: Bearer " ANN "\r\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        assert_int_equal(identify("/", lines[i], &grant), ERROR_TOKEN_INVALID);
        assert_null(grant);
    }
    assert_int_equal(identify("/?token=" ANN, "Authorization: Bearer " ANN "\r\n", &grant),
                     ERROR_TOKEN_INVALID);
    make_request("/?token=" ANN, "");
    assert_int_equal(access_identify(&rules, &request, 1600000000 + TOKEN_LEEWAY_SECONDS, &grant),
                     ERROR_TOKEN_EXPIRED);
}

static void anonymous_or_not(void **state) {
    (void)state;
    struct grant *grant;
    assert_int_equal(identify("/?tok=x&nottoken=y", "", &grant), ERROR_NONE);
    assert_null(grant);
    rules.anonymous = false;
    assert_int_equal(identify("/", "", &grant), ERROR_TOKEN_MISSING);
    expect_ann("/?token=" ANN, "");
    assert_int_equal(access_identify(NULL, &request, NOW, &grant), ERROR_NONE);
    assert_null(grant);
}

static struct channel_settings settings(enum access_right publish, enum access_right subscribe) {
    return (struct channel_settings){.publish = publish, .subscribe = subscribe};
}

static void rights_of_the_anonymous(void **state) {
    (void)state;
    struct channel_settings open = settings(ACCESS_ANYONE, ACCESS_ANYONE);
    struct channel_settings token = settings(ACCESS_TOKEN, ACCESS_TOKEN);
    struct channel_settings service = settings(ACCESS_SERVICE, ACCESS_SERVICE);
    struct bytes name = bytes_of("news");
    assert_int_equal(access_may_publish(NULL, &open, name, NOW), ERROR_NONE);
    assert_int_equal(access_may_subscribe(NULL, &open, name, NOW), ERROR_NONE);
    assert_int_equal(access_may_publish(NULL, &token, name, NOW), ERROR_TOKEN_MISSING);
    assert_int_equal(access_may_subscribe(NULL, &token, name, NOW), ERROR_TOKEN_MISSING);
    assert_int_equal(access_may_publish(NULL, &service, name, NOW), ERROR_NOT_ALLOWED);
    assert_int_equal(access_may_subscribe(NULL, &service, name, NOW), ERROR_NOT_ALLOWED);
}

static void rights_of_a_token(void **state) {
    (void)state;
    struct channel_settings token = settings(ACCESS_TOKEN, ACCESS_TOKEN);
    struct channel_settings open = settings(ACCESS_ANYONE, ACCESS_ANYONE);
    struct channel_settings service = settings(ACCESS_SERVICE, ACCESS_SERVICE);
    struct grant *grant;
    assert_int_equal(access_identify_token(&rules, bytes_of(ANN), NOW, &grant), ERROR_NONE);
    assert_int_equal(access_may_publish(grant, &token, bytes_of("room:7"), NOW), ERROR_NONE);
    assert_int_equal(access_may_publish(grant, &token, bytes_of("news"), NOW), ERROR_NOT_ALLOWED);
    assert_int_equal(access_may_subscribe(grant, &token, bytes_of("news"), NOW), ERROR_NONE);
    assert_int_equal(access_may_subscribe(grant, &token, bytes_of("room:7"), NOW),
                     ERROR_NOT_ALLOWED);
    assert_int_equal(access_may_publish(grant, &service, bytes_of("room:7"), NOW),
                     ERROR_NOT_ALLOWED);
    assert_int_equal(access_may_publish(grant, &open, bytes_of("any"), NOW), ERROR_NONE);
    uint64_t later = grant_expires(grant);
    assert_int_equal(access_may_publish(grant, &open, bytes_of("any"), later), ERROR_TOKEN_EXPIRED);
    assert_int_equal(access_may_subscribe(grant, &token, bytes_of("news"), later),
                     ERROR_TOKEN_EXPIRED);
    grant_free(grant);
}

static void a_static_token(void **state) {
    (void)state;
    struct channel_settings token = settings(ACCESS_TOKEN, ACCESS_TOKEN);
    struct grant *grant;
    assert_int_equal(identify("/?token=" STATIC, "", &grant), ERROR_NONE);
    assert_int_equal(grant_subject(grant).size, 0);
    assert_int_equal(grant_expires(grant), TOKEN_NEVER);
    assert_int_equal(access_may_publish(grant, &token, bytes_of("ticker"), NOW), ERROR_NONE);
    assert_int_equal(access_may_publish(grant, &token, bytes_of("tick"), NOW), ERROR_NOT_ALLOWED);
    assert_int_equal(access_may_subscribe(grant, &token, bytes_of("ticker"), NOW),
                     ERROR_NOT_ALLOWED);
    grant_free(grant);
}

static void out_of_memory_at_any_allocation(void **state) {
    (void)state;
    const char *const tokens[] = {ANN, STATIC};
    size_t blocks = memory_live_blocks();
    for (size_t i = 0; i < 2; i++) {
        for (size_t skip = 0, failures = 1; failures > 0; skip++) {
            struct grant *grant;
            memory_fail_after(skip, 1);
            enum error error = access_identify_token(&rules, bytes_of(tokens[i]), NOW, &grant);
            failures = memory_failures();
            memory_fail_after(0, 0);
            assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
            grant_free(grant);
            assert_int_equal(memory_live_blocks(), blocks);
        }
    }
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        test(origins),
        test(where_a_token_may_stand),
        test(tokens_that_are_refused),
        test(anonymous_or_not),
        test(rights_of_the_anonymous),
        test(rights_of_a_token),
        test(a_static_token),
        test(out_of_memory_at_any_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
