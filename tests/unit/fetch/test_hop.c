/* The rules of redirects: the next URL, the method, what goes along, and when it is enough. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "hop.h"

enum { LIMIT = 10 };

static struct hop hop;

static void start(const char *url, const char *method, const char *body) {
    const struct fetch_request request = {
        .url = url, .method = bytes_of(method), .body = bytes_of(body)};
    assert_int_equal(hop_init(&hop, &request), ERROR_NONE);
}

static enum error follow(int status, const char *location) {
    return hop_follow(&hop, status, bytes_of(location), LIMIT, false);
}

static void assert_at(const char *expected) {
    struct buffer href = {0};
    assert_int_equal(url_append_href(&hop.url, &href, 0), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&href, 0), ERROR_NONE);
    assert_string_equal((const char *)href.data, expected);
    buffer_fini(&href);
}

static void assert_method(const char *method, bool has_body) {
    assert_true(bytes_equal(hop.method, bytes_of(method)));
    assert_int_equal(hop.has_body, has_body);
}

static int fini(void **state) {
    (void)state;
    hop_fini(&hop);
    return memory_live_blocks() == 0 ? 0 : -1;
}

static void test_a_plain_request_is_a_get(void **state) {
    (void)state;
    start("http://example.org/a", "", "");
    assert_method("GET", false);
    assert_at("http://example.org/a");
}

static void test_a_url_with_a_password_is_refused(void **state) {
    (void)state;
    const struct fetch_request request = {.url = "http://me:secret@example.org/"};
    assert_int_equal(hop_init(&hop, &request), ERROR_URL_CREDENTIALS);
}

static void test_which_statuses_redirect(void **state) {
    (void)state;
    for (int status = 100; status < 1000; status++)
        assert_int_equal(hop_is_redirect(status), status == 301 || status == 302 || status == 303 ||
                                                      status == 307 || status == 308);
}

static void test_locations_are_relative_to_the_url(void **state) {
    (void)state;
    start("http://example.org/a/b?c", "", "");
    assert_int_equal(follow(301, "d"), ERROR_NONE);
    assert_at("http://example.org/a/d");
    assert_int_equal(follow(302, "?e"), ERROR_NONE);
    assert_at("http://example.org/a/d?e");
    assert_int_equal(follow(307, "/f"), ERROR_NONE);
    assert_at("http://example.org/f");
    assert_int_equal(follow(308, "//other.example/g"), ERROR_NONE);
    assert_at("http://other.example/g");
    assert_int_equal(follow(303, "https://Example.ORG:443"), ERROR_NONE);
    assert_at("https://example.org/");
    assert_int_equal(hop.count, 5);
}

static void test_methods_after_each_status(void **state) {
    static const struct {
        const char *method, *then;
        int status;
        bool keeps_body;
    } rows[] = {
        {"POST", "GET", 301, false}, {"POST", "GET", 302, false},     {"POST", "GET", 303, false},
        {"POST", "POST", 307, true}, {"POST", "POST", 308, true},     {"PUT", "PUT", 301, true},
        {"PUT", "PUT", 302, true},   {"PUT", "GET", 303, false},      {"PUT", "PUT", 307, true},
        {"GET", "GET", 303, false},  {"DELETE", "DELETE", 301, true}, {"HEAD", "HEAD", 301, true},
        {"HEAD", "HEAD", 303, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        start("http://example.org/", rows[i].method, "x");
        assert_int_equal(follow(rows[i].status, "/next"), ERROR_NONE);
        assert_true(bytes_equal(hop.method, bytes_of(rows[i].then)));
        if (!bytes_equal(bytes_of(rows[i].method), bytes_of("GET")))
            assert_int_equal(hop.has_body, rows[i].keeps_body);
        hop_fini(&hop);
    }
}

static void test_circles_are_refused(void **state) {
    (void)state;
    start("http://example.org/a", "", "");
    assert_int_equal(follow(302, "/a"), ERROR_REDIRECT_LOOP);
    hop_fini(&hop);
    start("http://example.org/a", "", "");
    assert_int_equal(follow(302, "/b"), ERROR_NONE);
    assert_int_equal(follow(302, "/c"), ERROR_NONE);
    assert_int_equal(follow(302, "/b#fragment"), ERROR_REDIRECT_LOOP);
}

static void test_another_method_or_query_is_no_circle(void **state) {
    (void)state;
    start("http://example.org/a", "POST", "x");
    assert_int_equal(follow(303, "/a"), ERROR_NONE);
    assert_int_equal(follow(302, "/a?"), ERROR_NONE);
    assert_int_equal(follow(302, "/a?1"), ERROR_NONE);
}

static void test_a_circle_may_be_allowed(void **state) {
    (void)state;
    start("http://example.org/a", "", "");
    for (unsigned i = 0; i < LIMIT; i++)
        assert_int_equal(hop_follow(&hop, 302, bytes_of("/a"), LIMIT, true), ERROR_NONE);
    assert_int_equal(hop_follow(&hop, 302, bytes_of("/a"), LIMIT, true), ERROR_REDIRECT_LIMIT);
}

static void test_the_limit(void **state) {
    (void)state;
    start("http://example.org/", "", "");
    assert_int_equal(hop_follow(&hop, 302, bytes_of("/1"), 2, false), ERROR_NONE);
    assert_int_equal(hop_follow(&hop, 302, bytes_of("/2"), 2, false), ERROR_NONE);
    assert_int_equal(hop_follow(&hop, 302, bytes_of("/3"), 2, false), ERROR_REDIRECT_LIMIT);
    assert_at("http://example.org/2");
    hop_fini(&hop);
    start("http://example.org/", "", "");
    assert_int_equal(hop_follow(&hop, 302, bytes_of("/1"), 0, false), ERROR_REDIRECT_LIMIT);
}

static void test_only_http_and_https_are_followed(void **state) {
    static const char *const locations[] = {"ftp://example.org/",   "file:///etc/passwd",
                                            "javascript:alert(1)",  "http://",
                                            "http://a b/",          "data:,x",
                                            "gopher://example.org/"};
    (void)state;
    start("http://example.org/", "", "");
    for (size_t i = 0; i < sizeof locations / sizeof *locations; i++)
        assert_int_equal(follow(302, locations[i]), ERROR_REDIRECT_INVALID);
}

/* A URL that was asked for may have any port, and a redirect may stay there. */
static void test_ports_of_other_protocols_are_not_followed(void **state) {
    static const char *const bad[] = {"http://example.org:22/",     "https://example.org:25/",
                                      "http://other.example:6667/", "http://example.org:10080/",
                                      "http://example.org:0/",      "http://example.org:1/"};
    static const char *const good[] = {"http://example.org:8080/", "http://example.org:6380/",
                                       "http://example.org:24/",   "http://example.org:65535/",
                                       "https://example.org/",     "http://example.org/x"};
    (void)state;
    start("http://example.org/", "", "");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(follow(302, bad[i]), ERROR_REDIRECT_PORT);
    assert_at("http://example.org/");
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_int_equal(follow(302, good[i]), ERROR_NONE);
}

