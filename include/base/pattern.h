/*
 * Patterns for names: a `*` stands for any characters, none too; everything else for itself.
 */
#ifndef RINGCAST_BASE_PATTERN_H
#define RINGCAST_BASE_PATTERN_H

#include "base/bytes.h"

/*
 * Does the whole `text` fit `pattern`? A `*` never stands for a byte of `barriers` (a C string; ""
 * for none). Takes time in proportion to pattern times text at the worst.
 */
bool pattern_matches(struct bytes pattern, struct bytes text, const char *barriers);

#endif
