#include "state_file.h"

#include <assert.h>
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
    if (state->pending.size > 0 && !state->building)
        send_pending(state);
    else if (state->closed != NULL)
        state->closed(state->closed_context);
}

static const struct work_handler writing_handler = {"state_file", write_file, file_written};

/* ---- building, a slice a turn ---------------------------------------------------------------- */

static enum error append_lines(struct buffer *out, const struct state_source *source, size_t from,
                               size_t to) {
    enum error error = ERROR_NONE;
    for (size_t i = from; i < to && error == ERROR_NONE; i++) {
        struct schedule_memory memory;
        source->recall(source->context, i, &memory);
        error = state_line_append(out, &source->urls[i], &memory);
    }
    return error;
}

enum error state_text_append(struct buffer *out, const struct state_source *source) {
    return append_lines(out, source, 0, source->count);
}

static void begin_building(struct state_file *state) {
    state->building = true;
    state->again = false;
    state->built = 0;
    buffer_clear(&state->pending);
}

/* After an error there is nothing to write: rather the file that is there than half of this one. */
static void end_building(struct state_file *state, enum error error) {
    state->building = false;
    if (error != ERROR_NONE) {
        buffer_clear(&state->pending);
        complain(state, error);
    } else if (state->pending.size > 0 && !work_is_sent(&state->writing)) {
        send_pending(state);
    }
    if (state->again)
        begin_building(state);
}

static void build_slice(struct state_file *state) {
    size_t left = state->source.count - state->built;
    size_t end = state->built + (left < STATE_LINES_A_TURN ? left : STATE_LINES_A_TURN);
    enum error error = append_lines(&state->pending, &state->source, state->built, end);
    state->built = end;
    if (error != ERROR_NONE || end == state->source.count)
        end_building(state, error);
}

static void slice_came(struct task *task) {
    struct state_file *state = container_of(task, struct state_file, slice);
    build_slice(state);
    if (state->building)
        loop_post(state->loop, &state->slice);
}

static const struct task_handler slice_handler = {"state_file_slice", slice_came};

void state_file_save(struct state_file *state, const struct state_source *source) {
    if (state->path == NULL)
        return;
    state->saved = state->loop->now;
    if (state->building) {
        state->again = true;
        return;
    }
    state->source = *source;
    begin_building(state);
    loop_post(state->loop, &state->slice);
}

void state_file_save_now_and_then(struct state_file *state, const struct state_source *source) {
    if (state->loop->now - state->saved >= SAVED_EVERY_SECONDS * SECOND)
        state_file_save(state, source);
}

/* What is built so far is old if it was asked for again. */
void state_file_settle(struct state_file *state) {
    loop_unpost(&state->slice);
    if (state->again)
        begin_building(state);
    while (state->building)
        build_slice(state);
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
    state->slice.handler = &slice_handler;
    pool_port_init(&state->port, pool, loop);
    return error;
}

void state_file_fini(struct state_file *state) {
    memory_free(state->temporary);
    buffer_fini(&state->text);
    buffer_fini(&state->pending);
}

void state_file_close(struct state_file *state, void (*closed)(void *context), void *context) {
    assert(!state->building);
    state->closed = closed;
    state->closed_context = context;
    if (!work_is_sent(&state->writing))
        closed(context);
}
