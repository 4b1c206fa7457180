/*
 * RFC 9112 read once more, as plainly as it can be: the oracle for both parsers. It looks at a
 * whole stream at once, and only says whether a message is complete, incomplete or refused; why
 * it is refused is not its business. It shares no code with src/http.
 */
#ifndef RINGCAST_TESTS_HTTP_REFERENCE_H
#define RINGCAST_TESTS_HTTP_REFERENCE_H

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "http/message.h"

enum { REF_FIELDS_MAX = 512 };

enum ref_answer { REF_COMPLETE, REF_INCOMPLETE, REF_REFUSED, REF_UNJUDGED };

struct ref_stream {
    struct bytes rest;
    const struct http_limits *limits;
    size_t counted; /* bytes against the limit of the head */
    size_t field_count;
};

struct ref_head {
    struct bytes line;
    struct http_field fields[REF_FIELDS_MAX];
    size_t field_count;
    unsigned minor;
    bool chunked;
    int64_t length; /* -1: none */
};

/* ---- characters ------------------------------------------------------------------------------ */

/* RFC 9110 section 5.6.2. */
static inline bool ref_is_token(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] <= ' ' || text.data[i] >= 0x7F ||
            strchr("(),/:;<=>?@[\\]{}\"", text.data[i]) != NULL)
            return false;
    return text.size > 0;
}

/* Section 5.5: no control byte but tab. */
static inline bool ref_is_value(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7F)
            return false;
    return true;
}

static inline struct bytes ref_trim(struct bytes text) {
    while (text.size > 0 && (text.data[0] == ' ' || text.data[0] == '\t'))
        text = bytes_after(text, 1);
    while (text.size > 0 && (text.data[text.size - 1] == ' ' || text.data[text.size - 1] == '\t'))
        text.size--;
    return text;
}

