#include "fetch/encoding.h"

#include <errno.h>
#include <iconv.h>
#include <string.h>

#include "base/utf8.h"

enum { REPLACEMENT_CHARACTER = 0xFFFD };

const char *encoding_name(enum encoding encoding) {
    static const char *const names[ENCODING_COUNT] = {
#define ENCODING_NAME_ROW(id, name) [ENCODING_##id] = name,
        ENCODING_TABLE(ENCODING_NAME_ROW)
#undef ENCODING_NAME_ROW
    };
    return names[encoding];
}

enum kind { HERE, SINGLE_BYTE, WINDOWS, MULTIPLE_BYTES };

/*
 * How each encoding is converted: here, or by the C library's converter of that name. Those named
 * differently are the ones whose tables are those of the standard.
 */
static const struct conversion {
    enum kind kind;
    const char *converter;
} conversions[ENCODING_COUNT] = {
    [ENCODING_IBM866] = {SINGLE_BYTE, "IBM866"},
    [ENCODING_ISO_8859_2] = {SINGLE_BYTE, "ISO-8859-2"},
    [ENCODING_ISO_8859_3] = {SINGLE_BYTE, "ISO-8859-3"},
    [ENCODING_ISO_8859_4] = {SINGLE_BYTE, "ISO-8859-4"},
    [ENCODING_ISO_8859_5] = {SINGLE_BYTE, "ISO-8859-5"},
    [ENCODING_ISO_8859_6] = {SINGLE_BYTE, "ISO-8859-6"},
    [ENCODING_ISO_8859_7] = {SINGLE_BYTE, "ISO-8859-7"},
    [ENCODING_ISO_8859_8] = {SINGLE_BYTE, "ISO-8859-8"},
    [ENCODING_ISO_8859_8_I] = {SINGLE_BYTE, "ISO-8859-8"},
    [ENCODING_ISO_8859_10] = {SINGLE_BYTE, "ISO-8859-10"},
    [ENCODING_ISO_8859_13] = {SINGLE_BYTE, "ISO-8859-13"},
    [ENCODING_ISO_8859_14] = {SINGLE_BYTE, "ISO-8859-14"},
    [ENCODING_ISO_8859_15] = {SINGLE_BYTE, "ISO-8859-15"},
    [ENCODING_ISO_8859_16] = {SINGLE_BYTE, "ISO-8859-16"},
    [ENCODING_KOI8_R] = {SINGLE_BYTE, "KOI8-R"},
    [ENCODING_KOI8_U] = {SINGLE_BYTE, "KOI8-U"},
    [ENCODING_MACINTOSH] = {SINGLE_BYTE, "MACINTOSH"},
    [ENCODING_WINDOWS_874] = {WINDOWS, "CP874"},
    [ENCODING_WINDOWS_1250] = {WINDOWS, "CP1250"},
    [ENCODING_WINDOWS_1251] = {WINDOWS, "CP1251"},
    [ENCODING_WINDOWS_1253] = {WINDOWS, "CP1253"},
    [ENCODING_WINDOWS_1254] = {WINDOWS, "CP1254"},
    [ENCODING_WINDOWS_1255] = {WINDOWS, "CP1255"},
    [ENCODING_WINDOWS_1256] = {WINDOWS, "CP1256"},
    [ENCODING_WINDOWS_1257] = {WINDOWS, "CP1257"},
    [ENCODING_WINDOWS_1258] = {WINDOWS, "CP1258"},
    [ENCODING_X_MAC_CYRILLIC] = {SINGLE_BYTE, "MAC-UK"},
    [ENCODING_GBK] = {MULTIPLE_BYTES, "GB18030"},
    [ENCODING_GB18030] = {MULTIPLE_BYTES, "GB18030"},
    [ENCODING_BIG5] = {MULTIPLE_BYTES, "BIG5-HKSCS"},
    [ENCODING_EUC_JP] = {MULTIPLE_BYTES, "EUC-JP-MS"},
    [ENCODING_SHIFT_JIS] = {MULTIPLE_BYTES, "CP932"},
    [ENCODING_EUC_KR] = {MULTIPLE_BYTES, "UHC"},
};

/* Bytes that the standard and the C library read differently. */
static const struct difference {
    enum encoding encoding;
    uint8_t byte;
    uint16_t code_point;
} differences[] = {
    {ENCODING_KOI8_U, 0xAE, 0x045E},         {ENCODING_KOI8_U, 0xBE, 0x040E},
    {ENCODING_MACINTOSH, 0xC6, 0x2206},      {ENCODING_MACINTOSH, 0xF0, 0xF8FF},
    {ENCODING_X_MAC_CYRILLIC, 0xFF, 0x20AC}, {ENCODING_GBK, 0x80, 0x20AC},
    {ENCODING_GB18030, 0x80, 0x20AC},        {ENCODING_SHIFT_JIS, 0x80, 0x0080},
};

uint32_t encoding_windows_1252(uint8_t byte) {
    static const uint16_t table[32] = {
        0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
        0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
        0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178,
    };
    return byte >= 0x80 && byte <= 0x9F ? table[byte - 0x80] : byte;
}

static enum error append_code_point(struct buffer *out, uint32_t code_point) {
    uint8_t encoded[4];
    return buffer_append(out, encoded, utf8_encode(code_point, encoded));
}

