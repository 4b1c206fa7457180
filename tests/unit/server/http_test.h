/*
 * A server on loopback and clients that speak to it in plain text, for the tests of this folder.
 *
 * The server answers by the path: / "hello", /echo the body, /big BIG bytes, /none a 204, /forged a
 * response that cannot be written, /where the client's address; /late is answered by the test
 * itself, /upgrade leaves HTTP.
 */
#ifndef RINGCAST_TEST_HTTP_TEST_H
#define RINGCAST_TEST_HTTP_TEST_H

#include "sockets.h"

#include <stdio.h>

#include "server/server.h"

/* More than a connection ever buffers, tcp_wmem and tcp_rmem at their usual largest together. */
enum { BIG = 12 * 1024 * 1024, CLIENT_INPUT = BIG + 4096 };

struct site_connection {
    struct http_connection connection;
    uint8_t behind[64];
    size_t behind_size;
};

/* What the test sees of the server. */
struct site {
    struct http_server server;
    struct address address;
    struct http_connection *late; /* awaits its answer */
    struct http_connection *upgraded;
    unsigned upgrade_closings, upgrade_cancels, upgrade_ends;
    size_t upgrade_received;
    unsigned closings;
    unsigned ends;
};

static struct site site;
static uint8_t big[BIG];

/* ---- after an upgrade: what comes goes back -------------------------------------------------- */

static void upgraded_received(struct transport *transport, uint8_t *data, size_t size) {
    site.upgrade_received += size;
    if (!transport_is_sending(transport))
        transport_send(transport, memcpy(big, data, size), size);
}

static void upgraded_ended(struct transport *transport, enum error error) {
    (void)error;
    site.upgrade_ends++;
    transport_close(transport);
}

static void upgraded_sent(struct transport *transport, size_t size, enum error error) {
    (void)transport;
    (void)size;
    (void)error;
}

static void upgraded_closed(struct transport *transport) {
    site.upgrade_closings++;
    site.upgraded = NULL;
    http_connection_free(container_of(transport, struct http_connection, transport));
}

static const struct transport_events upgraded_events = {
    .received = upgraded_received,
    .ended = upgraded_ended,
    .sent = upgraded_sent,
    .closed = upgraded_closed,
};

static void upgraded_cancelled(struct scope_member *member) {
    site.upgrade_cancels++;
    transport_close(&container_of(member, struct http_connection, member)->transport);
}

static const struct scope_member_handler upgraded_member = {"upgraded", upgraded_cancelled};

static inline void upgrade(struct http_connection *connection) {
    static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    struct site_connection *own = container_of(connection, struct site_connection, connection);
    struct buffer behind;
    http_connection_upgrade(connection, &upgraded_events, &upgraded_member, &behind);
    site.upgraded = connection;
    assert_null(connection->exchange);
    own->behind_size = behind.size < sizeof own->behind ? behind.size : sizeof own->behind;
    if (behind.size > 0)
        memcpy(own->behind, behind.data, own->behind_size);
    buffer_fini(&behind);
    if (!connection->transport.stream.closing)
        transport_send(&connection->transport, switching, sizeof switching - 1);
}

/* ---- the site -------------------------------------------------------------------------------- */

static inline void answer_with(struct http_connection *connection, int status, struct bytes body) {
    const struct http_response_head head = {.status = status};
    http_connection_respond(connection, &head, body, false);
}

static inline void answer_where(struct http_connection *connection,
                                const struct http_request *request) {
    char text[ADDRESS_TEXT_SIZE];
    struct address client = http_connection_client(connection, request);
    address_format(&client, text);
    answer_with(connection, 200, bytes_of(text));
}

static void requested(struct http_connection *connection, const struct http_request *request,
                      struct bytes body) {
    static const struct http_field forged = {{(const uint8_t *)"X", 1},
                                             {(const uint8_t *)"\r\n", 2}};
    if (bytes_equal(request->target, bytes_of("/echo")))
        answer_with(connection, 200, body);
    else if (bytes_equal(request->target, bytes_of("/big")))
        answer_with(connection, 200, bytes_make(big, BIG));
    else if (bytes_equal(request->target, bytes_of("/where")))
        answer_where(connection, request);
    else if (bytes_equal(request->target, bytes_of("/none")))
        answer_with(connection, 204, bytes_make(NULL, 0));
    else if (bytes_equal(request->target, bytes_of("/forged")))
        http_connection_respond(connection,
                                &(struct http_response_head){.status = 200, .fields = {&forged, 1}},
                                bytes_of("x"), false);
    else if (bytes_equal(request->target, bytes_of("/late")))
        site.late = connection;
    else if (bytes_equal(request->target, bytes_of("/upgrade")))
        upgrade(connection);
    else if (bytes_equal(request->target, bytes_of("/")))
        answer_with(connection, 200, bytes_of("hello"));
    else
        http_connection_refuse(connection, 404, "no such page");
}

