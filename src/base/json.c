#include "base/json.h"

#include "base/utf8.h"

static bool must_escape(uint32_t code_point) {
    return code_point < 0x20 || code_point == '"' || code_point == '\\' || code_point == 0x7F ||
           code_point == 0x2028 || code_point == 0x2029;
}

static enum error append_escaped(struct buffer *out, uint32_t code_point) {
    switch (code_point) {
    case '"':
        return buffer_append_text(out, "\\\"");
    case '\\':
        return buffer_append_text(out, "\\\\");
    case '\n':
        return buffer_append_text(out, "\\n");
    case '\r':
        return buffer_append_text(out, "\\r");
    case '\t':
        return buffer_append_text(out, "\\t");
    default:
        return buffer_format(out, "\\u%04x", (unsigned)code_point);
    }
}

static enum error append_character(struct buffer *out, uint32_t code_point) {
    if (must_escape(code_point))
        return append_escaped(out, code_point);
    uint8_t encoded[4];
    return buffer_append(out, encoded, utf8_encode(code_point, encoded));
}

/* How many bytes at the beginning stand for themselves. */
static size_t plain_size(struct bytes text) {
    size_t size = 0;
    while (size < text.size && text.data[size] < 0x7F && !must_escape(text.data[size]))
        size++;
    return size;
}

enum error json_append_string(struct buffer *out, struct bytes text) {
    enum error error = buffer_append_byte(out, '"');
    while (error == ERROR_NONE && text.size > 0) {
        size_t plain = plain_size(text);
        if (plain > 0) {
            error = buffer_append(out, text.data, plain);
            text = bytes_after(text, plain);
            continue;
        }
        uint32_t code_point;
        size_t used = utf8_decode(text, &code_point);
        error = append_character(out, code_point);
        text = bytes_after(text, used);
    }
    return error == ERROR_NONE ? buffer_append_byte(out, '"') : error;
}
