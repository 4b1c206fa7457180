/*
 * Bytes: a borrowed view (struct bytes) and a growing array that owns its memory (struct buffer).
 */
#ifndef RINGCAST_BASE_BYTES_H
#define RINGCAST_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/error.h"

/* A view of memory that somebody else owns. An empty view may have any `data`. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

/* A view of a C string, without its NUL. Costs nothing for a literal. */
static inline struct bytes bytes_of(const char *text) {
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

/* `{data, size}` as an expression. */
static inline struct bytes bytes_make(const void *data, size_t size) {
    return (struct bytes){data, size};
}

/* The view without its first `count` bytes; `count` must not exceed the size. */
static inline struct bytes bytes_after(struct bytes view, size_t count) {
    /* C17 has no NULL + 0 */
    return count == 0 ? view : (struct bytes){view.data + count, view.size - count};
}

bool bytes_equal(struct bytes a, struct bytes b);

/* A-Z becomes a-z (ASCII only, whatever the locale). */
static inline uint8_t bytes_lower(uint8_t byte) {
    return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20) : byte;
}

/* Are they equal once both are in lower case? */
bool bytes_equal_ignoring_case(struct bytes a, struct bytes b);

/* Without leading and trailing spaces and tabs. */
struct bytes bytes_trimmed(struct bytes view);

/*
 * Reads an unsigned decimal that fills the whole view: digits only, at least one, no more than
 * UINT64_MAX. False if it does not.
 */
bool bytes_to_unsigned(struct bytes view, uint64_t *value);

/*
 * A growing byte array. `{0}` is an empty one. Owns `data`; buffer_fini() ends it. A failed append
 * leaves the content as it was.
 */
struct buffer {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void buffer_fini(struct buffer *buffer);

/* Makes room for `more` bytes beyond the size. ERROR_NO_MEMORY if there is none. */
enum error buffer_reserve(struct buffer *buffer, size_t more);

enum error buffer_append(struct buffer *buffer, const void *data, size_t size);
enum error buffer_append_text(struct buffer *buffer, const char *text);
enum error buffer_append_byte(struct buffer *buffer, uint8_t byte);

/* Appends the number in decimal digits. */
enum error buffer_append_unsigned(struct buffer *buffer, uint64_t value);

/* Appends as printf() would print; no NUL is counted or kept. Costs several times the above. */
enum error buffer_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops the first `count` bytes and moves the rest down. */
void buffer_consume(struct buffer *buffer, size_t count);

/* Empties it and keeps the memory. */
static inline void buffer_clear(struct buffer *buffer) {
    buffer->size = 0;
}

static inline struct bytes buffer_bytes(const struct buffer *buffer) {
    return (struct bytes){buffer->data, buffer->size};
}

#endif
