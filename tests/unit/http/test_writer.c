#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "http/request.h"
#include "http/response.h"
#include "http/writer.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_text(const struct buffer *buffer, const char *text) {
    assert_int_equal(buffer->size, strlen(text));
    assert_memory_equal(buffer->data, text, buffer->size);
}

static struct http_field field(const char *name, const char *value) {
    return (struct http_field){bytes_of(name), bytes_of(value)};
}

static struct http_request_head request_head(void) {
    return (struct http_request_head){.method = bytes_of("GET"),
                                      .target = bytes_of("/a?b"),
                                      .host = bytes_of("example.org"),
                                      .content_length = -1};
}

static void request_ok(void **state) {
    (void)state;
    struct buffer out = {0};
    struct http_request_head head = request_head();
    assert_int_equal(http_write_request(&out, &head), ERROR_NONE);
    assert_text(&out, "GET /a?b HTTP/1.1\r\nHost: example.org\r\n\r\n");
    buffer_clear(&out);
    struct http_field fields[] = {field("User-Agent", "ringcast"), field("X", "")};
    head.method = bytes_of("POST");
    head.fields = (struct http_fields){fields, COUNT(fields)};
    head.content_length = 0;
    assert_int_equal(http_write_request(&out, &head), ERROR_NONE);
    assert_text(&out, "POST /a?b HTTP/1.1\r\nHost: example.org\r\nUser-Agent: ringcast\r\nX: \r\n"
                      "Content-Length: 0\r\n\r\n");
    buffer_fini(&out);
}

static void refuse_request(const struct http_request_head *head) {
    struct buffer out = {0};
    assert_int_equal(buffer_append_text(&out, "before"), ERROR_NONE);
    assert_int_equal(http_write_request(&out, head), ERROR_INVALID_ARGUMENT);
    assert_text(&out, "before");
    buffer_fini(&out);
}

static void request_injection_refused(void **state) {
    (void)state;
    static const char *const methods[] = {"", "G T", "GET\r\n", "G\xe9T"};
    static const char *const targets[] = {"", "/ /", "/\r\nA: b", "/\x7f", "/#a", "/\xc3\xa9"};
    static const char *const hosts[] = {"", "a\r\nB: c", "a\nb", "a\rb"};
    for (size_t i = 0; i < COUNT(methods); i++) {
        struct http_request_head head = request_head();
        head.method = bytes_of(methods[i]);
        refuse_request(&head);
    }
    for (size_t i = 0; i < COUNT(targets); i++) {
        struct http_request_head head = request_head();
        head.target = bytes_of(targets[i]);
        refuse_request(&head);
    }
    for (size_t i = 0; i < COUNT(hosts); i++) {
        struct http_request_head head = request_head();
        head.host = bytes_of(hosts[i]);
        refuse_request(&head);
    }
}

static void field_ok_or_refused(void **state) {
    (void)state;
    static const struct http_field refused[] = {
        {{(const uint8_t *)"", 0}, {(const uint8_t *)"v", 1}},
        {{(const uint8_t *)"a b", 3}, {(const uint8_t *)"v", 1}},
        {{(const uint8_t *)"a:", 2}, {(const uint8_t *)"v", 1}},
        {{(const uint8_t *)"a\r\n", 3}, {(const uint8_t *)"v", 1}},
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"v\r\nb: c", 7}},
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"v\n", 2}},
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"\rv", 2}},
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"v\0w", 3}},
        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"\x7f", 1}},
    };
    struct buffer out = {0};
    assert_int_equal(http_write_field(&out, bytes_of("A"), bytes_of("\xc3\xa9 \t!")), ERROR_NONE);
    for (size_t i = 0; i < COUNT(refused); i++) {
        assert_int_equal(http_write_field(&out, refused[i].name, refused[i].value),
                         ERROR_INVALID_ARGUMENT);
        struct http_request_head head = request_head();
        head.fields = (struct http_fields){&refused[i], 1};
        refuse_request(&head);
    }
    assert_text(&out, "A: \xc3\xa9 \t!\r\n");
    buffer_fini(&out);
}

