#include "ws/deflate.h"

#include <zlib.h>

#include "base/memory.h"

enum {
    INFLATE_STEP = 16 * 1024, /* bytes of room at a time */
    WINDOW_MAX = 32 * 1024,   /* bytes that deflated data can refer back to */
    LEVEL = 6,
    LEVEL_OF_LARGE = 1, /* five times as fast, for what takes long */
    LARGE = 32 * 1024,  /* bytes */
    MEMORY_LEVEL = 7,   /* little to reset before each message */
    TAIL_SIZE = 4,      /* what a sync flush ends with, and a message leaves out */
};

static voidpf allocate(voidpf context, uInt count, uInt size) {
    (void)context;
    return memory_allocate((size_t)count * size);
}

static void release(voidpf context, voidpf block) {
    (void)context;
    memory_free(block);
}

/* ---- inflating ------------------------------------------------------------------------------- */

struct ws_inflater {
    z_stream stream;
    bool is_whole; /* what was inflated last ends with a final block */
    uint8_t window[WINDOW_MAX];
};

struct ws_inflater *ws_inflater_new(void) {
    struct ws_inflater *inflater = memory_allocate_zeroed(sizeof *inflater);
    if (inflater == NULL)
        return NULL;
    inflater->stream.zalloc = allocate;
    inflater->stream.zfree = release;
    if (inflateInit2(&inflater->stream, -MAX_WBITS) != Z_OK) {
        memory_free(inflater);
        return NULL;
    }
    return inflater;
}

void ws_inflater_free(struct ws_inflater *inflater) {
    if (inflater == NULL)
        return;
    inflateEnd(&inflater->stream);
    memory_free(inflater);
}

/* Begins again, with what came before in sight. */
static enum error restart(struct ws_inflater *inflater, struct bytes window) {
    if (inflateReset(&inflater->stream) != Z_OK)
        return ERROR_WS_PROTOCOL;
    if (window.size > 0 &&
        inflateSetDictionary(&inflater->stream, window.data, (uInt)window.size) != Z_OK)
        return ERROR_NO_MEMORY;
    return ERROR_NONE;
}

static enum error check_size(const struct buffer *out, size_t compressed,
                             struct ws_inflate_limits limits) {
    if (out->size > limits.size)
        return ERROR_WS_TOO_BIG;
    bool is_too_dense = limits.ratio > 0 && out->size > WS_INFLATE_RATIO_FREE &&
                        out->size / limits.ratio > compressed;
    return is_too_dense ? ERROR_WS_INFLATE_RATIO : ERROR_NONE;
}

/* A final block may end in the middle of a message; what follows still refers to what came before
 * (section 7.2.3.4). */
static enum error go_on_behind_final_block(struct ws_inflater *inflater) {
    uInt size = 0;
    if (inflateGetDictionary(&inflater->stream, inflater->window, &size) != Z_OK)
        return ERROR_WS_PROTOCOL;
    return restart(inflater, bytes_make(inflater->window, size));
}

static enum error inflate_some(struct ws_inflater *inflater, struct buffer *out) {
    z_stream *stream = &inflater->stream;
    enum error error = buffer_reserve(out, INFLATE_STEP);
    if (error != ERROR_NONE)
        return error;
    stream->next_out = out->data + out->size;
    stream->avail_out = INFLATE_STEP;
    int result = inflate(stream, Z_SYNC_FLUSH);
    out->size += INFLATE_STEP - stream->avail_out;
    inflater->is_whole = result == Z_STREAM_END && stream->avail_in == 0;
    switch (result) {
    case Z_OK:
    case Z_BUF_ERROR: /* neither input nor anything held back: all is out */
        return ERROR_NONE;
    case Z_STREAM_END:
        return go_on_behind_final_block(inflater);
    case Z_MEM_ERROR:
        return ERROR_NO_MEMORY;
    default:
        return ERROR_WS_PROTOCOL;
    }
}

/*
 * A message leaves out the last four bytes of the empty block that it ends with, which say no more
 * than that it is empty (section 7.2.2): so it is whole if it ends just before them. Some leave out
 * all of that block behind a final one.
 */
static bool is_whole(struct ws_inflater *inflater) {
    return inflater->is_whole || inflateSyncPoint(&inflater->stream) == 1;
}

/* Once the room is used up more may be held back, but not behind a final block: that has given all,
 * and to ask again would be to ask for a block behind it. */
static bool may_have_more(const struct ws_inflater *inflater) {
    return inflater->stream.avail_in > 0 ||
           (inflater->stream.avail_out == 0 && !inflater->is_whole);
}

