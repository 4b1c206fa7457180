#include "base/bytes.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { SMALLEST_CAPACITY = 64 };

bool bytes_equal(struct bytes a, struct bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bytes_equal_ignoring_case(struct bytes a, struct bytes b) {
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++)
        if (bytes_lower(a.data[i]) != bytes_lower(b.data[i]))
            return false;
    return true;
}

static bool is_blank(uint8_t byte) {
    return byte == ' ' || byte == '\t';
}

struct bytes bytes_trimmed(struct bytes view) {
    while (view.size > 0 && is_blank(view.data[0]))
        view = bytes_after(view, 1);
    while (view.size > 0 && is_blank(view.data[view.size - 1]))
        view.size--;
    return view;
}

bool bytes_to_unsigned(struct bytes view, uint64_t *value) {
    uint64_t sum = 0;
    if (view.size == 0)
        return false;
    for (size_t i = 0; i < view.size; i++) {
        uint8_t digit = (uint8_t)(view.data[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(sum, 10, &sum) ||
            __builtin_add_overflow(sum, digit, &sum))
            return false;
    }
    *value = sum;
    return true;
}

void buffer_fini(struct buffer *buffer) {
    memory_free(buffer->data);
    *buffer = (struct buffer){0};
}

enum error buffer_reserve(struct buffer *buffer, size_t more) {
    size_t needed;
    if (__builtin_add_overflow(buffer->size, more, &needed))
        return ERROR_NO_MEMORY;
    if (needed <= buffer->capacity)
        return ERROR_NONE;
    size_t capacity = buffer->capacity < SMALLEST_CAPACITY ? SMALLEST_CAPACITY : buffer->capacity;
    while (capacity < needed)
        if (__builtin_mul_overflow(capacity, 2, &capacity))
            capacity = needed;
    uint8_t *data = memory_resize(buffer->data, capacity);
    if (data == NULL)
        return ERROR_NO_MEMORY;
    buffer->data = data;
    buffer->capacity = capacity;
    return ERROR_NONE;
}

enum error buffer_append(struct buffer *buffer, const void *data, size_t size) {
    if (size == 0)
        return ERROR_NONE;
    enum error error = buffer_reserve(buffer, size);
    if (error != ERROR_NONE)
        return error;
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
    return ERROR_NONE;
}

enum error buffer_append_text(struct buffer *buffer, const char *text) {
    return buffer_append(buffer, text, strlen(text));
}

enum error buffer_append_byte(struct buffer *buffer, uint8_t byte) {
    return buffer_append(buffer, &byte, 1);
}

enum error buffer_append_unsigned(struct buffer *buffer, uint64_t value) {
    char digits[20]; /* of UINT64_MAX */
    size_t first = sizeof digits;
    do {
        digits[--first] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return buffer_append(buffer, digits + first, sizeof digits - first);
}

enum error buffer_format(struct buffer *buffer, const char *format, ...) {
    va_list arguments;
    size_t room = buffer->capacity - buffer->size;
    va_start(arguments, format);
    char *place = room > 0 ? (char *)buffer->data + buffer->size : NULL; /* C17 has no NULL + 0 */
    int length = vsnprintf(place, room, format, arguments);
    va_end(arguments);
    assert(length >= 0);
    if ((size_t)length < room) {
        buffer->size += (size_t)length;
        return ERROR_NONE;
    }
    /* vsnprintf writes a NUL behind the text: room for it, though it is not counted */
    enum error error = buffer_reserve(buffer, (size_t)length + 1);
    if (error != ERROR_NONE)
        return error;
    va_start(arguments, format);
    vsnprintf((char *)buffer->data + buffer->size, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->size += (size_t)length;
    return ERROR_NONE;
}

void buffer_consume(struct buffer *buffer, size_t count) {
    assert(count <= buffer->size);
    buffer->size -= count;
    if (buffer->size > 0)
        memmove(buffer->data, buffer->data + count, buffer->size);
}
