/* Addresses and their texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/address.h"

static void hosts_are_read_and_written(void **state) {
    (void)state;
    static const struct {
        const char *text, *host, *with_port;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", "127.0.0.1:8765"},
        {"0.0.0.0", "0.0.0.0", "0.0.0.0:8765"},
        {"255.255.255.255", "255.255.255.255", "255.255.255.255:8765"},
        {"::", "::", "[::]:8765"},
        {"::1", "::1", "[::1]:8765"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1", "[2001:db8::1]:8765"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4", "[::ffff:1.2.3.4]:8765"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
         "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:8765"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address address;
        char text[ADDRESS_TEXT_SIZE];
        assert_true(address_parse_host(bytes_of(cases[i].text), 8765, &address));
        assert_int_equal(address_format_host(&address, text), strlen(cases[i].host));
        assert_string_equal(text, cases[i].host);
        assert_int_equal(address_format(&address, text), strlen(cases[i].with_port));
        assert_string_equal(text, cases[i].with_port);
        assert_int_equal(address_port(&address), 8765);
        address_set_port(&address, 65535);
        assert_int_equal(address_port(&address), 65535);
    }
}

static void texts_that_are_no_hosts(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",         "localhost",   "127.0.0.1:80",
        "127.0.0",  "127.0.0.1.1", "256.0.0.1",
        "1.2.3.4 ", "[::1]",       "::1%lo",
        ":::",      "1::2::3",     "01.2.3.4",
        "0x7f.1",   "12345::",     "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.2555",
    };
    struct address address;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (address_parse_host(bytes_of(cases[i]), 0, &address))
            fail_msg("'%s' was taken", cases[i]);
    assert_false(address_parse_host(bytes_make(NULL, 0), 0, &address));
    assert_false(address_parse_host(bytes_make("1.2.3.4\0x", 9), 0, &address));
}

static void bytes_stand_where_they_belong(void **state) {
    (void)state;
    static const uint8_t four[4] = {1, 2, 3, 4}, sixteen[16] = {0x20, 1, [15] = 9};
    struct address v4 = address_v4(four, 0x1234), v6 = address_v6(sixteen, 0x1234);
    assert_memory_equal(&v4.socket.v4.sin_port, "\x12\x34", 2);
    assert_memory_equal(&v4.socket.v4.sin_addr, four, 4);
    assert_memory_equal(&v6.socket.v6.sin6_port, "\x12\x34", 2);
    assert_memory_equal(&v6.socket.v6.sin6_addr, sixteen, 16);
    assert_int_equal(address_size(&v4), sizeof(struct sockaddr_in));
    assert_int_equal(address_size(&v6), sizeof(struct sockaddr_in6));
}

static struct address parse(const char *text) {
    struct address address;
    assert_true(address_parse_host(bytes_of(text), (uint16_t)text[0], &address));
    return address;
}

static void equality_is_of_hosts(void **state) {
    (void)state;
    struct address a = parse("1.2.3.4"), b = parse("1.2.3.4"), c = parse("1.2.3.5");
    struct address x = parse("1::2"), y = parse("1::2"), z = parse("1::3");
    struct address mapped = parse("::ffff:1.2.3.4");
    address_set_port(&b, 99);
    address_set_port(&y, 99);
    assert_true(address_equal_host(&a, &b));
    assert_false(address_equal_host(&a, &c));
    assert_true(address_equal_host(&x, &y));
    assert_false(address_equal_host(&x, &z));
    assert_false(address_equal_host(&a, &x));
    assert_false(address_equal_host(&a, &mapped));
}

static void what_to_listen_on(void **state) {
    (void)state;
    static const struct {
        const char *text, *first, *second;
    } cases[] = {
        {"localhost:8765", "127.0.0.1:8765", "[::1]:8765"},
        {"*:0", "0.0.0.0:0", "[::]:0"},
        {"127.0.0.1:65535", "127.0.0.1:65535", NULL},
        {"[::1]:80", "[::1]:80", NULL},
        {"0.0.0.0:080", "0.0.0.0:80", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct address addresses[2];
        size_t count;
        char text[ADDRESS_TEXT_SIZE];
        assert_int_equal(address_parse_listen(bytes_of(cases[i].text), addresses, &count),
                         ERROR_NONE);
        assert_int_equal(count, cases[i].second == NULL ? 1 : 2);
        address_format(&addresses[0], text);
        assert_string_equal(text, cases[i].first);
        if (count == 2) {
            address_format(&addresses[1], text);
            assert_string_equal(text, cases[i].second);
        }
    }
}

static void what_not_to_listen_on(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        ":",
        ":80",
        "80",
        "localhost",
        "localhost:",
        "127.0.0.1",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:8a",
        "::1:80",
        "[::1]",
        "[::1]80",
        "[127.0.0.1]:80",
        "[]:80",
        "[:80",
        "]:80",
        "example.org:80",
        "[localhost]:80",
        "Localhost:80",
        "127.0.0.1 :80",
    };
    struct address addresses[2];
    size_t count;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (address_parse_listen(bytes_of(cases[i]), addresses, &count) != ERROR_ADDRESS_INVALID)
            fail_msg("'%s' was taken", cases[i]);
    assert_int_equal(address_parse_listen(bytes_make(NULL, 0), addresses, &count),
                     ERROR_ADDRESS_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_read_and_written),
        cmocka_unit_test(texts_that_are_no_hosts),
        cmocka_unit_test(bytes_stand_where_they_belong),
        cmocka_unit_test(equality_is_of_hosts),
        cmocka_unit_test(what_to_listen_on),
        cmocka_unit_test(what_not_to_listen_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
