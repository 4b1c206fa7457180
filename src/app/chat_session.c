#include "chat_session.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "digest/base64.h"
#include "json/document.h"

enum {
    SUBSCRIBE_ID = 0,
    WAITING_MAX = 256,    /* lines that wait */
    UNANSWERED_MAX = 64,  /* of these, on their way, where lines are answered */
    BACKLOG_MAX = 1 << 20 /* bytes on their way, where lines are not answered */
};

/* A line that was said. */
struct chat_said {
    struct list_node link;
    uint64_t id;  /* of the command that carries it; 0: not on its way */
    uint64_t end; /* of it in what is sent, where lines are not answered */
    size_t size;
    uint8_t text[];
};

void chat_session_init(struct chat_session *session, struct chat_connection *connection,
                       const char *channel, unsigned history,
                       const struct chat_session_events *events) {
    *session = (struct chat_session){.connection = connection,
                                     .channel = channel,
                                     .history = history,
                                     .events = events,
                                     .next_id = SUBSCRIBE_ID + 1};
    list_init(&session->said);
}

static void forget(struct chat_session *session, struct chat_said *said) {
    session->said_count--;
    if (said->id != 0)
        session->unanswered--;
    list_remove(&said->link);
    memory_free(said);
}

void chat_session_fini(struct chat_session *session) {
    while (!list_is_empty(&session->said))
        forget(session, container_of(session->said.next, struct chat_said, link));
}

/* ---- saying ---------------------------------------------------------------------------------- */

bool chat_session_is_full(const struct chat_session *session) {
    return session->said_count >= WAITING_MAX ||
           chat_connection_backlog(session->connection) > BACKLOG_MAX;
}

static enum error write_publish(const struct chat_session *session, const struct chat_said *said,
                                struct buffer *out) {
    enum error error = buffer_format(
        out, "{\"type\":\"publish\",\"id\":%" PRIu64 ",\"channel\":\"%s\",\"text\":", said->id,
        session->channel);
    if (error == ERROR_NONE)
        error = json_append_string(out, bytes_make(said->text, said->size));
    return error == ERROR_NONE ? buffer_append_byte(out, '}') : error;
}

static void send_command(struct chat_session *session, struct buffer *command, enum error error) {
    if (error == ERROR_NONE)
        chat_connection_send(session->connection, buffer_bytes(command));
    else
        chat_connection_fail(session->connection, "sending", error_text(error));
    buffer_fini(command);
}

static void say_one(struct chat_session *session, struct chat_said *said) {
    struct buffer command = {0};
    said->id = session->next_id++;
    session->unanswered++;
    if (!session->speaks_json) {
        chat_connection_send(session->connection, bytes_make(said->text, said->size));
        /* one that there was no memory for ended the connection, and was not sent */
        said->end = chat_connection_is_open(session->connection)
                        ? chat_connection_position(session->connection)
                        : UINT64_MAX;
        return;
    }
    enum error error = write_publish(session, said, &command);
    send_command(session, &command, error);
}

static bool may_say_more(const struct chat_session *session) {
    return session->joined && chat_connection_is_open(session->connection) &&
           (!session->speaks_json || session->unanswered < UNANSWERED_MAX) &&
           chat_connection_backlog(session->connection) <= BACKLOG_MAX;
}

static void say_what_waits(struct chat_session *session) {
    list_for_each_safe (node, &session->said) {
        struct chat_said *said = container_of(node, struct chat_said, link);
        if (!may_say_more(session))
            return;
        if (said->id == 0)
            say_one(session, said);
    }
}

enum error chat_session_say(struct chat_session *session, struct bytes line) {
    struct chat_said *said = memory_allocate(sizeof *said + line.size);
    if (said == NULL)
        return ERROR_NO_MEMORY;
    said->id = said->end = 0;
    said->size = line.size;
    memcpy(said->text, line.data, line.size);
    list_append(&session->said, &said->link);
    session->said_count++;
    say_what_waits(session);
    return ERROR_NONE;
}

/* Where lines are not answered, that is all that can be known of them. */
static void forget_what_was_taken(struct chat_session *session) {
    list_for_each_safe (node, &session->said) {
        struct chat_said *said = container_of(node, struct chat_said, link);
        if (said->id != 0 && said->end <= chat_connection_taken(session->connection))
            forget(session, said);
    }
}

void chat_session_drained(struct chat_session *session) {
    if (!session->speaks_json)
        forget_what_was_taken(session);
    say_what_waits(session);
    session->events->progressed(session);
}

/* ---- joining and parting --------------------------------------------------------------------- */

