#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "base/memory.h"
#include "http/response.h"
#include "pieces.h"

/*
 * A whole exchange as text: "200 OK; Name=value; [body] keep; rest 'surplus'", with "closed" for
 * keep where the connection must not be used again, or "200 OK; [bo] error http-truncated". The
 * end of the stream is told to the parser if the message has not ended by then.
 */
static void trace_end(struct buffer *trace, struct http_response *response, struct bytes collected,
                      struct bytes rest) {
    for (size_t i = 0; i < response->fields.count; i++) {
        struct http_field field = response->fields.items[i];
        buffer_format(trace, "%.*s=%.*s; ", (int)field.name.size, (const char *)field.name.data,
                      (int)field.value.size, (const char *)field.value.data);
    }
    buffer_format(trace, "[%.*s] ", (int)collected.size, (const char *)collected.data);
    if (http_response_error(response) != ERROR_NONE)
        buffer_format(trace, "error %s", error_name(http_response_error(response)));
    else
        buffer_format(trace, "%s; rest '%.*s'",
                      http_response_keeps_alive(response) ? "keep" : "closed", (int)rest.size,
                      (const char *)rest.data);
}

static void trace_response(struct buffer *trace, struct http_response *response,
                           struct pieces *pieces) {
    struct buffer collected = {0};
    struct bytes body;
    enum http_event event;
    do {
        event = http_response_next(response, &pieces->input, &body);
        if (event == HTTP_HEAD)
            buffer_format(trace, "%d %.*s; ", response->status, (int)response->reason.size,
                          (const char *)response->reason.data);
        if (event == HTTP_BODY) {
            assert_true(body.size > 0);
            assert_int_equal(buffer_append(&collected, body.data, body.size), ERROR_NONE);
        }
        if (event == HTTP_NEED_MORE) {
            assert_int_equal(pieces->input.size, 0);
            if (!pieces_next(pieces))
                event = http_response_end_of_stream(response);
        }
    } while (event != HTTP_END && event != HTTP_ERROR);
    trace_end(trace, response, buffer_bytes(&collected), pieces_rest(pieces));
    buffer_fini(&collected);
}

struct expected {
    const char *trace;
    bool head_request;
};

static void check_cut(struct bytes stream, struct cut cut, const void *argument) {
    const struct expected *expected = argument;
    struct http_response response;
    struct buffer trace = {0};
    struct pieces pieces = pieces_begin(stream, cut);
    http_response_init(&response, &http_response_limits);
    http_response_start(&response, expected->head_request);
    trace_response(&trace, &response, &pieces);
    assert_int_equal(buffer_append_byte(&trace, 0), ERROR_NONE);
    assert_string_equal((const char *)trace.data, expected->trace);
    buffer_fini(&trace);
    pieces_end(&pieces);
    http_response_fini(&response);
}

static void check_sized(const char *stream, size_t size, const char *trace) {
    struct expected expected = {.trace = trace};
    pieces_every_cut(bytes_make(stream, size), check_cut, &expected);
}

static void check(const char *stream, const char *trace) {
    check_sized(stream, strlen(stream), trace);
}

static void check_head(const char *stream, const char *trace) {
    struct expected expected = {.trace = trace, .head_request = true};
    pieces_every_cut(bytes_of(stream), check_cut, &expected);
}

static void refuse(const char *stream, enum error error) {
    char trace[64];
    snprintf(trace, sizeof trace, "[] error %s", error_name(error));
    check(stream, trace);
}

static void content_length_ok(void **state) {
    (void)state;
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          "200 OK; Content-Length=5; [hello] keep; rest ''");
    check("HTTP/1.1 404 Not Found\r\nA:\r\nB: \t b  c \t\r\ncontent-length:0\r\n\r\n",
          "404 Not Found; A=; B=b  c; content-length=0; [] keep; rest ''");
    check("HTTP/1.1 299 \xe9\t!\r\nX-\x60|~: \xff\r\nContent-Length: 1\r\n\r\nx",
          "299 \xe9\t!; X-\x60|~=\xff; Content-Length=1; [x] keep; rest ''");
}

