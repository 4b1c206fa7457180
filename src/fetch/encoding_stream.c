/*
 * Rewriting of UTF-16 into UTF-8 and of ISO-2022-JP into EUC-JP, byte by byte.
 *
 * Both Japanese encodings write the characters of JIS X 0208 as two bytes from the same 94 x 94
 * table; EUC-JP sets the high bit of each, where ISO-2022-JP switches tables with escape sequences.
 * So no table is needed here, and what EUC-JP cannot read is found by whoever converts it.
 */
#include <assert.h>

#include "base/utf8.h"
#include "fetch/encoding.h"

enum { ESCAPE = 0x1B, REPLACEMENT_CHARACTER = 0xFFFD };
enum { NOTHING, FIRST_BYTE, ESCAPE_SEEN, ESCAPE_MIDDLE };
enum { ASCII, KATAKANA, TWO_BYTES };

/* In EUC-JP: a byte that is never valid, and the prefix of a half-width katakana. */
enum { EUC_INVALID = 0xFF, EUC_KATAKANA = 0x8E };

bool encoding_stream_needed(enum encoding encoding) {
    return encoding == ENCODING_UTF_16LE || encoding == ENCODING_UTF_16BE ||
           encoding == ENCODING_ISO_2022_JP;
}

enum encoding encoding_stream_result(enum encoding encoding) {
    if (encoding == ENCODING_ISO_2022_JP)
        return ENCODING_EUC_JP;
    return encoding_stream_needed(encoding) ? ENCODING_UTF_8 : encoding;
}

/* A surrogate without its other half becomes U+FFFD, and what follows it is read for itself. */
static size_t utf16_unit(struct encoding_stream *stream, uint16_t unit, uint8_t *out) {
    size_t written = 0;
    bool is_high = (unit & 0xFC00) == 0xD800, is_low = (unit & 0xFC00) == 0xDC00;
    uint32_t high = stream->surrogate;
    stream->surrogate = 0;
    if (high != 0 && is_low)
        return utf8_encode(0x10000 + ((high & 0x3FF) << 10) + (unit & 0x3FF), out);
    if (high != 0)
        written = utf8_encode(REPLACEMENT_CHARACTER, out);
    if (is_high)
        stream->surrogate = unit;
    else
        written += utf8_encode(is_low ? REPLACEMENT_CHARACTER : unit, out + written);
    return written;
}

static size_t utf16_byte(struct encoding_stream *stream, uint8_t byte, uint8_t *out) {
    if (stream->holds == NOTHING) {
        stream->holds = FIRST_BYTE;
        stream->held = byte;
        return 0;
    }
    stream->holds = NOTHING;
    bool is_big = stream->encoding == ENCODING_UTF_16BE;
    unsigned unit = is_big ? stream->held << 8 | byte : byte << 8 | stream->held;
    return utf16_unit(stream, (uint16_t)unit, out);
}

/* A byte outside escape sequences. */
static size_t japanese_text(struct encoding_stream *stream, uint8_t byte, uint8_t *out) {
    bool is_graphic = byte >= 0x21 && byte <= 0x7E;
    if (stream->holds == FIRST_BYTE) {
        stream->holds = NOTHING;
        out[0] = is_graphic ? stream->held | 0x80 : EUC_INVALID;
        out[1] = byte | 0x80;
        return is_graphic ? 2 : 1;
    }
    if (stream->set == TWO_BYTES && is_graphic) {
        stream->holds = FIRST_BYTE;
        stream->held = byte;
        return 0;
    }
    if (stream->set == KATAKANA && byte >= 0x21 && byte <= 0x5F) {
        out[0] = EUC_KATAKANA;
        out[1] = byte | 0x80;
        return 2;
    }
    bool is_plain = stream->set == ASCII && byte < 0x80 && byte != 0x0E && byte != 0x0F;
    out[0] = is_plain ? byte : EUC_INVALID;
    return 1;
}

/* The set that an escape sequence switches to, or -1. Roman differs from ASCII in two signs, which
 * are left as ASCII. */
static int japanese_set(uint8_t middle, uint8_t last) {
    if (middle == '(')
        return last == 'B' || last == 'J' ? ASCII : last == 'I' ? KATAKANA : -1;
    return last == '@' || last == 'B' ? TWO_BYTES : -1;
}

/* Not a known escape sequence: the escape is an error, the rest of it is text. */
static size_t japanese_failed_escape(struct encoding_stream *stream, uint8_t *out) {
    size_t written = 1;
    bool has_middle = stream->holds == ESCAPE_MIDDLE;
    stream->holds = NOTHING;
    out[0] = EUC_INVALID;
    if (has_middle)
        written += japanese_text(stream, stream->held, out + written);
    return written;
}

static size_t japanese_byte(struct encoding_stream *stream, uint8_t byte, uint8_t *out) {
    size_t written = 0;
    if (stream->holds == ESCAPE_SEEN && (byte == '(' || byte == '$')) {
        stream->holds = ESCAPE_MIDDLE;
        stream->held = byte;
        return 0;
    }
    if (stream->holds == ESCAPE_MIDDLE && japanese_set(stream->held, byte) >= 0) {
        stream->set = (uint8_t)japanese_set(stream->held, byte);
        stream->holds = NOTHING;
        return 0;
    }
    if (stream->holds == ESCAPE_SEEN || stream->holds == ESCAPE_MIDDLE)
        written = japanese_failed_escape(stream, out);
    if (byte != ESCAPE)
        return written + japanese_text(stream, byte, out + written);
    if (stream->holds == FIRST_BYTE)
        out[written++] = EUC_INVALID;
    stream->holds = ESCAPE_SEEN;
    return written;
}

size_t encoding_stream_next(struct encoding_stream *stream, struct bytes *input, uint8_t *out,
                            size_t size) {
    assert(size >= ENCODING_STREAM_ROOM);
    size_t written = 0, used = 0;
    bool is_japanese = stream->encoding == ENCODING_ISO_2022_JP;
    while (used < input->size && size - written >= ENCODING_STREAM_ROOM) {
        uint8_t byte = input->data[used++];
        written += is_japanese ? japanese_byte(stream, byte, out + written)
                               : utf16_byte(stream, byte, out + written);
    }
    *input = bytes_after(*input, used);
    return written;
}

size_t encoding_stream_end(struct encoding_stream *stream, uint8_t out[ENCODING_STREAM_ROOM]) {
    bool is_cut = stream->holds != NOTHING || stream->surrogate != 0;
    *stream = (struct encoding_stream){.encoding = stream->encoding};
    if (!is_cut)
        return 0;
    if (stream->encoding != ENCODING_ISO_2022_JP)
        return utf8_encode(REPLACEMENT_CHARACTER, out);
    out[0] = EUC_INVALID;
    return 1;
}
