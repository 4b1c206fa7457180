#include "json/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

enum { WORD_SHOWN_MAX = 24 };

struct scan {
    struct bytes text;
    size_t at;
    uint32_t line;
    unsigned depth;
    struct buffer *places;
    struct json_syntax_error *problem;
};

static enum error scan_value(struct scan *scan, uint32_t key_line);

/* The byte at hand, or -1 at the end. */
static int peek(const struct scan *scan) {
    return scan->at < scan->text.size ? scan->text.data[scan->at] : -1;
}

static bool is_digit(int byte) {
    return byte >= '0' && byte <= '9';
}

static bool is_word(int byte) {
    return is_digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '_';
}

static size_t word_size(struct bytes text) {
    size_t size = 0;
    while (size < text.size && is_word(text.data[size]))
        size++;
    return size;
}

/* Line ends stand between tokens only, so the running line is right at every value; the column of
 * an error is counted back from it. */
static void set_place(const struct scan *scan) {
    size_t start = scan->at, column = 1;
    while (start > 0 && scan->text.data[start - 1] != '\n')
        start--;
    for (size_t i = start; i < scan->at; i++)
        column += (scan->text.data[i] & 0xC0) != 0x80;
    scan->problem->line = scan->line;
    scan->problem->column = column;
}

static enum error fail_found(const struct scan *scan, const char *found, const char *expected) {
    set_place(scan);
    snprintf(scan->problem->found, sizeof scan->problem->found, "%s", found);
    scan->problem->expected = expected;
    return ERROR_CONFIG_INVALID;
}

/* A word as a whole, otherwise one character. */
static void describe_visible(struct bytes rest, char *found, size_t size) {
    uint32_t code_point;
    size_t shown = word_size(rest);
    if (shown > WORD_SHOWN_MAX)
        snprintf(found, size, "'%.*s...'", WORD_SHOWN_MAX, (const char *)rest.data);
    else
        snprintf(found, size, "'%.*s'", (int)(shown > 0 ? shown : utf8_decode(rest, &code_point)),
                 (const char *)rest.data);
}

/* Words for what stands at the head of `rest`. */
static void describe(struct bytes rest, char *found, size_t size) {
    uint32_t code_point;
    if (rest.size == 0)
        snprintf(found, size, "the end of the text");
    else if (!utf8_is_valid(bytes_make(rest.data, utf8_decode(rest, &code_point))))
        snprintf(found, size, "byte 0x%02X, which is not UTF-8", rest.data[0]);
    else if (code_point == 0xFEFF)
        snprintf(found, size, "a byte order mark");
    else if (code_point == '\n' || code_point == '\r')
        snprintf(found, size, "a line break");
    else if (code_point < 0x20 || code_point == 0x7F)
        snprintf(found, size, "control character U+%04X", (unsigned)code_point);
    else if (code_point == '\'')
        snprintf(found, size, "a single quote");
    else if (code_point == '/')
        snprintf(found, size, "'/' (JSON has no comments)");
    else
        describe_visible(rest, found, size);
}

static enum error fail(const struct scan *scan, const char *expected) {
    char found[sizeof scan->problem->found];
    describe(bytes_after(scan->text, scan->at), found, sizeof found);
    return fail_found(scan, found, expected);
}

/* RFC 8259 section 2: four characters are white space, no others. */
static void skip_space(struct scan *scan) {
    for (;; scan->at++) {
        int byte = peek(scan);
        if (byte == '\n')
            scan->line++;
        else if (byte != ' ' && byte != '\t' && byte != '\r')
            return;
    }
}

/* Four digits as a number, or -1. */
static long hexadecimal_at(struct bytes text) {
    long value = 0;
    if (text.size < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        uint8_t byte = text.data[i], letter = (uint8_t)((byte | 0x20) - 'a');
        if (!is_digit(byte) && letter > 5)
            return -1;
        value = value << 4 | (is_digit(byte) ? byte - '0' : letter + 10);
    }
    return value;
}