static void reason_may_be_missing(void **state) {
    (void)state;
    check("HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\nx",
          "200 ; Content-Length=1; [x] keep; rest ''");
    check("HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx",
          "200 ; Content-Length=1; [x] keep; rest ''");
}

static void surplus_stays_in_the_input(void **state) {
    (void)state;
    check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi there",
          "200 OK; Content-Length=2; [hi] keep; rest ' there'");
    check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nHTTP/1.1 200",
          "200 OK; Transfer-Encoding=chunked; [] keep; rest 'HTTP/1.1 200'");
    check("HTTP/1.1 204 No Content\r\n\r\nx", "204 No Content; [] keep; rest 'x'");
}

#define CHUNKED       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_TRACE "200 OK; Transfer-Encoding=chunked; "

static void chunked_ok(void **state) {
    (void)state;
    check(CHUNKED "5\r\nhello\r\n1\r\n \r\n0005;name=value;a=\"\\\"b\"\r\nworld\r\n0\r\n\r\n",
          CHUNKED_TRACE "[hello world] keep; rest ''");
    check(CHUNKED "a\r\n0123456789\r\nA\r\n\r\n\r\n\r\n\r\n\r\n\r\n000\r\n\r\n",
          CHUNKED_TRACE "[0123456789\r\n\r\n\r\n\r\n\r\n] keep; rest ''");
    check("HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: \tChunked \r\n\r\n0\r\n\r\n",
          "200 OK; TRANSFER-ENCODING=Chunked; [] keep; rest ''");
}

static void trailers_are_dropped(void **state) {
    (void)state;
    check(CHUNKED "1\r\nx\r\n0\r\nDigest: abc\r\nContent-Length: 7\r\n\r\nrest",
          CHUNKED_TRACE "[x] keep; rest 'rest'");
}

static void chunked_refused(void **state) {
    (void)state;
    static const char *const empty[] = {
        "\r\n",
        " 1\r\nx",
        "1 \r\nx",
        "1\t;a\r\nx",
        "g\r\n",
        "-1\r\nx",
        "+1\r\nx",
        "0x1\r\nx",
        "1\nx\r\n",
        "1\rx\r\n",
        "1;a\x01\r\nx",
        "1;a\rb\r\nx",
        "1 ;a\r\nx",
        "1,\r\nx",
        "00000000000000001\r\nx", /* 17 digits */
        "0\r\nbad trailer\r\n\r\n",
        "0\r\nA: b\n\r\n",
        "0\r\n A: b\r\n\r\n",
        "0\r\n\n",
        "0\r\nA : b\r\n\r\n",
        "0\r\nA: \rb\r\n\r\n",
    };
    static const char *const one[] = {"xy\r\n", "x\n0\r\n", "x\ry0\r\n", "x0\r\n\r\n", "x\r\r\n"};
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++) {
        char stream[256];
        snprintf(stream, sizeof stream, CHUNKED "%s", empty[i]);
        check(stream, CHUNKED_TRACE "[] error http-malformed");
    }
    for (size_t i = 0; i < sizeof one / sizeof *one; i++) {
        char stream[256];
        snprintf(stream, sizeof stream, CHUNKED "1\r\n%s", one[i]);
        check(stream, CHUNKED_TRACE "[x] error http-malformed");
    }
}

static void largest_chunk_size_is_only_a_number(void **state) {
    (void)state;
    check(CHUNKED "ffffffffffffffff\r\nabc", CHUNKED_TRACE "[abc] error http-truncated");
}

static void close_delimited_ok(void **state) {
    (void)state;
    check("HTTP/1.1 200 OK\r\n\r\nall of it", "200 OK; [all of it] closed; rest ''");
    check("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n",
          "200 OK; Connection=keep-alive; [] closed; rest ''");
}

