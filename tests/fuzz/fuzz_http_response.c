/*
 * The response parser. Byte 0: does it answer a HEAD, and are the limits tiny? 1: how the stream is
 * cut; 2: which allocation fails (0: none). The rest is the stream.
 *
 * Oracles: the reference gives the same head, body and rest; every cut gives the same, error
 * included; without memory there is an error or the same.
 */
#include "fuzz.h"
#include "http/fields.h"
#include "http/response.h"
#include "http_reference.h"

static const struct http_limits tiny_limits = {
    .start_line_bytes = 24, .field_line_bytes = 32, .head_bytes = 96, .field_count = 4};

struct setting {
    const struct http_limits *limits;
    bool head_request;
};

static struct fuzz_transcript expected, heard;

static void note_end(struct fuzz_transcript *to, bool keeps_alive, size_t rest) {
    fuzz_note(to, "\nend %d, %zu left\n", keeps_alive, rest);
}

/* ---- the reference --------------------------------------------------------------------------- */

/* RFC 9112 section 4: HTTP/1.d SP ddd, perhaps SP reason. */
static bool ref_status(struct bytes line, struct ref_head *head, unsigned *status) {
    static const char form[] = "HTTP/1.d ddd";
    if (line.size < 12)
        return false;
    for (size_t i = 0; i < 12; i++)
        if (form[i] == 'd' ? !isdigit(line.data[i]) : line.data[i] != (uint8_t)form[i])
            return false;
    head->minor = line.data[7] - '0';
    *status = (line.data[9] - '0') * 100u + (line.data[10] - '0') * 10u + (line.data[11] - '0');
    return head->minor <= 1 && *status >= 100 &&
           (line.size == 12 || (line.data[12] == ' ' && ref_is_value(line)));
}

static enum ref_answer ref_head(struct ref_stream *stream, struct ref_head *head,
                                unsigned *status) {
    stream->counted = stream->field_count = 0;
    enum ref_answer answer = ref_line(stream, stream->limits->start_line_bytes, &head->line);
    if (answer != REF_COMPLETE)
        return answer;
    if (!ref_status(head->line, head, status) || !ref_count(stream, head->line.size + 2))
        return REF_REFUSED;
    answer = ref_fields(stream, head);
    if (answer == REF_COMPLETE && !ref_framing(head, false))
        return REF_REFUSED;
    return answer;
}

/* Section 6.3; the end of the stream has come. */
static enum ref_answer ref_body(struct ref_stream *stream, const struct ref_head *head,
                                unsigned status, bool head_request) {
    if (head_request || status == 101 || status == 204 || status == 304)
        return REF_COMPLETE;
    if (head->chunked)
        return ref_chunks(stream, &expected);
    if (head->length >= 0)
        return ref_take(stream, (uint64_t)head->length, &expected);
    return ref_take(stream, stream->rest.size, &expected);
}

static void run_reference(const struct setting *setting, struct bytes input) {
    static struct ref_head head;
    struct ref_stream stream = {.rest = input, .limits = setting->limits};
    unsigned status = 0, interim = 0;
    enum ref_answer answer;
    expected.size = 0;
    do
        answer = ref_head(&stream, &head, &status);
    while (answer == REF_COMPLETE && status < 200 && status != 101 &&
           interim++ < HTTP_INTERIM_RESPONSES);
    if (answer != REF_COMPLETE || (status < 200 && status != 101)) {
        fuzz_note(&expected, "\nrefused\n");
        return;
    }
    fuzz_note(&expected, "%u", status);
    ref_note_head(&expected, head.minor, head.length, head.fields, head.field_count);
    answer = ref_body(&stream, &head, status, setting->head_request);
    bool has_body = !setting->head_request && status != 101 && status != 204 && status != 304;
    bool until_close = has_body && !head.chunked && head.length < 0;
    if (answer == REF_COMPLETE)
        note_end(&expected, ref_keeps_alive(&head) && !until_close && status != 101,
                 stream.rest.size);
    else
        fuzz_note(&expected, "\nrefused\n");
}

/* ---- the parser ------------------------------------------------------------------------------ */

static void note_event(struct http_response *response, enum http_event event, struct bytes body) {
    if (event == HTTP_BODY) {
        FUZZ_CHECK(body.size > 0);
        fuzz_note_bytes(&heard, body.data, body.size);
    } else if (event == HTTP_HEAD) {
        fuzz_note(&heard, "%d", response->status);
        ref_note_head(&heard, (unsigned)response->minor_version, response->content_length,
                      response->fields.items, response->fields.count);
    }
}

