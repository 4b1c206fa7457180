#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/memory.h"
#include "http/request.h"
#include "pieces.h"

/*
 * All requests of a stream as text, one after the other: "GET /path 1.1 Name=value [body] keep; ",
 * or "close; " where the client wants no more. The last is "error NAME" unless the stream ends
 * between two requests.
 */
static void trace_head(struct buffer *trace, const struct http_request *request) {
    buffer_format(trace, "%.*s %.*s 1.%d ", (int)request->method.size,
                  (const char *)request->method.data, (int)request->target.size,
                  (const char *)request->target.data, request->minor_version);
    for (size_t i = 0; i < request->fields.count; i++) {
        struct http_field field = request->fields.items[i];
        buffer_format(trace, "%.*s=%.*s ", (int)field.name.size, (const char *)field.name.data,
                      (int)field.value.size, (const char *)field.value.data);
    }
    if (request->expects_continue)
        buffer_append_text(trace, "(continue?) ");
}

/* Reads one request. False if it was the last, or none. */
static bool trace_request(struct buffer *trace, struct http_request *request,
                          struct pieces *pieces) {
    struct buffer collected = {0};
    struct bytes body;
    enum http_event event;
    bool head = false;
    do {
        event = http_request_next(request, &pieces->input, &body);
        head = head || event == HTTP_HEAD;
        if (event == HTTP_BODY)
            assert_int_equal(buffer_append(&collected, body.data, body.size), ERROR_NONE);
        if (event == HTTP_NEED_MORE) {
            assert_int_equal(pieces->input.size, 0);
            if (!pieces_next(pieces))
                event = http_request_end_of_stream(request);
        }
    } while (event != HTTP_END && event != HTTP_ERROR);
    if (head) { /* the head is read only now: its views outlive the input that it came in */
        trace_head(trace, request);
        buffer_format(trace, "[%.*s] ", (int)collected.size, (const char *)collected.data);
    }
    enum error error = http_request_error(request);
    if (event == HTTP_END)
        buffer_append_text(trace, http_request_keeps_alive(request) ? "keep; " : "close; ");
    else if (error != ERROR_END_OF_STREAM)
        buffer_format(trace, "error %s", error_name(error));
    buffer_fini(&collected);
    return event == HTTP_END;
}

static void check_cut(struct bytes stream, struct cut cut, const void *argument) {
    struct http_request request;
    struct buffer trace = {0};
    struct pieces pieces = pieces_begin(stream, cut);
    http_request_init(&request, &http_request_limits);
    while (trace_request(&trace, &request, &pieces))
        http_request_start(&request);
    assert_int_equal(buffer_append_byte(&trace, 0), ERROR_NONE);
    assert_string_equal((const char *)trace.data, (const char *)argument);
    buffer_fini(&trace);
    pieces_end(&pieces);
    http_request_fini(&request);
}

static void check(const char *stream, const char *trace) {
    pieces_every_cut(bytes_of(stream), check_cut, trace);
}

static void refuse(const char *stream, enum error error) {
    char trace[64];
    snprintf(trace, sizeof trace, "error %s", error_name(error));
    check(stream, trace);
}

#define HOST "Host: a\r\n"

static void without_body_ok(void **state) {
    (void)state;
    check("GET / HTTP/1.1\r\nHost: example.org:8765\r\nAccept: */*\r\n\r\n",
          "GET / 1.1 Host=example.org:8765 Accept=*/* [] keep; ");
    check("GET /a/b?c=%20&d=\"{}|\\^`' HTTP/1.1\r\nhost:\r\n\r\n",
          "GET /a/b?c=%20&d=\"{}|\\^`' 1.1 host= [] keep; ");
    check("HEAD / HTTP/1.0\r\n\r\n", "HEAD / 1.0 [] close; ");
    check("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
          "GET / 1.0 Connection=keep-alive [] keep; ");
    check("GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: x, close\r\n\r\n",
          "GET / 1.1 Host=[::1]:80 Connection=x, close [] close; ");
}

static void target_forms_ok(void **state) {
    (void)state;
    check("OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "OPTIONS * 1.1 Host=a [] keep; ");
    check("GET http://a/b?c HTTP/1.1\r\n" HOST "\r\n", "GET http://a/b?c 1.1 Host=a [] keep; ");
    check("GET HTTPS://a HTTP/1.1\r\n" HOST "\r\n", "GET HTTPS://a 1.1 Host=a [] keep; ");
    check("GET //a/b HTTP/1.1\r\n" HOST "\r\n", "GET //a/b 1.1 Host=a [] keep; ");
}

static void origin_form_of_any_target(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"/", "/"},
        {"/a?http://b/c", "/a?http://b/c"},
        {"*", "*"},
        {"http://a/b?c", "/b?c"},
        {"HTTPS://a:1/", "/"},
        {"http://a", "/"},
        {"https://a?b/c", "?b/c"},
        {"http://a/?b", "/?b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct http_request request = {.target = bytes_of(cases[i][0])};
        assert_true(bytes_equal(http_request_origin_form(&request), bytes_of(cases[i][1])));
    }
}