static void truncated_each_way(void **state) {
    (void)state;
    static const char stream[] = CHUNKED "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    size_t head_size = sizeof CHUNKED - 1;
    for (size_t size = 1; size < sizeof stream - 1; size++) {
        char trace[128];
        size_t body_size = size > head_size + 3 ? size - head_size - 3 : 0;
        snprintf(trace, sizeof trace, "%s[%.*s] error http-truncated",
                 size >= head_size ? CHUNKED_TRACE : "", (int)(body_size < 5 ? body_size : 5),
                 "hello");
        check_sized(stream, size, trace);
    }
    check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
          "200 OK; Content-Length=5; [hell] error http-truncated");
    check("HTTP/1.1 100 Continue\r\n\r\n", "[] error http-truncated");
}

static void end_before_the_first_byte_is_told_apart(void **state) {
    (void)state;
    struct http_response response;
    struct bytes body, input = {0};
    http_response_init(&response, &http_response_limits);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_NEED_MORE);
    assert_false(http_response_started(&response));
    assert_int_equal(http_response_end_of_stream(&response), HTTP_ERROR);
    assert_int_equal(http_response_error(&response), ERROR_END_OF_STREAM);
    http_response_start(&response, false);
    input = bytes_of("HTTP/1.1 102 Processing\r\n\r\n");
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_NEED_MORE);
    assert_true(http_response_started(&response));
    assert_int_equal(http_response_end_of_stream(&response), HTTP_ERROR);
    assert_int_equal(http_response_error(&response), ERROR_HTTP_TRUNCATED);
    http_response_fini(&response);
}

/* The end may come after the head was told and before next() was asked again. */
static void end_right_after_the_head_of_an_empty_body(void **state) {
    (void)state;
    struct http_response response;
    struct bytes body, input = bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    http_response_init(&response, &http_response_limits);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_HEAD);
    assert_int_equal(http_response_end_of_stream(&response), HTTP_END);
    assert_int_equal(http_response_end_of_stream(&response), HTTP_END);
    http_response_fini(&response);
}

static void no_body_by_status_or_method(void **state) {
    (void)state;
    check("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
          "204 No Content; Content-Length=5; [] keep; rest ''");
    check("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n",
          "304 Not Modified; Transfer-Encoding=chunked; [] keep; rest ''");
    check("HTTP/1.1 304 Not Modified\r\n\r\n", "304 Not Modified; [] keep; rest ''");
    check_head("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n",
               "200 OK; Content-Length=99; [] keep; rest ''");
    check_head("HTTP/1.1 200 OK\r\n\r\n", "200 OK; [] keep; rest ''");
}

static void interim_then_final(void **state) {
    (void)state;
    check("HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
          "200 OK; Content-Length=1; [x] keep; rest ''");
}

static void too_many_interim_responses(void **state) {
    (void)state;
    static const char interim[] = "HTTP/1.1 102 Processing\r\n\r\n";
    struct buffer stream = {0};
    for (int i = 0; i < HTTP_INTERIM_RESPONSES; i++)
        assert_int_equal(buffer_append_text(&stream, interim), ERROR_NONE);
    size_t size = stream.size;
    assert_int_equal(buffer_append_text(&stream, "HTTP/1.1 204 No Content\r\n\r\n"), ERROR_NONE);
    check_sized((const char *)stream.data, stream.size, "204 No Content; [] keep; rest ''");
    stream.size = size;
    assert_int_equal(buffer_append_text(&stream, interim), ERROR_NONE);
    check_sized((const char *)stream.data, stream.size, "[] error http-interim");
    buffer_fini(&stream);
}

static void switching_protocols_ends_with_its_head(void **state) {
    (void)state;
    check("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
          "\x81\x01x",
          "101 Switching Protocols; Upgrade=websocket; Connection=Upgrade; [] closed; "
          "rest '\x81\x01x'");
}

