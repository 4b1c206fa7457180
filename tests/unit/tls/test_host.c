/* Which hosts are hosts, and which names of certificates name them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "host.h"

static struct tls_host host_of(const char *text) {
    struct tls_host host;
    assert_true(tls_host_parse(&host, bytes_of(text)));
    return host;
}

static bool names(const char *pattern, const char *text) {
    struct tls_host host = host_of(text);
    return tls_host_matches_name(&host, bytes_of(pattern));
}

static void domain_names_ok(void **state) {
    (void)state;
    assert_string_equal(host_of("Example.TEST").name, "example.test");
    assert_string_equal(host_of("example.test.").name, "example.test");
    assert_string_equal(host_of("localhost").name, "localhost");
    assert_string_equal(host_of("a_b.xn--bcher-kva.test").name, "a_b.xn--bcher-kva.test");
    assert_int_equal(host_of("example.test").address_size, 0);
}

static void addresses_ok(void **state) {
    (void)state;
    static const uint8_t loopback[16] = {[15] = 1};
    struct tls_host host = host_of("[::1]");
    assert_int_equal(host.address_size, 16);
    assert_memory_equal(host.address, loopback, 16);
    assert_string_equal(host.name, "::1");
    assert_int_equal(host_of("::FFFF:1.2.3.4").address_size, 16);
    host = host_of("192.0.2.7");
    assert_int_equal(host.address_size, 4);
    assert_memory_equal(host.address, "\300\0\2\7", 4);
}

static void malformed_refused(void **state) {
    (void)state;
    static const char *const none[] = {"",      ".",     "..",     "a..b",      ".a",   "a b",
                                       "a/b",   "a:443", "[::1",   "::1]",      "[]",   "[1.2.3.4]",
                                       "[a.b]", "a\nb",  "*.test", "b\303\274", "::1.", "a.."};
    struct tls_host host;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (tls_host_parse(&host, bytes_of(none[i])))
            fail_msg("%s was taken for a host", none[i]);
    assert_false(tls_host_parse(&host, bytes_make("good.test\0.evil.test", 20)));
}

static void too_long_refused(void **state) {
    (void)state;
    struct tls_host host;
    char name[300];
    memset(name, 'a', sizeof name);
    assert_true(tls_host_parse(&host, bytes_make(name, 63)));
    assert_false(tls_host_parse(&host, bytes_make(name, 64)));
    for (size_t i = 49; i < sizeof name; i += 50)
        name[i] = '.';
    assert_true(tls_host_parse(&host, bytes_make(name, 253)));
    assert_false(tls_host_parse(&host, bytes_make(name, 254)));
    assert_false(tls_host_parse(&host, bytes_make(name, sizeof name)));
}

static void exact_names_match(void **state) {
    (void)state;
    assert_true(names("example.test", "example.test"));
    assert_true(names("EXAMPLE.test", "example.TEST."));
    assert_false(names("example.test", "www.example.test"));
    assert_false(names("www.example.test", "example.test"));
    assert_false(names("", "example.test"));
    assert_false(names(".example.test", "example.test"));
    struct tls_host host = host_of("example.test");
    assert_false(tls_host_matches_name(&host, bytes_make("example.test\0.evil", 18)));
    assert_false(tls_host_matches_name(&host, bytes_make(NULL, 0)));
}

static void wildcards_match_one_whole_label(void **state) {
    (void)state;
    assert_true(names("*.example.test", "a.example.test"));
    assert_true(names("*.EXAMPLE.test", "a.example.TEST"));
    assert_false(names("*.example.test", "example.test"));
    assert_false(names("*.example.test", "a.b.example.test"));
    assert_false(names("*a.example.test", "aa.example.test"));
    assert_false(names("a*.example.test", "aa.example.test"));
    assert_false(names("a.*.test", "a.example.test"));
    assert_false(names("*.*.test", "a.example.test"));
    assert_false(names("**.example.test", "a.example.test"));
    assert_false(names("*.test", "example.test"));
    assert_false(names("*", "localhost"));
    assert_false(names("*.", "localhost"));
    assert_false(names("*..", "localhost"));
}

static void names_and_addresses_apart(void **state) {
    (void)state;
    struct tls_host address = host_of("1.2.3.4");
    struct tls_host six = host_of("::1");
    struct tls_host name = host_of("example.test");
    assert_true(tls_host_matches_address(&address, bytes_make("\1\2\3\4", 4)));
    assert_false(tls_host_matches_address(&address, bytes_make("\1\2\3\5", 4)));
    assert_false(tls_host_matches_address(&address, bytes_make("\1\2\3\4\0\0\0\0", 8)));
    assert_false(tls_host_matches_address(&address, bytes_make(NULL, 0)));
    assert_true(tls_host_matches_address(&six, bytes_make(six.address, 16)));
    assert_false(tls_host_matches_address(&six, bytes_make(six.address, 4)));
    assert_false(tls_host_matches_address(&name, bytes_make("", 0)));
    assert_false(names("1.2.3.4", "1.2.3.4"));
    assert_false(names("*.2.3.4", "1.2.3.4"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(domain_names_ok),
        cmocka_unit_test(addresses_ok),
        cmocka_unit_test(malformed_refused),
        cmocka_unit_test(too_long_refused),
        cmocka_unit_test(exact_names_match),
        cmocka_unit_test(wildcards_match_one_whole_label),
        cmocka_unit_test(names_and_addresses_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
