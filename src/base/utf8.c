#include "base/utf8.h"

#include <string.h>

enum { REPLACEMENT = 0xFFFD };

/* Unicode table 3-7: how many continuation bytes a lead byte asks for, and the bounds of the first
 * of them (the others are always 80..BF). */
static bool lead(uint8_t byte, struct utf8_check *check) {
    check->low = 0x80;
    check->high = 0xBF;
    if (byte >= 0xC2 && byte <= 0xDF) {
        check->wanted = 1;
    } else if (byte >= 0xE0 && byte <= 0xEF) {
        check->wanted = 2;
        if (byte == 0xE0)
            check->low = 0xA0;
        else if (byte == 0xED)
            check->high = 0x9F;
    } else if (byte >= 0xF0 && byte <= 0xF4) {
        check->wanted = 3;
        if (byte == 0xF0)
            check->low = 0x90;
        else if (byte == 0xF4)
            check->high = 0x8F;
    } else {
        return byte < 0x80;
    }
    return true;
}

static bool continuation(uint8_t byte, struct utf8_check *check) {
    if (byte < check->low || byte > check->high)
        return false;
    check->wanted--;
    check->low = 0x80;
    check->high = 0xBF;
    return true;
}

size_t utf8_ascii_run(struct bytes text) {
    size_t count = 0;
    uint64_t word;
    while (text.size - count >= sizeof word) {
        memcpy(&word, text.data + count, sizeof word);
        if ((word & 0x8080808080808080) != 0)
            break;
        count += sizeof word;
    }
    while (count < text.size && text.data[count] < 0x80)
        count++;
    return count;
}

bool utf8_check_next(struct utf8_check *check, struct bytes piece) {
    size_t i = 0;
    while (i < piece.size) {
        if (check->wanted > 0) {
            if (!continuation(piece.data[i++], check))
                return false;
            continue;
        }
        i += utf8_ascii_run(bytes_after(piece, i));
        if (i < piece.size && !lead(piece.data[i++], check))
            return false;
    }
    return true;
}

bool utf8_is_valid(struct bytes text) {
    struct utf8_check check = {0};
    return utf8_check_next(&check, text) && utf8_check_is_complete(&check);
}

size_t utf8_encode(uint32_t code_point, uint8_t out[4]) {
    if (code_point < 0x80) {
        out[0] = (uint8_t)code_point;
        return 1;
    }
    if (code_point < 0x800) {
        out[0] = (uint8_t)(0xC0 | code_point >> 6);
        out[1] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 2;
    }
    if (code_point < 0x10000) {
        out[0] = (uint8_t)(0xE0 | code_point >> 12);
        out[1] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (code_point & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | code_point >> 18);
    out[1] = (uint8_t)(0x80 | (code_point >> 12 & 0x3F));
    out[2] = (uint8_t)(0x80 | (code_point >> 6 & 0x3F));
    out[3] = (uint8_t)(0x80 | (code_point & 0x3F));
    return 4;
}

size_t utf8_decode(struct bytes text, uint32_t *code_point) {
    struct utf8_check check = {0};
    *code_point = REPLACEMENT;
    if (!lead(text.data[0], &check))
        return 1;
    if (check.wanted == 0) {
        *code_point = text.data[0];
        return 1;
    }
    uint32_t value = text.data[0] & (0x3Fu >> check.wanted);
    size_t used = 1;
    while (check.wanted > 0) {
        if (used == text.size || !continuation(text.data[used], &check))
            return used;
        value = value << 6 | (text.data[used++] & 0x3F);
    }
    *code_point = value;
    return used;
}
