/* The name in a ClientHello: where it stands, where it is not, and bytes that only look like one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tls/identities.h"

static void append_number(struct buffer *out, size_t number, size_t size) {
    while (size-- > 0)
        buffer_append_byte(out, (uint8_t)(number >> 8 * size));
}

static void append_vector(struct buffer *out, const struct buffer *content, size_t size) {
    append_number(out, content->size, size);
    buffer_append(out, content->data, content->size);
}

/* An extension whose content is `content`. */
static void append_extension(struct buffer *out, unsigned kind, const struct buffer *content) {
    append_number(out, kind, 2);
    append_vector(out, content, 2);
}

/* RFC 6066 section 3. */
static void append_server_name(struct buffer *out, const char *name) {
    struct buffer entry = {0}, list = {0}, text = {0};
    buffer_append_text(&text, name);
    append_number(&entry, 0, 1);
    append_vector(&entry, &text, 2);
    append_vector(&list, &entry, 2);
    append_extension(out, 0, &list);
    buffer_fini(&entry);
    buffer_fini(&list);
    buffer_fini(&text);
}

/* RFC 8446 section 4.1.2, in one record. */
static void make_hello(struct buffer *record, const struct buffer *extensions) {
    struct buffer body = {0}, message = {0};
    append_number(&body, 0x0303, 2);
    for (int i = 0; i < 32; i++)
        buffer_append_byte(&body, (uint8_t)i);
    append_number(&body, 0, 1);
    append_number(&body, 2, 2);
    append_number(&body, 0x1301, 2);
    append_number(&body, 1, 1);
    append_number(&body, 0, 1);
    append_vector(&body, extensions, 2);
    append_number(&message, 1, 1);
    append_vector(&message, &body, 3);
    append_number(record, 22, 1);
    append_number(record, 0x0301, 2);
    append_vector(record, &message, 2);
    buffer_fini(&body);
    buffer_fini(&message);
}

/* In memory of its own, of just that size, for sanitizers. */
static enum tls_hello read_exactly(struct bytes input, char name[256]) {
    uint8_t *copy = malloc(input.size + 1);
    struct bytes found;
    assert_non_null(copy);
    if (input.size > 0)
        memcpy(copy + 1, input.data, input.size);
    enum tls_hello answer = tls_hello_read(bytes_make(copy + 1, input.size), &found);
    assert_true(found.size < 256);
    if (found.size > 0)
        memcpy(name, found.data, found.size);
    name[found.size] = '\0';
    free(copy);
    return answer;
}

static void the_name_among_other_extensions(void **state) {
    (void)state;
    struct buffer extensions = {0}, record = {0}, other = {0};
    char name[256];
    buffer_append_text(&other, "something else");
    append_extension(&extensions, 43, &other);
    append_server_name(&extensions, "example.test");
    append_extension(&extensions, 10, &other);
    make_hello(&record, &extensions);
    for (size_t size = 0; size < record.size; size++) {
        assert_int_equal(read_exactly(bytes_make(record.data, size), name), TLS_HELLO_NEEDS_MORE);
        assert_string_equal(name, "");
    }
    assert_int_equal(read_exactly(buffer_bytes(&record), name), TLS_HELLO_READ);
    assert_string_equal(name, "example.test");
    buffer_append_text(&record, "more behind it");
    assert_int_equal(read_exactly(buffer_bytes(&record), name), TLS_HELLO_READ);
    assert_string_equal(name, "example.test");
    buffer_fini(&extensions);
    buffer_fini(&record);
    buffer_fini(&other);
}

static void no_name(void **state) {
    (void)state;
    struct buffer extensions = {0}, record = {0}, other = {0};
    char name[256];
    make_hello(&record, &extensions);
    assert_int_equal(read_exactly(buffer_bytes(&record), name), TLS_HELLO_READ);
    assert_string_equal(name, "");
    buffer_clear(&record);
    append_extension(&extensions, 0, &other); /* empty, where a list should be */
    make_hello(&record, &extensions);
    assert_int_equal(read_exactly(buffer_bytes(&record), name), TLS_HELLO_READ);
    assert_string_equal(name, "");
    buffer_fini(&extensions);
    buffer_fini(&record);
}

static void what_is_no_tls(void **state) {
    (void)state;
    char name[256];
    assert_int_equal(read_exactly(bytes_of("GET / HTTP/1.1\r\n"), name), TLS_HELLO_NOT_TLS);
    assert_int_equal(read_exactly(bytes_of("\x17"), name), TLS_HELLO_NOT_TLS);
    assert_int_equal(read_exactly(bytes_of("\x16"), name), TLS_HELLO_NEEDS_MORE);
    /* longer than a record may be: for the library to refuse */
    assert_int_equal(read_exactly(bytes_make("\x16\x03\x01\x40\x01", 5), name), TLS_HELLO_READ);
}

/* Whatever the lengths in it say, nothing beyond the input is read. */
static void damaged_messages(void **state) {
    (void)state;
    struct buffer extensions = {0}, record = {0};
    char name[256];
    uint32_t random = 1;
    append_server_name(&extensions, "example.test");
    make_hello(&record, &extensions);
    for (unsigned round = 0; round < 100000; round++) {
        uint8_t copy[512];
        memcpy(copy, record.data, record.size);
        for (unsigned i = 0; i <= round % 3; i++) {
            random = random * 1664525u + 1013904223u;
            copy[5 + (random >> 16) % (record.size - 5)] = (uint8_t)(random >> 8);
        }
        assert_int_equal(read_exactly(bytes_make(copy, record.size), name), TLS_HELLO_READ);
    }
    buffer_fini(&extensions);
    buffer_fini(&record);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_name_among_other_extensions),
        cmocka_unit_test(no_name),
        cmocka_unit_test(what_is_no_tls),
        cmocka_unit_test(damaged_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
