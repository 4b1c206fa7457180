#include "body.h"

#include <limits.h>

#include "base/list.h"

static void send_chunk(struct body *body);

/* ---- digesting: on the loop, or on a pool thread --------------------------------------------- */

static void digest_piece(struct body *body, struct bytes piece) {
    if (body->scanning)
        body->scanning = title_scanner_feed(&body->title, piece);
    sha256_update(&body->hash, piece);
    if (body->file != NULL)
        body_file_write(body->file, piece);
}

/* Decodes and digests, in at most so many steps. True: all of `input` is done, or it has failed. */
static bool decode(struct body *body, struct bytes *input, unsigned steps) {
    struct bytes piece;
    while (steps-- > 0 && !atomic_load_explicit(&body->abandoned, memory_order_relaxed)) {
        switch (decoder_next(body->decoder, input, &piece)) {
        case DECODER_PIECE:
            body->size += piece.size;
            digest_piece(body, piece);
            break;
        case DECODER_ERROR:
            body->error = decoder_error(body->decoder);
            return true;
        case DECODER_NEED_MORE:
            return true;
        }
    }
    return false;
}

/* What is left to do for the file when a chunk has been written. */
static void save(struct body *body) {
    bool whole = body->last && body->error == ERROR_NONE &&
                 !atomic_load_explicit(&body->abandoned, memory_order_relaxed) &&
                 (body->decoder == NULL || decoder_finish(body->decoder));
    if (whole)
        body_file_complete(body->file);
    if (body->file->failure != 0 && body->error == ERROR_NONE)
        body->error = ERROR_SAVE_FAILED;
}

/* On a pool thread: only what the chunk needs. */
static void digest_chunk(struct work *work) {
    struct body *body = container_of(work, struct body, work);
    struct bytes chunk = buffer_bytes(&body->hashing);
    if (body->decoder == NULL)
        digest_piece(body, chunk);
    else
        decode(body, &chunk, UINT_MAX);
    if (body->file != NULL)
        save(body);
}

/* ---- the loop's side ------------------------------------------------------------------------- */

static void finish(struct body *body) {
    body->finishing = false;
    if (body->decoder != NULL && !decoder_finish(body->decoder)) {
        body->events->failed(body, decoder_error(body->decoder));
        return;
    }
    if (body->has_title)
        title_scanner_finish(&body->title);
    sha256_finish(&body->hash, body->digest);
    body->events->finished(body);
}

static void chunk_digested(struct work *work) {
    struct body *body = container_of(work, struct body, work);
    buffer_clear(&body->hashing);
    if (body->abandoned) {
        body->events->finished(body);
        return;
    }
    if (body->error != ERROR_NONE) {
        body->events->failed(body, body->error);
        return;
    }
    if (body->finishing && body->filling.size == 0 && (body->file == NULL || body->last)) {
        finish(body);
        return;
    }
    if (body->filling.size >= BODY_CHUNK_SIZE || body->finishing)
        send_chunk(body);
    if (body->full && body->filling.size < BODY_CHUNK_SIZE) {
        body->full = false;
        body->events->drained(body);
    }
}

static const struct work_handler digest_handler = {"body_digest", digest_chunk, chunk_digested};