static enum error inflate_all(struct ws_inflater *inflater, struct bytes payload,
                              struct ws_inflate_limits limits, struct buffer *out) {
    z_stream *stream = &inflater->stream;
    stream->next_in = (Bytef *)(uintptr_t)payload.data;
    stream->avail_in = (uInt)payload.size;
    enum error error;
    do {
        error = inflate_some(inflater, out);
        if (error == ERROR_NONE)
            error = check_size(out, payload.size, limits);
    } while (error == ERROR_NONE && may_have_more(inflater));
    return error != ERROR_NONE || is_whole(inflater) ? error : ERROR_WS_PROTOCOL;
}

/* zlib once took a window of 8 bits for one of 9, so clients may reach that far. */
static size_t window_size(const struct ws_deflate *agreed) {
    return (size_t)1 << (agreed->client_window_bits > 8 ? agreed->client_window_bits : 9);
}

static enum error keep_window(struct ws_inflater *inflater, const struct ws_deflate *agreed,
                              struct buffer *window) {
    uInt size = 0;
    size_t most = window_size(agreed);
    if (inflateGetDictionary(&inflater->stream, inflater->window, &size) != Z_OK)
        return ERROR_WS_PROTOCOL;
    size_t kept = size < most ? size : most;
    buffer_clear(window);
    return buffer_append(window, inflater->window + size - kept, kept);
}

enum error ws_inflater_message(struct ws_inflater *inflater, const struct ws_deflate *agreed,
                               struct bytes payload, struct ws_inflate_limits limits,
                               struct buffer *window, struct buffer *out) {
    buffer_clear(out);
    if (payload.size == 0)
        return ERROR_NONE; /* zlib makes nothing of nothing, and some send that */
    enum error error =
        restart(inflater, window != NULL ? buffer_bytes(window) : bytes_make(NULL, 0));
    if (error == ERROR_NONE)
        error = inflate_all(inflater, payload, limits, out);
    if (error == ERROR_NONE && window != NULL)
        error = keep_window(inflater, agreed, window);
    return error;
}

/* ---- deflating ------------------------------------------------------------------------------- */

struct ws_deflater {
    z_stream normal;
    z_stream fast;
};

static bool deflate_start(z_stream *stream, int level) {
    stream->zalloc = allocate;
    stream->zfree = release;
    return deflateInit2(stream, level, Z_DEFLATED, -WS_DEFLATE_WINDOW_BITS, MEMORY_LEVEL,
                        Z_DEFAULT_STRATEGY) == Z_OK;
}

struct ws_deflater *ws_deflater_new(void) {
    struct ws_deflater *deflater = memory_allocate_zeroed(sizeof *deflater);
    if (deflater == NULL)
        return NULL;
    if (!deflate_start(&deflater->normal, LEVEL)) {
        memory_free(deflater);
        return NULL;
    }
    if (!deflate_start(&deflater->fast, LEVEL_OF_LARGE)) {
        deflateEnd(&deflater->normal);
        memory_free(deflater);
        return NULL;
    }
    return deflater;
}

void ws_deflater_free(struct ws_deflater *deflater) {
    if (deflater == NULL)
        return;
    deflateEnd(&deflater->normal);
    deflateEnd(&deflater->fast);
    memory_free(deflater);
}

/* The output's room is as large as the input: what does not fit was not worth it. */
static bool deflate_part(z_stream *stream, struct bytes part, bool last) {
    stream->next_in = (Bytef *)(uintptr_t)part.data;
    stream->avail_in = (uInt)part.size;
    int result = deflate(stream, last ? Z_SYNC_FLUSH : Z_NO_FLUSH);
    return (result == Z_OK || result == Z_BUF_ERROR) && stream->avail_in == 0 &&
           stream->avail_out > 0;
}

bool ws_deflater_message(struct ws_deflater *deflater, const struct bytes *parts, size_t count,
                         struct buffer *out) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    buffer_clear(out);
    if (size < WS_DEFLATE_SMALLEST || size > WS_DEFLATE_LARGEST ||
        buffer_reserve(out, size) != ERROR_NONE)
        return false;
    z_stream *stream = size >= LARGE ? &deflater->fast : &deflater->normal;
    deflateReset(stream);
    stream->next_out = out->data;
    stream->avail_out = (uInt)size;
    for (size_t i = 0; i < count; i++)
        if (!deflate_part(stream, parts[i], i + 1 == count))
            return false;
    out->size = size - stream->avail_out - TAIL_SIZE;
    return true;
}
