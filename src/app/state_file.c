#include "state_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "file.h"
#include "url_places.h"

enum { SAVED_EVERY_SECONDS = 60 };

static const size_t READ_MAX = (size_t)1 << 30;

/* ---- reading --------------------------------------------------------------------------------- */

/* The memory moves, and what it shows of itself moves with it. */
static void claim(struct state_memory *place, const struct state_memory *memory) {
    *place = *memory;
    if (place->memory.digest != NULL)
        place->memory.digest = place->digest;
}

static enum error take_line(struct url_places *places, struct bytes line,
                            struct state_memory *memories) {
    struct state_memory memory;
    uint64_t hash;
    enum error error = state_line_read(line, &hash, &memory);
    if (error != ERROR_NONE)
        return error;
    size_t place;
    if (url_places_claim(places, hash, &place))
        claim(&memories[place], &memory);
    else
        state_memory_fini(&memory);
    return ERROR_NONE;
}

/* Counts the lines that are none. */
static enum error take_lines(struct url_places *places, struct bytes text,
                             struct state_memory *memories, size_t *unclear) {
    while (text.size > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.size);
        size_t size = end == NULL ? text.size : (size_t)(end - text.data);
        enum error error = take_line(places, bytes_make(text.data, size), memories);
        if (error == ERROR_NO_MEMORY)
            return error;
        *unclear += error != ERROR_NONE;
        text = bytes_after(text, end == NULL ? size : size + 1);
    }
    return ERROR_NONE;
}

static enum error read_text(struct bytes text, const struct config_urls *urls,
                            struct state_memory *memories, size_t *unclear) {
    *unclear = 0;
    if (text.size == 0)
        return ERROR_NONE;
    struct url_places places;
    enum error error = url_places_init(&places, urls);
    if (error != ERROR_NONE)
        return error;
    error = take_lines(&places, text, memories, unclear);
    url_places_fini(&places);
    return error;
}

enum error state_text_read(struct bytes text, const struct config_urls *urls,
                           struct state_memory *memories) {
    size_t unclear;
    return read_text(text, urls, memories, &unclear);
}

enum error state_file_load(const struct state_file *state, const struct config_urls *urls,
                           struct state_memory *memories) {
    struct buffer text = {0};
    size_t unclear = 0;
    if (state->path == NULL)
        return ERROR_NONE;
    enum error error = file_read(state->path, READ_MAX, &text);
    if (error == ERROR_NONE)
        error = read_text(buffer_bytes(&text), urls, memories, &unclear);
    buffer_fini(&text);
    if (unclear > 0)
        log_write(LOG_WARNING, "state", "lines of the state file are not understood",
                  LOG_TEXT("file", state->path), LOG_NUMBER("lines", unclear));
    return error == ERROR_NOT_FOUND ? ERROR_NONE : error;
}

/* ---- writing --------------------------------------------------------------------------------- */

/* On a pool thread. */
static void write_file(struct work *work) {
    struct state_file *state = container_of(work, struct state_file, writing);
    state->result = file_replace(state->path, state->temporary, buffer_bytes(&state->text));
}

static void send_pending(struct state_file *state) {
    struct buffer written = state->text;
    state->text = state->pending;
    buffer_clear(&written);
    state->pending = written;
    pool_send(&state->port, &state->writing);
}

/* A disk that is full is full for many rounds: that is said once. */
static void complain(struct state_file *state, enum error error) {
    if (error != ERROR_NONE && error != state->told)
        log_write(LOG_ERROR, "state", "the state file could not be written",
                  LOG_TEXT("file", state->path), LOG_TEXT("error", error_text(error)));
    state->told = error;
}

static void file_written(struct work *work) {
    struct state_file *state = container_of(work, struct state_file, writing);
    complain(state, state->result);
    if (state->pending.size > 0)
        send_pending(state);
    else if (state->closed != NULL)
        state->closed(state->closed_context);
}

static const struct work_handler writing_handler = {"state_file", write_file, file_written};

enum error state_text_append(struct buffer *out, const struct config_urls *urls,
                             const struct schedule *schedule) {
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < urls->count && error == ERROR_NONE; i++) {
        struct schedule_memory memory;
        schedule_recall(schedule, i, &memory);
        error = state_line_append(out, &urls->entries[i], &memory);
    }
    return error;
}

void state_file_save(struct state_file *state, const struct config_urls *urls,
                     const struct schedule *schedule) {
    if (state->path == NULL)
        return;
    state->saved = state->loop->now;
    buffer_clear(&state->pending);
    enum error error = state_text_append(&state->pending, urls, schedule);
    if (error != ERROR_NONE) {
        buffer_clear(&state->pending); /* rather the file that is there than half of this one */
        complain(state, error);
    } else if (state->pending.size > 0 && !work_is_sent(&state->writing)) {
        send_pending(state);
    }
}

void state_file_save_now_and_then(struct state_file *state, const struct config_urls *urls,
                                  const struct schedule *schedule) {
    uint64_t now = state->loop->now;
    /* the first round's first result comes before the schedule is there */
    if (schedule != NULL && now - state->saved >= SAVED_EVERY_SECONDS * SECOND)
        state_file_save(state, urls, schedule);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

enum error state_file_init(struct state_file *state, const char *path, struct pool *pool,
                           struct loop *loop) {
    *state = (struct state_file){.path = path, .loop = loop, .saved = loop->now};
    if (path == NULL)
        return ERROR_NONE;
    struct buffer temporary = {0};
    enum error error = buffer_format(&temporary, "%s.new", path);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&temporary, 0);
    state->temporary = (char *)temporary.data; /* a buffer's memory is like any other */
    state->writing.handler = &writing_handler;
    pool_port_init(&state->port, pool, loop);
    return error;
}

void state_file_fini(struct state_file *state) {
    memory_free(state->temporary);
    buffer_fini(&state->text);
    buffer_fini(&state->pending);
}

void state_file_close(struct state_file *state, void (*closed)(void *context), void *context) {
    state->closed = closed;
    state->closed_context = context;
    if (!work_is_sent(&state->writing))
        closed(context);
}