static inline bool ref_is(struct bytes text, const char *word) {
    return text.size == strlen(word) &&
           (text.size == 0 || strncasecmp((const char *)text.data, word, text.size) == 0);
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* A line without its CR LF. Too long is known as soon as no line end can make it shorter. */
static inline enum ref_answer ref_line(struct ref_stream *stream, size_t limit,
                                       struct bytes *line) {
    struct bytes rest = stream->rest;
    size_t size = 0;
    while (size < rest.size && rest.data[size] != '\n')
        size++;
    if (size == rest.size)
        return size >= limit + 2 ? REF_REFUSED : REF_INCOMPLETE;
    if (size == 0 || rest.data[size - 1] != '\r' || size - 1 > limit)
        return REF_REFUSED;
    *line = bytes_make(rest.data, size - 1);
    stream->rest = bytes_after(rest, size + 1);
    return REF_COMPLETE;
}

static inline bool ref_count(struct ref_stream *stream, size_t size) {
    stream->counted += size;
    return stream->counted <= stream->limits->head_bytes;
}

/* A field line, or the empty line that ends them. `field` NULL: it is only checked. */
static inline enum ref_answer ref_field(struct ref_stream *stream, struct http_field *field,
                                        bool *last) {
    struct bytes line;
    enum ref_answer answer = ref_line(stream, stream->limits->field_line_bytes, &line);
    if (answer != REF_COMPLETE)
        return answer;
    *last = line.size == 0;
    if (*last)
        return REF_COMPLETE;
    while (line.size > 0 && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\t'))
        line.size--; /* blanks at the end do not count */
    const uint8_t *colon = memchr(line.data, ':', line.size);
    if (colon == NULL || ++stream->field_count > stream->limits->field_count)
        return REF_REFUSED;
    struct bytes name = bytes_make(line.data, (size_t)(colon - line.data));
    struct bytes value = bytes_after(line, name.size + 1);
    if (!ref_is_token(name) || !ref_is_value(value) || !ref_count(stream, line.size + 2))
        return REF_REFUSED;
    if (field != NULL)
        *field = (struct http_field){name, ref_trim(value)};
    return REF_COMPLETE;
}

static inline enum ref_answer ref_fields(struct ref_stream *stream, struct ref_head *head) {
    bool last = false;
    head->field_count = 0;
    for (;;) {
        enum ref_answer answer = ref_field(stream, &head->fields[head->field_count], &last);
        if (answer != REF_COMPLETE)
            return answer;
        if (last)
            return ref_count(stream, 2) ? REF_COMPLETE : REF_REFUSED;
        head->field_count++;
    }
}

/* ---- what fields say ------------------------------------------------------------------------- */

/* The value of the first field of that name, or an empty one; returns how many there are. */
static inline size_t ref_find(const struct ref_head *head, const char *name, struct bytes *value) {
    size_t count = 0;
    *value = bytes_make("", 0);
    for (size_t i = head->field_count; i > 0; i--)
        if (ref_is(head->fields[i - 1].name, name)) {
            *value = head->fields[i - 1].value;
            count++;
        }
    return count;
}

/* The next element of a comma list, quoted strings being whole; false at its end. */
static inline bool ref_element(struct bytes *list, struct bytes *element) {
    while (list->size > 0) {
        size_t size = 0;
        for (bool quoted = false; size < list->size && (quoted || list->data[size] != ',');
             size++) {
            if (list->data[size] == '"')
                quoted = !quoted;
            else if (list->data[size] == '\\' && quoted && size + 1 < list->size)
                size++;
        }
        *element = ref_trim(bytes_make(list->data, size));
        *list = bytes_after(*list, size < list->size ? size + 1 : size);
        if (element->size > 0)
            return true;
    }
    return false;
}

static inline bool ref_has(const struct ref_head *head, const char *name, const char *word) {
    for (size_t i = 0; i < head->field_count; i++) {
        struct bytes list = head->fields[i].value, element;
        while (ref_is(head->fields[i].name, name) && ref_element(&list, &element))
            if (ref_is(element, word))
                return true;
    }
    return false;
}

/* Digits alone, up to 2^63 - 1; -1 if it is anything else. */
static inline int64_t ref_number(struct bytes text) {
    int64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = text.data[i] - '0';
        if (digit < 0 || digit > 9 || value > (INT64_MAX - digit) / 10)
            return -1;
        value = value * 10 + digit;
    }
    return text.size > 0 ? value : -1;
}

/*
 * RFC 9112 section 6. No list and no second length in a request, none that differs in a response;
 * "chunked" alone, once, in HTTP/1.1, and no length beside it.
 */
static inline bool ref_framing(struct ref_head *head, bool is_request) {
    struct bytes value;
    size_t codings = ref_find(head, "Transfer-Encoding", &value);
    head->chunked = codings > 0;
    head->length = -1;
    if (codings > 1 || (codings == 1 && (!ref_is(value, "chunked") || head->minor == 0)))
        return false;
    for (size_t i = 0; i < head->field_count; i++) {
        if (!ref_is(head->fields[i].name, "Content-Length"))
            continue;
        int64_t length = ref_number(head->fields[i].value);
        if (length < 0 || head->chunked ||
            (head->length >= 0 && (is_request || head->length != length)))
            return false;
        head->length = length;
    }
    return true;
}

/* Section 9.3. */
static inline bool ref_keeps_alive(const struct ref_head *head) {
    if (ref_has(head, "Connection", "close"))
        return false;
    return head->minor == 1 || ref_has(head, "Connection", "keep-alive");
}

/* ---- bodies ---------------------------------------------------------------------------------- */

static inline enum ref_answer ref_take(struct ref_stream *stream, uint64_t size,
                                       struct fuzz_transcript *body) {
    struct bytes piece = fuzz_take_bytes(&stream->rest, size);
    fuzz_note_bytes(body, piece.data, piece.size);
    return piece.size == size ? REF_COMPLETE : REF_INCOMPLETE;
}

/* Section 7.1: up to 16 hexadecimal digits, then perhaps extensions, which count. */
static inline bool ref_chunk_size(struct ref_stream *stream, struct bytes line, uint64_t *size) {
    size_t digits = 0;
    *size = 0;
    for (; digits < line.size && isxdigit(line.data[digits]); digits++) {
        const char digit[] = {(char)line.data[digits], '\0'};
        *size = *size << 4 | strtoul(digit, NULL, 16);
    }
    struct bytes extension = bytes_after(line, digits);
    if (digits == 0 || digits > 16)
        return false;
    if (extension.size > 0 && (extension.data[0] != ';' || !ref_is_value(extension)))
        return false;
    return ref_count(stream, extension.size);
}

static inline enum ref_answer ref_trailers(struct ref_stream *stream) {
    enum ref_answer answer;
    bool last = false;
    while ((answer = ref_field(stream, NULL, &last)) == REF_COMPLETE && !last)
        ;
    return answer;
}

static inline enum ref_answer ref_chunks(struct ref_stream *stream, struct fuzz_transcript *body) {
    for (;;) {
        struct bytes line;
        uint64_t size;
        enum ref_answer answer = ref_line(stream, stream->limits->field_line_bytes, &line);
        if (answer != REF_COMPLETE)
            return answer;
        if (!ref_chunk_size(stream, line, &size))
            return REF_REFUSED;
        if (size == 0)
            return ref_trailers(stream);
        answer = ref_take(stream, size, body);
        if (answer == REF_COMPLETE)
            answer = ref_line(stream, 0, &line);
        if (answer != REF_COMPLETE)
            return answer;
    }
}

/* ---- the transcript that reference and parser both write ------------------------------------- */

static inline void ref_note_head(struct fuzz_transcript *to, unsigned minor, int64_t length,
                                 const struct http_field *fields, size_t count) {
    fuzz_note(to, " 1.%u %lld\n", minor, (long long)length);
    for (size_t i = 0; i < count; i++) {
        fuzz_note_bytes(to, fields[i].name.data, fields[i].name.size);
        fuzz_note(to, "=");
        fuzz_note_bytes(to, fields[i].value.data, fields[i].value.size);
        fuzz_note(to, "\n");
    }
    fuzz_note(to, "\n");
}

#endif
