#include "request.h"

#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "client_internal.h"
#include "key_ring.h"
#include "presence.h"

struct request *request_new(struct client *client, enum request_kind kind, struct bytes name,
                            struct bytes payload) {
    struct request *request = memory_allocate(sizeof *request + name.size + 1 + payload.size);
    if (request == NULL)
        return NULL;
    *request = (struct request){
        .hub = worker_of(client)->hub,
        .client = client,
        .asker = worker_of(client)->index,
        .kind = kind,
        .name_size = name.size,
    };
    memcpy(request->data, name.data, name.size);
    request->data[name.size] = '\0';
    if (payload.size > 0)
        memcpy(request->data + name.size + 1, payload.data, payload.size);
    request->payload = bytes_make(request->data + name.size + 1, payload.size);
    return request;
}

void request_cancel(struct request *request) {
    buffer_fini(&request->text);
    memory_free(request);
}

void request_forget(struct client *client) {
    if (client->request != NULL)
        client->request->client = NULL;
    client->request = NULL;
}

/* ---- the messages of a body ------------------------------------------------------------------ */

/* The next line that is not empty, without its end. */
static bool next_line(struct bytes *text, struct bytes *line) {
    while (text->size > 0) {
        const uint8_t *end = memchr(text->data, '\n', text->size);
        size_t size = end != NULL ? (size_t)(end - text->data) : text->size;
        *line = bytes_make(text->data, size);
        *text = bytes_after(*text, size + (end != NULL ? 1 : 0));
        if (line->size > 0 && line->data[line->size - 1] == '\r')
            line->size--;
        if (line->size > 0)
            return true;
    }
    return false;
}

size_t request_count_messages(const struct request *publish) {
    struct bytes rest = publish->payload, line;
    size_t count = 0;
    if (!publish->lines)
        return 1;
    while (next_line(&rest, &line))
        count++;
    return count;
}

/* ---- at home: publishing --------------------------------------------------------------------- */

static enum error publish_one(struct request *request, struct home *home, struct bytes payload) {
    uint64_t offset;
    enum error error =
        home_append(home, bytes_of(request->prefix), request->binary, payload, &offset);
    if (error != ERROR_NONE)
        return error;
    request->offset = offset + 1;
    request->count++;
    return ERROR_NONE;
}

/* But the first lines that an earlier attempt with the same key has published. */
static enum error publish_all(struct request *request, struct home *home) {
    struct bytes rest = request->payload, line;
    enum error error = ERROR_NONE;
    if (!request->lines)
        return publish_one(request, home, request->payload);
    for (unsigned i = 0, done = request->count; error == ERROR_NONE && next_line(&rest, &line); i++)
        if (i >= done)
            error = publish_one(request, home, line);
    return error;
}

/* Who repeats a key within its time gets the first answer again, and nothing is published; or the
 * rest is, where there was no memory for all. */
static enum error publish(struct request *request, struct home *home) {
    struct bytes key = bytes_of(request->key);
    uint64_t now = home->worker->loop->now;
    request->offset = home_history(home)->next_offset;
    if (key.size > 0 && key_ring_find(&home->keys, key, now, &request->offset, &request->count)) {
        request->repeated = true;
        return ERROR_NONE;
    }
    enum error error =
        key.size > 0 ? key_ring_add(&home->keys, key, now, &request->count) : ERROR_NONE;
    if (error != ERROR_NONE)
        return error;
    error = publish_all(request, home);
    if (error == ERROR_NONE && key.size > 0)
        key_ring_answer(&home->keys, key, request->offset, request->count);
    else if (key.size > 0)
        key_ring_fail(&home->keys, key, request->count);
    return error;
}

/* ---- at home: asking ------------------------------------------------------------------------- */

