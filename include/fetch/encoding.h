/*
 * Character encodings of web pages, by the WHATWG Encoding standard: labels, detection in the first
 * bytes of a page, and conversion to UTF-8. Meant for short texts such as titles.
 *
 * Pure functions. UTF-8, UTF-16, windows-1252 and x-user-defined are converted here; everything
 * else by the C library's iconv(), whose tables may be missing in a minimal installation.
 */
#ifndef RINGCAST_FETCH_ENCODING_H
#define RINGCAST_FETCH_ENCODING_H

#include "base/bound.h"
#include "base/bytes.h"
#include "base/error.h"

/* The encodings of the standard with their names there. UNKNOWN is none of them. */
#define ENCODING_TABLE(ROW)               \
    ROW(UNKNOWN, "unknown")               \
    ROW(UTF_8, "UTF-8")                   \
    ROW(IBM866, "IBM866")                 \
    ROW(ISO_8859_2, "ISO-8859-2")         \
    ROW(ISO_8859_3, "ISO-8859-3")         \
    ROW(ISO_8859_4, "ISO-8859-4")         \
    ROW(ISO_8859_5, "ISO-8859-5")         \
    ROW(ISO_8859_6, "ISO-8859-6")         \
    ROW(ISO_8859_7, "ISO-8859-7")         \
    ROW(ISO_8859_8, "ISO-8859-8")         \
    ROW(ISO_8859_8_I, "ISO-8859-8-I")     \
    ROW(ISO_8859_10, "ISO-8859-10")       \
    ROW(ISO_8859_13, "ISO-8859-13")       \
    ROW(ISO_8859_14, "ISO-8859-14")       \
    ROW(ISO_8859_15, "ISO-8859-15")       \
    ROW(ISO_8859_16, "ISO-8859-16")       \
    ROW(KOI8_R, "KOI8-R")                 \
    ROW(KOI8_U, "KOI8-U")                 \
    ROW(MACINTOSH, "macintosh")           \
    ROW(WINDOWS_874, "windows-874")       \
    ROW(WINDOWS_1250, "windows-1250")     \
    ROW(WINDOWS_1251, "windows-1251")     \
    ROW(WINDOWS_1252, "windows-1252")     \
    ROW(WINDOWS_1253, "windows-1253")     \
    ROW(WINDOWS_1254, "windows-1254")     \
    ROW(WINDOWS_1255, "windows-1255")     \
    ROW(WINDOWS_1256, "windows-1256")     \
    ROW(WINDOWS_1257, "windows-1257")     \
    ROW(WINDOWS_1258, "windows-1258")     \
    ROW(X_MAC_CYRILLIC, "x-mac-cyrillic") \
    ROW(GBK, "GBK")                       \
    ROW(GB18030, "gb18030")               \
    ROW(BIG5, "Big5")                     \
    ROW(EUC_JP, "EUC-JP")                 \
    ROW(ISO_2022_JP, "ISO-2022-JP")       \
    ROW(SHIFT_JIS, "Shift_JIS")           \
    ROW(EUC_KR, "EUC-KR")                 \
    ROW(REPLACEMENT, "replacement")       \
    ROW(UTF_16BE, "UTF-16BE")             \
    ROW(UTF_16LE, "UTF-16LE")             \
    ROW(X_USER_DEFINED, "x-user-defined")

enum encoding {
#define ENCODING_ENUM_ROW(id, name) ENCODING_##id,
    ENCODING_TABLE(ENCODING_ENUM_ROW)
#undef ENCODING_ENUM_ROW
        ENCODING_COUNT
};

/* How many of a page's first bytes may hold the <meta> that names its encoding. */
enum { ENCODING_PRESCAN_BYTES = BOUND(1024, 96) };

/* The standard's name of an encoding. */
const char *encoding_name(enum encoding encoding);

/* "Get an encoding": case and ASCII white space around the label do not matter. UNKNOWN if none. */
enum encoding encoding_from_label(struct bytes label);

/* The encoding that a byte order mark at the beginning of `head` stands for, else UNKNOWN. */
enum encoding encoding_from_mark(struct bytes head);

/*
 * "Prescan a byte stream to determine its encoding": looks for <meta charset>, the http-equiv form
 * of it, or an XML declaration in the first ENCODING_PRESCAN_BYTES of `head`. UNKNOWN if none.
 */
enum encoding encoding_prescan(struct bytes head);

/* The code point of a byte in windows-1252; its five unused bytes are the controls of that number.
 */
uint32_t encoding_windows_1252(uint8_t byte);

/*
 * Appends `text` to `out` as UTF-8; what is malformed becomes U+FFFD. The encodings that
 * encoding_stream_needed() names are not for this function. ERROR_UNSUPPORTED if iconv() lacks the
 * tables, ERROR_NO_MEMORY; then `out` may hold a part.
 */
enum error encoding_to_utf8(enum encoding encoding, struct bytes text, struct buffer *out);

/*
 * UTF-16 and ISO-2022-JP hide ASCII markup or show markup that is none, so a page in them has to be
 * rewritten before its tags are looked for: UTF-16 into UTF-8, ISO-2022-JP into EUC-JP. The
 * rewriting is incremental and needs no memory. `{.encoding = …}` is the beginning of a text.
 */
struct encoding_stream {
    enum encoding encoding;
    uint16_t surrogate; /* UTF-16: a high surrogate that waits for its low one, or 0 */
    uint8_t held;       /* the first byte of a pair, or the middle of an escape sequence */
    uint8_t holds;      /* how `held` is to be read: 0 is not at all */
    uint8_t set;        /* ISO-2022-JP: the character set switched to */
};

bool encoding_stream_needed(enum encoding encoding);

/* The encoding that a stream writes; for an encoding that needs none, itself. */
enum encoding encoding_stream_result(enum encoding encoding);

/* The room that encoding_stream_next() needs at least. */
enum { ENCODING_STREAM_ROOM = 8 };

/*
 * Rewrites as much of `*input` as fits into `out`, takes it off `*input`, returns the bytes
 * written.
 */
size_t encoding_stream_next(struct encoding_stream *stream, struct bytes *input, uint8_t *out,
                            size_t size);

/* At the end of the text: writes what a cut-off character becomes; returns the bytes written. */
size_t encoding_stream_end(struct encoding_stream *stream, uint8_t out[ENCODING_STREAM_ROOM]);

#endif
