/* Which addresses may be connected to: each special block at its edges, and flows of hops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/address_policy.h"

static struct address address_of(const char *text) {
    struct address address;
    if (!address_parse_host(bytes_of(text), 80, &address))
        fail_msg("'%s' is no address", text);
    return address;
}

static void check_kind(const char *text, enum address_kind kind) {
    struct address address = address_of(text);
    if (address_kind(&address) != kind)
        fail_msg("%s is %s, not %s", text, address_kind_name(address_kind(&address)),
                 address_kind_name(kind));
}

struct edge {
    const char *before; /* public, the last one in front of the block; NULL: not public either */
    const char *first;
    const char *last;
    const char *behind; /* public */
    enum address_kind kind;
};

static void blocks_begin_and_end_where_they_should(void **state) {
    (void)state;
    static const struct edge edges[] = {
        {NULL, "0.0.0.0", "0.255.255.255", "1.0.0.0", ADDRESS_UNSPECIFIED},
        {"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", ADDRESS_PRIVATE},
        {"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", ADDRESS_SHARED},
        {"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", ADDRESS_LOOPBACK},
        {"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", ADDRESS_LINK_LOCAL},
        {"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", ADDRESS_PRIVATE},
        {"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", ADDRESS_RESERVED},
        {"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", ADDRESS_RESERVED},
        {"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", ADDRESS_EMBEDDING},
        {"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", ADDRESS_PRIVATE},
        {"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", ADDRESS_RESERVED},
        {"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", ADDRESS_RESERVED},
        {"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", ADDRESS_RESERVED},
        {"223.255.255.255", "224.0.0.0", "239.255.255.255", NULL, ADDRESS_MULTICAST},
        {NULL, "240.0.0.0", "255.255.255.255", NULL, ADDRESS_RESERVED},
        {NULL, "::", "::", NULL, ADDRESS_UNSPECIFIED},
        {NULL, "::1", "::1", NULL, ADDRESS_LOOPBACK},
        {NULL, "::2", "::ffff:ffff", NULL, ADDRESS_EMBEDDING},
        {NULL, "::ffff:0:0", "::ffff:255.255.255.255", NULL, ADDRESS_EMBEDDING},
        {NULL, "::ffff:0:0:0", "::ffff:0:255.255.255.255", NULL, ADDRESS_EMBEDDING},
        {NULL, "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_EMBEDDING},
        {NULL, "100::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::", ADDRESS_RESERVED},
        {"2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_EMBEDDING},
        {NULL, "2001:1::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001:200::", ADDRESS_RESERVED},
        {"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db9::", ADDRESS_RESERVED},
        {"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::", ADDRESS_EMBEDDING},
        {"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::", ADDRESS_RESERVED},
        {"3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "4000::", "fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_RESERVED},
        {NULL, "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_PRIVATE},
        {NULL, "fe00::", "fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_RESERVED},
        {NULL, "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_LINK_LOCAL},
        {NULL, "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_PRIVATE},
        {NULL, "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, ADDRESS_MULTICAST},
    };
    for (size_t i = 0; i < sizeof edges / sizeof *edges; i++) {
        check_kind(edges[i].first, edges[i].kind);
        check_kind(edges[i].last, edges[i].kind);
        if (edges[i].before != NULL)
            check_kind(edges[i].before, ADDRESS_PUBLIC);
        if (edges[i].behind != NULL)
            check_kind(edges[i].behind, ADDRESS_PUBLIC);
    }
}

static void nat64_is_what_is_inside(void **state) {
    (void)state;
    check_kind("64:ff9b::8.8.8.8", ADDRESS_PUBLIC);
    check_kind("64:ff9b::127.0.0.1", ADDRESS_LOOPBACK);
    check_kind("64:ff9b::10.1.2.3", ADDRESS_PRIVATE);
    check_kind("64:ff9b::169.254.169.254", ADDRESS_LINK_LOCAL);
    check_kind("64:ff9b::0.0.0.0", ADDRESS_UNSPECIFIED);
    check_kind("64:ff9b::1:8.8.8.8", ADDRESS_RESERVED); /* beside the prefix */
}

static bool allows(const struct address_policy *policy, const char *text) {
    struct address address = address_of(text);
    return address_policy_allows(policy, &address);
}

static void note(struct address_policy *policy, const char *text) {
    struct address address = address_of(text);
    address_policy_note(policy, &address);
}

static const char *const not_public[] = {
    "127.0.0.1",
    "::1",
    "10.0.0.1",
    "192.168.1.1",
    "172.16.0.1",
    "169.254.169.254",
    "100.64.0.1",
    "fc00::1",
    "fe80::1",
    "0.0.0.0",
    "::",
    "224.0.0.1",
    "240.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001::1",
    "::127.0.0.1",
    "255.255.255.255",
};

static void a_configured_url_may_be_private_and_a_redirect_from_outside_not(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof not_public / sizeof *not_public; i++) {
        struct address_policy policy = {PRIVATE_ADDRESSES_CONFIGURED, false};
        assert_true(allows(&policy, not_public[i]));
        note(&policy, "8.8.8.8");
        if (allows(&policy, not_public[i]))
            fail_msg("%s is reached from outside", not_public[i]);
        assert_true(allows(&policy, "1.1.1.1"));
        assert_true(allows(&policy, "2606:4700::1111"));
    }
}

static void within_private_addresses_redirects_are_followed(void **state) {
    (void)state;
    struct address_policy policy = {PRIVATE_ADDRESSES_CONFIGURED, false};
    note(&policy, "10.0.0.1");
    note(&policy, "127.0.0.1");
    note(&policy, "fd00::1");
    assert_true(allows(&policy, "192.168.0.1"));
    note(&policy, "8.8.8.8");
    assert_false(allows(&policy, "192.168.0.1"));
    note(&policy, "10.0.0.1"); /* however it was reached, the way led outside */
    assert_false(allows(&policy, "192.168.0.1"));
}

/* What could be a stranger in disguise does not open the inside by redirecting. */
static void an_address_with_another_inside_is_no_insider(void **state) {
    (void)state;
    static const char *const sources[] = {"::ffff:10.0.0.1",  "2002:a00:1::", "2001::1",
                                          "64:ff9b::8.8.8.8", "::10.0.0.1",   "203.0.113.1"};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct address_policy policy = {PRIVATE_ADDRESSES_CONFIGURED, false};
        note(&policy, sources[i]);
        assert_false(allows(&policy, "10.0.0.1"));
    }
}

static void always_and_never(void **state) {
    (void)state;
    struct address_policy always = {PRIVATE_ADDRESSES_ALWAYS, false};
    struct address_policy never = {PRIVATE_ADDRESSES_NEVER, false};
    note(&always, "8.8.8.8");
    for (size_t i = 0; i < sizeof not_public / sizeof *not_public; i++) {
        assert_true(allows(&always, not_public[i]));
        assert_false(allows(&never, not_public[i]));
    }
    assert_true(allows(&never, "8.8.8.8"));
    note(&never, "8.8.8.8");
    assert_true(allows(&never, "64:ff9b::8.8.8.8"));
}

static void a_name_with_both_kinds_keeps_the_public_ones(void **state) {
    (void)state;
    struct address_policy policy = {PRIVATE_ADDRESSES_CONFIGURED, true};
    struct address addresses[] = {address_of("10.0.0.1"), address_of("8.8.8.8"), address_of("::1"),
                                  address_of("2606:4700::1111")};
    assert_int_equal(address_policy_filter(&policy, addresses, 4), 2);
    struct address first = address_of("8.8.8.8"), second = address_of("2606:4700::1111");
    assert_true(address_equal_host(&addresses[0], &first));
    assert_true(address_equal_host(&addresses[1], &second));
    assert_int_equal(address_policy_filter(&policy, addresses, 0), 0);
    struct address inside = address_of("127.0.0.1");
    assert_int_equal(address_policy_filter(&policy, &inside, 1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_begin_and_end_where_they_should),
        cmocka_unit_test(nat64_is_what_is_inside),
        cmocka_unit_test(a_configured_url_may_be_private_and_a_redirect_from_outside_not),
        cmocka_unit_test(within_private_addresses_redirects_are_followed),
        cmocka_unit_test(an_address_with_another_inside_is_no_insider),
        cmocka_unit_test(always_and_never),
        cmocka_unit_test(a_name_with_both_kinds_keeps_the_public_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