static void bodies_ok(void **state) {
    (void)state;
    check("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello",
          "POST / 1.1 Host=a Content-Length=5 [hello] keep; ");
    check("PUT /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"
          "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: t\r\n\r\n",
          "PUT /x 1.1 Host=a Transfer-Encoding=chunked [abcde] keep; ");
    check("POST / HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n",
          "POST / 1.1 Host=a Content-Length=0 [] keep; ");
}

static void pipelined_requests(void **state) {
    (void)state;
    check("POST /1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi"
          "GET /2 HTTP/1.1\r\n" HOST "\r\n"
          "POST /3 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
          "DELETE /4 HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
          "POST /1 1.1 Host=a Content-Length=2 [hi] keep; GET /2 1.1 Host=a [] keep; "
          "POST /3 1.1 Host=a Transfer-Encoding=chunked [x] keep; "
          "DELETE /4 1.1 Host=a Connection=close [] close; ");
}

/* RFC 9112 §2.2: some clients send a CR LF behind a body. */
static void one_empty_line_before_a_request_is_ignored(void **state) {
    (void)state;
    check("\r\nGET / HTTP/1.1\r\n" HOST "\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n",
          "GET / 1.1 Host=a [] keep; GET / 1.1 Host=a [] keep; ");
    refuse("\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", ERROR_HTTP_MALFORMED);
    refuse("\nGET / HTTP/1.1\r\n" HOST "\r\n", ERROR_HTTP_MALFORMED);
}

static void idle_is_told_from_started(void **state) {
    (void)state;
    struct http_request request;
    struct bytes body, input = bytes_of("\r\n");
    http_request_init(&request, &http_request_limits);
    assert_false(http_request_started(&request));
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_NEED_MORE);
    assert_false(http_request_started(&request));
    input = bytes_of("G");
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_NEED_MORE);
    assert_true(http_request_started(&request));
    http_request_start(&request);
    assert_false(http_request_started(&request));
    http_request_fini(&request);
}

static void expect_continue(void **state) {
    (void)state;
    check("POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\nx",
          "POST / 1.1 Host=a Expect=100-Continue Content-Length=1 (continue?) [x] keep; ");
    check("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\n\r\n",
          "POST / 1.1 Host=a Expect=100-continue [] keep; ");
    check("POST / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
          "POST / 1.0 Expect=100-continue Content-Length=1 [x] close; ");
}

/* Upgrade changes nothing here: what follows the head stays in the input for the new protocol. */
static void upgrade_leaves_the_rest(void **state) {
    (void)state;
    struct http_request request;
    struct bytes body, input = bytes_of("GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                                        "Connection: keep-alive, Upgrade\r\n\r\n\x81\x80");
    http_request_init(&request, &http_request_limits);
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_HEAD);
    assert_true(http_fields_has_token(request.fields, "connection", "upgrade"));
    assert_int_equal(request.content_length, 0);
    assert_true(http_request_keeps_alive(&request));
    assert_int_equal(http_request_next(&request, &input, &body), HTTP_END);
    assert_int_equal(input.size, 2);
    http_request_fini(&request);
}

static void truncated(void **state) {
    (void)state;
    refuse("G", ERROR_HTTP_TRUNCATED);
    refuse("GET / HTTP/1.1\r\n" HOST, ERROR_HTTP_TRUNCATED);
    check("POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhell",
          "POST / 1.1 Host=a Content-Length=5 [hell] error http-truncated");
    check("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
          "POST / 1.1 Host=a Transfer-Encoding=chunked [ab] error http-truncated");
}

static void unknown_method_is_unsupported(void **state) {
    (void)state;
    refuse("BREW / HTTP/1.1\r\n" HOST "\r\n", ERROR_UNSUPPORTED);
    refuse("get / HTTP/1.1\r\n" HOST "\r\n", ERROR_UNSUPPORTED);
    refuse("QUERY / HTTP/1.1\r\n" HOST "\r\n", ERROR_UNSUPPORTED);
    refuse("GETS / HTTP/1.1\r\n" HOST "\r\n", ERROR_UNSUPPORTED);
}

