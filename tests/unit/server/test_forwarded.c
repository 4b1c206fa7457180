/* X-Forwarded-For: read from the right, only as far as those who said it are trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "forwarded.h"

static struct network trusted[3];

static int set_up(void **state) {
    (void)state;
    assert_true(network_parse(bytes_of("10.0.0.0/8"), &trusted[0]));
    assert_true(network_parse(bytes_of("2001:db8:ff::/48"), &trusted[1]));
    assert_true(network_parse(bytes_of("unix"), &trusted[2]));
    return 0;
}

static void check(struct address peer, const char *first, const char *second,
                  const char *expected) {
    const struct http_field fields[] = {
        {bytes_of("Host"), bytes_of("x")},
        {bytes_of("X-Forwarded-For"), bytes_of(first)},
        {bytes_of("x-forwarded-for"), bytes_of(second == NULL ? "" : second)},
    };
    char text[ADDRESS_TEXT_SIZE];
    struct address client =
        forwarded_client((struct http_fields){fields, second == NULL ? 2 : 3}, &peer, trusted, 3);
    address_format(&client, text);
    assert_string_equal(text, expected);
}

static struct address host(const char *text) {
    struct address address;
    assert_true(address_parse_host(bytes_of(text), 7, &address));
    return address;
}

static void a_stranger_is_not_believed(void **state) {
    (void)state;
    check(host("192.0.2.9"), "198.51.100.1", NULL, "192.0.2.9:7");
    check(host("127.0.0.1"), "10.0.0.1", NULL, "127.0.0.1:7");
}

static void a_proxy_is_believed(void **state) {
    (void)state;
    check(host("10.0.0.1"), "192.0.2.1", NULL, "192.0.2.1:0");
    check(host("10.0.0.1"), "2001:db8::1", NULL, "[2001:db8::1]:0");
    check(host("2001:db8:ff::1"), "192.0.2.1", NULL, "192.0.2.1:0");
    check(address_local(), "192.0.2.1", NULL, "192.0.2.1:0");
    check(host("::ffff:10.0.0.1"), "192.0.2.1", NULL, "192.0.2.1:0");
}

/* What stands further left than the first address that is not a proxy's, its owner wrote. */
static void from_the_right_only_as_far_as_proxies_go(void **state) {
    (void)state;
    check(host("10.0.0.1"), "1.1.1.1, 192.0.2.1", NULL, "192.0.2.1:0");
    check(host("10.0.0.1"), "1.1.1.1, 192.0.2.1, 10.9.9.9", NULL, "192.0.2.1:0");
    check(host("10.0.0.1"), "10.1.1.1, 10.2.2.2", NULL, "10.1.1.1:0");
    check(host("10.0.0.1"), "1.1.1.1", "192.0.2.1", "192.0.2.1:0");
    check(host("10.0.0.1"), "1.1.1.1, 192.0.2.1", "10.2.2.2", "192.0.2.1:0");
}

static void what_is_no_address_ends_the_search(void **state) {
    (void)state;
    check(host("10.0.0.1"), "1.1.1.1, unknown", NULL, "10.0.0.1:7");
    check(host("10.0.0.1"), "1.1.1.1, _hidden, 10.2.2.2", NULL, "10.2.2.2:0");
    check(host("10.0.0.1"), "192.0.2.1:x", NULL, "10.0.0.1:7");
    check(host("10.0.0.1"), "192.0.2.1:65536", NULL, "10.0.0.1:7");
    check(host("10.0.0.1"), "[2001:db8::1", NULL, "10.0.0.1:7");
    check(host("10.0.0.1"), "[]", NULL, "10.0.0.1:7");
    check(host("10.0.0.1"), "", NULL, "10.0.0.1:7");
}

static void forms_of_an_address(void **state) {
    (void)state;
    check(host("10.0.0.1"), "192.0.2.1:1234", NULL, "192.0.2.1:1234");
    check(host("10.0.0.1"), "[2001:db8::1]", NULL, "[2001:db8::1]:0");
    check(host("10.0.0.1"), " [2001:db8::1]:80 ", NULL, "[2001:db8::1]:80");
    check(host("10.0.0.1"), "::ffff:192.0.2.1", NULL, "192.0.2.1:0");
    check(host("10.0.0.1"), "1.1.1.1,,192.0.2.1,,", NULL, "192.0.2.1:0");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stranger_is_not_believed),
        cmocka_unit_test(a_proxy_is_believed),
        cmocka_unit_test(from_the_right_only_as_far_as_proxies_go),
        cmocka_unit_test(what_is_no_address_ends_the_search),
        cmocka_unit_test(forms_of_an_address),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