/* Feeds until there is an end or an error; says how much of the stream is left. */
static enum http_event feed(struct http_response *response, struct fuzz_pieces *pieces,
                            size_t *left) {
    enum http_event event = HTTP_NEED_MORE;
    uint8_t *data;
    size_t size;
    *left = pieces->rest.size;
    while (event == HTTP_NEED_MORE && fuzz_pieces_next(pieces, &data, &size)) {
        struct bytes input = bytes_make(data, size), body;
        do {
            event = http_response_next(response, &input, &body);
            note_event(response, event, body);
        } while (event == HTTP_HEAD || event == HTTP_BODY);
        FUZZ_CHECK(event != HTTP_NEED_MORE || input.size == 0);
        *left = pieces->rest.size + input.size;
    }
    return event;
}

static enum error run_parser(const struct setting *setting, struct bytes input, unsigned cut) {
    struct http_response response;
    struct fuzz_pieces pieces = fuzz_pieces_begin(input, cut);
    size_t left;
    heard.size = 0;
    http_response_init(&response, setting->limits);
    http_response_start(&response, setting->head_request);
    enum http_event event = feed(&response, &pieces, &left);
    FUZZ_CHECK(http_response_started(&response) == (input.size > 0));
    if (event == HTTP_NEED_MORE)
        event = http_response_end_of_stream(&response);
    enum error error = http_response_error(&response);
    FUZZ_CHECK((event == HTTP_ERROR) == (error != ERROR_NONE));
    FUZZ_CHECK(event == HTTP_ERROR || event == HTTP_END);
    if (event == HTTP_END)
        note_end(&heard, http_response_keeps_alive(&response), left);
    else
        fuzz_note(&heard, "\nrefused\n");
    FUZZ_CHECK(http_response_end_of_stream(&response) == event);
    http_response_fini(&response);
    return error;
}

static void check_without_memory(const struct setting *setting, struct bytes input, unsigned cut,
                                 size_t skip) {
    memory_fail_after(skip, 1);
    enum error error = run_parser(setting, input, cut);
    FUZZ_CHECK((error == ERROR_NO_MEMORY) == (memory_failures() > 0));
    memory_fail_after(0, 0);
}

/* A parameter's value comes back as it went in; a text that is no media type is none. */
static void check_media_type(struct bytes text) {
    struct http_media_type type;
    char field[200], value[64];
    size_t used = (size_t)snprintf(field, sizeof field, "%s", "a/b; x=1 ;charset=\"");
    size_t kept = 0;
    for (; kept < text.size && kept < 60; kept++) {
        if (text.data[kept] == '"' || text.data[kept] == '\\')
            field[used++] = '\\';
        field[used++] = (char)text.data[kept];
    }
    field[used++] = '"';
    FUZZ_CHECK(http_media_type_parse(bytes_make((uint8_t *)field, used), &type));
    FUZZ_CHECK(http_media_type_parameter(&type, "Charset", value, sizeof value));
    FUZZ_CHECK(memcmp(value, text.data, kept) == 0 && value[kept] == '\0');
    FUZZ_CHECK(!http_media_type_parameter(&type, "charset", value, kept));
    FUZZ_CHECK(!http_media_type_parameter(&type, "none", value, sizeof value));
    if (http_media_type_parse(text, &type)) {
        FUZZ_CHECK(type.type.size > 0 && type.subtype.size > 0);
        FUZZ_CHECK(memchr(text.data, '/', text.size) != NULL);
        http_media_type_parameter(&type, "charset", value, sizeof value);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    uint8_t choice = fuzz_take(&input);
    struct setting setting = {.limits = choice & 2 ? &tiny_limits : &http_response_limits,
                              .head_request = choice & 1};
    unsigned cut = fuzz_take(&input), failing = fuzz_take(&input);
    if (input.size > FUZZ_PIECE_MAX)
        return 0;
    check_media_type(input);
    run_reference(&setting, input);
    enum error error = run_parser(&setting, input, FUZZ_WHOLE);
    fuzz_check_same(&expected, "reference", &heard, "parser");
    FUZZ_CHECK(run_parser(&setting, input, FUZZ_BYTES) == error);
    fuzz_check_same(&expected, "reference", &heard, "parser");
    FUZZ_CHECK(run_parser(&setting, input, cut) == error);
    fuzz_check_same(&expected, "reference", &heard, "parser");
    if (failing > 0)
        check_without_memory(&setting, input, cut, failing - 1u);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