static void ambiguous_length_refused(void **state) {
    (void)state;
    static const char *const fields[] = {
        "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\nA: b\r\nContent-Length: 2\r\n",
        "Content-Length: 1, 2\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length: 1 1\r\n",
        "Content-Length: 1;\r\n",
        "Content-Length:\r\n",
        "Content-Length:  \r\n",
        "Content-Length: 18446744073709551616\r\n",
        "Content-Length: 9223372036854775808\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding: chunked,\r\n",
        "Transfer-Encoding: chunked;q=1\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: \x0b chunked\r\n",
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char stream[256];
        snprintf(stream, sizeof stream, "HTTP/1.1 200 OK\r\n%s\r\n", fields[i]);
        bool control = strchr(stream, '\x0b') != NULL;
        refuse(stream, control ? ERROR_HTTP_MALFORMED : ERROR_HTTP_FRAMING);
    }
    refuse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ERROR_HTTP_FRAMING);
}

static void same_length_said_twice_is_one(void **state) {
    (void)state;
    check("HTTP/1.1 200 OK\r\nContent-Length: 12\r\ncontent-length: 12\r\n\r\nhello, world",
          "200 OK; Content-Length=12; content-length=12; [hello, world] keep; rest ''");
}

static void malformed_head_refused(void **state) {
    (void)state;
    static const char *const streams[] = {
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\n\n",
        "HTTP/1.1 200 OK\r\nA: b\nC: d\r\n\r\n",
        "HTTP/1.1 200 OK\rA: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\rC: d\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA:\rB: c\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n\tfolded\r\n\r\n",
        "HTTP/1.1 200 OK\r\n A: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\t: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA(: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA\xe9: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: \x7f\r\n\r\n",
        "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n",
        "HTTP/1.1 200 O\x01K\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/0.9 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 2x0 OK\r\n\r\n",
        "HTTP/1.1 200\tOK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "RTSP/1.1 200 OK\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "<html>\r\n",
    };
    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        refuse(streams[i], ERROR_HTTP_MALFORMED);
    static const char with_nul[] = "HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n";
    check_sized(with_nul, sizeof with_nul - 1, "[] error http-malformed");
    static const char nul_in_reason[] = "HTTP/1.1 200 O\0K\r\n\r\n";
    check_sized(nul_in_reason, sizeof nul_in_reason - 1, "[] error http-malformed");
}

static void keep_alive_matrix(void **state) {
    (void)state;
    static const struct {
        const char *connection;
        int minor_version;
        bool keeps;
    } rows[] = {
        {NULL, 1, true},
        {"close", 1, false},
        {"Close", 1, false},
        {"keep-alive", 1, true},
        {"keep-alive, close", 1, false},
        {"foo ,\tCLOSE ,bar", 1, false},
        {"closed", 1, true},
        {"", 1, true},
        {"\"close\"", 1, true},
        {"x\r\nConnection: close", 1, false},
        {NULL, 0, false},
        {"close", 0, false},
        {"keep-alive", 0, true},
        {"Keep-Alive", 0, true},
        {"foo, keep-alive", 0, true},
        {"keep-alive, close", 0, false},
        {"x\r\nConnection: keep-alive", 0, true},
        {"keep-alives", 0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct http_response response;
        struct buffer stream = {0};
        struct bytes body;
        buffer_format(&stream, "HTTP/1.%d 204 No Content\r\n", rows[i].minor_version);
        if (rows[i].connection != NULL)
            buffer_format(&stream, "Connection: %s\r\n", rows[i].connection);
        buffer_append_text(&stream, "\r\n");
        struct bytes input = buffer_bytes(&stream);
        http_response_init(&response, &http_response_limits);
        assert_int_equal(http_response_next(&response, &input, &body), HTTP_HEAD);
        assert_int_equal(response.minor_version, rows[i].minor_version);
        assert_int_equal(http_response_next(&response, &input, &body), HTTP_END);
        assert_int_equal(http_response_keeps_alive(&response), rows[i].keeps);
        http_response_fini(&response);
        buffer_fini(&stream);
    }
}

static void keep_alive_only_after_the_end(void **state) {
    (void)state;
    struct http_response response;
    struct bytes body, input = bytes_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx");
    http_response_init(&response, &http_response_limits);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_HEAD);
    assert_int_equal(response.content_length, 2);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_BODY);
    assert_false(http_response_keeps_alive(&response));
    input = bytes_of("y");
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_BODY);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_END);
    assert_true(http_response_keeps_alive(&response));
    http_response_fini(&response);
}