static void subscribe(struct chat_session *session) {
    struct buffer command = {0};
    enum error error =
        buffer_format(&command, "{\"type\":\"subscribe\",\"id\":%d,\"channel\":\"%s\"",
                      SUBSCRIBE_ID, session->channel);
    if (error == ERROR_NONE && session->has_place)
        error = buffer_format(&command, ",\"epoch\":\"%s\",\"offset\":%" PRIu64 "}", session->epoch,
                              session->offset);
    else if (error == ERROR_NONE && session->history > 0)
        error = buffer_format(&command, ",\"last\":%u}", session->history);
    else if (error == ERROR_NONE)
        error = buffer_append_byte(&command, '}');
    send_command(session, &command, error);
}

static void join(struct chat_session *session) {
    session->joined = true;
    session->events->joined(session);
    say_what_waits(session);
}

void chat_session_opened(struct chat_session *session, struct bytes subprotocol) {
    session->speaks_json = bytes_equal(subprotocol, bytes_of(CHAT_SUBPROTOCOL));
    if (session->speaks_json)
        subscribe(session);
    else
        join(session);
}

/* Whether what was not answered has arrived nobody knows: it is said again. */
void chat_session_closed(struct chat_session *session) {
    if (!session->speaks_json)
        forget_what_was_taken(session);
    session->joined = false;
    session->unanswered = 0;
    list_for_each (node, &session->said)
        container_of(node, struct chat_said, link)->id = 0;
}

/* ---- the place ------------------------------------------------------------------------------- */

/* Own messages do not come back, so the place moves over those that are next. */
static void step_over_own(struct chat_session *session) {
    for (size_t i = 0; i < session->own_count;) {
        if (session->own[i] > session->offset + 1) {
            i++;
            continue;
        }
        if (session->own[i] == session->offset + 1)
            session->offset++;
        session->own[i] = session->own[--session->own_count];
        i = 0;
    }
}

static void note_offset(struct chat_session *session, uint64_t offset) {
    if (offset > session->offset)
        session->offset = offset;
    step_over_own(session);
}

/* One that is too many is forgotten: after a break it comes back as a message. */
static void note_own(struct chat_session *session, uint64_t offset) {
    if (offset <= session->offset || session->own_count == CHAT_OWN_AHEAD)
        return;
    session->own[session->own_count++] = offset;
    step_over_own(session);
}

/* ---- what comes ------------------------------------------------------------------------------ */

static struct bytes text_member(const struct json_value *object, const char *key) {
    const struct json_value *member = json_member(object, key);
    return member != NULL && member->type == JSON_STRING ? member->text : bytes_of("");
}

static uint64_t number_member(const struct json_value *object, const char *key) {
    const struct json_value *member = json_member(object, key);
    uint64_t value = 0;
    if (member != NULL && member->type == JSON_NUMBER)
        bytes_to_unsigned(member->source, &value);
    return value;
}

static void take_subscribed(struct chat_session *session, const struct json_value *reply) {
    struct bytes epoch = text_member(reply, "epoch");
    const struct json_value *recovered = json_member(reply, "recovered");
    bool lost = session->has_place && recovered != NULL && recovered->type == JSON_BOOLEAN &&
                !recovered->boolean;
    if (epoch.size != CHAT_EPOCH_SIZE) {
        chat_connection_fail(session->connection, "the hub", "its answer has no epoch");
        return;
    }
    memcpy(session->epoch, epoch.data, CHAT_EPOCH_SIZE);
    session->has_place = true;
    session->offset = number_member(reply, "offset");
    session->own_count = 0;
    if (lost)
        session->events->noticed(session, "messages since the break are no longer retained");
    join(session);
}

static enum error take_text_message(struct chat_session *session, const struct json_value *object,
                                    struct bytes json) {
    const struct chat_message message = {true, text_member(object, "text"), json};
    return session->events->received(session, &message);
}

static enum error take_binary_message(struct chat_session *session, struct bytes base64,
                                      struct bytes json) {
    struct buffer decoded = {0};
    size_t size = 0;
    enum error error = buffer_reserve(&decoded, base64.size + 1);
    if (error == ERROR_NONE && base64_decode(base64, decoded.data, decoded.capacity, &size)) {
        const struct chat_message message = {false, bytes_make(decoded.data, size), json};
        error = session->events->received(session, &message);
    }
    buffer_fini(&decoded);
    return error;
}

/* Behind a break the hub tells what came behind the place: what was not taken, too. */
static void fail_without_memory(struct chat_session *session) {
    chat_connection_fail(session->connection, "receiving", error_text(ERROR_NO_MEMORY));
}