static bool is_low_surrogate_at(struct bytes text) {
    if (text.size < 6 || text.data[0] != '\\' || text.data[1] != 'u')
        return false;
    long unit = hexadecimal_at(bytes_after(text, 2));
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* At the `u` of an escape. A pair of surrogates is taken as one. */
static enum error scan_unicode_escape(struct scan *scan) {
    long unit = hexadecimal_at(bytes_after(scan->text, scan->at + 1));
    if (unit < 0)
        return fail(scan, "four hexadecimal digits after \\u");
    if (unit == 0)
        return fail_found(scan, "\\u0000", "no NUL character in a string");
    bool is_surrogate = unit >= 0xD800 && unit <= 0xDFFF;
    bool is_pair =
        is_surrogate && unit < 0xDC00 && is_low_surrogate_at(bytes_after(scan->text, scan->at + 5));
    if (is_surrogate && !is_pair)
        return fail_found(scan, "half of a surrogate pair", "a character, or both halves");
    scan->at += is_pair ? 11 : 5;
    return ERROR_NONE;
}

/* At the byte after a backslash. */
static enum error scan_escape(struct scan *scan) {
    int byte = peek(scan);
    if (byte == 'u')
        return scan_unicode_escape(scan);
    if (byte <= 0 || strchr("\"\\/bfnrt", byte) == NULL)
        return fail(scan, "one of \" \\ / b f n r t u after a backslash");
    scan->at++;
    return ERROR_NONE;
}

static enum error scan_character(struct scan *scan) {
    uint32_t code_point;
    struct bytes rest = bytes_after(scan->text, scan->at);
    size_t used = utf8_decode(rest, &code_point);
    if (!utf8_is_valid(bytes_make(rest.data, used)))
        return fail(scan, "UTF-8");
    scan->at += used;
    return ERROR_NONE;
}

/* RFC 8259 section 7; at the opening quote. */
static enum error scan_string(struct scan *scan) {
    scan->at++;
    for (;;) {
        enum error error = ERROR_NONE;
        int byte = peek(scan);
        if (byte < 0)
            return fail(scan, "the quote that ends the string");
        if (byte < 0x20)
            return fail(scan, "an escape such as \\n in a string");
        if (byte == '"') {
            scan->at++;
            return ERROR_NONE;
        }
        if (byte == '\\') {
            scan->at++;
            error = scan_escape(scan);
        } else {
            error = scan_character(scan);
        }
        if (error != ERROR_NONE)
            return error;
    }
}

static enum error scan_digits(struct scan *scan) {
    if (!is_digit(peek(scan)))
        return fail(scan, "a digit");
    while (is_digit(peek(scan)))
        scan->at++;
    return ERROR_NONE;
}

static enum error scan_whole_part(struct scan *scan) {
    if (peek(scan) != '0')
        return scan_digits(scan);
    scan->at++;
    return is_digit(peek(scan)) ? fail(scan, "no digit after a leading 0") : ERROR_NONE;
}

/* RFC 8259 section 6; at a minus or a digit. */
static enum error scan_number(struct scan *scan) {
    size_t start = scan->at;
    if (peek(scan) == '-')
        scan->at++;
    enum error error = scan_whole_part(scan);
    if (error == ERROR_NONE && peek(scan) == '.') {
        scan->at++;
        error = scan_digits(scan);
    }
    if (error == ERROR_NONE && (peek(scan) == 'e' || peek(scan) == 'E')) {
        scan->at++;
        if (peek(scan) == '+' || peek(scan) == '-')
            scan->at++;
        error = scan_digits(scan);
    }
    if (error == ERROR_NONE && scan->at - start > JSON_NUMBER_MAX) {
        scan->at = start;
        error = fail_found(scan, "a longer number", "a number of at most 63 characters");
    }
    return error;
}

static enum error scan_literal(struct scan *scan) {
    struct bytes word =
        bytes_make(scan->text.data + scan->at, word_size(bytes_after(scan->text, scan->at)));
    if (!bytes_equal(word, bytes_of("true")) && !bytes_equal(word, bytes_of("false")) &&
        !bytes_equal(word, bytes_of("null")))
        return fail(scan, "a value");
    scan->at += word.size;
    return ERROR_NONE;
}

/* RFC 8259 section 4: one `"key": value`. */
static enum error scan_member(struct scan *scan) {
    skip_space(scan);
    uint32_t key_line = scan->line;
    if (peek(scan) != '"')
        return fail(scan, "a key in double quotes");
    enum error error = scan_string(scan);
    if (error != ERROR_NONE)
        return error;
    skip_space(scan);
    if (peek(scan) != ':')
        return fail(scan, "':' after the key");
    scan->at++;
    skip_space(scan);
    return scan_value(scan, key_line);
}

static enum error scan_element(struct scan *scan) {
    skip_space(scan);
    return scan_value(scan, scan->line);
}

static enum error scan_contents(struct scan *scan, enum error (*scan_one)(struct scan *scan),
                                int end, const char *expected) {
    skip_space(scan);
    if (peek(scan) == end) {
        scan->at++;
        return ERROR_NONE;
    }
    for (;;) {
        enum error error = scan_one(scan);
        if (error != ERROR_NONE)
            return error;
        skip_space(scan);
        int byte = peek(scan);
        if (byte != ',' && byte != end)
            return fail(scan, expected);
        scan->at++;
        if (byte == end)
            return ERROR_NONE;
    }
}

/* An object or an array; at its opening bracket. */
static enum error scan_container(struct scan *scan) {
    if (scan->depth == JSON_DEPTH_MAX)
        return fail(scan, "at most 32 levels of objects and arrays");
    scan->depth++;
    bool is_object = peek(scan) == '{';
    scan->at++;
    enum error error = is_object ? scan_contents(scan, scan_member, '}', "',' or '}'")
                                 : scan_contents(scan, scan_element, ']', "',' or ']'");
    scan->depth--;
    return error;
}

static enum error scan_by_first_byte(struct scan *scan) {
    int byte = peek(scan);
    if (byte == '{' || byte == '[')
        return scan_container(scan);
    if (byte == '"')
        return scan_string(scan);
    if (byte == '-' || is_digit(byte))
        return scan_number(scan);
    return scan_literal(scan);
}

/* At the first byte of a value. Its place is appended before those of its contents. */
static enum error scan_value(struct scan *scan, uint32_t key_line) {
    size_t index = scan->places->size;
    struct json_place place = {(uint32_t)scan->at, 0, scan->line, key_line};
    enum error error = buffer_append(scan->places, &place, sizeof place);
    if (error == ERROR_NONE)
        error = scan_by_first_byte(scan);
    if (error == ERROR_NONE) {
        place.size = (uint32_t)(scan->at - place.offset);
        memcpy(scan->places->data + index, &place, sizeof place);
    }
    return error;
}

enum error json_text_scan(struct bytes text, struct buffer *places,
                          struct json_syntax_error *problem) {
    assert(text.size <= JSON_TEXT_MAX);
    struct scan scan = {.text = text, .line = 1, .places = places, .problem = problem};
    skip_space(&scan);
    enum error error = scan_value(&scan, scan.line);
    if (error != ERROR_NONE)
        return error;
    skip_space(&scan);
    return scan.at == text.size ? ERROR_NONE : fail(&scan, "the end of the text");
}
