#include "base64url.h"

#include <string.h>

#include "digest/base64.h"

/* One character of the other alphabet; '=' for what is in neither, which then is misplaced. */
static uint8_t translate(uint8_t character) {
    switch (character) {
    case '-':
        return '+';
    case '_':
        return '/';
    case '+':
    case '/':
        return '=';
    default:
        return character;
    }
}

static enum error to_padded(struct bytes text, struct buffer *padded) {
    for (size_t i = 0; i < text.size; i++)
        padded->data[padded->size++] = translate(text.data[i]);
    while (padded->size % 4 != 0)
        padded->data[padded->size++] = '=';
    return ERROR_NONE;
}

enum error base64url_decode(struct bytes text, struct buffer *out) {
    struct buffer padded = {0};
    size_t size = 0;
    if (memchr(text.data == NULL ? (const uint8_t *)"" : text.data, '=', text.size) != NULL)
        return ERROR_TOKEN_INVALID;
    enum error error = buffer_reserve(&padded, text.size + 4);
    if (error == ERROR_NONE)
        error = buffer_reserve(out, text.size + 1);
    if (error == ERROR_NONE)
        error = to_padded(text, &padded);
    if (error == ERROR_NONE && !base64_decode(buffer_bytes(&padded), out->data + out->size,
                                              out->capacity - out->size, &size))
        error = ERROR_TOKEN_INVALID;
    if (error == ERROR_NONE)
        out->size += size;
    buffer_fini(&padded);
    return error;
}
