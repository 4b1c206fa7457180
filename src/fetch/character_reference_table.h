/*
 * The table of named character references. Row i's name is the text from its `name` offset to that
 * of row i + 1 in character_reference_names; one more row ends the last name. Names include their
 * semicolon where they have one.
 */
#ifndef RINGCAST_FETCH_CHARACTER_REFERENCE_TABLE_H
#define RINGCAST_FETCH_CHARACTER_REFERENCE_TABLE_H

#include <stdint.h>

enum { CHARACTER_REFERENCE_COUNT = 2231 };

struct character_reference_row {
    uint32_t first;  /* code point */
    uint16_t second; /* code point, or 0 */
    uint16_t name;   /* offset */
};

extern const char character_reference_names[];
extern const struct character_reference_row character_reference_rows[CHARACTER_REFERENCE_COUNT + 1];

#endif
