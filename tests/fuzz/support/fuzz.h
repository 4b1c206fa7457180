/*
 * What the fuzz targets share. A target is one function over one input; the input's first bytes
 * choose settings, the rest is what the code under test reads. A wrong answer ends the process, as
 * a sanitizer's report does.
 *
 * Nothing here allocates from base/memory.h, so that a target may make allocations fail.
 */
#ifndef RINGCAST_TESTS_FUZZ_H
#define RINGCAST_TESTS_FUZZ_H

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"

/* The target: called by libFuzzer, or by replay.c with each file of a corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Like assert(), for what the code under test should have done. */
#define FUZZ_CHECK(condition) \
    ((condition) ? (void)0 : fuzz_fail(#condition, __FILE__, __LINE__, __func__))

static inline void fuzz_fail(const char *condition, const char *file, int line,
                             const char *function) {
    fprintf(stderr, "%s:%d: %s: is not so: %s\n", file, line, function, condition);
    abort();
}

/* Takes the first byte off; 0 when there is none. */
static inline uint8_t fuzz_take(struct bytes *input) {
    if (input->size == 0)
        return 0;
    uint8_t byte = input->data[0];
    *input = bytes_after(*input, 1);
    return byte;
}

/* Takes up to `size` bytes off. */
static inline struct bytes fuzz_take_bytes(struct bytes *input, size_t size) {
    struct bytes taken = bytes_make(input->data, size < input->size ? size : input->size);
    if (taken.size > 0)
        *input = bytes_after(*input, taken.size);
    return taken;
}

/* Takes what stands before the first `separator`, and drops that; all if there is none. */
static inline struct bytes fuzz_take_until(struct bytes *input, uint8_t separator) {
    const uint8_t *end = input->size > 0 ? memchr(input->data, separator, input->size) : NULL;
    struct bytes taken =
        fuzz_take_bytes(input, end != NULL ? (size_t)(end - input->data) : input->size);
    if (end != NULL)
        *input = bytes_after(*input, 1);
    return taken;
}

/* ---- what was said, to be compared ----------------------------------------------------------- */

enum { FUZZ_TRANSCRIPT_MAX = 1 << 17 };

/* What the code under test said about one input. Two of them are equal or not. */
struct fuzz_transcript {
    size_t size;
    char text[FUZZ_TRANSCRIPT_MAX];
};

static inline void fuzz_note_bytes(struct fuzz_transcript *transcript, const void *data,
                                   size_t size) {
    FUZZ_CHECK(size <= sizeof transcript->text - transcript->size);
    if (size > 0)
        memcpy(transcript->text + transcript->size, data, size);
    transcript->size += size;
}

static inline void fuzz_note(struct fuzz_transcript *transcript, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void fuzz_note(struct fuzz_transcript *transcript, const char *format, ...) {
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    FUZZ_CHECK(size >= 0 && (size_t)size < sizeof line);
    fuzz_note_bytes(transcript, line, (size_t)size);
}

static inline bool fuzz_same(const struct fuzz_transcript *a, const struct fuzz_transcript *b) {
    return a->size == b->size && memcmp(a->text, b->text, a->size) == 0;
}

/* Both should be the same; shows them if they are not. */
static inline void fuzz_check_same(const struct fuzz_transcript *a, const char *a_name,
                                   const struct fuzz_transcript *b, const char *b_name) {
    if (fuzz_same(a, b))
        return;
    fprintf(stderr, "---- %s\n%.*s\n---- %s\n%.*s\n", a_name, (int)a->size, a->text, b_name,
            (int)b->size, b->text);
    fuzz_fail("the same result both ways", __FILE__, __LINE__, __func__);
}

/* ---- one input in pieces --------------------------------------------------------------------- */

enum { FUZZ_PIECE_MAX = 1 << 16 };

/* How an input is cut: whole, one byte at a time, or at random, a sequence for each number. */
enum { FUZZ_WHOLE = 0, FUZZ_BYTES = 1 };

/* An input that is fed in pieces. */
struct fuzz_pieces {
    struct bytes rest;
    unsigned cut;
    uint32_t random;
};

static inline struct fuzz_pieces fuzz_pieces_begin(struct bytes input, unsigned cut) {
    FUZZ_CHECK(input.size <= FUZZ_PIECE_MAX);
    return (struct fuzz_pieces){.rest = input, .cut = cut, .random = cut * 2654435761u | 1};
}

static inline size_t fuzz_piece_size(struct fuzz_pieces *pieces) {
    if (pieces->cut == FUZZ_WHOLE)
        return pieces->rest.size;
    if (pieces->cut == FUZZ_BYTES)
        return 1;
    pieces->random = pieces->random * 1664525u + 1013904223u;
    unsigned most = 1u << (1 + (pieces->random >> 24) % 7);
    return 1 + (pieces->random >> 8) % most;
}

/*
 * The next piece, not empty; false at the end. It lies at the very end of its memory, so that a
 * sanitizer sees a read beyond it; the next piece overwrites it.
 */
static inline bool fuzz_pieces_next(struct fuzz_pieces *pieces, uint8_t **data, size_t *size) {
    static uint8_t *room;
    static size_t last;
    if (room == NULL)
        room = malloc(FUZZ_PIECE_MAX);
    if (room == NULL)
        abort();
    if (pieces->rest.size == 0)
        return false;
    struct bytes piece = fuzz_take_bytes(&pieces->rest, fuzz_piece_size(pieces));
    *size = piece.size;
    *data = room + FUZZ_PIECE_MAX - piece.size;
    memset(room + FUZZ_PIECE_MAX - last, 0xA5, last);
    last = piece.size;
    memcpy(*data, piece.data, piece.size);
    return true;
}

#endif
