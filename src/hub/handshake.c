/*
 * The opening handshake: a request that asks for WebSocket is judged, its channel is joined, and
 * the answer is prepared, which is sent when the channel's home has answered.
 */
#include "client_internal.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ring/socket.h"
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
    struct buffer head = {0};
    char extensions[WS_DEFLATE_ANSWER_SIZE] = "";
    if (client->deflate != NULL)
        ws_deflate_answer(&client->deflate->agreed, extensions);
    struct http_field fields[] = {
        {bytes_of("Upgrade"), bytes_of("websocket")},
        {bytes_of("Sec-WebSocket-Accept"), bytes_of(accept)},
        {bytes_of("Sec-WebSocket-Extensions"), bytes_of(extensions)},
    };
    const struct http_response_head response = {
        .status = HTTP_STATUS_SWITCHING_PROTOCOLS,
        .connection = "Upgrade",
        .content_length = -1,
        .fields = {fields, client->deflate != NULL ? 3 : 2},
        .date = (int64_t)(ring_wall(worker_of(client)->loop->ring) / SECOND),
    };
    enum error error = http_write_response(&head, &response);
    if (error == ERROR_NONE)
        error = client_queue_output(client, head.data, head.size);
    buffer_fini(&head);
    return error;
}

/* False if the connection has been reset: the kernel has forgotten whose it was, and nothing may be
 * published in nobody's name. */
static bool remember_address(struct client *client) {
    socklen_t size = sizeof client->address.socket;
    return socket_peer(worker_of(client)->loop->ring, transport_of(client)->stream.descriptor,
                       &client->address.socket.any, &size) == ERROR_NONE;
}

/* "/" is the chat, "/channels/NAME" another channel. False if the path is neither. */
static bool channel_of_target(struct bytes target, struct bytes *name) {
    static const char folder[] = "/channels/";
    const uint8_t *query = memchr(target.data, '?', target.size);
    if (query != NULL)
        target.size = (size_t)(query - target.data);
    if (bytes_equal(target, bytes_of("/"))) {
        *name = bytes_of("chat");
        return true;
    }
    if (target.size < sizeof folder || memcmp(target.data, folder, sizeof folder - 1) != 0)
        return false;
    *name = bytes_after(target, sizeof folder - 1);
    return channel_name_is_valid(*name);
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

void client_handle_upgrade(struct http_connection *connection, const struct http_request *request) {
    struct client *client = container_of(connection, struct client, connection);
    struct hub_worker *worker = worker_of(client);
    const struct start at_head = {PLACE_HEAD};
    struct ws_handshake handshake;
    struct bytes name;
    ws_handshake_judge(request, &handshake);
    if (handshake.status != HTTP_STATUS_SWITCHING_PROTOCOLS) {
        counter_add(&worker->statistics.handshakes_refused, 1);
        refuse_handshake(client, &handshake);
        return;
    }
    if (!channel_of_target(request->target, &name)) {
        counter_add(&worker->statistics.handshakes_refused, 1);
        http_connection_refuse(connection, HTTP_STATUS_NOT_FOUND,
                               "channels are at / and /channels/NAME");
        return;
    }
    if (!remember_address(client)) {
        counter_add(&worker->statistics.handshakes_refused, 1);
        http_connection_refuse(connection, HTTP_STATUS_BAD_REQUEST, "the connection is gone");
        return;
    }
    agree_on_deflate(client, request->fields);
    enum error error = write_acceptance(client, handshake.accept);
    if (error == ERROR_NONE)
        error =
            channel_subscribe(worker, name, rendition_of(client), &at_head, &client->subscription);
    if (error != ERROR_NONE) {
        client_free_output(client);
        client_free_deflate(client);
        http_connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, error_text(error));
    }
}