static void malformed_start_line_refused(void **state) {
    (void)state;
    static const char *const lines[] = {
        "GET / HTTP/1.1 ",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        " GET / HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / http/1.1",
        "GET / HTTP/1.10",
        "GET / HTTP/10.1",
        "GET / HTTP/1",
        "GET / HTTP/1.",
        "GET / HTTP/1,1",
        "GET / HTTP/1.a",
        "GET / HTTP/a.1",
        "GET / HTTP/1.:",
        "GET / RTSP/1.0",
        "GET /",
        "GET ",
        "GET",
        "GET HTTP/1.1",
        "G(T / HTTP/1.1",
        "GET / a HTTP/1.1",
        "GET /\xc3\xa9 HTTP/1.1",
        "GET /\x7f HTTP/1.1",
        "GET /#a HTTP/1.1",
        "GET a HTTP/1.1",
        "GET * HTTP/1.1",
        "GET ?a HTTP/1.1",
        "GET http:// HTTP/1.1",
        "GET ftp://a/ HTTP/1.1",
        "CONNECT a:443 HTTP/1.1",
        "CONNECT / HTTP/1.1",
        "PRI * HTTP/1.1",
        "\x16\x03\x01",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char stream[128];
        snprintf(stream, sizeof stream, "%s\r\n" HOST "\r\n", lines[i]);
        refuse(stream, ERROR_HTTP_MALFORMED);
    }
}

/* RFC 9110 §2.5 and §15.6.6: the major version decides. */
static void other_major_version_refused(void **state) {
    (void)state;
    refuse("GET / HTTP/0.9\r\n\r\n", ERROR_HTTP_VERSION);
    refuse("GET / HTTP/2.0\r\n" HOST "\r\n", ERROR_HTTP_VERSION);
    refuse("GET / HTTP/3.0\r\n" HOST "\r\n", ERROR_HTTP_VERSION);
    refuse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ERROR_HTTP_VERSION);
}

static void later_minor_version_is_the_latest_known(void **state) {
    (void)state;
    check("GET / HTTP/1.2\r\n" HOST "\r\n", "GET / 1.1 Host=a [] keep; ");
    check("POST / HTTP/1.9\r\n" HOST "Content-Length: 2\r\n\r\nhiGET / HTTP/1.0\r\n\r\n",
          "POST / 1.1 Host=a Content-Length=2 [hi] keep; GET / 1.0 [] close; ");
    refuse("GET / HTTP/1.2\r\n\r\n", ERROR_HTTP_MALFORMED); /* no Host */
}

static void host_is_said_once(void **state) {
    (void)state;
    static const char *const fields[] = {
        "",
        "A: b\r\n",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host: a b\r\n",
        "Host: a,b\r\n",
        "Host: a/b\r\n",
        "Host: u@a\r\n",
        "Host: a?\r\n",
        "Host: \xc3\xa9\r\n",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char stream[128];
        snprintf(stream, sizeof stream, "GET / HTTP/1.1\r\n%s\r\n", fields[i]);
        refuse(stream, ERROR_HTTP_MALFORMED);
    }
    refuse("GET / HTTP/1.0\r\n" HOST HOST "\r\n", ERROR_HTTP_MALFORMED);
}

/* The classic ways to hide a second request in the first (RFC 9112 §11.2). */
static void smuggling_refused(void **state) {
    (void)state;
    static const struct {
        const char *fields;
        enum error error;
    } rows[] = {
        {"Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nG", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n1\r\nG\r\n0\r\n\r\n",
         ERROR_HTTP_FRAMING},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding: identity\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding: \"chunked\"\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding:\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", ERROR_HTTP_MALFORMED},
        {" Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"X: y\r\n Transfer-Encoding: chunked\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"X: y\rTransfer-Encoding: chunked\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"X: y\nTransfer-Encoding: chunked\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"X:\rTransfer-Encoding: chunked\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"X:\nTransfer-Encoding: chunked\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"Transfer-Encoding: chunked\n\r\n0\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"Transfer-Encoding:\n chunked\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"Transfer-Encoding:\x0b chunked\r\n\r\n", ERROR_HTTP_MALFORMED},
        {"Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", ERROR_HTTP_FRAMING},
        {"Content-Length: 1\r\nContent-Length: 0\r\n\r\nx", ERROR_HTTP_FRAMING},
        {"Content-Length: 1, 1\r\n\r\nx", ERROR_HTTP_FRAMING},
        {"Content-Length: +1\r\n\r\nx", ERROR_HTTP_FRAMING},
        {"Content-Length: 1a\r\n\r\nx", ERROR_HTTP_FRAMING},
        {"Content-Length: 1_0\r\n\r\nx", ERROR_HTTP_FRAMING},
        {"Content-Length: -0\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Content-Length: 99999999999999999999\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Content-Length: 9223372036854775808\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Content-Length:\r\n\r\n", ERROR_HTTP_FRAMING},
        {"Content-Length : 1\r\n\r\nx", ERROR_HTTP_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char stream[256];
        snprintf(stream, sizeof stream, "POST / HTTP/1.1\r\n" HOST "%s", rows[i].fields);
        refuse(stream, rows[i].error);
    }
    refuse("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ERROR_HTTP_FRAMING);
}

static void smuggling_in_chunks_refused(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "1\nx\r\n0\r\n\r\n", "1 \r\nx\r\n0\r\n\r\n", "1;a\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n",      "1;\rx\r\n0\r\n\r\n",   "0\n\r\n",
        "0\r\n\n",           "-0\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        char stream[256];
        snprintf(stream, sizeof stream,
                 "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n%s", bodies[i]);
        check(stream, "POST / 1.1 Host=a Transfer-Encoding=chunked [] error http-malformed");
    }
    check("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxyz0\r\n\r\n",
          "POST / 1.1 Host=a Transfer-Encoding=chunked [x] error http-malformed");
}

