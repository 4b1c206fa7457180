#include "body.h"

#include "base/list.h"
#include "http/fields.h"

static void send_chunk(struct body *body);

/* On a pool thread: only the hash and the chunk that was handed over. */
static void hash_chunk(struct work *work) {
    struct body *body = container_of(work, struct body, work);
    sha256_update(&body->hash, buffer_bytes(&body->hashing));
}

static void finish(struct body *body) {
    body->finishing = false;
    sha256_finish(&body->hash, body->digest);
    body->events->finished(body);
}

static void chunk_hashed(struct work *work) {
    struct body *body = container_of(work, struct body, work);
    buffer_clear(&body->hashing);
    if (body->abandoned) {
        body->events->finished(body);
        return;
    }
    if (body->finishing && body->filling.size == 0) {
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

static const struct work_handler hash_handler = {"sha256", hash_chunk, chunk_hashed};

static void send_chunk(struct body *body) {
    struct buffer chunk = body->filling;
    body->filling = body->hashing;
    body->hashing = chunk;
    pool_send(body->port, &body->work);
}

static void init_title(struct body *body, struct bytes content_type) {
    char charset[64] = "";
    struct http_media_type media_type;
    if (http_media_type_parse(content_type, &media_type))
        http_media_type_parameter(&media_type, "charset", charset, sizeof charset);
    body->has_title = title_is_html(content_type);
    body->scanning = body->has_title;
    title_scanner_init(&body->title, bytes_of(charset), TITLE_SCAN_BYTES);
}

void body_init(struct body *body, struct pool_port *port, const struct body_events *events,
               struct bytes content_type, int64_t length, uint64_t inline_below, uint64_t limit) {
    body->events = events;
    body->port = port;
    body->work = (struct work){.handler = &hash_handler};
    body->filling = body->hashing = (struct buffer){0};
    body->size = 0;
    body->limit = limit;
    body->in_place = length >= 0 && (uint64_t)length < inline_below;
    body->full = body->finishing = body->abandoned = false;
    sha256_init(&body->hash);
    init_title(body, content_type);
}

void body_fini(struct body *body) {
    buffer_fini(&body->filling);
    buffer_fini(&body->hashing);
    title_scanner_fini(&body->title);
}

enum error body_add(struct body *body, struct bytes piece, bool *stop) {
    *stop = false;
    if (piece.size > body->limit - body->size)
        return ERROR_BODY_TOO_LARGE;
    body->size += piece.size;
    if (body->scanning)
        body->scanning = title_scanner_feed(&body->title, piece);
    if (body->in_place) {
        sha256_update(&body->hash, piece);
        return ERROR_NONE;
    }
    enum error error = buffer_append(&body->filling, piece.data, piece.size);
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
    if (body->has_title)
        title_scanner_finish(&body->title);
    if (body_is_hashing(body))
        return;
    if (body->filling.size > 0)
        send_chunk(body);
    else
        finish(body);
}

bool body_abandon(struct body *body) {
    body->abandoned = true;
    return !body_is_hashing(body);
}
