/*
 * One message, state by state:
 *
 *   START_LINE → FIELDS → BODY ──────────────────────────────────────────→ ENDED
 *                       → CHUNK_SIZE → CHUNK_DATA → CHUNK_END → CHUNK_SIZE …
 *                                    → TRAILERS ─────────────────────────→ ENDED
 *
 * Lines are collected and checked one at a time; the complete head goes to llhttp in one piece, so
 * its fields are views that never move. The body is framed here and not by llhttp: chunked coding
 * is where its versions differ most, and a body of known length is only counted.
 */
#include "message.h"

#include <assert.h>

#include "base/memory.h"
#include "framing.h"
#include "line.h"

const struct http_limits http_request_limits = {
    .start_line_bytes = 8190, .field_line_bytes = 8190, .head_bytes = 16384, .field_count = 128};
const struct http_limits http_response_limits = {
    .start_line_bytes = 8190, .field_line_bytes = 8190, .head_bytes = 65536, .field_count = 256};

enum message_state {
    MESSAGE_START_LINE,
    MESSAGE_FIELDS,
    MESSAGE_BODY,
    MESSAGE_CHUNK_SIZE,
    MESSAGE_CHUNK_DATA,
    MESSAGE_CHUNK_END,
    MESSAGE_TRAILERS,
    MESSAGE_ENDED,
    MESSAGE_FAILED
};

/* One call of http_message_next(): what it was given and what it will answer. */
struct turn {
    struct bytes *input;
    struct bytes *body;
    enum http_event event;
};

void http_message_init(struct http_message *message, enum head_kind kind,
                       const struct http_limits *limits) {
    *message = (struct http_message){.kind = (uint8_t)kind, .limits = limits};
    http_message_restart(message);
}

void http_message_fini(struct http_message *message) {
    buffer_fini(&message->text);
    buffer_fini(&message->partial);
    memory_free(message->fields);
    message->fields = NULL;
    message->field_count = message->field_capacity = 0;
}

void http_message_restart(struct http_message *message) {
    buffer_clear(&message->text);
    buffer_clear(&message->partial);
    message->state = MESSAGE_START_LINE;
    message->framing = FRAMING_NONE;
    message->started = message->blank_line_skipped = false;
    message->line_taken = message->keeps_alive = false;
    message->error = ERROR_NONE;
    message->content_length = -1;
    message->field_count = message->field_line_count = message->overhead = 0;
}

enum http_event http_message_fail(struct http_message *message, enum error error) {
    message->state = MESSAGE_FAILED;
    message->error = error;
    return HTTP_ERROR;
}

/* The steps below return true to go on with the next state, false to answer turn->event. */

static bool answer(struct turn *turn, enum http_event event) {
    turn->event = event;
    return false;
}

static bool fail(struct http_message *message, struct turn *turn, enum error error) {
    return answer(turn, http_message_fail(message, error));
}

static bool go_to(struct http_message *message, enum message_state state) {
    message->state = (uint8_t)state;
    return true;
}

/* True with a line; else the answer is set. A line over `limit` is the error `too_long`. */
static bool take_line(struct http_message *message, struct turn *turn, size_t limit,
                      enum error too_long, struct bytes *line) {
    switch (line_take(&message->partial, &message->line_taken, turn->input, limit, line)) {
    case LINE_COMPLETE:
        return true;
    case LINE_NEED_MORE:
        return answer(turn, HTTP_NEED_MORE);
    case LINE_TOO_LONG:
        return fail(message, turn, too_long);
    case LINE_NO_MEMORY:
        return fail(message, turn, ERROR_NO_MEMORY);
    default:
        return fail(message, turn, ERROR_HTTP_MALFORMED);
    }
}

/* Whether `more` bytes fit in what the limit leaves for head, trailers and chunk extensions. */
static bool fits(const struct http_message *message, size_t more) {
    return message->text.size + message->overhead + more <= message->limits->head_bytes;
}

/* Room for a line and its CR LF is made at once, so that a failure leaves no half line. */
static enum error keep_line(struct http_message *message, struct bytes line) {
    if (!fits(message, line.size + 2))
        return ERROR_HTTP_HEAD_TOO_LARGE;
    enum error error = buffer_reserve(&message->text, line.size + 2);
    if (error == ERROR_NONE)
        error = buffer_append(&message->text, line.data, line.size);
    if (error == ERROR_NONE)
        error = buffer_append(&message->text, "\r\n", 2);
    return error;
}

/* What is kept of it: a later HTTP/1.x is read as 1.1 (RFC 9110 §2.5), since llhttp takes none. */
static enum error keep_start_line(struct http_message *message, struct bytes line) {
    enum error error = head_check_start_line(message->kind, line);
    if (error == ERROR_NONE)
        error = keep_line(message, line);
    if (error == ERROR_NONE && message->kind == HEAD_REQUEST && line.data[line.size - 1] > '1')
        message->text.data[line.size - 1] = '1';
    return error;
}

