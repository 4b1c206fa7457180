/* Which proxy a URL is asked through, and who is asked directly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "proxy.h"

static bool names(const char *list, const char *text) {
    struct url url;
    assert_int_equal(url_parse(&url, bytes_of(text), NULL), ERROR_NONE);
    bool named = proxy_list_names(bytes_of(list), &url);
    url_fini(&url);
    return named;
}

static void test_hosts_and_all_below_them(void **state) {
    (void)state;
    assert_true(names("example.org", "http://example.org/"));
    assert_true(names("example.org", "https://a.b.example.org/"));
    assert_true(names(".example.org", "http://example.org/"));
    assert_true(names(".example.org", "http://a.example.org/"));
    assert_true(names("EXAMPLE.org", "http://a.Example.ORG/"));
    assert_false(names("example.org", "http://notexample.org/"));
    assert_false(names("a.example.org", "http://example.org/"));
    assert_false(names("example.org", "http://example.org.evil/"));
    assert_false(names("org.", "http://example.org/"));
    assert_false(names("", "http://example.org/"));
    assert_false(names(".", "http://example.org/"));
}

static void test_lists(void **state) {
    (void)state;
    assert_true(names("a, b ,,c.example\td", "http://c.example/"));
    assert_true(names("a,*", "http://anything/"));
    assert_true(names("*", "http://[::1]/"));
    assert_false(names("a,b,c", "http://d/"));
    assert_false(names("*.org", "http://example.org/"));
}

static void test_ports(void **state) {
    (void)state;
    assert_true(names("example.org:8080", "http://example.org:8080/"));
    assert_false(names("example.org:8080", "http://example.org/"));
    assert_true(names("example.org:443", "https://example.org/"));
    assert_true(names("[::1]:81", "http://[::1]:81/"));
    assert_false(names("[::1]:81", "http://[::1]:82/"));
    assert_true(names("127.0.0.1:81", "http://127.0.0.1:81/"));
}

static void test_addresses_and_ranges(void **state) {
    (void)state;
    assert_true(names("127.0.0.1", "http://127.0.0.1/"));
    assert_true(names("127.0.0.1", "http://2130706433/"));
    assert_false(names("127.0.0.1", "http://127.0.0.2/"));
    assert_true(names("10.0.0.0/8", "http://10.200.1.1/"));
    assert_false(names("10.0.0.0/8", "http://11.0.0.1/"));
    assert_true(names("10.1.2.240/28", "http://10.1.2.255/"));
    assert_false(names("10.1.2.240/28", "http://10.1.2.239/"));
    assert_true(names("0.0.0.0/0", "http://8.8.8.8/"));
    assert_false(names("0.0.0.0/0", "http://[::1]/"));
    assert_false(names("10.0.0.0/33", "http://10.0.0.0/"));
    assert_false(names("10.0.0.0/", "http://10.0.0.0/"));
    assert_true(names("::1", "http://[::1]/"));
    assert_true(names("[::1]", "http://[::1]/"));
    assert_true(names("fd00::/8", "http://[fd12:3456::1]/"));
    assert_false(names("fd00::/8", "http://[fe80::1]/"));
    assert_false(names("10.0.0.0/8", "http://10.example/"));
    assert_false(names("0.1", "http://127.0.0.1/"));
}

static const struct proxy *find(const struct proxies *proxies, const char *text) {
    struct url url;
    assert_int_equal(url_parse(&url, bytes_of(text), NULL), ERROR_NONE);
    const struct proxy *proxy = proxies_find(proxies, &url);
    url_fini(&url);
    return proxy;
}

static void test_each_scheme_has_its_own(void **state) {
    struct proxies proxies;
    (void)state;
    assert_int_equal(proxies_init(&proxies, "http://one:3128", "two:81", "direct.example"),
                     ERROR_NONE);
    assert_ptr_equal(find(&proxies, "http://a/"), proxies.for_http);
    assert_ptr_equal(find(&proxies, "https://a/"), proxies.for_https);
    assert_null(find(&proxies, "https://direct.example/"));
    assert_int_equal(proxies.for_http->url.port, 3128);
    assert_int_equal(proxies.for_https->url.port, 81);
    assert_null(proxies.for_http->authorization);
    proxies_fini(&proxies);
    assert_int_equal(proxies_init(&proxies, NULL, "", NULL), ERROR_NONE);
    assert_null(find(&proxies, "http://a/"));
    assert_null(find(&proxies, "https://a/"));
    proxies_fini(&proxies);
}

static void test_user_name_and_password(void **state) {
    struct proxies proxies;
    (void)state;
    assert_int_equal(
        proxies_init(&proxies, "http://me:pass%20word@one/", "http://m%3Ae@two/", NULL),
        ERROR_NONE);
    assert_string_equal(proxies.for_http->authorization, "Basic bWU6cGFzcyB3b3Jk");
    assert_string_equal(proxies.for_https->authorization, "Basic bTplOg==");
    proxies_fini(&proxies);
}

static void test_what_is_no_proxy(void **state) {
    static const char *const texts[] = {"https://one/", "socks5://one/", "http://", "http://a b/"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct proxies proxies;
        assert_int_not_equal(proxies_init(&proxies, texts[i], NULL, NULL), ERROR_NONE);
        proxies_fini(&proxies);
    }
}

static void test_no_memory_at_any_step(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0;; skip++) {
        struct proxies proxies;
        memory_fail_after(skip, 1000);
        enum error error = proxies_init(&proxies, "http://a:b@one/", "two", "three");
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        proxies_fini(&proxies);
        assert_int_equal(memory_live_blocks(), blocks);
        if (failures == 0)
            break;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hosts_and_all_below_them),
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_ports),
        cmocka_unit_test(test_addresses_and_ranges),
        cmocka_unit_test(test_each_scheme_has_its_own),
        cmocka_unit_test(test_user_name_and_password),
        cmocka_unit_test(test_what_is_no_proxy),
        cmocka_unit_test(test_no_memory_at_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
