#include "server/server.h"

#include <assert.h>

#include "base/log.h"
#include "base/memory.h"
#include "exchange.h"
#include "ring/socket.h"

/* ---- accepting ------------------------------------------------------------------------------- */

/* Under TLS it could not be read. */
static void refuse(struct http_server *server, int descriptor, const struct http_listening *way,
                   struct counter *count) {
    static const char busy[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                               "Connection: close\r\nContent-Length: 0\r\n\r\n";
    counter_add(count, 1);
    if (!way->secure)
        socket_send_once(server->loop->ring, descriptor, busy, sizeof busy - 1);
    loop_close_descriptor(server->loop, descriptor);
}

static struct http_server *server_of(struct listener *listener) {
    return container_of(listener - listener->index, struct http_server, listeners[0]);
}

static enum admission_answer ask_admission(struct http_server *server) {
    struct admission *admission = server->options.admission;
    return admission == NULL ? ADMISSION_GRANTED : admission_enter(admission, server->loop->now);
}

static void leave_admission(struct http_server *server, struct admission_address *counted) {
    if (server->options.admission == NULL)
        return;
    admission_uncount(server->options.admission, counted);
    admission_leave(server->options.admission);
}

static struct http_connection *connection_new(struct http_server *server, int descriptor,
                                              const struct http_listening *way) {
    struct http_connection *connection = memory_allocate_zeroed(server->options.connection_size);
    if (connection == NULL)
        return NULL;
    connection->server = server;
    connection->member.handler = &exchange_member_handler;
    connection->transport.stream.descriptor = descriptor;
    if (scope_enter(&server->connections, &connection->member) != ERROR_NONE ||
        exchange_start(connection, way) != ERROR_NONE) {
        if (connection->member.scope != NULL)
            scope_leave(&connection->member, ERROR_NONE);
        memory_free(connection);
        return NULL;
    }
    return connection;
}

static bool is_trusted(const struct http_server *server, const struct address *peer) {
    return networks_contain(server->options.trusted, server->options.trusted_count, peer);
}

bool http_connection_admit(struct http_connection *connection, const struct address *client) {
    struct http_server *server = connection->server;
    if (server->options.admission == NULL || connection->counted != NULL ||
        is_trusted(server, client))
        return true;
    if (admission_count(server->options.admission, client, &connection->counted) == ERROR_NONE)
        return true;
    counter_add(&server->statistics.refused_address, 1);
    return false;
}

/* Who is one too many from its address gets no answer: it would only come again. */
static bool is_welcome(struct http_connection *connection) {
    const struct exchange *exchange = connection->exchange;
    if (exchange->peer.socket.any.sa_family == AF_UNSPEC)
        return false;
    if (!exchange->way.proxy_protocol) {
        if (http_connection_admit(connection, &exchange->peer))
            return true;
        admission_spare_accept(connection->server->options.admission);
        return false;
    }
    if (is_trusted(connection->server, &exchange->peer))
        return true; /* it is counted when it is known where it comes from */
    counter_add(&connection->server->statistics.proxy_headers_refused, 1);
    return false;
}

static void accepted(struct listener *listener, int descriptor) {
    struct http_server *server = server_of(listener);
    const struct http_listening *way = &server->ways[listener->index];
    enum admission_answer answer = ask_admission(server);
    if (answer != ADMISSION_GRANTED) {
        refuse(server, descriptor, way,
               answer == ADMISSION_TOO_FAST ? &server->statistics.refused_rate
                                            : &server->statistics.refused);
        return;
    }
    struct http_connection *connection = connection_new(server, descriptor, way);
    if (connection == NULL) {
        leave_admission(server, NULL);
        refuse(server, descriptor, way, &server->statistics.refused);
        return;
    }
    counter_add(&server->statistics.accepted, 1);
    counter_add(&server->statistics.open, 1);
    if (!is_welcome(connection))
        transport_close(&connection->transport);
}

/* ---- ending ---------------------------------------------------------------------------------- */

static void end_if_done(struct http_server *server) {
    if (server->listeners_open > 0 || !server->closing || server->connections.loop != NULL)
        return;
    server->ended(server);
}

static void listener_closed(struct listener *listener) {
    struct http_server *server = server_of(listener);
    server->listeners_open--;
    end_if_done(server);
}

static void connections_ended(struct scope *scope) {
    struct http_server *server = container_of(scope, struct http_server, connections);
    scope_fini(scope);
    scope->loop = NULL; /* says that it is over */
    end_if_done(server);
}

static const struct listener_events listener_events = {
    .accepted = accepted,
    .closed = listener_closed,
};

void http_connection_free(struct http_connection *connection) {
    leave_admission(connection->server, connection->counted);
    counter_subtract(&connection->server->statistics.open, 1);
    scope_leave(&connection->member, ERROR_NONE);
    memory_free(connection);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

void http_server_init(struct http_server *server, struct loop *loop,
                      const struct http_server_options *options,
                      const struct http_server_events *events, void *context) {
    assert(options->connection_size >= sizeof(struct http_connection));
    *server = (struct http_server){.loop = loop, .events = events, .context = context};
    http_server_set_options(server, options);
    scope_init(&server->connections, loop, NULL, SCOPE_COLLECT, connections_ended);
}

void http_server_set_options(struct http_server *server,
                             const struct http_server_options *options) {
    server->options = *options;
    if (options->request_limits.head_bytes == 0)
        server->options.request_limits = http_request_limits;
}

static bool is_absent(enum error error) {
    return error == ERROR_ADDRESS_UNAVAILABLE || error == ERROR_UNSUPPORTED;
}

static enum error listen_at(struct http_server *server, struct endpoint *endpoint,
                            const struct http_listening *way) {
    struct listener *listener = &server->listeners[server->listener_count];
    enum error error = listener_open(listener, server->loop, endpoint, &listener_events);
    if (error != ERROR_NONE)
        return error;
    server->ways[server->listener_count] = way != NULL ? *way : (struct http_listening){0};
    listener->index = server->listener_count++;
    listener->shortages = &server->statistics.accept_pauses;
    server->listeners_open++;
    return ERROR_NONE;
}

enum error http_server_listen(struct http_server *server, struct endpoint *endpoints, size_t count,
                              const struct http_listening *way) {
    enum error first_error = ERROR_NONE;
    size_t before = server->listener_count;
    uint16_t port = 0;
    assert(count > 0 && server->listener_count + count <= HTTP_LISTENERS_MAX);
    for (size_t i = 0; i < count; i++) {
        if (endpoint_port(&endpoints[i]) == 0)
            endpoint_set_port(&endpoints[i], port);
        enum error error = listen_at(server, &endpoints[i], way);
        if (error == ERROR_NONE)
            port = endpoint_port(&endpoints[i]);
        else if (first_error == ERROR_NONE || !is_absent(error))
            first_error = error;
    }
    if (server->listener_count > before && (first_error == ERROR_NONE || is_absent(first_error)))
        return ERROR_NONE;
    http_server_stop_listening(server);
    return first_error;
}

void http_server_stop_listening(struct http_server *server) {
    for (size_t i = 0; i < server->listener_count; i++)
        listener_close(&server->listeners[i]);
}

void http_server_close(struct http_server *server, void (*ended)(struct http_server *server)) {
    server->closing = true;
    server->ended = ended;
    http_server_stop_listening(server);
    scope_cancel(&server->connections);
    scope_join(&server->connections);
}