static enum error outcome(struct bytes stream, size_t step) {
    struct http_request request;
    struct bytes body;
    enum http_event event;
    struct pieces pieces = pieces_begin(stream, (struct cut){step, step});
    http_request_init(&request, &http_request_limits);
    do {
        event = http_request_next(&request, &pieces.input, &body);
        if (event == HTTP_NEED_MORE && !pieces_next(&pieces))
            event = http_request_end_of_stream(&request);
    } while (event != HTTP_END && event != HTTP_ERROR);
    enum error error = http_request_error(&request);
    http_request_fini(&request);
    pieces_end(&pieces);
    return error;
}

/* A target that makes the request line `line` bytes long, and `count` fields of `field` bytes. */
static void check_limits(size_t line, size_t count, size_t field, enum error error) {
    struct buffer stream = {0};
    buffer_append_text(&stream, "GET /");
    while (stream.size < line - 9)
        buffer_append_byte(&stream, 'p');
    buffer_append_text(&stream, " HTTP/1.1\r\nHost:\r\n");
    for (size_t i = 1; i < count; i++) {
        buffer_append_text(&stream, "A:");
        for (size_t filled = 2; filled < field; filled++)
            buffer_append_byte(&stream, 'v');
        buffer_append_text(&stream, "\r\n");
    }
    buffer_append_text(&stream, "\r\n");
    assert_int_equal(outcome(buffer_bytes(&stream), stream.size), error);
    assert_int_equal(outcome(buffer_bytes(&stream), 1), error);
    buffer_fini(&stream);
}

static void default_limits_are_exact(void **state) {
    (void)state;
    check_limits(8190, 1, 0, ERROR_NONE);
    check_limits(8191, 1, 0, ERROR_HTTP_LINE_TOO_LONG);
    check_limits(14, 2, 8190, ERROR_NONE);
    check_limits(14, 2, 8191, ERROR_HTTP_HEAD_TOO_LARGE);
    check_limits(14, 128, 10, ERROR_NONE);
    check_limits(14, 129, 10, ERROR_HTTP_HEAD_TOO_LARGE);
    /* 8190 + 2, "Host:" and 2, 8181 + 2, 2: 16384 in all */
    check_limits(8190, 2, 8181, ERROR_NONE);
    check_limits(8190, 2, 8182, ERROR_HTTP_HEAD_TOO_LARGE);
}

static void out_of_memory(void **state) {
    (void)state;
    struct bytes stream = bytes_of("POST /somewhere HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked"
                                   "\r\n\r\n1;name=value\r\nx\r\n0\r\nTrailer: value\r\n\r\n");
    size_t blocks = memory_live_blocks(), failures = 1;
    for (size_t skip = 0; failures > 0; skip++) {
        memory_fail_after(skip, 1);
        enum error error = outcome(stream, 5);
        failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        assert_int_equal(memory_live_blocks(), blocks);
        assert_true(failures > 0 || skip >= 3);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_body_ok),
        cmocka_unit_test(target_forms_ok),
        cmocka_unit_test(origin_form_of_any_target),
        cmocka_unit_test(bodies_ok),
        cmocka_unit_test(pipelined_requests),
        cmocka_unit_test(one_empty_line_before_a_request_is_ignored),
        cmocka_unit_test(idle_is_told_from_started),
        cmocka_unit_test(expect_continue),
        cmocka_unit_test(upgrade_leaves_the_rest),
        cmocka_unit_test(truncated),
        cmocka_unit_test(unknown_method_is_unsupported),
        cmocka_unit_test(malformed_start_line_refused),
        cmocka_unit_test(other_major_version_refused),
        cmocka_unit_test(later_minor_version_is_the_latest_known),
        cmocka_unit_test(host_is_said_once),
        cmocka_unit_test(smuggling_refused),
        cmocka_unit_test(smuggling_in_chunks_refused),
        cmocka_unit_test(default_limits_are_exact),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
