/*
 * One coding of a body: a library's streaming decoder behind two functions. Private to the coding
 * layer; each library has its own file.
 */
#ifndef RINGCAST_CODING_STAGE_H
#define RINGCAST_CODING_STAGE_H

#include "coding/decoder.h"

struct stage;

struct stage_type {
    /*
     * Decodes from the front of `input` to `out`. It goes on until the output is full or the input
     * used up, so `*size` < `capacity` means that the input is. ERROR_CODING_CORRUPT,
     * ERROR_BODY_TOO_LARGE, ERROR_NO_MEMORY.
     */
    enum error (*decode)(struct stage *stage, struct bytes *input, uint8_t *out, size_t capacity,
                         size_t *size);
    void (*close)(struct stage *stage);
};

/* The head of each library's own struct. */
struct stage {
    const struct stage_type *type;
    bool complete; /* the stream, or the last one so far, has ended */
};

/* Bytes that a body's codings may take together. */
struct budget {
    uint64_t most;
    uint64_t used;
    bool refused; /* something, once */
};

/* False, and nothing is taken: there are not so many left. */
static inline bool budget_take(struct budget *budget, uint64_t size) {
    if (size > budget->most - budget->used) {
        budget->refused = true;
        return false;
    }
    budget->used += size;
    return true;
}

static inline void budget_give(struct budget *budget, uint64_t size) {
    budget->used -= size;
}

/* NULL: no memory, or the budget has refused it. The budget is borrowed until the stage is closed.
 */
struct stage *stage_open_gzip(void);
struct stage *stage_open_deflate(void);
struct stage *stage_open_brotli(struct budget *budget);
struct stage *stage_open_zstd(struct budget *budget);

#endif
