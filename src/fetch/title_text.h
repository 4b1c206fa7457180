/*
 * From a title element's markup, already in UTF-8, to the text that a user reads.
 */
#ifndef RINGCAST_FETCH_TITLE_TEXT_H
#define RINGCAST_FETCH_TITLE_TEXT_H

#include "base/bytes.h"

/*
 * Appends `markup` to the empty `text`: character references decoded, NUL and malformed UTF-8 as
 * U+FFFD, ASCII white space trimmed and folded, cut to TITLE_MAX_BYTES at a character boundary.
 */
enum error title_text_decode(struct bytes markup, struct buffer *text);

#endif
