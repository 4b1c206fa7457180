#include "character_reference.h"

#include "character_reference_table.h"
#include "fetch/encoding.h"

enum { REPLACEMENT = 0xFFFD, LAST_CODE_POINT = 0x10FFFF };

/* WHATWG HTML section 13.2.5.80. */
static uint32_t code_point_of(uint32_t number) {
    if (number == 0 || number > LAST_CODE_POINT || (number >= 0xD800 && number <= 0xDFFF))
        return REPLACEMENT;
    if (number >= 0x80 && number <= 0x9F)
        return encoding_windows_1252((uint8_t)number);
    return number;
}

/* The value of a digit in the base, or -1. */
static int digit_value(uint8_t byte, unsigned base) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    uint8_t lower = byte | 0x20;
    return base == 16 && lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static size_t decode_number(struct bytes text, struct character_reference *reference) {
    size_t i = 2;
    unsigned base = 10;
    if (i < text.size && (text.data[i] | 0x20) == 'x') {
        base = 16;
        i++;
    }
    size_t first_digit = i;
    uint32_t number = 0;
    for (; i < text.size; i++) {
        int value = digit_value(text.data[i], base);
        if (value < 0)
            break;
        if (number <= LAST_CODE_POINT) /* beyond it, only the fact matters */
            number = number * base + (uint32_t)value;
    }
    if (i == first_digit)
        return 0;
    reference->code_points[0] = code_point_of(number);
    reference->count = 1;
    return i < text.size && text.data[i] == ';' ? i + 1 : i;
}

static struct bytes name_of(size_t row) {
    size_t begin = character_reference_rows[row].name;
    return bytes_make(character_reference_names + begin,
                      character_reference_rows[row + 1].name - begin);
}

/* The first row from `low` on, before `high`, whose name has at `at` a byte of at least `byte`. The
 * rows share their first `at` bytes; a name that ends there comes first. */
static size_t first_row(size_t low, size_t high, size_t at, unsigned byte) {
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct bytes name = name_of(middle);
        if (name.size <= at || name.data[at] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The longest name wins: "&notin;" is ∉, "&notit;" is ¬ followed by "it;". */
static size_t decode_name(struct bytes text, struct character_reference *reference) {
    size_t low = 0, high = CHARACTER_REFERENCE_COUNT, used = 0, found = 0;
    for (size_t i = 1; i < text.size && low < high; i++) {
        low = first_row(low, high, i - 1, text.data[i]);
        high = first_row(low, high, i - 1, text.data[i] + 1u);
        if (low < high && name_of(low).size == i) {
            found = low;
            used = i + 1;
        }
    }
    if (used == 0)
        return 0;
    reference->code_points[0] = character_reference_rows[found].first;
    reference->code_points[1] = character_reference_rows[found].second;
    reference->count = reference->code_points[1] != 0 ? 2 : 1;
    return used;
}

size_t character_reference_decode(struct bytes text, struct character_reference *reference) {
    if (text.size < 2 || text.data[0] != '&')
        return 0;
    if (text.data[1] == '#')
        return decode_number(text, reference);
    return decode_name(text, reference);
}
