/*
 * Channels over plain HTTP: publishing, and asking. The answer waits for the channel's home; one
 * request of a connection is under way at a time, pipelined ones wait.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "client_internal.h"
#include "request.h"
#include "target.h"

enum { HISTORY_USUAL = 100 };

static void respond(struct client *client, int status, struct buffer *json, enum error error) {
    const struct http_response_head head = {.status = status,
                                            .content_type = bytes_of("application/json")};
    if (error == ERROR_NONE)
        http_connection_respond(&client->connection, &head, buffer_bytes(json), false);
    else
        http_connection_refuse(&client->connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                               error_text(error));
    buffer_fini(json);
}

/* Refused, but the connection stays: the request was well-formed HTTP. `field` is one more of the
 * response, or NULL; `why` is one of the program's own texts. */
static void refuse_with(struct client *client, int status, const struct http_field *field,
                        const char *why) {
    char json[128];
    const struct http_response_head head = {
        .status = status,
        .content_type = bytes_of("application/json"),
        .fields = {field, field != NULL},
    };
    int size = snprintf(json, sizeof json, "{\"error\":\"%s\"}\n", why);
    assert(size > 0 && (size_t)size < sizeof json);
    http_connection_respond(&client->connection, &head, bytes_make(json, (size_t)size), false);
}

static void refuse(struct client *client, int status, const char *why) {
    refuse_with(client, status, NULL, why);
}

/* Who could do it with a token, or a good one, is told so (RFC 9110 section 15.5.2). */
static void refuse_access(struct client *client, enum error error, const char *why) {
    const struct http_field challenge = access_challenge(error);
    if (error == ERROR_NOT_ALLOWED)
        refuse(client, HTTP_STATUS_FORBIDDEN, why);
    else
        refuse_with(client, HTTP_STATUS_UNAUTHORIZED, &challenge, error_text(error));
}

/* The request is over: its connection is there, and waits for the response. */
static struct client *take_back(struct request *request) {
    struct client *client = request->client;
    client->request = NULL;
    return client;
}

static enum error append_place(struct buffer *out, const struct request *request) {
    return buffer_format(out,
                         "{\"channel\":\"%s\",\"epoch\":\"%016" PRIx64 "\",\"offset\":%" PRIu64,
                         (const char *)request->data, request->epoch, request->offset);
}

/* ---- publishing ------------------------------------------------------------------------------ */

static void published(struct request *request) {
    struct client *client = take_back(request);
    struct buffer json = {0};
    enum error error = request->error;
    if (error != ERROR_NONE && request->count > 0) {
        error = buffer_format(&json, "{\"error\":\"%s\",\"count\":%u}\n", error_text(error),
                              request->count);
        respond(client, HTTP_STATUS_SERVICE_UNAVAILABLE, &json, error);
        return;
    }
    if (error == ERROR_NONE)
        error = append_place(&json, request);
    if (error == ERROR_NONE)
        error = buffer_format(&json, ",\"count\":%u,\"repeated\":%s}\n", request->count,
                              request->repeated ? "true" : "false");
    bool is_new = !request->repeated && request->count > 0;
    respond(client, is_new ? HTTP_STATUS_CREATED : HTTP_STATUS_OK, &json, error);
}

/* How the body is to be understood: bytes, lines of messages, or one text. */
static void classify(const struct http_request *request, struct request *publish) {
    struct bytes type;
    struct http_media_type media;
    if (!http_fields_find(request->fields, "Content-Type", &type) ||
        !http_media_type_parse(type, &media))
        return;
    if (bytes_equal_ignoring_case(media.type, bytes_of("application"))) {
        publish->binary = bytes_equal_ignoring_case(media.subtype, bytes_of("octet-stream"));
        publish->lines = bytes_equal_ignoring_case(media.subtype, bytes_of("x-ndjson"));
    }
}

static bool take_key(const struct http_request *request, struct request *publish) {
    struct bytes key;
    if (!http_fields_find(request->fields, "Idempotency-Key", &key))
        return true;
    if (key.size == 0 || key.size > REQUEST_KEY_MAX ||
        http_fields_count(request->fields, "Idempotency-Key") > 1)
        return false;
    memcpy(publish->key, key.data, key.size);
    publish->key[key.size] = '\0';
    return true;
}

/* A body is taken as it is: what is in a coding would be published so (RFC 9110 section 8.4). */
static bool is_encoded(const struct http_request *request) {
    struct http_fields_list list = http_fields_list_begin(request->fields, "Content-Encoding");
    struct bytes coding;
    while (http_fields_list_next(&list, &coding))
        if (!bytes_equal_ignoring_case(coding, bytes_of("identity")))
            return true;
    return false;
}

/* Which would be taken is told (RFC 9110 section 12.5.3). */
static void refuse_coding(struct client *client) {
    const struct http_field accepted = {bytes_of("Accept-Encoding"), bytes_of("identity")};
    refuse_with(client, HTTP_STATUS_UNSUPPORTED_MEDIA_TYPE, &accepted,
                "a body has no content coding");
}

/* What the fields say of the body. Returns what is wrong with them or with it, or NULL. */
static const char *take_fields(const struct http_request *request, struct request *publish) {
    classify(request, publish);
    if (!take_key(request, publish))
        return "there is one idempotency key, of 1 to 128 bytes";
    if (!publish->binary && !utf8_is_valid(publish->payload))
        return "a text must be UTF-8";
    return NULL;
}

