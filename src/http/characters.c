#include "characters.h"

enum {
    TOKEN = CHARACTER_TOKEN | CHARACTER_VALUE | CHARACTER_TARGET,
    DELIMITER = CHARACTER_VALUE | CHARACTER_TARGET,
};

/* The ranges do not overlap; what is not named (control bytes, DEL) is of no class. */
const uint8_t character_classes[256] = {
    ['\t'] = CHARACTER_VALUE,
    [' '] = CHARACTER_VALUE,
    ['!'] = TOKEN,
    ['"'] = DELIMITER,
    ['#'] = CHARACTER_TOKEN | CHARACTER_VALUE,
    ['$' ... '\''] = TOKEN,
    ['(' ... ')'] = DELIMITER,
    ['*' ... '+'] = TOKEN,
    [','] = DELIMITER,
    ['-' ... '.'] = TOKEN,
    ['/'] = DELIMITER,
    ['0' ... '9'] = TOKEN,
    [':' ... '@'] = DELIMITER,
    ['A' ... 'Z'] = TOKEN,
    ['[' ... ']'] = DELIMITER,
    ['^' ... 'z'] = TOKEN,
    ['{'] = DELIMITER,
    ['|'] = TOKEN,
    ['}'] = DELIMITER,
    ['~'] = TOKEN,
    [0x80 ... 0xff] = CHARACTER_VALUE,
};

bool characters_are(struct bytes text, enum character_class class) {
    for (size_t i = 0; i < text.size; i++)
        if (!character_is(text.data[i], class))
            return false;
    return true;
}