static void send_chunk(struct body *body) {
    struct buffer chunk = body->filling;
    body->last = body->finishing;
    body->filling = body->hashing;
    body->hashing = chunk;
    pool_send(body->port, &body->work);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static void init_title(struct body *body, struct http_fields fields) {
    char charset[64] = "";
    struct bytes content_type = {0};
    struct http_media_type media_type;
    http_fields_find(fields, "content-type", &content_type);
    if (http_media_type_parse(content_type, &media_type))
        http_media_type_parameter(&media_type, "charset", charset, sizeof charset);
    body->has_title = title_is_html(content_type);
    body->scanning = body->has_title;
    title_scanner_init(&body->title, bytes_of(charset), TITLE_SCAN_BYTES);
}

static enum error init_decoder(struct body *body, struct http_fields fields) {
    enum coding codings[CODINGS_MAX], coding;
    size_t count = 0;
    struct http_fields_list list = http_fields_list_begin(fields, "content-encoding");
    struct bytes name;
    while (http_fields_list_next(&list, &name)) {
        if (!coding_of_name(name, &coding))
            return ERROR_CODING_UNKNOWN;
        if (coding == CODING_IDENTITY)
            continue;
        if (count == CODINGS_MAX)
            return ERROR_CODING_UNKNOWN;
        codings[count++] = coding;
    }
    body->decoder = NULL;
    return count == 0 ? ERROR_NONE : decoder_new(codings, count, body->limit, &body->decoder);
}

/* What comes over the wire is bounded as well: a coding may stand for nothing, and for long. A body
 * that cannot be compressed is a little longer with a coding than without. */
static uint64_t wire_limit(const struct body *body) {
    enum { OVERHEAD = 64 * 1024 };
    if (body->decoder == NULL)
        return body->limit;
    return body->limit > UINT64_MAX / 2 ? UINT64_MAX : body->limit + body->limit / 64 + OVERHEAD;
}

enum error body_init(struct body *body, struct pool_port *port, const struct body_events *events,
                     struct http_fields fields, int64_t length, uint64_t inline_below,
                     uint64_t limit) {
    body->limit = limit;
    enum error error = init_decoder(body, fields);
    if (error != ERROR_NONE)
        return error;
    if (length > 0 && (uint64_t)length > wire_limit(body)) {
        decoder_free(body->decoder);
        return ERROR_BODY_TOO_LARGE;
    }
    body->events = events;
    body->port = port;
    body->work = (struct work){.handler = &digest_handler};
    body->filling = body->hashing = (struct buffer){0};
    body->size = body->wire_size = 0;
    body->expected = length;
    body->error = ERROR_NONE;
    bool small = length >= 0 && (uint64_t)length < inline_below;
    body->steps = inline_below == UINT64_MAX ? BODY_STEPS_ALONE : small ? BODY_STEPS_IN_PLACE : 0;
    body->full = body->finishing = body->last = false;
    body->file = NULL;
    atomic_init(&body->abandoned, false);
    sha256_init(&body->hash);
    init_title(body, fields);
    return ERROR_NONE;
}

void body_save(struct body *body, struct body_file *file) {
    body->file = file;
    body->steps = 0;
}

void body_fini(struct body *body) {
    decoder_free(body->decoder);
    body_file_free(body->file);
    buffer_fini(&body->filling);
    buffer_fini(&body->hashing);
    title_scanner_fini(&body->title);
}

/* True if all of the piece was digested, or has failed; else `piece` is what is left. */
static bool digest_in_place(struct body *body, struct bytes *piece) {
    if (body->steps == 0)
        return false;
    if (body->decoder == NULL)
        digest_piece(body, *piece);
    else if (!decode(body, piece, body->steps))
        body->steps = 0;
    return body->steps > 0;
}

/* Room at once for what is expected, or else for a chunk with the piece that makes it full: growing
 * step by step would copy it again and again. */
static enum error make_room(struct body *body, size_t more) {
    enum { SMALL = 16 * 1024, MOST = BODY_CHUNK_SIZE + BODY_PIECE_MAX };
    struct buffer *filling = &body->filling;
    size_t wanted = filling->size + more;
    if (wanted <= filling->capacity || wanted >= MOST)
        return ERROR_NONE;
    if (body->expected >= 0 && (uint64_t)body->expected < MOST)
        wanted = (size_t)body->expected > wanted ? (size_t)body->expected : wanted;
    else if (body->expected >= 0 || wanted > SMALL)
        wanted = MOST;
    return buffer_reserve(filling, wanted - filling->size);
}

enum error body_add(struct body *body, struct bytes piece, bool *stop) {
    *stop = false;
    if (piece.size > wire_limit(body) - body->wire_size)
        return ERROR_BODY_TOO_LARGE;
    body->wire_size += piece.size;
    if (body->decoder == NULL)
        body->size = body->wire_size;
    if (digest_in_place(body, &piece))
        return body->error;
    enum error error = make_room(body, piece.size);
    if (error == ERROR_NONE)
        error = buffer_append(&body->filling, piece.data, piece.size);
    if (error != ERROR_NONE || body->filling.size < BODY_CHUNK_SIZE)
        return error;
    if (!body_is_hashing(body))
        send_chunk(body);
    else
        *stop = body->full = true;
    return ERROR_NONE;
}

void body_finish(struct body *body) {
    body->finishing = true;
    if (body_is_hashing(body))
        return;
    /* a decoder that left the loop's hands may still have something to say without further input */
    bool left_over = body->decoder != NULL && body->steps == 0;
    if (body->filling.size > 0 || left_over || body->file != NULL)
        send_chunk(body);
    else
        finish(body);
}

bool body_abandon(struct body *body) {
    body->abandoned = true;
    return !body_is_hashing(body);
}
