/*
 * For the tests of both parsers: a stream that is fed in pieces. Each piece is a heap block of its
 * own that ends with the piece, so that the sanitizer sees a read beyond it or after it.
 */
#ifndef RINGCAST_TEST_HTTP_PIECES_H
#define RINGCAST_TEST_HTTP_PIECES_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* One way to cut a stream: a first piece of `first` bytes, then pieces of `next` bytes. */
struct cut {
    size_t first;
    size_t next;
};

struct pieces {
    struct bytes stream;
    struct cut cut;
    size_t fed;
    uint8_t *block;
    struct bytes input; /* what is left of the current piece */
};

static inline struct pieces pieces_begin(struct bytes stream, struct cut cut) {
    return (struct pieces){.stream = stream, .cut = cut};
}

/* Replaces the current piece, which is used up, by the next. False at the end of the stream. */
static inline bool pieces_next(struct pieces *pieces) {
    size_t left = pieces->stream.size - pieces->fed;
    size_t size = pieces->fed == 0 ? pieces->cut.first : pieces->cut.next;
    if (size > left)
        size = left;
    free(pieces->block);
    pieces->block = NULL;
    pieces->input = (struct bytes){0};
    if (size == 0)
        return false;
    pieces->block = malloc(size);
    if (pieces->block == NULL)
        abort();
    memcpy(pieces->block, pieces->stream.data + pieces->fed, size);
    pieces->input = bytes_make(pieces->block, size);
    pieces->fed += size;
    return true;
}

/* What the parser has not taken, of this piece and of the stream behind it. */
static inline struct bytes pieces_rest(const struct pieces *pieces) {
    return bytes_after(pieces->stream, pieces->fed - pieces->input.size);
}

static inline void pieces_end(struct pieces *pieces) {
    free(pieces->block);
}

/* Calls `check` for the whole stream, for every cut in two, and for one byte at a time. */
static inline void pieces_every_cut(struct bytes stream,
                                    void (*check)(struct bytes stream, struct cut cut,
                                                  const void *argument),
                                    const void *argument) {
    check(stream, (struct cut){1, 1}, argument);
    check(stream, (struct cut){2, 3}, argument);
    for (size_t i = 1; i <= stream.size; i++)
        check(stream, (struct cut){i, stream.size}, argument);
}

#endif
