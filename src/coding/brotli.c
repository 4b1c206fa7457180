#include <brotli/decode.h>
#include <stddef.h>

#include "base/memory.h"
#include "stage.h"

/*
 * The library decodes a whole window before it gives out a byte of it, so a bomb is stopped where
 * it asks for memory: for more than the budget has. The library takes the power of two above what
 * the stream says will come next, and has two windows while one grows: from a limit of 24 MiB on
 * everything fits, below it a body near the limit may not, if its window is as large.
 */
struct brotli_stage {
    struct stage stage;
    BrotliDecoderState *state;
    struct budget *budget;
};

/* Before each block stands its size. */
union block {
    size_t size;
    max_align_t align;
};

static void *allocate(void *opaque, size_t size) {
    struct brotli_stage *stage = opaque;
    if (!budget_take(stage->budget, size))
        return NULL;
    union block *block = memory_allocate(sizeof *block + size);
    if (block == NULL) {
        budget_give(stage->budget, size);
        return NULL;
    }
    block->size = size;
    return block + 1;
}

static void release(void *opaque, void *memory) {
    struct brotli_stage *stage = opaque;
    if (memory == NULL)
        return;
    union block *block = (union block *)memory - 1;
    budget_give(stage->budget, block->size);
    memory_free(block);
}

/* The library's codes of allocation failures, and the one for all that follow a failure. */
static enum error error_of(const struct brotli_stage *stage) {
    if (stage->budget->refused) /* to this stage: what refuses another ends the body there */
        return ERROR_BODY_TOO_LARGE;
    BrotliDecoderErrorCode code = BrotliDecoderGetErrorCode(stage->state);
    bool memory = code <= BROTLI_DECODER_ERROR_ALLOC_CONTEXT_MODES &&
                  code >= BROTLI_DECODER_ERROR_ALLOC_BLOCK_TYPE_TREES;
    return memory ? ERROR_NO_MEMORY : ERROR_CODING_CORRUPT;
}

static enum error brotli_decode(struct stage *base, struct bytes *input, uint8_t *out,
                                size_t capacity, size_t *size) {
    struct brotli_stage *stage = (struct brotli_stage *)base;
    *size = 0;
    if (base->complete) /* RFC 7932 knows one stream and nothing behind it */
        return input->size == 0 ? ERROR_NONE : ERROR_CODING_CORRUPT;
    size_t room = capacity;
    BrotliDecoderResult result =
        BrotliDecoderDecompressStream(stage->state, &input->size, &input->data, &room, &out, NULL);
    *size = capacity - room;
    if (result == BROTLI_DECODER_RESULT_ERROR)
        return error_of(stage);
    base->complete = result == BROTLI_DECODER_RESULT_SUCCESS;
    return base->complete && input->size > 0 ? ERROR_CODING_CORRUPT : ERROR_NONE;
}

static void brotli_close(struct stage *base) {
    struct brotli_stage *stage = (struct brotli_stage *)base;
    BrotliDecoderDestroyInstance(stage->state);
    memory_free(stage);
}

static const struct stage_type type = {brotli_decode, brotli_close};

/* Windows beyond 16 MiB, an extension of the format, stay off, as they are by default. */
struct stage *stage_open_brotli(struct budget *budget) {
    struct brotli_stage *stage = memory_allocate_zeroed(sizeof *stage);
    if (stage == NULL)
        return NULL;
    stage->stage.type = &type;
    stage->budget = budget;
    stage->state = BrotliDecoderCreateInstance(allocate, release, stage);
    if (stage->state != NULL)
        return &stage->stage;
    memory_free(stage);
    return NULL;
}
