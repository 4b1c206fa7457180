#include "digest/base64.h"

enum { NO_DIGIT = 0xFF };

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Three bytes become four characters. */
static void encode_group(const uint8_t in[3], char out[4]) {
    out[0] = alphabet[in[0] >> 2];
    out[1] = alphabet[(in[0] & 0x03) << 4 | in[1] >> 4];
    out[2] = alphabet[(in[1] & 0x0F) << 2 | in[2] >> 6];
    out[3] = alphabet[in[2] & 0x3F];
}

size_t base64_encode(struct bytes data, char *out) {
    size_t written = 0;
    for (; data.size >= 3; data = bytes_after(data, 3), written += 4)
        encode_group(data.data, out + written);
    if (data.size > 0) {
        uint8_t last[3] = {data.data[0], data.size == 2 ? data.data[1] : 0, 0};
        encode_group(last, out + written);
        if (data.size == 1)
            out[written + 2] = '=';
        out[written + 3] = '=';
        written += 4;
    }
    out[written] = '\0';
    return written;
}

static uint8_t digit_of(uint8_t character) {
    if (character >= 'A' && character <= 'Z')
        return (uint8_t)(character - 'A');
    if (character >= 'a' && character <= 'z')
        return (uint8_t)(character - 'a' + 26);
    if (character >= '0' && character <= '9')
        return (uint8_t)(character - '0' + 52);
    if (character == '+')
        return 62;
    return character == '/' ? 63 : NO_DIGIT;
}

/*
 * Four characters, the last `padding` of them '=', become 3 - padding bytes. False if one is no
 * digit, or if bits that stand for no byte are set.
 */
static bool decode_group(const uint8_t *text, size_t padding, uint8_t out[3]) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        uint8_t digit = i < 4 - padding ? digit_of(text[i]) : 0;
        if (digit == NO_DIGIT)
            return false;
        bits = bits << 6 | digit;
    }
    out[0] = (uint8_t)(bits >> 16);
    out[1] = (uint8_t)(bits >> 8);
    out[2] = (uint8_t)bits;
    return (padding < 1 || out[2] == 0) && (padding < 2 || out[1] == 0);
}

static size_t padding_of(struct bytes text) {
    if (text.size == 0 || text.data[text.size - 1] != '=')
        return 0;
    return text.data[text.size - 2] == '=' ? 2 : 1;
}

bool base64_decode(struct bytes text, uint8_t *out, size_t capacity, size_t *size) {
    if (text.size % 4 != 0)
        return false;
    size_t padding = padding_of(text);
    if (text.size / 4 * 3 - padding > capacity)
        return false;
    *size = text.size / 4 * 3 - padding;
    for (size_t written = 0; text.size > 0; text = bytes_after(text, 4)) {
        uint8_t group[3];
        if (!decode_group(text.data, text.size == 4 ? padding : 0, group))
            return false;
        for (size_t i = 0; i < 3 && written < *size; i++)
            out[written++] = group[i];
    }
    return true;
}