static void test_a_bad_port_that_was_asked_for(void **state) {
    (void)state;
    start("http://example.org:6000/", "", "");
    assert_int_equal(follow(302, "/there"), ERROR_NONE);
    assert_int_equal(follow(302, "http://other.example:6000/"), ERROR_REDIRECT_PORT);
}

static void test_a_password_in_a_location_is_not_shown(void **state) {
    (void)state;
    start("http://example.org/", "", "");
    assert_int_equal(follow(302, "http://me:secret@example.org/in"), ERROR_NONE);
    assert_at("http://example.org/in");
}

static void test_a_step_down_from_https_is_noted(void **state) {
    (void)state;
    start("http://example.org/", "", "");
    assert_int_equal(follow(302, "https://example.org/"), ERROR_NONE);
    assert_false(hop.downgraded);
    assert_int_equal(follow(302, "http://example.org/x"), ERROR_NONE);
    assert_true(hop.downgraded);
    assert_int_equal(follow(302, "https://example.org/y"), ERROR_NONE);
    assert_true(hop.downgraded);
}

static bool carries(const char *name) {
    return hop_carries(&hop, bytes_of(name));
}

static void test_secrets_stay_with_their_origin_for_good(void **state) {
    static const char *const others[] = {"http://example.org:81/", "http://www.example.org/",
                                         "https://example.org/", "http://example.com/"};
    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        start("http://example.org/", "", "");
        assert_int_equal(follow(302, "/same"), ERROR_NONE);
        assert_true(carries("Authorization") && carries("Cookie") && carries("X-Api-Key"));
        assert_int_equal(follow(302, others[i]), ERROR_NONE);
        assert_false(carries("Authorization") || carries("COOKIE") || carries("X-Api-Key"));
        assert_true(carries("Accept") && carries("User-Agent") && carries("accept-language"));
        assert_int_equal(follow(302, "http://example.org/again"), ERROR_NONE);
        assert_false(carries("Authorization") || carries("Cookie") || carries("X-Api-Key"));
        hop_fini(&hop);
    }
}

static void test_what_describes_the_body_goes_with_it(void **state) {
    (void)state;
    start("http://example.org/", "POST", "x");
    assert_true(carries("Content-Type") && carries("content-encoding"));
    assert_int_equal(follow(308, "/b"), ERROR_NONE);
    assert_true(carries("Content-Type") && carries("content-encoding"));
    assert_int_equal(follow(303, "/c"), ERROR_NONE);
    assert_false(carries("Content-Type") || carries("content-encoding"));
}

static void test_no_memory_at_any_step(void **state) {
    (void)state;
    for (size_t skip = 0;; skip++) {
        const struct fetch_request request = {.url = "http://example.org/"};
        memory_fail_after(skip, 1000);
        enum error error = hop_init(&hop, &request);
        if (error == ERROR_NONE)
            error = follow(302, "/next");
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        hop_fini(&hop);
        if (failures == 0)
            break;
    }
}

#define hop_test(name) cmocka_unit_test_teardown(name, fini)

int main(void) {
    const struct CMUnitTest tests[] = {
        hop_test(test_a_plain_request_is_a_get),
        hop_test(test_a_url_with_a_password_is_refused),
        hop_test(test_which_statuses_redirect),
        hop_test(test_locations_are_relative_to_the_url),
        hop_test(test_methods_after_each_status),
        hop_test(test_circles_are_refused),
        hop_test(test_another_method_or_query_is_no_circle),
        hop_test(test_a_circle_may_be_allowed),
        hop_test(test_the_limit),
        hop_test(test_only_http_and_https_are_followed),
        hop_test(test_ports_of_other_protocols_are_not_followed),
        hop_test(test_a_bad_port_that_was_asked_for),
        hop_test(test_a_password_in_a_location_is_not_shown),
        hop_test(test_a_step_down_from_https_is_noted),
        hop_test(test_secrets_stay_with_their_origin_for_good),
        hop_test(test_what_describes_the_body_goes_with_it),
        hop_test(test_no_memory_at_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