/* The first event that is not NEED_MORE or BODY when `stream` is fed whole, or a byte at a time. */
static enum error outcome(const struct buffer *stream, const struct http_limits *limits,
                          size_t step) {
    struct http_response response;
    struct bytes body;
    enum http_event event;
    http_response_init(&response, limits);
    struct pieces pieces = pieces_begin(buffer_bytes(stream), (struct cut){step, step});
    do {
        event = http_response_next(&response, &pieces.input, &body);
        if (event == HTTP_NEED_MORE && !pieces_next(&pieces))
            event = http_response_end_of_stream(&response);
    } while (event != HTTP_END && event != HTTP_ERROR);
    enum error error = http_response_error(&response);
    pieces_end(&pieces);
    http_response_fini(&response);
    return error;
}

/* A stream of a start line, `count` field lines of `size` bytes each, an end, and some more. */
static void build(struct buffer *stream, size_t start_size, size_t count, size_t size,
                  const char *tail) {
    buffer_clear(stream);
    buffer_append_text(stream, "HTTP/1.1 204 ");
    while (stream->size < start_size)
        buffer_append_byte(stream, 'r');
    buffer_append_text(stream, "\r\n");
    for (size_t i = 0; i < count; i++) {
        buffer_append_text(stream, "A:");
        for (size_t filled = 2; filled < size; filled++)
            buffer_append_byte(stream, 'v');
        buffer_append_text(stream, "\r\n");
    }
    buffer_append_text(stream, tail);
}

static void check_outcome(const struct buffer *stream, const struct http_limits *limits,
                          enum error error) {
    assert_int_equal(outcome(stream, limits, stream->size), error);
    assert_int_equal(outcome(stream, limits, 1), error);
    assert_int_equal(outcome(stream, limits, 7), error);
}

static void limits_are_exact(void **state) {
    (void)state;
    const struct http_limits limits = {
        .start_line_bytes = 40, .field_line_bytes = 30, .head_bytes = 100, .field_count = 6};
    struct buffer stream = {0};
    build(&stream, 40, 0, 0, "\r\n");
    check_outcome(&stream, &limits, ERROR_NONE);
    build(&stream, 41, 0, 0, "\r\n");
    check_outcome(&stream, &limits, ERROR_HTTP_LINE_TOO_LONG);
    build(&stream, 20, 1, 30, "\r\n");
    check_outcome(&stream, &limits, ERROR_NONE);
    build(&stream, 20, 1, 31, "\r\n");
    check_outcome(&stream, &limits, ERROR_HTTP_HEAD_TOO_LARGE);
    build(&stream, 20, 6, 10, "\r\n"); /* 22 + 6 × 12 + 2 = 96 */
    check_outcome(&stream, &limits, ERROR_NONE);
    build(&stream, 24, 6, 10, "\r\n"); /* 100 */
    check_outcome(&stream, &limits, ERROR_NONE);
    build(&stream, 25, 6, 10, "\r\n");
    check_outcome(&stream, &limits, ERROR_HTTP_HEAD_TOO_LARGE);
    build(&stream, 20, 7, 2, "\r\n");
    check_outcome(&stream, &limits, ERROR_HTTP_HEAD_TOO_LARGE);
    buffer_fini(&stream);
}