static bool read_start_line(struct http_message *message, struct turn *turn) {
    struct bytes line;
    if (!take_line(message, turn, message->limits->start_line_bytes, ERROR_HTTP_LINE_TOO_LONG,
                   &line))
        return false;
    /* RFC 9112 §2.2: a server ignores an empty line before the request line; one is enough */
    if (line.size == 0 && message->kind == HEAD_REQUEST && !message->blank_line_skipped) {
        message->blank_line_skipped = true;
        message->started = turn->input->size > 0;
        return true;
    }
    enum error error = keep_start_line(message, line);
    if (error != ERROR_NONE)
        return fail(message, turn, error);
    return go_to(message, MESSAGE_FIELDS);
}

/* RFC 9112 §9.3: 1.1 stays unless told to close, 1.0 closes unless told to stay. */
static bool connection_stays(const struct http_message *message) {
    struct http_fields fields = http_message_fields(message);
    if (http_fields_has_token(fields, "connection", "close"))
        return false;
    return message->minor_version > 0 || http_fields_has_token(fields, "connection", "keep-alive");
}

static enum error reserve_fields(struct http_message *message, size_t count) {
    if (count <= message->field_capacity)
        return ERROR_NONE;
    size_t capacity = count < 16 ? 16 : count * 2;
    struct http_field *fields = memory_resize(message->fields, capacity * sizeof *fields);
    if (fields == NULL)
        return ERROR_NO_MEMORY;
    message->fields = fields;
    message->field_capacity = capacity;
    return ERROR_NONE;
}

static enum error parse_head(struct http_message *message) {
    struct head head;
    enum error error = reserve_fields(message, message->field_line_count);
    if (error == ERROR_NONE)
        error = head_parse(message->kind, buffer_bytes(&message->text), message->fields,
                           message->field_line_count, &head);
    if (error != ERROR_NONE)
        return error;
    message->method = head.method;
    message->target = head.target;
    message->reason = head.reason;
    message->status = head.status;
    message->minor_version = (uint8_t)head.minor_version;
    message->field_count = head.field_count;
    return ERROR_NONE;
}

static enum error decide_framing(struct http_message *message) {
    enum framing framing;
    enum error error =
        framing_decide(message->kind, message->minor_version, http_message_fields(message),
                       &framing, &message->content_length);
    if (error != ERROR_NONE)
        return error;
    message->framing = (uint8_t)framing;
    if (framing == FRAMING_LENGTH)
        message->remaining = (uint64_t)message->content_length;
    return ERROR_NONE;
}

static bool finish_head(struct http_message *message, struct turn *turn) {
    enum error error = keep_line(message, bytes_make(NULL, 0));
    if (error == ERROR_NONE)
        error = parse_head(message);
    if (error == ERROR_NONE)
        error = decide_framing(message);
    if (error != ERROR_NONE)
        return fail(message, turn, error);
    message->keeps_alive = connection_stays(message);
    go_to(message, message->framing == FRAMING_CHUNKED ? MESSAGE_CHUNK_SIZE : MESSAGE_BODY);
    return answer(turn, HTTP_HEAD);
}

/* Blanks at the end of a line are none of its value (RFC 9112 §5); llhttp minds some of them. */
static struct bytes without_blanks_at_end(struct bytes line) {
    while (line.size > 0 && (line.data[line.size - 1] == ' ' || line.data[line.size - 1] == '\t'))
        line.size--;
    return line;
}

/* Takes a field line of the head or of the trailers; an empty one ends them. */
static bool take_field_line(struct http_message *message, struct turn *turn, struct bytes *line) {
    if (!take_line(message, turn, message->limits->field_line_bytes, ERROR_HTTP_HEAD_TOO_LARGE,
                   line))
        return false;
    if (line->size == 0)
        return true;
    if (message->field_line_count >= message->limits->field_count)
        return fail(message, turn, ERROR_HTTP_HEAD_TOO_LARGE);
    message->field_line_count++;
    *line = without_blanks_at_end(
        *line); /* one of blanks alone is not valid, so not taken for the end */
    if (!fits(message, line->size + 2))
        return fail(message, turn, ERROR_HTTP_HEAD_TOO_LARGE);
    if (!head_field_line_is_valid(*line))
        return fail(message, turn, ERROR_HTTP_MALFORMED);
    return true;
}

static bool read_fields(struct http_message *message, struct turn *turn) {
    struct bytes line;
    if (!take_field_line(message, turn, &line))
        return false;
    if (line.size == 0)
        return finish_head(message, turn);
    enum error error = keep_line(message, line);
    return error == ERROR_NONE || fail(message, turn, error);
}