static void connection_closed(struct http_connection *connection) {
    site.closings++;
    if (site.late == connection)
        site.late = NULL;
}

static const struct http_server_events site_events = {requested, connection_closed};

/* Times are long, so that none passes in a test that is not about it. */
static const struct http_server_options site_options = {
    .connection_size = sizeof(struct site_connection),
    .head_timeout = HOUR,
    .idle_timeout = HOUR,
    .max_body = 1000,
};

static inline void open_site_as(const struct http_server_options *options,
                                const struct http_listening *way) {
    site = (struct site){0};
    for (size_t i = 0; i < BIG; i++)
        big[i] = (uint8_t)('a' + i % 23);
    site.address = loopback(0);
    http_server_init(&site.server, &loop, options, &site_events, NULL);
    struct endpoint endpoint = endpoint_of(&site.address);
    assert_int_equal(http_server_listen(&site.server, &endpoint, 1, way), ERROR_NONE);
    site.address = endpoint_address(&endpoint);
}

static inline void open_site(const struct http_server_options *options) {
    open_site_as(options, NULL);
}

static void site_ended(struct http_server *server) {
    assert_int_equal(counter_read(&server->statistics.open), 0);
    site.ends++;
}

static inline void close_site(void) {
    http_server_close(&site.server, site_ended);
    assert_int_equal(site.ends, 0);
    wait_for(site.ends == 1);
}

#define statistic(name) counter_read(&site.server.statistics.name)

/* ---- a client -------------------------------------------------------------------------------- */

struct client {
    int socket;
    char *input; /* NUL-terminated */
    size_t size;
    bool ended;
    bool reset;
};

static inline struct client open_client(void) {
    struct client client = {.socket = connect_to(&site.address)};
    client.input = memory_allocate_zeroed(CLIENT_INPUT + 1);
    return client;
}

static inline void close_client(struct client *client) {
    close(client->socket);
    memory_free(client->input);
}

static inline void say_bytes(struct client *client, const void *data, size_t size) {
    wait_for(send(client->socket, data, size, MSG_NOSIGNAL) == (ssize_t)size);
}

static inline void say(struct client *client, const char *text) {
    say_bytes(client, text, strlen(text));
}

/* Reads what is there. Always true, so that it can stand in a condition that is waited for. */
static inline bool hear(struct client *client) {
    ssize_t size;
    while ((size = recv(client->socket, client->input + client->size, CLIENT_INPUT - client->size,
                        0)) > 0)
        client->size += (size_t)size;
    client->ended |= size == 0 && client->size < CLIENT_INPUT;
    client->reset |= size < 0 && errno == ECONNRESET;
    return true;
}

static inline unsigned times(const struct client *client, const char *text) {
    unsigned count = 0;
    for (const char *at = client->input; (at = strstr(at, text)) != NULL; at++)
        count++;
    return count;
}

/* Waits until a text has come so often. */
#define expect_times(client, text, count) wait_for(hear(client) && times(client, text) >= (count))
#define expect(client, text)              expect_times(client, text, 1)
#define expect_end(client)                wait_for(hear(client) && ((client)->ended || (client)->reset))

/* Sends a request on a connection of its own; the answer's status line must be this, and the end
 * must follow. */
static inline void expect_refusal(const char *request, size_t size, const char *status_line) {
    struct client client = open_client();
    say_bytes(&client, request, size);
    expect_end(&client);
    assert_false(client.reset);
    if (strncmp(client.input, status_line, strlen(status_line)) != 0)
        fail_msg("'%s' was answered '%s'", status_line, client.input);
    assert_int_equal(times(&client, "Connection: close\r\n"), 1);
    assert_int_equal(times(&client, "HTTP/1.1 "), 1);
    close_client(&client);
}

#endif
