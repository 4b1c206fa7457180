/* gzip and deflate. */
#define ZLIB_CONST
#include <assert.h>
#include <zlib.h>

#include "base/memory.h"
#include "stage.h"

enum { RAW_BITS = -15, ZLIB_BITS = 15, GZIP_BITS = 15 + 16 };

struct zlib_stage {
    struct stage stage;
    bool several;  /* members may follow one another */
    bool sniffing; /* deflate: its first two bytes will tell the format */
    bool has_first;
    uint8_t first;
    z_stream stream;
};

static void *allocate(void *opaque, unsigned count, unsigned size) {
    (void)opaque;
    return memory_allocate((size_t)count * size);
}

static void release(void *opaque, void *block) {
    (void)opaque;
    memory_free(block);
}

/* One call of the library. Its "no progress" is no error: there was nothing to do. */
static enum error inflate_some(struct zlib_stage *stage) {
    switch (inflate(&stage->stream, Z_NO_FLUSH)) {
    case Z_OK:
    case Z_BUF_ERROR:
        return ERROR_NONE;
    case Z_STREAM_END:
        stage->stage.complete = true;
        return ERROR_NONE;
    case Z_MEM_ERROR:
        return ERROR_NO_MEMORY;
    default: /* a dictionary that nobody has given is no better than a wrong byte */
        return ERROR_CODING_CORRUPT;
    }
}

/* Bytes behind the end begin another member, or are none of ours. */
static enum error begin_next(struct zlib_stage *stage) {
    if (!stage->several || inflateReset(&stage->stream) != Z_OK)
        return ERROR_CODING_CORRUPT;
    stage->stage.complete = false;
    return ERROR_NONE;
}

static enum error run(struct zlib_stage *stage) {
    z_stream *stream = &stage->stream;
    enum error error = ERROR_NONE;
    do {
        if (stage->stage.complete && stream->avail_in > 0)
            error = begin_next(stage);
        if (error == ERROR_NONE)
            error = inflate_some(stage);
    } while (error == ERROR_NONE && stream->avail_in > 0 && stream->avail_out > 0);
    return error;
}

static enum error zlib_decode(struct stage *base, struct bytes *input, uint8_t *out,
                              size_t capacity, size_t *size) {
    struct zlib_stage *stage = (struct zlib_stage *)base;
    z_stream *stream = &stage->stream;
    *size = 0;
    if (base->complete && input->size == 0)
        return ERROR_NONE;
    stream->next_in = input->data;
    stream->avail_in = input->size > UINT32_MAX ? UINT32_MAX : (uInt)input->size;
    stream->next_out = out;
    stream->avail_out = (uInt)capacity;
    size_t given = stream->avail_in;
    enum error error = run(stage);
    *input = bytes_after(*input, given - stream->avail_in);
    *size = capacity - stream->avail_out;
    return error;
}

static void zlib_close(struct stage *base) {
    struct zlib_stage *stage = (struct zlib_stage *)base;
    inflateEnd(&stage->stream);
    memory_free(stage);
}

static const struct stage_type gzip_type = {zlib_decode, zlib_close};

static struct zlib_stage *stage_new(const struct stage_type *type, int window_bits) {
    struct zlib_stage *stage = memory_allocate_zeroed(sizeof *stage);
    if (stage == NULL)
        return NULL;
    stage->stage.type = type;
    stage->stream.zalloc = allocate;
    stage->stream.zfree = release;
    if (inflateInit2(&stage->stream, window_bits) == Z_OK)
        return stage;
    memory_free(stage);
    return NULL;
}

struct stage *stage_open_gzip(void) {
    struct zlib_stage *stage = stage_new(&gzip_type, GZIP_BITS);
    if (stage == NULL)
        return NULL;
    stage->several = true;
    return &stage->stage;
}

/* ---- deflate: which format? ------------------------------------------------------------------ */

/* RFC 1950 §2.2: method 8, a window of at most 32 KiB, the two bytes a multiple of 31. */
static bool is_zlib_header(uint8_t first, uint8_t second) {
    return (first & 0x0F) == 8 && first >> 4 <= 7 && (first << 8 | second) % 31 == 0;
}

/* The first byte was kept until the second tells the format. It decodes to nothing by itself. */
static enum error begin_deflate(struct zlib_stage *stage, uint8_t second, uint8_t *out,
                                size_t capacity) {
    stage->sniffing = false;
    if (!is_zlib_header(stage->first, second)) {
        int status = inflateReset2(&stage->stream, RAW_BITS);
        assert(status == Z_OK);
        (void)status;
    }
    struct bytes byte = bytes_make(&stage->first, 1);
    size_t size;
    return zlib_decode(&stage->stage, &byte, out, capacity, &size);
}

static enum error deflate_decode(struct stage *base, struct bytes *input, uint8_t *out,
                                 size_t capacity, size_t *size) {
    struct zlib_stage *stage = (struct zlib_stage *)base;
    *size = 0;
    if (stage->sniffing && !stage->has_first && input->size > 0) {
        stage->first = input->data[0];
        stage->has_first = true;
        *input = bytes_after(*input, 1);
    }
    if (stage->sniffing && input->size == 0)
        return ERROR_NONE;
    enum error error = ERROR_NONE;
    if (stage->sniffing)
        error = begin_deflate(stage, input->data[0], out, capacity);
    return error == ERROR_NONE ? zlib_decode(base, input, out, capacity, size) : error;
}

static const struct stage_type deflate_type = {deflate_decode, zlib_close};

struct stage *stage_open_deflate(void) {
    struct zlib_stage *stage = stage_new(&deflate_type, ZLIB_BITS);
    if (stage == NULL)
        return NULL;
    stage->sniffing = true;
    return &stage->stage;
}
