/* The IPv6 parser and serialiser of the URL standard. */
#include <string.h>

#include "url_host.h"
#include "url_percent.h"

enum { PIECES = 8 };

/* An address being read: its 16-bit pieces, and where a "::" stands for the missing ones. */
struct reader {
    struct bytes rest;
    uint16_t pieces[PIECES];
    size_t count;
    size_t gap; /* the index of the first piece behind "::"; 0: none seen */
};

/* The next byte, or 0 at the end: NUL is nowhere allowed, so the two may look the same. */
static uint8_t peek(const struct reader *reader) {
    return reader->rest.size > 0 ? reader->rest.data[0] : 0;
}

static void skip(struct reader *reader, size_t count) {
    reader->rest = bytes_after(reader->rest, count);
}

/* 0 to 255 without leading zeros. */
static bool read_byte(struct reader *reader, unsigned *value) {
    size_t digits = 0;
    for (*value = 0; peek(reader) >= '0' && peek(reader) <= '9'; digits++) {
        if (digits > 0 && *value == 0)
            return false;
        *value = *value * 10 + (peek(reader) - '0');
        if (*value > 255)
            return false;
        skip(reader, 1);
    }
    return digits > 0;
}

/* An IPv4 address fills the last two pieces and ends the text. */
static bool read_ipv4(struct reader *reader) {
    unsigned bytes[4];
    if (reader->count > PIECES - 2)
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (i > 0) {
            if (peek(reader) != '.')
                return false;
            skip(reader, 1);
        }
        if (!read_byte(reader, &bytes[i]))
            return false;
    }
    reader->pieces[reader->count++] = (uint16_t)(bytes[0] << 8 | bytes[1]);
    reader->pieces[reader->count++] = (uint16_t)(bytes[2] << 8 | bytes[3]);
    return reader->rest.size == 0;
}

/* Up to four hexadecimal digits; returns how many there were. */
static size_t read_digits(struct reader *reader, uint16_t *value) {
    size_t digits = 0;
    for (*value = 0; digits < 4 && url_hexadecimal(peek(reader)) >= 0; digits++) {
        *value = (uint16_t)(*value << 4 | url_hexadecimal(peek(reader)));
        skip(reader, 1);
    }
    return digits;
}

/* A piece and the colon behind it, which must not be the last. */
static bool read_piece(struct reader *reader) {
    struct bytes start = reader->rest;
    uint16_t value;
    size_t digits = read_digits(reader, &value);
    if (peek(reader) == '.' && digits > 0) {
        reader->rest = start;
        return read_ipv4(reader);
    }
    if (reader->rest.size > 0) {
        if (peek(reader) != ':' || reader->rest.size == 1)
            return false;
        skip(reader, 1);
    }
    reader->pieces[reader->count++] = value;
    return true;
}

/* The second colon of a "::". It takes a piece of its own, so it stands for at least one. */
static bool read_gap(struct reader *reader) {
    if (reader->gap != 0)
        return false;
    skip(reader, 1);
    reader->gap = ++reader->count;
    return true;
}

/* Moves what stands behind the gap to the end. */
static void spread(struct reader *reader) {
    size_t behind = reader->count - reader->gap;
    memmove(&reader->pieces[PIECES - behind], &reader->pieces[reader->gap],
            behind * sizeof reader->pieces[0]);
    size_t zeros = PIECES - behind - reader->gap;
    memset(&reader->pieces[reader->gap], 0, zeros * sizeof reader->pieces[0]);
}

bool url_ipv6_parse(struct bytes text, uint8_t address[16]) {
    struct reader reader = {.rest = text};
    if (peek(&reader) == ':') {
        skip(&reader, 1);
        if (peek(&reader) != ':')
            return false;
    }
    while (reader.rest.size > 0) {
        if (reader.count == PIECES)
            return false;
        if (!(peek(&reader) == ':' ? read_gap(&reader) : read_piece(&reader)))
            return false;
    }
    if (reader.gap != 0)
        spread(&reader);
    else if (reader.count != PIECES)
        return false;
    for (size_t i = 0; i < PIECES; i++) {
        address[2 * i] = (uint8_t)(reader.pieces[i] >> 8);
        address[2 * i + 1] = (uint8_t)reader.pieces[i];
    }
    return true;
}

static unsigned piece_at(const uint8_t address[16], size_t index) {
    return (unsigned)address[2 * index] << 8 | address[2 * index + 1];
}

/* The first of the longest runs of two or more zeros; PIECES if there is none. */
static size_t longest_zeros(const uint8_t address[16], size_t *count) {
    size_t best = PIECES, run = 0;
    *count = 1;
    for (size_t i = 0; i < PIECES; i++) {
        run = piece_at(address, i) == 0 ? run + 1 : 0;
        if (run > *count) {
            *count = run;
            best = i + 1 - run;
        }
    }
    return best;
}

enum error url_ipv6_append(const uint8_t address[16], struct buffer *out) {
    size_t zeros, gap = longest_zeros(address, &zeros);
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < PIECES && error == ERROR_NONE; i++) {
        if (i == gap) {
            error = buffer_append_text(out, i == 0 ? "::" : ":");
            i += zeros - 1;
        } else {
            error = buffer_format(out, i == PIECES - 1 ? "%x" : "%x:", piece_at(address, i));
        }
    }
    return error;
}
