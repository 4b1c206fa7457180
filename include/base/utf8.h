/*
 * UTF-8 by RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. Incremental: a text
 * may arrive in any pieces.
 */
#ifndef RINGCAST_BASE_UTF8_H
#define RINGCAST_BASE_UTF8_H

#include "base/bytes.h"

/* State between pieces; `{0}` is the beginning of a text. */
struct utf8_check {
    uint8_t wanted;    /* continuation bytes still to come */
    uint8_t low, high; /* the bounds of the next one */
};

/*
 * Checks the next piece. False at the first byte that no valid text can have there: the text is
 * bad whatever follows (RFC 6455 section 8.1 wants it refused at once).
 */
bool utf8_check_next(struct utf8_check *check, struct bytes piece);

/* Did the text end on a character boundary? */
static inline bool utf8_check_is_complete(const struct utf8_check *check) {
    return check->wanted == 0;
}

/* How many bytes at the beginning are ASCII, counted eight at a time. */
size_t utf8_ascii_run(struct bytes text);

static inline bool utf8_is_ascii(struct bytes text) {
    return utf8_ascii_run(text) == text.size;
}

/* A whole text at once. */
bool utf8_is_valid(struct bytes text);

/* Writes a code point (a valid scalar value) as 1 to 4 bytes; returns how many. */
size_t utf8_encode(uint32_t code_point, uint8_t out[4]);

/*
 * Decodes the first character of a view that is not empty. Returns the bytes that it takes; a bad
 * sequence gives U+FFFD and the length of its maximal bad part (at least 1).
 */
size_t utf8_decode(struct bytes text, uint32_t *code_point);

#endif