/* Lends what the input has of the next `remaining` bytes. False if it has none of them. */
static bool lend(struct http_message *message, struct turn *turn) {
    if (turn->input->size == 0)
        return answer(turn, HTTP_NEED_MORE);
    size_t size = turn->input->size;
    if (size > message->remaining)
        size = (size_t)message->remaining;
    *turn->body = bytes_make(turn->input->data, size);
    *turn->input = bytes_after(*turn->input, size);
    message->remaining -= size;
    return answer(turn, HTTP_BODY);
}

static bool read_body(struct http_message *message, struct turn *turn) {
    if (message->framing == FRAMING_UNTIL_CLOSE)
        message->remaining = UINT64_MAX;
    else if (message->framing == FRAMING_NONE || message->remaining == 0)
        return go_to(message, MESSAGE_ENDED);
    return lend(message, turn);
}

static bool read_chunk_size(struct http_message *message, struct turn *turn) {
    struct bytes line;
    size_t extension_size;
    if (!take_line(message, turn, message->limits->field_line_bytes, ERROR_HTTP_HEAD_TOO_LARGE,
                   &line))
        return false;
    if (!framing_parse_chunk_line(line, &message->remaining, &extension_size))
        return fail(message, turn, ERROR_HTTP_MALFORMED);
    if (!fits(message, extension_size))
        return fail(message, turn, ERROR_HTTP_HEAD_TOO_LARGE);
    message->overhead += extension_size;
    return go_to(message, message->remaining > 0 ? MESSAGE_CHUNK_DATA : MESSAGE_TRAILERS);
}

static bool read_chunk_data(struct http_message *message, struct turn *turn) {
    if (message->remaining == 0)
        return go_to(message, MESSAGE_CHUNK_END);
    return lend(message, turn);
}

static bool read_chunk_end(struct http_message *message, struct turn *turn) {
    struct bytes line;
    if (!take_line(message, turn, 0, ERROR_HTTP_MALFORMED, &line))
        return false;
    return go_to(message, MESSAGE_CHUNK_SIZE);
}

/* Trailers are checked and dropped: nobody here asks for one (RFC 9110 §6.5.1 allows that). */
static bool read_trailers(struct http_message *message, struct turn *turn) {
    struct bytes line;
    if (!take_field_line(message, turn, &line))
        return false;
    if (line.size == 0)
        return go_to(message, MESSAGE_ENDED);
    message->overhead += line.size + 2;
    return true;
}

static bool say_ended(struct http_message *message, struct turn *turn) {
    (void)message;
    return answer(turn, HTTP_END);
}

static bool say_failed(struct http_message *message, struct turn *turn) {
    (void)message;
    return answer(turn, HTTP_ERROR);
}

enum http_event http_message_next(struct http_message *message, struct bytes *input,
                                  struct bytes *body) {
    static bool (*const steps[])(struct http_message *, struct turn *) = {
        [MESSAGE_START_LINE] = read_start_line,
        [MESSAGE_FIELDS] = read_fields,
        [MESSAGE_BODY] = read_body,
        [MESSAGE_CHUNK_SIZE] = read_chunk_size,
        [MESSAGE_CHUNK_DATA] = read_chunk_data,
        [MESSAGE_CHUNK_END] = read_chunk_end,
        [MESSAGE_TRAILERS] = read_trailers,
        [MESSAGE_ENDED] = say_ended,
        [MESSAGE_FAILED] = say_failed,
    };
    struct turn turn = {.input = input, .body = body};
    message->started = message->started || input->size > 0;
    while (steps[message->state](message, &turn))
        ;
    return turn.event;
}

void http_message_drop_body(struct http_message *message) {
    assert(message->state == MESSAGE_BODY || message->state == MESSAGE_CHUNK_SIZE);
    message->framing = FRAMING_NONE;
    message->state = MESSAGE_ENDED;
}

enum http_event http_message_end_of_stream(struct http_message *message) {
    if (message->state == MESSAGE_FAILED)
        return HTTP_ERROR;
    if (message->state == MESSAGE_BODY &&
        (message->framing == FRAMING_UNTIL_CLOSE || message->framing == FRAMING_NONE ||
         message->remaining == 0))
        message->state = MESSAGE_ENDED;
    if (message->state == MESSAGE_ENDED)
        return HTTP_END;
    return http_message_fail(message,
                             message->started ? ERROR_HTTP_TRUNCATED : ERROR_END_OF_STREAM);
}

bool http_message_keeps_alive(const struct http_message *message) {
    return message->state == MESSAGE_ENDED && message->keeps_alive &&
           message->framing != FRAMING_UNTIL_CLOSE;
}
