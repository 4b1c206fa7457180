/*
 * The request parser, and a connection's requests one behind another. Byte 0: are the limits tiny?
 * 1: how the stream is cut; 2: which allocation fails (0: none). The rest is the stream.
 *
 * Oracles: the reference gives the same requests; every cut gives the same, error included.
 */
#include "fuzz.h"
#include "http/request.h"
#include "http_reference.h"

static const struct http_limits tiny_limits = {
    .start_line_bytes = 24, .field_line_bytes = 32, .head_bytes = 96, .field_count = 4};

static struct fuzz_transcript expected, heard;

static void note_head(struct fuzz_transcript *to, struct bytes method, struct bytes target,
                      bool expects_continue) {
    fuzz_note_bytes(to, method.data, method.size);
    fuzz_note(to, " ");
    fuzz_note_bytes(to, target.data, target.size);
    fuzz_note(to, expects_continue ? " expects" : "");
}

static void note_end(struct fuzz_transcript *to, bool keeps_alive) {
    fuzz_note(to, "\nend %d\n", keeps_alive);
}

/* ---- the reference --------------------------------------------------------------------------- */

/* The methods of llhttp 8.1 that HTTP has; the rest of its list is of RTSP. */
static bool is_method(struct bytes method) {
    static const char list[] =
        " DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH "
        "SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY "
        "SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK UNLINK SOURCE ";
    char word[32];
    if (method.size + 3 > sizeof word)
        return false;
    snprintf(word, sizeof word, " %.*s ", (int)method.size, (const char *)method.data);
    return strlen(word) == method.size + 2 && strstr(list, word) != NULL;
}

struct ref_request {
    struct ref_head head;
    struct bytes method, target;
};

/* RFC 9112 section 3. A later minor version is 1 (RFC 9110 section 2.5). */
static bool ref_request_line(struct ref_request *request) {
    struct bytes rest = request->head.line;
    request->method = fuzz_take_until(&rest, ' ');
    request->target = fuzz_take_until(&rest, ' ');
    if (!ref_is_token(request->method) || request->target.size == 0 || rest.size != 8 ||
        memcmp(rest.data, "HTTP/1.", 7) != 0 || rest.data[7] < '0' || rest.data[7] > '9')
        return false;
    request->head.minor = rest.data[7] != '0';
    for (size_t i = 0; i < request->target.size; i++)
        if (request->target.data[i] <= ' ' || request->target.data[i] >= 0x7F ||
            request->target.data[i] == '#')
            return false;
    return true;
}

/* Section 3.2. Absolute forms are not judged: llhttp has its own idea of what stands in them. */
static enum ref_answer ref_target(const struct ref_request *request) {
    bool is_star = request->target.size == 1 && request->target.data[0] == '*';
    if (!is_method(request->method) || bytes_equal(request->method, bytes_of("CONNECT")))
        return REF_REFUSED;
    if (is_star)
        return bytes_equal(request->method, bytes_of("OPTIONS")) ? REF_COMPLETE : REF_REFUSED;
    if (request->target.data[0] == '/')
        return REF_COMPLETE;
    return request->target.size >= 5 && ref_is(bytes_make(request->target.data, 4), "http")
               ? REF_UNJUDGED
               : REF_REFUSED;
}

static bool ref_host(const struct ref_head *head) {
    struct bytes host;
    size_t count = ref_find(head, "Host", &host);
    if (count != 1)
        return count == 0 && head->minor == 0;
    for (size_t i = 0; i < host.size; i++)
        if (host.data[i] > '~' || memchr(" \t\"#,/<>?@\\^`{|}", host.data[i], 17) != NULL)
            return false;
    return true;
}

static enum ref_answer ref_request_head(struct ref_stream *stream, struct ref_request *request) {
    struct ref_head *head = &request->head;
    stream->counted = stream->field_count = 0;
    enum ref_answer answer = ref_line(stream, stream->limits->start_line_bytes, &head->line);
    if (answer == REF_COMPLETE && head->line.size == 0) /* section 2.2: one empty line is ignored */
        answer = ref_line(stream, stream->limits->start_line_bytes, &head->line);
    if (answer != REF_COMPLETE)
        return answer;
    if (!ref_request_line(request) || !ref_count(stream, head->line.size + 2))
        return REF_REFUSED;
    answer = ref_fields(stream, head);
    if (answer == REF_COMPLETE && (!ref_framing(head, true) || !ref_host(head)))
        return REF_REFUSED;
    return answer == REF_COMPLETE ? ref_target(request) : answer;
}