/* 64 KiB, 256 fields, lines of 8190 bytes. */
static void limits_of_responses(void **state) {
    (void)state;
    struct buffer stream = {0};
    build(&stream, 20, 256, 10, "\r\n");
    check_outcome(&stream, &http_response_limits, ERROR_NONE);
    build(&stream, 20, 257, 10, "\r\n");
    check_outcome(&stream, &http_response_limits, ERROR_HTTP_HEAD_TOO_LARGE);
    build(&stream, 8190, 1, 8190, "\r\n");
    check_outcome(&stream, &http_response_limits, ERROR_NONE);
    build(&stream, 8191, 1, 10, "\r\n");
    check_outcome(&stream, &http_response_limits, ERROR_HTTP_LINE_TOO_LONG);
    build(&stream, 20, 1, 8191, "\r\n");
    check_outcome(&stream, &http_response_limits, ERROR_HTTP_HEAD_TOO_LARGE);
    build(&stream, 20, 8, 8187, "\r\n"); /* 22 + 8 × 8189 + 2 = 65536 */
    check_outcome(&stream, &http_response_limits, ERROR_NONE);
    build(&stream, 21, 8, 8187, "\r\n");
    check_outcome(&stream, &http_response_limits, ERROR_HTTP_HEAD_TOO_LARGE);
    buffer_fini(&stream);
}

/* What never ends is refused as soon as it cannot end well, not kept for ever. */
static void endless_lines_refused(void **state) {
    (void)state;
    struct buffer stream = {0};
    build(&stream, 100000, 0, 0, "");
    stream.size -= 2;
    check_outcome(&stream, &http_response_limits, ERROR_HTTP_LINE_TOO_LONG);
    build(&stream, 20, 1, 100000, "");
    stream.size -= 2;
    check_outcome(&stream, &http_response_limits, ERROR_HTTP_HEAD_TOO_LARGE);
    buffer_fini(&stream);
}

/* A chunked stream: the head takes 47 bytes and one field of the limits. */
static void build_chunked(struct buffer *stream, const char *extension, const char *trailers) {
    buffer_clear(stream);
    buffer_format(stream, CHUNKED "1%s\r\nx\r\n1%s\r\nx\r\n0\r\n%s\r\n", extension, extension,
                  trailers);
}

static void trailers_and_extensions_count(void **state) {
    (void)state;
    const struct http_limits limits = {.start_line_bytes = 40,
                                       .field_line_bytes = 40,
                                       .head_bytes = sizeof CHUNKED - 1 + 20,
                                       .field_count = 3};
    struct buffer stream = {0};
    build_chunked(&stream, ";123456789", "");
    check_outcome(&stream, &limits, ERROR_NONE);
    build_chunked(&stream, ";1234567890", "");
    check_outcome(&stream, &limits, ERROR_HTTP_HEAD_TOO_LARGE);
    build_chunked(&stream, ";123", "A: 45678\r\n");
    check_outcome(&stream, &limits, ERROR_NONE);
    build_chunked(&stream, ";123", "A: 456789ab\r\n");
    check_outcome(&stream, &limits, ERROR_HTTP_HEAD_TOO_LARGE);
    build_chunked(&stream, "", "A:\r\nB:\r\n");
    check_outcome(&stream, &limits, ERROR_NONE);
    build_chunked(&stream, "", "A:\r\nB:\r\nC:\r\n");
    check_outcome(&stream, &limits, ERROR_HTTP_HEAD_TOO_LARGE);
    buffer_fini(&stream);
}

static void errors_and_ends_stay(void **state) {
    (void)state;
    struct http_response response;
    struct bytes body, input = bytes_of("nonsense\r\nHTTP/1.1 204 No\r\n\r\n");
    http_response_init(&response, &http_response_limits);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_ERROR);
    size_t left = input.size;
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_ERROR);
    assert_int_equal(http_response_end_of_stream(&response), HTTP_ERROR);
    assert_int_equal(http_response_error(&response), ERROR_HTTP_MALFORMED);
    assert_int_equal(input.size, left);
    http_response_start(&response, false);
    assert_int_equal(http_response_error(&response), ERROR_NONE);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_HEAD);
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_END);
    input = bytes_of("more");
    assert_int_equal(http_response_next(&response, &input, &body), HTTP_END);
    assert_int_equal(input.size, 4);
    http_response_fini(&response);
}

