/*
 * The opening handshake: a request that asks for WebSocket is judged, its channel is joined, and
 * the answer is prepared, which is sent when the channel's home has answered.
 */
#include "client_internal.h"

#include "base/memory.h"
#include "dialog.h"
#include "target.h"
#include "ws/handshake.h"

/* Without compression the client is served all the same, so want of memory only means none. */
static void agree_on_deflate(struct client *client, struct http_fields fields) {
    struct ws_deflate agreed;
    struct hub_worker *worker = worker_of(client);
    if (!worker->hub->options.compression || !ws_deflate_negotiate(fields, &agreed))
        return;
    client->deflate = memory_allocate_zeroed(sizeof *client->deflate);
    if (client->deflate == NULL)
        return;
    client->deflate->agreed = agreed;
    counter_add(&worker->statistics.compressed_clients, 1);
}

static enum error write_acceptance(struct client *client, const char *accept) {
    char extensions[WS_DEFLATE_ANSWER_SIZE] = "";
    if (client->deflate != NULL)
        ws_deflate_answer(&client->deflate->agreed, extensions);
    struct http_field fields[4] = {
        {bytes_of("Upgrade"), bytes_of("websocket")},
        {bytes_of("Sec-WebSocket-Accept"), bytes_of(accept)},
    };
    size_t count = 2;
    if (client->deflate != NULL)
        fields[count++] =
            (struct http_field){bytes_of("Sec-WebSocket-Extensions"), bytes_of(extensions)};
    if (client->kind == CLIENT_JSON)
        fields[count++] =
            (struct http_field){bytes_of("Sec-WebSocket-Protocol"), bytes_of(DIALOG_SUBPROTOCOL)};
    const struct http_response_head response = {
        .status = HTTP_STATUS_SWITCHING_PROTOCOLS,
        .connection = "Upgrade",
        .content_length = -1,
        .fields = {fields, count},
    };
    return client_queue_head(client, &response);
}

static void refuse_handshake(struct client *client, const struct ws_handshake *handshake) {
    struct http_field field = {bytes_of("Sec-WebSocket-Version"), bytes_of(WS_VERSION)};
    if (handshake->status == HTTP_STATUS_METHOD_NOT_ALLOWED)
        field = (struct http_field){bytes_of("Allow"), bytes_of("GET")};
    struct buffer text = {0};
    const struct http_response_head head = {
        .status = handshake->status,
        .content_type = bytes_of("text/plain; charset=utf-8"),
        .fields = {&field, handshake->status == HTTP_STATUS_BAD_REQUEST ? 0 : 1},
    };
    buffer_format(&text, "%d %s: %s\n", handshake->status, http_status_text(handshake->status),
                  handshake->reason);
    http_connection_respond(&client->connection, &head, buffer_bytes(&text), true);
    buffer_fini(&text);
}

/* What it is sent may be compressed if it agreed to that, and to as wide a window as ours. */
static enum rendition_kind rendition_of(const struct client *client) {
    return client->deflate != NULL && ws_deflate_takes_ours(&client->deflate->agreed)
               ? RENDITION_RAW_DEFLATED
               : RENDITION_RAW;
}

enum error client_may_publish(const struct client *client, const struct channel_settings *settings,
                              struct bytes channel) {
    return access_may_publish(client->grant, settings, channel,
                              worker_wall_seconds(worker_of(client)));
}

enum error client_may_subscribe(const struct client *client,
                                const struct channel_settings *settings, struct bytes channel) {
    return access_may_subscribe(client->grant, settings, channel,
                                worker_wall_seconds(worker_of(client)));
}

/* ---- who may be here ------------------------------------------------------------------------- */

void client_free_grant(struct client *client) {
    grant_free(client->grant);
    client->grant = NULL;
}

static bool is_identified(struct client *client, const struct http_request *request) {
    struct hub_worker *worker = worker_of(client);
    client_free_grant(client); /* of an earlier request */
    enum error error = access_identify(worker->hub->options.access, request,
                                       worker_wall_seconds(worker), &client->grant);
    if (error == ERROR_NONE)
        return true;
    counter_add(&worker->statistics.tokens_refused, 1);
    if (error == ERROR_NO_MEMORY)
        http_connection_refuse(&client->connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                               error_text(error));
    else
        access_refuse(&client->connection, error);
    return false;
}

