#include "framing.h"

#include "characters.h"

enum { CHUNK_SIZE_DIGITS = 16 };

/*
 * Content-Length (RFC 9110 §8.6): digits only; no list; in a request once, in a response perhaps
 * repeated with the same value. -1 if there is none.
 */
static enum error read_content_length(enum head_kind kind, struct http_fields fields,
                                      int64_t *length) {
    static const char name[] = "content-length";
    *length = -1;
    for (size_t i = 0; i < fields.count; i++) {
        uint64_t value;
        if (!bytes_equal_ignoring_case(fields.items[i].name, bytes_make(name, sizeof name - 1)))
            continue;
        if (!bytes_to_unsigned(fields.items[i].value, &value) || value > INT64_MAX)
            return ERROR_HTTP_FRAMING;
        if (*length >= 0 && (kind == HEAD_REQUEST || *length != (int64_t)value))
            return ERROR_HTTP_FRAMING;
        *length = (int64_t)value;
    }
    return ERROR_NONE;
}

/*
 * Transfer-Encoding must be "chunked" and nothing else, once, in HTTP/1.1 (RFC 9112 §6.1), and no
 * Content-Length beside it (§6.3, rule 3: "ought to be handled as an error").
 */
static enum error check_transfer_encoding(int minor_version, struct http_fields fields,
                                          int64_t content_length, bool *chunked) {
    struct bytes coding;
    *chunked = http_fields_find(fields, "transfer-encoding", &coding);
    if (!*chunked)
        return ERROR_NONE;
    bool clear = minor_version == 1 && content_length < 0 &&
                 http_fields_count(fields, "transfer-encoding") == 1 &&
                 bytes_equal_ignoring_case(coding, bytes_of("chunked"));
    return clear ? ERROR_NONE : ERROR_HTTP_FRAMING;
}

enum error framing_decide(enum head_kind kind, int minor_version, struct http_fields fields,
                          enum framing *framing, int64_t *content_length) {
    bool chunked;
    enum error error = read_content_length(kind, fields, content_length);
    if (error == ERROR_NONE)
        error = check_transfer_encoding(minor_version, fields, *content_length, &chunked);
    if (error != ERROR_NONE)
        return error;
    if (chunked)
        *framing = FRAMING_CHUNKED;
    else if (*content_length >= 0)
        *framing = FRAMING_LENGTH;
    else
        *framing = kind == HEAD_REQUEST ? FRAMING_NONE : FRAMING_UNTIL_CLOSE;
    return ERROR_NONE;
}

static int hexadecimal_digit(uint8_t byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

bool framing_parse_chunk_line(struct bytes line, uint64_t *size, size_t *extension_size) {
    size_t digits = 0;
    *size = 0;
    for (; digits < line.size && hexadecimal_digit(line.data[digits]) >= 0; digits++) {
        if (digits == CHUNK_SIZE_DIGITS)
            return false;
        *size = *size << 4 | (uint64_t)hexadecimal_digit(line.data[digits]);
    }
    struct bytes extension = bytes_after(line, digits);
    *extension_size = extension.size;
    if (digits == 0 || extension.size == 0)
        return digits > 0;
    return extension.data[0] == ';' && characters_are(extension, CHARACTER_VALUE);
}
