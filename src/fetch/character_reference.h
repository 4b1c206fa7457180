/*
 * HTML character references in text (not in attribute values, whose rules differ): "&amp;",
 * "&#38;",
 * "&#x26;" and the legacy forms without a semicolon. WHATWG HTML section 13.2.5.72 and following.
 */
#ifndef RINGCAST_FETCH_CHARACTER_REFERENCE_H
#define RINGCAST_FETCH_CHARACTER_REFERENCE_H

#include "base/bytes.h"

struct character_reference {
    uint32_t code_points[2]; /* Unicode scalar values */
    size_t count;
};

/*
 * Decodes the reference that `text` begins with, its "&" included. Returns the bytes that it takes;
 * 0 if the "&" begins none and stands for itself.
 */
size_t character_reference_decode(struct bytes text, struct character_reference *reference);

#endif