/* One parser for many responses: the second time, nothing is allocated. */
static void memory_is_kept_between_responses(void **state) {
    (void)state;
    static const char stream[] = CHUNKED "5\r\nhello\r\n0\r\nA: b\r\n\r\n";
    struct http_response response;
    size_t blocks = memory_live_blocks();
    http_response_init(&response, &http_response_limits);
    assert_int_equal(memory_live_blocks(), blocks);
    for (int round = 0; round < 3; round++) {
        struct pieces pieces =
            pieces_begin(bytes_make(stream, sizeof stream - 1), (struct cut){1, 1});
        struct bytes body;
        enum http_event event;
        http_response_start(&response, false);
        memory_fail_after(0, round == 0 ? 0 : SIZE_MAX);
        do {
            event = http_response_next(&response, &pieces.input, &body);
            if (event == HTTP_NEED_MORE)
                assert_true(pieces_next(&pieces));
        } while (event != HTTP_END && event != HTTP_ERROR);
        memory_fail_after(0, 0);
        assert_int_equal(event, HTTP_END);
        pieces_end(&pieces);
    }
    http_response_fini(&response);
    assert_int_equal(memory_live_blocks(), blocks);
}

static void out_of_memory(void **state) {
    (void)state;
    struct buffer stream = {0};
    build(&stream, 300, 100, 20, "\r\n");
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0;; skip++) {
        struct http_response response;
        struct bytes body;
        enum http_event event;
        http_response_init(&response, &http_response_limits);
        struct pieces pieces = pieces_begin(buffer_bytes(&stream), (struct cut){9, 9});
        memory_fail_after(skip, 1);
        do {
            event = http_response_next(&response, &pieces.input, &body);
            if (event == HTTP_NEED_MORE)
                assert_true(pieces_next(&pieces));
        } while (event != HTTP_END && event != HTTP_ERROR);
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(http_response_error(&response),
                         failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        pieces_end(&pieces);
        http_response_fini(&response);
        assert_int_equal(memory_live_blocks(), blocks);
        if (failures == 0) {
            assert_true(skip > 3);
            break;
        }
    }
    buffer_fini(&stream);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(content_length_ok),
        cmocka_unit_test(reason_may_be_missing),
        cmocka_unit_test(surplus_stays_in_the_input),
        cmocka_unit_test(chunked_ok),
        cmocka_unit_test(trailers_are_dropped),
        cmocka_unit_test(chunked_refused),
        cmocka_unit_test(largest_chunk_size_is_only_a_number),
        cmocka_unit_test(close_delimited_ok),
        cmocka_unit_test(truncated_each_way),
        cmocka_unit_test(end_before_the_first_byte_is_told_apart),
        cmocka_unit_test(end_right_after_the_head_of_an_empty_body),
        cmocka_unit_test(no_body_by_status_or_method),
        cmocka_unit_test(interim_then_final),
        cmocka_unit_test(too_many_interim_responses),
        cmocka_unit_test(switching_protocols_ends_with_its_head),
        cmocka_unit_test(ambiguous_length_refused),
        cmocka_unit_test(same_length_said_twice_is_one),
        cmocka_unit_test(malformed_head_refused),
        cmocka_unit_test(keep_alive_matrix),
        cmocka_unit_test(keep_alive_only_after_the_end),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(limits_of_responses),
        cmocka_unit_test(endless_lines_refused),
        cmocka_unit_test(trailers_and_extensions_count),
        cmocka_unit_test(errors_and_ends_stay),
        cmocka_unit_test(memory_is_kept_between_responses),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