static void response_ok(void **state) {
    (void)state;
    struct buffer out = {0};
    struct http_field fields[] = {field("Cache-Control", "no-store")};
    struct http_response_head head = {.status = HTTP_STATUS_OK,
                                      .date = 784111777,
                                      .connection = "close",
                                      .content_type = bytes_of("text/html; charset=utf-8"),
                                      .content_length = 12,
                                      .fields = {fields, COUNT(fields)}};
    assert_int_equal(http_write_response(&out, &head), ERROR_NONE);
    assert_text(&out, "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                      "Connection: close\r\nContent-Type: text/html; charset=utf-8\r\n"
                      "Content-Length: 12\r\nCache-Control: no-store\r\n\r\n");
    buffer_clear(&out);
    head = (struct http_response_head){.status = 299, .content_length = -1};
    assert_int_equal(http_write_response(&out, &head), ERROR_NONE);
    assert_text(&out, "HTTP/1.1 299 \r\n\r\n");
    buffer_fini(&out);
}

static void response_refused(void **state) {
    (void)state;
    const struct http_response_head heads[] = {
        {.status = 99, .content_length = -1},
        {.status = 1000, .content_length = -1},
        {.status = 204, .content_length = 0},
        {.status = 101, .content_length = 0},
        {.status = 200, .connection = "close\r\n"},
        {.status = 200, .content_type = bytes_of("a/b\r\nX: y")},
        {.status = 200, .date = INT64_MAX},
    };
    struct buffer out = {0};
    for (size_t i = 0; i < COUNT(heads); i++) {
        assert_int_equal(http_write_response(&out, &heads[i]), ERROR_INVALID_ARGUMENT);
        assert_int_equal(out.size, 0);
    }
    buffer_fini(&out);
}

static void status_texts(void **state) {
    (void)state;
    assert_string_equal(http_status_text(HTTP_STATUS_NOT_FOUND), "Not Found");
    assert_string_equal(http_status_text(431), "Request Header Fields Too Large");
    assert_string_equal(http_status_text(418), "");
    assert_string_equal(http_status_text(-1), "");
}

/* What is written is read again by our own parsers, to the same values. */
static void written_heads_are_read_again(void **state) {
    (void)state;
    struct buffer out = {0};
    struct http_request_head head = request_head();
    struct http_response_head answer = {.status = 503, .content_length = 0};
    struct http_request request;
    struct http_response response;
    struct bytes body;
    assert_int_equal(http_write_request(&out, &head), ERROR_NONE);
    struct bytes input = buffer_bytes(&out);
    http_request_init(&request, &http_request_limits);
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_HEAD);
    assert_true(bytes_equal(request.target, head.target));
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_END);
    http_request_fini(&request);
    buffer_clear(&out);
    assert_int_equal(http_write_response(&out, &answer), ERROR_NONE);
    input = buffer_bytes(&out);
    http_response_init(&response, &http_response_limits);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_HEAD);
    assert_int_equal(response.status, 503);
    assert_true(bytes_equal(response.reason, bytes_of("Service Unavailable")));
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_END);
    http_response_fini(&response);
    buffer_fini(&out);
}

static void out_of_memory(void **state) {
    (void)state;
    char long_value[300];
    memset(long_value, 'v', sizeof long_value - 1);
    long_value[sizeof long_value - 1] = '\0';
    struct http_field fields[] = {field("A", long_value)};
    struct http_response_head head = {
        .status = 200, .content_length = 1, .date = 1, .fields = {fields, COUNT(fields)}};
    size_t blocks = memory_live_blocks(), failures = 1;
    for (size_t skip = 0; failures > 0; skip++) {
        struct buffer out = {0};
        memory_fail_after(skip, 1);
        enum error error = http_write_response(&out, &head);
        failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        assert_int_equal(out.size == 0, failures > 0);
        buffer_fini(&out);
        assert_int_equal(memory_live_blocks(), blocks);
        assert_true(failures > 0 || skip >= 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_ok),
        cmocka_unit_test(request_injection_refused),
        cmocka_unit_test(field_ok_or_refused),
        cmocka_unit_test(response_ok),
        cmocka_unit_test(response_refused),
        cmocka_unit_test(status_texts),
        cmocka_unit_test(written_heads_are_read_again),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
