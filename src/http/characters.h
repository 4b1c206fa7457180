/* Which bytes may stand where in a head. Private to the http layer. */
#ifndef RINGCAST_HTTP_CHARACTERS_H
#define RINGCAST_HTTP_CHARACTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum character_class {
    CHARACTER_TOKEN = 1,  /* RFC 9110 §5.6.2: methods, field names */
    CHARACTER_VALUE = 2,  /* RFC 9110 §5.5: tab, space, visible, and 0x80 to 0xff */
    CHARACTER_TARGET = 4, /* visible ASCII but '#': a request's target has no fragment */
};

/* The classes of each byte, or-ed. */
extern const uint8_t character_classes[256];

static inline bool character_is(uint8_t byte, enum character_class class) {
    return (character_classes[byte] & class) != 0;
}

/* Whether every byte of `text` is of the class; true for an empty text. */
bool characters_are(struct bytes text, enum character_class class);

#endif