/* With the subprotocol each command is judged when it comes. */
static bool may_join(struct client *client, struct bytes name) {
    struct hub_worker *worker = worker_of(client);
    const struct hub_options *options = &worker->hub->options;
    const struct channel_settings settings = options->channel_settings(options->context, name);
    enum error error = client_may_subscribe(client, &settings, name);
    if (error == ERROR_NONE)
        return true;
    counter_add(&worker->statistics.subscriptions_refused, 1);
    access_refuse(&client->connection, error);
    return false;
}

/* Who comes through a proxy can be told that there are too many from where it comes. */
static bool is_admitted(struct client *client) {
    const struct http_field retry = {bytes_of("Retry-After"), bytes_of("1")};
    const struct http_response_head head = {
        .status = HTTP_STATUS_TOO_MANY_REQUESTS,
        .content_type = bytes_of("text/plain; charset=utf-8"),
        .fields = {&retry, 1},
    };
    if (http_connection_admit(&client->connection, &client->address))
        return true;
    http_connection_respond(&client->connection, &head,
                            bytes_of("429 Too Many Requests: too many connections from this "
                                     "address\n"),
                            true);
    return false;
}

static bool is_allowed(struct client *client, const struct http_request *request,
                       const struct target *target, bool upgrade) {
    struct hub_worker *worker = worker_of(client);
    bool joins = upgrade ? !ws_handshake_offers(request->fields, DIALOG_SUBPROTOCOL) &&
                               (target->kind == TARGET_ROOT || target->kind == TARGET_CHANNEL)
                         : target->kind == TARGET_EVENTS;
    if (upgrade && !access_admits_origin(worker->hub->options.access, request->fields)) {
        counter_add(&worker->statistics.origins_refused, 1);
        http_connection_refuse(&client->connection, HTTP_STATUS_FORBIDDEN,
                               "this origin may not connect");
        return false;
    }
    return is_identified(client, request) && (!joins || may_join(client, target->name));
}

bool client_is_allowed(struct client *client, const struct http_request *request,
                       const struct target *target, bool upgrade) {
    client->address = http_connection_client(&client->connection, request);
    bool streams = target->kind == TARGET_EVENTS && !bytes_equal(request->method, bytes_of("HEAD"));
    bool stays = upgrade || streams;
    bool allowed = (!stays || is_admitted(client)) && is_allowed(client, request, target, upgrade);
    if (!allowed && upgrade)
        counter_add(&worker_of(client)->statistics.handshakes_refused, 1);
    return allowed;
}

/* With the subprotocol a client is open at once, and subscribes by commands. */
static enum error join(struct client *client, struct bytes name, const struct start *start) {
    if (client->kind != CLIENT_JSON)
        return channel_subscribe(worker_of(client), name, rendition_of(client), start,
                                 &client->seat.subscription);
    enum error error = dialog_new(client);
    if (error == ERROR_NONE)
        client_begin(client);
    return error;
}

static void accept_client(struct client *client, const struct http_request *request,
                          const struct ws_handshake *handshake, const struct target *target) {
    struct start start;
    if (!target_start(target, &start)) {
        http_connection_refuse(&client->connection, HTTP_STATUS_BAD_REQUEST,
                               "since is EPOCH:OFFSET, and last a whole number");
        return;
    }
    agree_on_deflate(client, request->fields);
    if (ws_handshake_offers(request->fields, DIALOG_SUBPROTOCOL))
        client->kind = CLIENT_JSON;
    enum error error = write_acceptance(client, handshake->accept);
    if (error == ERROR_NONE)
        error = join(client, target->name, &start);
    if (error == ERROR_NONE)
        return;
    client_free_output(client);
    client_free_deflate(client);
    http_connection_refuse(&client->connection, HTTP_STATUS_SERVICE_UNAVAILABLE, error_text(error));
}

void client_handle_upgrade(struct client *client, const struct http_request *request,
                           const struct target *target) {
    struct hub_worker *worker = worker_of(client);
    struct ws_handshake handshake;
    ws_handshake_judge(request, &handshake);
    if (handshake.status != HTTP_STATUS_SWITCHING_PROTOCOLS) {
        counter_add(&worker->statistics.handshakes_refused, 1);
        refuse_handshake(client, &handshake);
    } else if (target->kind != TARGET_ROOT && target->kind != TARGET_CHANNEL) {
        counter_add(&worker->statistics.handshakes_refused, 1);
        http_connection_refuse(&client->connection, HTTP_STATUS_NOT_FOUND,
                               "channels are at / and /channels/NAME");
    } else {
        accept_client(client, request, &handshake, target);
    }
}
