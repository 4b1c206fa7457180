/* The PROXY protocol: both versions, what is none, and that no cut of the input changes an answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "proxy_header.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define FROM_V4   "\xC0\x00\x02\x01\xC0\x00\x02\x02\xDC\x04\x01\xBB"
#define FROM_V6                                          \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01"         \
    "\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x02\xDC\x04" \
    "\x01\xBB"

#define BYTES(literal) bytes_make(literal, sizeof(literal) - 1)

static struct address peer(void) {
    static const uint8_t host[4] = {127, 0, 0, 1};
    return address_v4(host, 7);
}

/* Of every beginning of the input: it needs more until it says the same as all of it. */
static enum proxy_header_answer read_in_all_cuts(struct bytes input, size_t *size,
                                                 char text[ADDRESS_TEXT_SIZE]) {
    struct address address = peer();
    enum proxy_header_answer answer = proxy_header_read(input, size, &address);
    address_format(&address, text);
    bool decided = false;
    for (size_t i = 0; i <= input.size; i++) {
        char other[ADDRESS_TEXT_SIZE];
        size_t other_size = 0;
        address = peer();
        enum proxy_header_answer one =
            proxy_header_read(bytes_make(input.data, i), &other_size, &address);
        address_format(&address, other);
        assert_true(one == answer || (one == PROXY_HEADER_NEEDS_MORE && !decided));
        decided |= one == answer;
        if (one == PROXY_HEADER_READ || one == PROXY_HEADER_NAMELESS) {
            assert_int_equal(other_size, *size);
            assert_true(i >= *size);
            assert_string_equal(other, text);
        } else {
            assert_string_equal(other, "127.0.0.1:7");
        }
    }
    return answer;
}

/* A header that names nobody leaves the address of the peer. */
static void check_read(struct bytes input, size_t header_size, const char *expected) {
    char text[ADDRESS_TEXT_SIZE];
    size_t size = 0;
    assert_int_equal(read_in_all_cuts(input, &size, text), strcmp(expected, "127.0.0.1:7") == 0
                                                               ? PROXY_HEADER_NAMELESS
                                                               : PROXY_HEADER_READ);
    assert_int_equal(size, header_size);
    assert_string_equal(text, expected);
}

static void check_answer(struct bytes input, enum proxy_header_answer expected) {
    char text[ADDRESS_TEXT_SIZE];
    size_t size = 0;
    if (read_in_all_cuts(input, &size, text) != expected)
        fail_msg("another answer to '%.*s'", (int)input.size, (const char *)input.data);
}

/* ---- version 1 ------------------------------------------------------------------------------- */

static void lines_of_version_1(void **state) {
    (void)state;
    check_read(BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\nGET / HTTP/1.1\r\n"), 42,
               "192.0.2.1:56324");
    check_read(BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n"), 46,
               "[2001:db8::1]:56324");
    check_read(BYTES("PROXY UNKNOWN\r\n\r\n"), 15, "127.0.0.1:7");
    check_read(BYTES("PROXY UNKNOWN ffff::1 whatever this is 1 2 3\r\n"), 46, "127.0.0.1:7");
    check_read(BYTES("PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
                     "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n"),
               104, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

static void what_is_no_line_of_version_1(void **state) {
    (void)state;
    static const char *const lines[] = {
        "GET / HTTP/1.1\r\n",
        "proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY  TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2 \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 65536\r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 -1 2\r\n",
        "PROXY TCP4 192.0.2.1 2001:db8::2 1 2\r\n",
        "PROXY TCP6 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY TCP4 192.0.2.256 192.0.2.2 1 2\r\n",
        "PROXY TCP4 example.org 192.0.2.2 1 2\r\n",
        "PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n",
        "PROXY \r\n",
        "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\nGET / HTTP/1.1\r\n",
        "X",
        "PROXZ",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        check_answer(bytes_of(lines[i]), PROXY_HEADER_BAD);
}

/* 107 bytes with the line end, and not one more. */
static void a_line_has_its_bound(void **state) {
    (void)state;
    struct buffer line = {0};
    buffer_append_text(&line, "PROXY UNKNOWN ");
    while (line.size < 105)
        buffer_append_byte(&line, 'x');
    buffer_append_text(&line, "\r\nGET / HTTP/1.1\r\n");
    check_read(buffer_bytes(&line), 107, "127.0.0.1:7");
    line.size = 105;
    buffer_append_text(&line, "x");
    check_answer(buffer_bytes(&line), PROXY_HEADER_NEEDS_MORE);
    buffer_append_text(&line, "\r\n");
    check_answer(buffer_bytes(&line), PROXY_HEADER_BAD);
    buffer_fini(&line);
}

/* ---- version 2 ------------------------------------------------------------------------------- */

static void headers_of_version_2(void **state) {
    (void)state;
    check_read(BYTES(SIGNATURE "\x21\x11\x00\x0C" FROM_V4 "GET /"), 28, "192.0.2.1:56324");
    check_read(BYTES(SIGNATURE "\x21\x21\x00\x24" FROM_V6 "GET /"), 52, "[2001:db8::1]:56324");
    check_read(BYTES(SIGNATURE "\x21\x11\x00\x10" FROM_V4 "\x04\x00\x01\x00GET /"), 32,
               "192.0.2.1:56324"); /* with an addition */
    check_read(BYTES(SIGNATURE "\x20\x11\x00\x0C" FROM_V4), 28, "127.0.0.1:7"); /* LOCAL */
    check_read(BYTES(SIGNATURE "\x20\x00\x00\x00"), 16, "127.0.0.1:7");
    check_read(BYTES(SIGNATURE "\x21\x00\x00\x03"
                               "abcGET /"),
               19, "127.0.0.1:7"); /* UNSPEC */
    check_read(BYTES(SIGNATURE "\x21\x31\x00\x01"
                               "u"),
               17, "127.0.0.1:7"); /* a Unix socket */
}

static void what_is_no_header_of_version_2(void **state) {
    (void)state;
    check_answer(BYTES(SIGNATURE "\x11\x11\x00\x0C" FROM_V4), PROXY_HEADER_BAD);
    check_answer(BYTES(SIGNATURE "\x22\x11\x00\x0C" FROM_V4), PROXY_HEADER_BAD);
    check_answer(BYTES(SIGNATURE "\x21\x41\x00\x0C" FROM_V4), PROXY_HEADER_BAD);
    check_answer(BYTES(SIGNATURE "\x21\x13\x00\x0C" FROM_V4), PROXY_HEADER_BAD);
    check_answer(BYTES(SIGNATURE "\x21\x11\x00\x0B" FROM_V4), PROXY_HEADER_BAD);
    check_answer(BYTES(SIGNATURE "\x21\x21\x00\x0C" FROM_V4), PROXY_HEADER_BAD);
    check_answer(BYTES("\r\n\r\nGET / HTTP/1.1\r\n"), PROXY_HEADER_BAD);
    check_answer(BYTES(SIGNATURE "\x21\x11\x08\x01"), PROXY_HEADER_BAD); /* too long */
    check_answer(BYTES(SIGNATURE "\x21\x11\x08\x00"), PROXY_HEADER_NEEDS_MORE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_of_version_1),
        cmocka_unit_test(what_is_no_line_of_version_1),
        cmocka_unit_test(a_line_has_its_bound),
        cmocka_unit_test(headers_of_version_2),
        cmocka_unit_test(what_is_no_header_of_version_2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
