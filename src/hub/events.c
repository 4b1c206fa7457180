/*
 * Server-Sent Events: a channel over plain HTTP, for browsers' EventSource and for curl. Each
 * message is an event whose data is its envelope and whose id says where to go on: a client that
 * comes back sends the last one as Last-Event-ID. The response has no length; it ends with its
 * connection.
 *
 * To who accepts gzip it is one gzip stream (RFC 1952), whose blocks are the same for all: each
 * event is compressed once a channel, by itself. The stream has no end, as the response has none.
 */
#include <inttypes.h>
#include <string.h>

#include "client_internal.h"
#include "target.h"

enum { FIELDS = 4 }; /* of a response, the last of them only where it is compressed */

static bool is_deflated(const struct client *client) {
    const struct channel *channel = client->seat.subscription.channel;
    return channel != NULL && channel->kind == RENDITION_EVENTS_DEFLATED;
}

enum error events_queue(struct client *client, struct bytes text) {
    struct buffer blocks = {0};
    if (!is_deflated(client))
        return client_queue_output(client, text.data, text.size);
    enum error error = deflate_append_stored(&blocks, text);
    if (error == ERROR_NONE)
        error = client_queue_output(client, blocks.data, blocks.size);
    buffer_fini(&blocks);
    return error;
}

static void queue_text(struct client *client, struct buffer *text, enum error error) {
    if (error == ERROR_NONE)
        error = events_queue(client, buffer_bytes(text));
    if (error != ERROR_NONE)
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
    buffer_fini(text);
}

/* The first event says where the client stands, so that it can go on there even if nothing comes.
 */
void events_begin(struct client *client) {
    const struct subscription *subscription = &client->seat.subscription;
    uint64_t offset = subscription_offset(subscription), epoch = subscription->channel->home->epoch;
    struct buffer text = {0};
    enum error error =
        buffer_format(&text,
                      "event: subscribed\nid: %016" PRIx64 ":%" PRIu64
                      "\ndata: {\"type\":\"subscribed\",\"channel\":\"%s\",\"epoch\":\"%016" PRIx64
                      "\",\"offset\":%" PRIu64 ",\"recovered\":%s}\n\n",
                      epoch, offset, subscription->channel->name, epoch, offset,
                      subscription->recovered ? "true" : "false");
    queue_text(client, &text, error);
}

/* A comment, which keeps whatever is between us from closing an idle connection. */
void events_keep_alive(struct client *client) {
    static const char comment[] = ":\n\n";
    if (!client_has_output(client) &&
        events_queue(client, bytes_make(comment, sizeof comment - 1)) != ERROR_NONE) {
        client_cut_off(client, CLOSE_REASON_NO_MEMORY);
        return;
    }
    client_schedule_ping(client);
    client_serve(client);
}

void events_say_goodbye(struct client *client, enum close_reason reason) {
    const struct close_reason_row *row = close_reason_row(reason);
    struct buffer text = {0};
    queue_text(client, &text,
               buffer_format(&text,
                             "event: closing\ndata: {\"type\":\"closing\",\"reason\":\"%s\","
                             "\"text\":\"%s\"}\n\n",
                             row->name, row->text));
}

/* The beginning of a gzip stream: deflate, no name, no time, an unknown system. */
static const uint8_t gzip_head[] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255};

/* "q=0", with as many zeros behind it as one likes. */
static bool is_zero_weight(struct bytes weight) {
    for (size_t i = 0; i < weight.size; i++)
        if (weight.data[i] == '\0' || strchr("qQ=0. ", weight.data[i]) == NULL)
            return false;
    return weight.size > 0;
}

/* RFC 9110 section 12.5.3. A weight of 0 means that it is not accepted. */
static bool accepts_gzip(struct http_fields fields) {
    struct http_fields_list list = http_fields_list_begin(fields, "Accept-Encoding");
    struct bytes element;
    while (http_fields_list_next(&list, &element)) {
        const uint8_t *end = memchr(element.data, ';', element.size);
        size_t size = end != NULL ? (size_t)(end - element.data) : element.size;
        struct bytes weight = bytes_trimmed(bytes_after(element, size + (end != NULL ? 1 : 0)));
        if (bytes_equal_ignoring_case(bytes_trimmed(bytes_make(element.data, size)),
                                      bytes_of("gzip")))
            return !is_zero_weight(weight);
    }
    return false;
}

/* `fields` is where the head's fields are put. Neither a stream nor its head alone has a length. */
static struct http_response_head make_head(struct http_field fields[FIELDS], bool deflated) {
    fields[0] = (struct http_field){bytes_of("Cache-Control"), bytes_of("no-cache")};
    fields[1] = (struct http_field){bytes_of("X-Accel-Buffering"), bytes_of("no")};
    fields[2] = (struct http_field){bytes_of("Vary"), bytes_of("Accept-Encoding")};
    fields[3] = (struct http_field){bytes_of("Content-Encoding"), bytes_of("gzip")};
    return (struct http_response_head){
        .status = HTTP_STATUS_OK,
        .content_type = bytes_of("text/event-stream"),
        .content_length = -1,
        .fields = {fields, deflated ? FIELDS : FIELDS - 1},
    };
}

static enum error write_head(struct client *client, bool deflated) {
    struct http_field fields[FIELDS];
    struct http_response_head response = make_head(fields, deflated);
    response.connection = "close";
    enum error error = client_queue_head(client, &response);
    return error == ERROR_NONE && deflated
               ? client_queue_output(client, gzip_head, sizeof gzip_head)
               : error;
}

/* There is no body that would end with the connection, so that stays. */
static void answer_head(struct client *client, bool deflated) {
    struct http_field fields[FIELDS];
    const struct http_response_head response = make_head(fields, deflated);
    http_connection_respond(&client->connection, &response, bytes_make(NULL, 0), false);
}

/* What a browser's EventSource sends again goes before what its URL says. */
static bool find_start(const struct http_request *request, const struct target *target,
                       struct start *start) {
    struct bytes id;
    if (http_fields_find(request->fields, "Last-Event-ID", &id) && id.size > 0) {
        *start = (struct start){0};
        return target_parse_position(id, start);
    }
    return target_start(target, start);
}

static void begin_stream(struct client *client, struct bytes name, const struct start *start,
                         bool deflated) {
    client->kind = CLIENT_EVENTS;
    enum error error = write_head(client, deflated);
    if (error == ERROR_NONE)
        error = channel_subscribe(worker_of(client), name,
                                  deflated ? RENDITION_EVENTS_DEFLATED : RENDITION_EVENTS, start,
                                  &client->seat.subscription);
    if (error != ERROR_NONE) {
        client_free_output(client);
        http_connection_refuse(&client->connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                               error_text(error));
    }
}

void events_handle_request(struct client *client, const struct http_request *request,
                           const struct target *target) {
    struct start start;
    bool is_head = bytes_equal(request->method, bytes_of("HEAD"));
    bool deflated = worker_of(client)->hub->options.compression && accepts_gzip(request->fields);
    if (!http_request_reads(request))
        http_connection_refuse_method(&client->connection, "GET, HEAD");
    else if (!find_start(request, target, &start))
        http_connection_refuse(&client->connection, HTTP_STATUS_BAD_REQUEST,
                               "a place to begin is EPOCH:OFFSET");
    else if (is_head)
        answer_head(client, deflated);
    else
        begin_stream(client, target->name, &start, deflated);
}