/* It may publish so much later, or never at once. */
static void refuse_rate(struct client *client, uint64_t wait) {
    char seconds[24];
    counter_add(&worker_of(client)->statistics.requests_over_rate, 1);
    if (wait == UINT64_MAX) {
        refuse(client, HTTP_STATUS_CONTENT_TOO_LARGE,
               "more messages or bytes than may be published at once");
        return;
    }
    snprintf(seconds, sizeof seconds, "%" PRIu64, (wait + SECOND - 1) / SECOND);
    const struct http_field retry = {bytes_of("Retry-After"), bytes_of(seconds)};
    refuse_with(client, HTTP_STATUS_TOO_MANY_REQUESTS, &retry,
                "too many messages or bytes a second");
}

static void submit(struct client *client, struct request *request) {
    client->request = request;
    request_send(request);
}

static void publish(struct client *client, const struct http_request *request,
                    const struct target *target, struct bytes body) {
    const struct hub_options *options = &worker_of(client)->hub->options;
    const struct channel_settings settings =
        options->channel_settings(options->context, target->name);
    enum error error = client_may_publish(client, &settings, target->name);
    if (error != ERROR_NONE) {
        refuse_access(client, error, "publishing to this channel is not allowed");
        return;
    }
    if (is_encoded(request)) {
        refuse_coding(client);
        return;
    }
    struct request *publish = request_new(client, REQUEST_PUBLISH, target->name, body);
    if (publish == NULL) {
        refuse(client, HTTP_STATUS_SERVICE_UNAVAILABLE, "out of memory");
        return;
    }
    publish->answered = published;
    client_make_prefix(client, &settings, publish->prefix);
    const char *fault = take_fields(request, publish);
    if (fault != NULL) {
        request_cancel(publish);
        refuse(client, HTTP_STATUS_BAD_REQUEST, fault);
        return;
    }
    /* the last of all checks, for what is refused does not count */
    uint64_t wait = client_publish_wait(client, request_count_messages(publish), body.size);
    if (wait > 0) {
        request_cancel(publish);
        refuse_rate(client, wait);
        return;
    }
    submit(client, publish);
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Answers with the channel's place, `more`, and what its home has written. */
static void tell(struct request *request, const char *more) {
    struct client *client = take_back(request);
    struct buffer json = {0};
    enum error error = request->error;
    if (error == ERROR_NOT_FOUND) {
        refuse(client, HTTP_STATUS_NOT_FOUND, "there is no such channel");
        return;
    }
    if (error == ERROR_NONE)
        error = append_place(&json, request);
    if (error == ERROR_NONE)
        error = buffer_append_text(&json, more);
    if (error == ERROR_NONE)
        error = buffer_append(&json, request->text.data, request->text.size);
    if (error == ERROR_NONE)
        error = buffer_append_text(&json, "}\n");
    respond(client, HTTP_STATUS_OK, &json, error);
}

static void described(struct request *request) {
    tell(request, ",");
}

static void remembered(struct request *request) {
    tell(request,
         request->found ? ",\"complete\":true,\"messages\":" : ",\"complete\":false,\"messages\":");
}

/* `since` is an offset, or an offset with its epoch in front. */
static bool read_since(struct bytes text, struct request *history) {
    struct start start;
    if (bytes_to_unsigned(text, &history->since))
        return true;
    history->has_epoch = target_parse_position(text, &start);
    history->epoch = start.epoch;
    history->since = start.offset;
    return history->has_epoch;
}

static bool read_query(const struct target *target, struct request *history) {
    struct bytes value;
    uint64_t limit = HISTORY_USUAL;
    if (target_parameter(target, "since", &value) && !read_since(value, history))
        return false;
    if (target_parameter(target, "limit", &value) && !bytes_to_unsigned(value, &limit))
        return false;
    history->limit = limit < REQUEST_LIMIT_MAX ? (unsigned)limit : REQUEST_LIMIT_MAX;
    return true;
}

static void ask(struct client *client, const struct target *target) {
    struct bytes since;
    const struct hub_options *options = &worker_of(client)->hub->options;
    const struct channel_settings settings =
        options->channel_settings(options->context, target->name);
    bool history = target_parameter(target, "since", &since);
    enum error error = client_may_subscribe(client, &settings, target->name);
    if (error != ERROR_NONE) {
        refuse_access(client, error, "reading this channel is not allowed");
        return;
    }
    struct request *question = request_new(client, history ? REQUEST_HISTORY : REQUEST_STATE,
                                           target->name, bytes_make(NULL, 0));
    if (question == NULL) {
        refuse(client, HTTP_STATUS_SERVICE_UNAVAILABLE, "out of memory");
        return;
    }
    question->answered = history ? remembered : described;
    if (read_query(target, question)) {
        submit(client, question);
        return;
    }
    request_cancel(question);
    refuse(client, HTTP_STATUS_BAD_REQUEST,
           "since is OFFSET or EPOCH:OFFSET, and limit a whole number");
}

/* ---- requests -------------------------------------------------------------------------------- */

static void refuse_method(struct client *client) {
    const struct http_field allow = {bytes_of("Allow"), bytes_of("GET, HEAD, POST")};
    refuse_with(client, HTTP_STATUS_METHOD_NOT_ALLOWED, &allow, "use GET or POST");
}

void http_handle_request(struct client *client, const struct http_request *request,
                         const struct target *target, struct bytes body) {
    if (bytes_equal(request->method, bytes_of("POST")))
        publish(client, request, target, body);
    else if (http_request_reads(request))
        ask(client, target);
    else
        refuse_method(client);
}
