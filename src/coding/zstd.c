/* The allocator below is in the library since 1.0, but not in the part that is called stable. */
#define ZSTD_STATIC_LINKING_ONLY
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/memory.h"
#include "stage.h"

enum {
    WINDOW_LOG_MAX = 23, /* 8 MiB: RFC 9659, for zstd as a content coding */
    MAGIC_SIZE = 4,
    STATE_SIZE = 320 * 1024,  /* of the library: tables, input */
    BLOCKS_SIZE = 256 * 1024, /* beside the window: like that, touched as it is decoded */
};

struct zstd_stage {
    struct stage stage;
    bool drained;              /* the last call left room: without input there is nothing to do */
    uint8_t magic[MAGIC_SIZE]; /* of the frame that is being read, as far as it has come */
    size_t magic_size;
    struct budget *budget;
    uint64_t taken; /* of it */
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

/* A frame's first bytes, or a skippable one's (RFC 8878 §3.1.1 and §3.1.2)? */
static bool may_be_magic(const uint8_t *magic, size_t size) {
    static const uint8_t of_frame[] = {0x28, 0xB5, 0x2F, 0xFD};
    static const uint8_t of_skippable[] = {0x50, 0x2A, 0x4D, 0x18};
    if (size == 0 || memcmp(magic, of_frame, size) == 0)
        return true;
    return (magic[0] & 0xF0) == of_skippable[0] &&
           memcmp(magic + 1, of_skippable + 1, size - 1) == 0;
}

/*
 * The library also knows frames from before the standard, in old decoders of its own that take
 * memory past its allocator and mind how the input is cut. No coding of HTTP has ever been theirs.
 */
static bool begins_well(struct zstd_stage *stage, const ZSTD_inBuffer *in) {
    size_t known = stage->magic_size, more = in->size - in->pos;
    if (more > MAGIC_SIZE - known)
        more = MAGIC_SIZE - known;
    if (more > 0)
        memcpy(stage->magic + known, (const uint8_t *)in->src + in->pos, more);
    return may_be_magic(stage->magic, known + more);
}

/*
 * One call of the library, which ends with the frame at the latest. A frame that came whole it
 * reads in another way, which is stricter here and laxer there; its first byte alone sees to it
 * that what is refused does not depend on how the body was cut.
 */
static enum error run(struct zstd_stage *stage, ZSTD_outBuffer *out, ZSTD_inBuffer *in) {
    if (!begins_well(stage, in))
        return ERROR_CODING_CORRUPT;
    ZSTD_inBuffer part = *in;
    if (stage->magic_size == 0 && part.size > part.pos)
        part.size = part.pos + 1;
    size_t result = ZSTD_decompressStream(stage->context, out, &part);
    if (ZSTD_isError(result))
        return translate(result);
    stage->stage.complete = result == 0;
    size_t size = stage->magic_size + (part.pos - in->pos);
    stage->magic_size = result == 0 ? 0 : size < MAGIC_SIZE ? size : MAGIC_SIZE;
    in->pos = part.pos;
    return ERROR_NONE;
}

/* The library asks for its window at once, but touches of it only what is decoded. */
static enum error pay(struct zstd_stage *stage, size_t decoded) {
    uint64_t most = STATE_SIZE + BLOCKS_SIZE + (UINT64_C(1) << WINDOW_LOG_MAX);
    uint64_t left = most - stage->taken;
    uint64_t size = decoded < left ? decoded : left;
    if (!budget_take(stage->budget, size))
        return ERROR_BODY_TOO_LARGE;
    stage->taken += size;
    return ERROR_NONE;
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
        enum error error = run(stage, &room, &in);
        if (error != ERROR_NONE)
            return error;
    } while (in.pos < in.size && room.pos < room.size);
    *input = bytes_after(*input, in.pos);
    *size = room.pos;
    stage->drained = room.pos < room.size;
    return pay(stage, room.pos);
}

static void zstd_close(struct stage *base) {
    struct zstd_stage *stage = (struct zstd_stage *)base;
    ZSTD_freeDCtx(stage->context);
    budget_give(stage->budget, stage->taken);
    memory_free(stage);
}

static const struct stage_type type = {zstd_decode, zstd_close};

struct stage *stage_open_zstd(struct budget *budget) {
    static const ZSTD_customMem allocator = {allocate, release, NULL};
    if (!budget_take(budget, STATE_SIZE))
        return NULL;
    struct zstd_stage *stage = memory_allocate(sizeof *stage);
    ZSTD_DCtx *context = ZSTD_createDCtx_advanced(allocator);
    if (stage == NULL || context == NULL ||
        ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
        ZSTD_freeDCtx(context);
        memory_free(stage);
        budget_give(budget, STATE_SIZE);
        return NULL;
    }
    *stage = (struct zstd_stage){.stage.type = &type,
                                 .drained = true,
                                 .budget = budget,
                                 .taken = STATE_SIZE,
                                 .context = context};
    return &stage->stage;
}
