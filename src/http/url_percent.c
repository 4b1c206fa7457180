#include "url_percent.h"

enum {
    FRAGMENT = URL_PERCENT_FRAGMENT,
    QUERY = URL_PERCENT_QUERY,
    PATH = URL_PERCENT_PATH,
    USERINFO = URL_PERCENT_USERINFO,
    EVERY_SET = FRAGMENT | QUERY | PATH | USERINFO,
};

/* URL standard, "percent-encoded bytes": the printable characters that a set encodes. */
static const uint8_t encoded_in[0x7f] = {
    [' '] = EVERY_SET,
    ['"'] = EVERY_SET,
    ['<'] = EVERY_SET,
    ['>'] = EVERY_SET,
    ['#'] = QUERY | PATH | USERINFO,
    ['\''] = QUERY,
    ['`'] = FRAGMENT | PATH | USERINFO,
    ['?'] = PATH | USERINFO,
    ['^'] = PATH | USERINFO,
    ['{'] = PATH | USERINFO,
    ['}'] = PATH | USERINFO,
    ['/'] = USERINFO,
    [':'] = USERINFO,
    [';'] = USERINFO,
    ['='] = USERINFO,
    ['@'] = USERINFO,
    ['['] = USERINFO,
    ['\\'] = USERINFO,
    [']'] = USERINFO,
    ['|'] = USERINFO,
};

static bool is_encoded(uint8_t byte, enum url_percent_set set) {
    return byte < 0x20 || byte > 0x7e || (encoded_in[byte] & set) != 0;
}

static enum error append_encoded(uint8_t byte, struct buffer *out) {
    static const char digits[] = "0123456789ABCDEF";
    char text[3] = {'%', digits[byte >> 4], digits[byte & 15]};
    return buffer_append(out, text, sizeof text);
}

enum error url_percent_encode(struct bytes text, enum url_percent_set set, struct buffer *out) {
    enum error error = ERROR_NONE;
    while (text.size > 0 && error == ERROR_NONE) {
        size_t plain = 0;
        while (plain < text.size && !is_encoded(text.data[plain], set))
            plain++;
        error = buffer_append(out, text.data, plain);
        text = bytes_after(text, plain);
        if (text.size > 0 && error == ERROR_NONE) {
            error = append_encoded(text.data[0], out);
            text = bytes_after(text, 1);
        }
    }
    return error;
}

int url_hexadecimal(uint8_t byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    uint8_t letter = byte | 0x20;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

enum error url_percent_decode(struct bytes text, struct buffer *out) {
    enum error error = buffer_reserve(out, text.size);
    while (error == ERROR_NONE && text.size > 0) {
        bool encoded = text.data[0] == '%' && text.size > 2 && url_hexadecimal(text.data[1]) >= 0 &&
                       url_hexadecimal(text.data[2]) >= 0;
        out->data[out->size++] =
            encoded ? (uint8_t)(url_hexadecimal(text.data[1]) << 4 | url_hexadecimal(text.data[2]))
                    : text.data[0];
        text = bytes_after(text, encoded ? 3 : 1);
    }
    return error;
}
