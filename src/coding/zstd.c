/* The allocator below is in the library since 1.0, but not in the part that is called stable. */
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include "base/memory.h"
#include "stage.h"

enum { WINDOW_LOG_MAX = 23 }; /* 8 MiB: RFC 9659, for zstd as a content coding */

struct zstd_stage {
    struct stage stage;
    bool drained; /* the last call left room: without input there is nothing to do */
    ZSTD_DCtx *context;
};

static void *allocate(void *opaque, size_t size) {
    (void)opaque;
    return memory_allocate(size);
}

static void release(void *opaque, void *block) {
    (void)opaque;
    memory_free(block);
}

static enum error translate(size_t code) {
    return ZSTD_getErrorCode(code) == ZSTD_error_memory_allocation ? ERROR_NO_MEMORY
                                                                   : ERROR_CODING_CORRUPT;
}

/* Goes on from frame to frame (RFC 8878 §3.1); the library begins each by itself. */
static enum error zstd_decode(struct stage *base, struct bytes *input, uint8_t *out,
                              size_t capacity, size_t *size) {
    struct zstd_stage *stage = (struct zstd_stage *)base;
    ZSTD_inBuffer in = {input->data, input->size, 0};
    ZSTD_outBuffer room = {out, capacity, 0};
    *size = 0;
    /* asked in vain too often the library gives up, and behind a frame it waits for another */
    if (in.size == 0 && (stage->drained || base->complete))
        return ERROR_NONE;
    do {
        size_t result = ZSTD_decompressStream(stage->context, &room, &in);
        if (ZSTD_isError(result))
            return translate(result);
        base->complete = result == 0;
    } while (in.pos < in.size && room.pos < room.size);
    *input = bytes_after(*input, in.pos);
    *size = room.pos;
    stage->drained = room.pos < room.size;
    return ERROR_NONE;
}

static void zstd_close(struct stage *base) {
    struct zstd_stage *stage = (struct zstd_stage *)base;
    ZSTD_freeDCtx(stage->context);
    memory_free(stage);
}

static const struct stage_type type = {zstd_decode, zstd_close};

struct stage *stage_open_zstd(void) {
    static const ZSTD_customMem allocator = {allocate, release, NULL};
    struct zstd_stage *stage = memory_allocate(sizeof *stage);
    ZSTD_DCtx *context = ZSTD_createDCtx_advanced(allocator);
    if (stage == NULL || context == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        ZSTD_freeDCtx(context);
        memory_free(stage);
        return NULL;
    }
    *stage = (struct zstd_stage){{&type, false}, true, context};
    return &stage->stage;
}
