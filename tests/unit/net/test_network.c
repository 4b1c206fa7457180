/* Networks: what they are, and who is in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/network.h"

static bool contains(const char *text, const char *host) {
    struct network network;
    struct address address;
    assert_true(network_parse(bytes_of(text), &network));
    assert_true(address_parse_host(bytes_of(host), 1, &address));
    return network_contains(&network, &address);
}

static void who_is_in_a_network(void **state) {
    (void)state;
    assert_true(contains("10.0.0.0/8", "10.255.0.1"));
    assert_false(contains("10.0.0.0/8", "11.0.0.0"));
    assert_true(contains("10.128.0.0/9", "10.128.0.0"));
    assert_false(contains("10.128.0.0/9", "10.127.255.255"));
    assert_true(contains("0.0.0.0/0", "1.2.3.4"));
    assert_false(contains("0.0.0.0/0", "::1"));
    assert_true(contains("127.0.0.1", "127.0.0.1"));
    assert_false(contains("127.0.0.1", "127.0.0.2"));
    assert_true(contains("127.0.0.1/32", "::ffff:127.0.0.1"));
    assert_true(contains("2001:db8::/33", "2001:db8:7fff::1"));
    assert_false(contains("2001:db8::/33", "2001:db8:8000::1"));
    assert_true(contains("::1", "::1"));
    assert_true(contains("::/0", "::1"));
    assert_false(contains("::/0", "1.2.3.4"));
}

static void whoever_comes_over_a_unix_socket(void **state) {
    (void)state;
    struct network networks[2];
    struct address local = address_local(), other;
    assert_true(network_parse(bytes_of("127.0.0.0/8"), &networks[0]));
    assert_true(network_parse(bytes_of("unix"), &networks[1]));
    assert_true(address_parse_host(bytes_of("10.0.0.1"), 1, &other));
    assert_false(networks_contain(networks, 1, &local));
    assert_true(networks_contain(networks, 2, &local));
    assert_false(networks_contain(networks, 2, &other));
    assert_false(networks_contain(NULL, 0, &local));
}

static void what_is_no_network(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",          "/",        "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8",  "::/129", "::1/64",
        "localhost", "10.0.0/8", "*",         "10.0.0.0/-1", "10.0.0.0/8 ", "Unix",   "[::1]/128"};
    struct network network;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (network_parse(bytes_of(cases[i]), &network))
            fail_msg("'%s' was taken", cases[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_in_a_network),
        cmocka_unit_test(whoever_comes_over_a_unix_socket),
        cmocka_unit_test(what_is_no_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
