/* Endpoints: texts to addresses and paths, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "net/endpoint.h"

static void check(const char *text, const char *first, const char *second) {
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    size_t count;
    char formatted[ENDPOINT_TEXT_SIZE];
    assert_int_equal(endpoint_parse(bytes_of(text), endpoints, &count), ERROR_NONE);
    assert_int_equal(count, second == NULL ? 1 : 2);
    assert_int_equal(endpoint_format(&endpoints[0], formatted), strlen(first));
    assert_string_equal(formatted, first);
    assert_false(endpoints[0].shared);
    if (second != NULL) {
        endpoint_format(&endpoints[1], formatted);
        assert_string_equal(formatted, second);
    }
}

static void texts_and_what_they_mean(void **state) {
    (void)state;
    check("localhost:80", "127.0.0.1:80", "[::1]:80");
    check("[2001:db8::1]:0", "[2001:db8::1]:0", NULL);
    check("unix:/run/ringcast/hub.sock", "unix:/run/ringcast/hub.sock", NULL);
}

static void texts_that_mean_nothing(void **state) {
    (void)state;
    static const char *const cases[] = {
        "", "unix:", "unix:/", "unix:relative", "unix", "unix:localhost:80", "localhost:65536"};
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    size_t count;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (endpoint_parse(bytes_of(cases[i]), endpoints, &count) != ERROR_ADDRESS_INVALID)
            fail_msg("'%s' was taken", cases[i]);
}

/* The kernel has room for 107 bytes and a NUL. */
static void the_longest_path(void **state) {
    (void)state;
    char text[sizeof "unix:" + 108] = "unix:/";
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    size_t count;
    memset(text + strlen(text), 'x', 106);
    assert_int_equal(endpoint_parse(bytes_of(text), endpoints, &count), ERROR_NONE);
    assert_int_equal(strlen(endpoints[0].socket.local.sun_path), 107);
    text[strlen(text)] = 'x';
    assert_int_equal(endpoint_parse(bytes_of(text), endpoints, &count), ERROR_ADDRESS_INVALID);
}

static void ports(void **state) {
    (void)state;
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    size_t count;
    assert_int_equal(endpoint_parse(bytes_of("localhost:0"), endpoints, &count), ERROR_NONE);
    endpoint_set_port(&endpoints[1], 4711);
    assert_int_equal(endpoint_port(&endpoints[1]), 4711);
    assert_int_equal(endpoint_port(&endpoints[0]), 0);
    assert_int_equal(endpoint_parse(bytes_of("unix:/x"), endpoints, &count), ERROR_NONE);
    endpoint_set_port(&endpoints[0], 4711); /* it has none */
    assert_int_equal(endpoint_port(&endpoints[0]), 0);
    assert_string_equal(endpoints[0].socket.local.sun_path, "/x");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_and_what_they_mean),
        cmocka_unit_test(texts_that_mean_nothing),
        cmocka_unit_test(the_longest_path),
        cmocka_unit_test(ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