static enum error describe(struct request *request, struct home *home) {
    const struct log *history = home_history(home);
    struct channel_totals totals = home_totals(home);
    request->offset = history->next_offset;
    enum error error = !home->settings.presence
                           ? ERROR_NONE
                           : buffer_format(&request->text, "\"members\":%" PRIu64 ",",
                                           counter_read(&home->member_count));
    if (error != ERROR_NONE)
        return error;
    return buffer_format(&request->text,
                         "\"retained\":{\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64
                         "},\"subscribers\":%" PRIu64 ",\"delivered\":%" PRIu64
                         ",\"skipped\":%" PRIu64 ",\"own\":%" PRIu64 ",\"abandoned\":%" PRIu64
                         ",\"due\":%" PRIu64,
                         history->next_offset - history->tail_offset, history->head - history->tail,
                         totals.subscribers, totals.delivered, totals.skipped, totals.own,
                         totals.abandoned, totals.due);
}

static enum error append_messages(struct request *request, struct home *home, uint64_t from) {
    enum error error = buffer_append_byte(&request->text, '[');
    while (error == ERROR_NONE && from < request->offset && request->count < request->limit &&
           request->text.size < REQUEST_HISTORY_BYTES) {
        struct published message = home_message(home, from++);
        if (request->count++ > 0)
            error = buffer_append_byte(&request->text, ',');
        if (error == ERROR_NONE)
            error = envelope_append(&request->text, &message);
    }
    return error == ERROR_NONE ? buffer_append_byte(&request->text, ']') : error;
}

/* From `since` on, or from the oldest there is if that is gone: `found` says which. */
static enum error remember(struct request *request, struct home *home) {
    home_trim(home);
    const struct log *history = home_history(home);
    uint64_t from = request->since;
    request->offset = history->next_offset;
    request->found = (!request->has_epoch || request->epoch == home->epoch) &&
                     from >= history->tail_offset && from <= history->next_offset;
    return append_messages(request, home, request->found ? from : history->tail_offset);
}

static enum error tell_presence(struct request *request, struct home *home) {
    return presence_describe(home, request->limit, &request->text, &request->found);
}

static enum error perform(struct request *request, struct hub_worker *worker) {
    struct bytes name = bytes_make(request->data, request->name_size);
    struct home *home;
    enum error error = request->kind == REQUEST_PUBLISH ? home_find(worker, name, &home)
                                                        : home_look_up(worker, name, &home);
    if (error != ERROR_NONE)
        return error;
    if (request->kind == REQUEST_PUBLISH)
        error = publish(request, home);
    else if (request->kind == REQUEST_STATE)
        error = describe(request, home);
    else if (request->kind == REQUEST_HISTORY)
        error = remember(request, home);
    else
        error = tell_presence(request, home);
    request->epoch = home->epoch;
    return error;
}

/* ---- there and back -------------------------------------------------------------------------- */

/* Only one message of a client's own can be stepped over, and lines have no source. */
static void deliver_answer(struct letter *letter) {
    struct request *request = container_of(letter, struct request, letter);
    struct client *client = request->client;
    if (request->source != NULL)
        subscription_published(&request->source->subscription, request->error, request->offset - 1);
    if (client != NULL)
        request->answered(request);
    request_cancel(request);
}

static const struct letter_handler answer_handler = {"hub_answer", deliver_answer};

static void deliver_request(struct letter *letter) {
    struct request *request = container_of(letter, struct request, letter);
    struct hub *hub = request->hub;
    request->error =
        perform(request, hub_home_worker(hub, bytes_make(request->data, request->name_size)));
    request->letter.handler = &answer_handler;
    loop_send(hub->workers[request->asker].loop, &request->letter);
}

static const struct letter_handler request_handler = {"hub_request", deliver_request};

/* Always by letter, so that answers come in order and never before the asker is ready for them. */
void request_send(struct request *request) {
    struct bytes name = bytes_make(request->data, request->name_size);
    if (request->source != NULL)
        subscription_begin_publish(&request->source->subscription);
    request->letter.handler = &request_handler;
    loop_send(hub_home_worker(request->hub, name)->loop, &request->letter);
}