static void take_message(struct chat_session *session, const struct json_value *object,
                         struct bytes json) {
    const struct json_value *base64 = json_member(object, "base64");
    enum error error = base64 != NULL && base64->type == JSON_STRING
                           ? take_binary_message(session, base64->text, json)
                           : take_text_message(session, object, json);
    if (error == ERROR_NO_MEMORY)
        fail_without_memory(session);
    else
        note_offset(session, number_member(object, "offset"));
}

static struct chat_said *find_said(struct chat_session *session, uint64_t id) {
    list_for_each (node, &session->said) {
        struct chat_said *said = container_of(node, struct chat_said, link);
        if (said->id == id && id != 0)
            return said;
    }
    return NULL;
}

static void take_answer(struct chat_session *session, const struct json_value *reply) {
    struct chat_said *said = find_said(session, number_member(reply, "id"));
    if (said == NULL)
        return;
    forget(session, said);
    note_own(session, number_member(reply, "offset"));
    say_what_waits(session);
    session->events->progressed(session);
}

static void take_error(struct chat_session *session, const struct json_value *reply) {
    struct bytes text = text_member(reply, "text");
    struct chat_said *said = find_said(session, number_member(reply, "id"));
    char why[160];
    snprintf(why, sizeof why, "%.*s", (int)text.size, (const char *)text.data);
    session->events->refused(session, said == NULL, why);
    if (said == NULL)
        return;
    forget(session, said);
    say_what_waits(session);
    session->events->progressed(session);
}

static void take_skipped(struct chat_session *session, const struct json_value *object) {
    char what[80];
    snprintf(what, sizeof what, "%" PRIu64 " messages were missed: they came too fast",
             number_member(object, "missed"));
    note_offset(session, number_member(object, "offset"));
    session->events->noticed(session, what);
}

static void take_object(struct chat_session *session, const struct json_value *object,
                        struct bytes json) {
    struct bytes type = text_member(object, "type");
    if (bytes_equal(type, bytes_of("message")))
        take_message(session, object, json);
    else if (bytes_equal(type, bytes_of("published")))
        take_answer(session, object);
    else if (bytes_equal(type, bytes_of("subscribed")))
        take_subscribed(session, object);
    else if (bytes_equal(type, bytes_of("skipped")))
        take_skipped(session, object);
    else if (bytes_equal(type, bytes_of("error")))
        take_error(session, object);
}

static void take_json(struct chat_session *session, struct bytes json) {
    struct json_document document;
    struct json_syntax_error problem;
    enum error error = json.size > JSON_TEXT_MAX ? ERROR_LIMIT_REACHED
                                                 : json_document_init(&document, json, &problem);
    if (error == ERROR_NO_MEMORY) {
        fail_without_memory(session);
        return;
    }
    if (error != ERROR_NONE) {
        chat_connection_fail(session->connection, "the hub",
                             error == ERROR_LIMIT_REACHED ? "it sent a message that is too large"
                                                          : "it sent what is not JSON");
        return;
    }
    if (document.values->type == JSON_OBJECT)
        take_object(session, document.values, json);
    json_document_fini(&document);
}

/* The JSON object that a hub with the subprotocol would have sent. */
static enum error write_envelope(bool text, struct bytes payload, struct buffer *out) {
    enum error error =
        buffer_format(out, "{\"type\":\"message\",\"%s\":", text ? "text" : "base64");
    if (error == ERROR_NONE && text)
        error = json_append_string(out, payload);
    if (error == ERROR_NONE && !text)
        error = buffer_reserve(out, BASE64_SIZE(payload.size) + 4);
    if (error == ERROR_NONE && !text) {
        out->data[out->size++] = '"';
        out->size += base64_encode(payload, (char *)out->data + out->size);
        out->data[out->size++] = '"';
    }
    return error == ERROR_NONE ? buffer_append_byte(out, '}') : error;
}

static void take_plain(struct chat_session *session, bool text, struct bytes payload) {
    struct buffer json = {0};
    enum error error = write_envelope(text, payload, &json);
    if (error == ERROR_NONE) {
        const struct chat_message message = {text, payload, buffer_bytes(&json)};
        error = session->events->received(session, &message);
    }
    if (error == ERROR_NO_MEMORY)
        fail_without_memory(session);
    buffer_fini(&json);
}

void chat_session_received(struct chat_session *session, bool text, struct bytes payload) {
    if (session->speaks_json)
        take_json(session, payload);
    else
        take_plain(session, text, payload);
}
