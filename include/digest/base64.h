/*
 * Base64 by RFC 4648 section 4: the alphabet with + and /, padding required. Decoding is strict:
 * one text for one sequence of bytes, so no white space, no missing padding, and no bits set where
 * the padding begins (section 3.5).
 *
 * Nothing is allocated; both directions write into the caller's memory.
 */
#ifndef RINGCAST_DIGEST_BASE64_H
#define RINGCAST_DIGEST_BASE64_H

#include "base/bytes.h"

/* How many characters `size` bytes become, without a NUL. A constant expression for a constant. */
#define BASE64_SIZE(size) (((size) + 2) / 3 * 4)

/* Writes BASE64_SIZE(data.size) characters and a NUL. Returns their number without the NUL. */
size_t base64_encode(struct bytes data, char *out);

/*
 * Writes at most `capacity` bytes and says in `size` how many. False if the text is not canonical
 * base64 or stands for more than `capacity` bytes; what was written then means nothing.
 */
bool base64_decode(struct bytes text, uint8_t *out, size_t capacity, size_t *size);

#endif