/* One request. */
static enum ref_answer ref_next(struct ref_stream *stream) {
    static struct ref_request request;
    struct ref_head *head = &request.head;
    enum ref_answer answer = ref_request_head(stream, &request);
    if (answer != REF_COMPLETE)
        return answer;
    int64_t length = head->chunked ? -1 : head->length < 0 ? 0 : head->length;
    note_head(&expected, request.method, request.target,
              length != 0 && head->minor == 1 && ref_has(head, "Expect", "100-continue"));
    ref_note_head(&expected, head->minor, length, head->fields, head->field_count);
    answer = head->chunked ? ref_chunks(stream, &expected)
                           : ref_take(stream, (uint64_t)length, &expected);
    if (answer == REF_COMPLETE)
        note_end(&expected, ref_keeps_alive(head));
    return answer;
}

/* REF_COMPLETE: the stream ends between two requests. */
static enum ref_answer run_reference(const struct http_limits *limits, struct bytes input) {
    struct ref_stream stream = {.rest = input, .limits = limits};
    enum ref_answer answer = REF_COMPLETE;
    expected.size = 0;
    while (answer == REF_COMPLETE && stream.rest.size > 0) {
        struct bytes blank = stream.rest;
        answer = blank.size == 2 && memcmp(blank.data, "\r\n", 2) == 0 ? REF_COMPLETE
                                                                       : ref_next(&stream);
        if (stream.rest.size == blank.size)
            break;
    }
    return answer;
}

/* ---- the parser ------------------------------------------------------------------------------ */

static void note_event(struct http_request *request, enum http_event event, struct bytes body) {
    if (event == HTTP_HEAD) {
        note_head(&heard, request->method, request->target, request->expects_continue);
        ref_note_head(&heard, (unsigned)request->minor_version, request->content_length,
                      request->fields.items, request->fields.count);
    } else if (event == HTTP_BODY) {
        FUZZ_CHECK(body.size > 0);
        fuzz_note_bytes(&heard, body.data, body.size);
    } else if (event == HTTP_END) {
        note_end(&heard, http_request_keeps_alive(request));
        http_request_start(request);
    }
}

static enum http_event feed(struct http_request *request, struct fuzz_pieces *pieces) {
    enum http_event event = HTTP_NEED_MORE;
    uint8_t *data;
    size_t size;
    while (event != HTTP_ERROR && fuzz_pieces_next(pieces, &data, &size)) {
        struct bytes input = bytes_make(data, size), body;
        do {
            event = http_request_next(request, &input, &body);
            note_event(request, event, body);
        } while (event != HTTP_NEED_MORE && event != HTTP_ERROR);
        FUZZ_CHECK(event == HTTP_ERROR || input.size == 0);
    }
    return event;
}

/* Why the connection ended; ERROR_END_OF_STREAM is the good end. */
static enum error run_parser(const struct http_limits *limits, struct bytes input, unsigned cut) {
    struct http_request request;
    struct fuzz_pieces pieces = fuzz_pieces_begin(input, cut);
    heard.size = 0;
    http_request_init(&request, limits);
    http_request_start(&request);
    enum http_event event = feed(&request, &pieces);
    if (event != HTTP_ERROR) {
        bool started = http_request_started(&request);
        event = http_request_end_of_stream(&request);
        FUZZ_CHECK(started == (http_request_error(&request) == ERROR_HTTP_TRUNCATED));
    }
    FUZZ_CHECK(event == HTTP_ERROR);
    enum error error = http_request_error(&request);
    http_request_fini(&request);
    return error;
}

static void check_cut(const struct http_limits *limits, struct bytes input, unsigned cut,
                      enum ref_answer answer, enum error first) {
    enum error error = run_parser(limits, input, cut);
    FUZZ_CHECK(error == first);
    if (answer == REF_UNJUDGED)
        return;
    fuzz_check_same(&expected, "reference", &heard, "parser");
    FUZZ_CHECK((answer == REF_COMPLETE) == (error == ERROR_END_OF_STREAM));
    FUZZ_CHECK((answer == REF_INCOMPLETE) == (error == ERROR_HTTP_TRUNCATED));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    const struct http_limits *limits = fuzz_take(&input) & 1 ? &tiny_limits : &http_request_limits;
    unsigned cut = fuzz_take(&input), failing = fuzz_take(&input);
    if (input.size > FUZZ_PIECE_MAX)
        return 0;
    enum ref_answer answer = run_reference(limits, input);
    enum error error = run_parser(limits, input, FUZZ_WHOLE);
    check_cut(limits, input, FUZZ_WHOLE, answer, error);
    check_cut(limits, input, FUZZ_BYTES, answer, error);
    check_cut(limits, input, cut, answer, error);
    if (failing > 0) {
        memory_fail_after(failing - 1u, 1);
        error = run_parser(limits, input, cut);
        FUZZ_CHECK((error == ERROR_NO_MEMORY) == (memory_failures() > 0));
        memory_fail_after(0, 0);
    }
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