static enum error convert_utf8(struct bytes text, struct buffer *out) {
    enum error error = buffer_reserve(out, text.size);
    while (error == ERROR_NONE && text.size > 0) {
        uint32_t code_point;
        size_t used = utf8_decode(text, &code_point);
        error = append_code_point(out, code_point);
        text = bytes_after(text, used);
    }
    return error;
}

/* windows-1252, and x-user-defined, whose upper half lies in a private-use area. */
static enum error convert_table(enum encoding encoding, struct bytes text, struct buffer *out) {
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < text.size && error == ERROR_NONE; i++) {
        uint32_t code_point = encoding_windows_1252(text.data[i]);
        if (encoding == ENCODING_X_USER_DEFINED && text.data[i] >= 0x80)
            code_point = 0xF700u + text.data[i];
        error = append_code_point(out, code_point);
    }
    return error;
}

static const struct difference *difference_of(enum encoding encoding, uint8_t byte) {
    for (size_t i = 0; i < sizeof differences / sizeof *differences; i++)
        if (differences[i].encoding == encoding && differences[i].byte == byte)
            return &differences[i];
    return NULL;
}

/* The C library lets these bytes pass as control characters; to the standard they are nothing. They
 * stand behind no lead byte either. */
static bool means_nothing(enum encoding encoding, uint8_t byte) {
    if (encoding == ENCODING_EUC_JP)
        return byte >= 0x80 && byte <= 0x9F && byte != 0x8E && byte != 0x8F;
    return encoding == ENCODING_BIG5 && byte == 0x80;
}

/*
 * Takes what the converter refused off the text and appends what it stands for. A bad pair takes
 * its second byte along unless that is ASCII, which may be markup.
 */
static enum error convert_refused(enum encoding encoding, struct bytes *text, struct buffer *out) {
    uint8_t byte = text->data[0];
    const struct difference *difference = difference_of(encoding, byte);
    enum kind kind = conversions[encoding].kind;
    uint32_t code_point = REPLACEMENT_CHARACTER;
    size_t used = 1;
    if (difference != NULL)
        code_point = difference->code_point;
    else if (kind == WINDOWS && byte >= 0x80 && byte <= 0x9F)
        code_point = byte;
    else if (kind == MULTIPLE_BYTES && byte > 0x80 && byte < 0xFF && text->size > 1 &&
             text->data[1] >= 0x80 && !means_nothing(encoding, byte))
        used = 2;
    *text = bytes_after(*text, used);
    return append_code_point(out, code_point);
}

static bool is_disputed(enum encoding encoding, uint8_t byte) {
    return conversions[encoding].kind == SINGLE_BYTE ? difference_of(encoding, byte) != NULL
                                                     : means_nothing(encoding, byte);
}

/* What comes before the next byte that the converter reads in its own way. */
static struct bytes undisputed(enum encoding encoding, struct bytes text) {
    size_t count = 0;
    while (count < text.size && !is_disputed(encoding, text.data[count]))
        count++;
    return bytes_make(text.data, count);
}

/* Converts as far as the converter goes; takes that off the text. */
static enum error convert_run(iconv_t converter, struct bytes run, struct bytes *text,
                              struct buffer *out) {
    char *from = (char *)(uintptr_t)run.data; /* iconv() only reads it */
    size_t left = run.size;
    for (;;) {
        enum error error = buffer_reserve(out, 2 * left + 16);
        if (error != ERROR_NONE)
            return error;
        char *to = (char *)out->data + out->size;
        size_t room = out->capacity - out->size;
        size_t status = iconv(converter, left > 0 ? &from : NULL, &left, &to, &room);
        out->size = out->capacity - room;
        if (status == (size_t)-1 && errno == E2BIG)
            continue;
        if (status == (size_t)-1 || left == 0)
            break;
    }
    *text = bytes_after(*text, run.size - left);
    return ERROR_NONE;
}

static enum error convert_all(iconv_t converter, enum encoding encoding, struct bytes text,
                              struct buffer *out) {
    enum error error = ERROR_NONE;
    while (text.size > 0 && error == ERROR_NONE) {
        error = convert_run(converter, undisputed(encoding, text), &text, out);
        if (error == ERROR_NONE) /* a character that the converter still combines */
            error = convert_run(converter, bytes_make(NULL, 0), &text, out);
        if (error == ERROR_NONE && text.size > 0)
            error = convert_refused(encoding, &text, out);
    }
    return error;
}

static enum error convert_by_library(enum encoding encoding, struct bytes text,
                                     struct buffer *out) {
    iconv_t converter = iconv_open("UTF-8", conversions[encoding].converter);
    if (converter == (iconv_t)-1)
        return errno == ENOMEM ? ERROR_NO_MEMORY : ERROR_UNSUPPORTED;
    enum error error = convert_all(converter, encoding, text, out);
    iconv_close(converter);
    return error;
}

enum error encoding_to_utf8(enum encoding encoding, struct bytes text, struct buffer *out) {
    if (encoding == ENCODING_UTF_8)
        return convert_utf8(text, out);
    if (encoding == ENCODING_WINDOWS_1252 || encoding == ENCODING_X_USER_DEFINED)
        return convert_table(encoding, text, out);
    if (conversions[encoding].kind == HERE)
        return ERROR_UNSUPPORTED;
    return convert_by_library(encoding, text, out);
}
