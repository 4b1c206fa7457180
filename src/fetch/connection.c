/* The pool: connections of an origin that wait for the next fetch, watched for their end. */
#include "base/clock.h"
#include "base/memory.h"
#include "fetch.h"

enum { IDLE_SECONDS = 30 };

static struct fetch_connection *connection_of(struct transport *transport) {
    return container_of(transport, struct fetch_connection, transport);
}

static bool is_idle(const struct fetch_connection *connection) {
    return list_is_linked(&connection->session_link);
}

static void leave_pool(struct fetch_connection *connection) {
    struct session *session = connection->origin->session;
    list_remove(&connection->origin_link);
    list_remove(&connection->session_link);
    session->idle_count--;
    counter_set(&session->statistics.idle, session->idle_count);
    loop_stop_timer(session->loop, &connection->idle_timer);
}

/* ---- events of the transport ----------------------------------------------------------------- */

static void opened(struct transport *transport) {
    struct fetch_connection *connection = connection_of(transport);
    if (connection->fetch != NULL)
        connect_opened(connection->fetch);
}

/* An idle connection has nothing to say: bytes that nobody asked for end it. */
static void received(struct transport *transport, uint8_t *data, size_t size) {
    struct fetch_connection *connection = connection_of(transport);
    if (connection->tunnelling)
        tunnel_received(connection->fetch, bytes_make(data, size));
    else if (connection->fetch != NULL)
        attempt_received(connection->fetch, bytes_make(data, size));
    else
        connection_drop(connection);
}

static void ended(struct transport *transport, enum error error) {
    struct fetch_connection *connection = connection_of(transport);
    if (connection->fetch != NULL)
        attempt_ended(connection->fetch, error);
    else
        connection_drop(connection);
}

static void sent(struct transport *transport, size_t size, enum error error) {
    struct fetch_connection *connection = connection_of(transport);
    if (connection->tunnelling)
        tunnel_sent(connection->fetch, size, error);
    else if (connection->fetch != NULL)
        attempt_sent(connection->fetch, size, error);
}

static void closed(struct transport *transport) {
    struct fetch_connection *connection = connection_of(transport);
    struct origin *origin = connection->origin;
    http_response_fini(&connection->response);
    buffer_fini(&connection->request);
    scope_leave(&connection->member, ERROR_NONE);
    origin->connection_count--;
    memory_free(connection);
    origin_collect(origin);
}

static const struct transport_events events = {
    .opened = opened,
    .received = received,
    .ended = ended,
    .sent = sent,
    .closed = closed,
};

/* ---- making ---------------------------------------------------------------------------------- */

static void cancelled(struct scope_member *member) {
    connection_drop(container_of(member, struct fetch_connection, member));
}

static void idle_too_long(struct timer *timer) {
    connection_drop(container_of(timer, struct fetch_connection, idle_timer));
}

static const struct scope_member_handler member_handler = {"fetch_connection", cancelled};
static const struct timer_handler idle_handler = {"fetch_idle", idle_too_long};

static enum error start_tls(struct fetch *fetch, struct tls **tls, struct tls_detail *detail) {
    struct origin *origin = fetch->origin;
    enum error error = trust_open(origin->trust, detail);
    return error == ERROR_NONE ? tls_client_new(origin->trust->context, fetch->hop.url.host,
                                                origin->tls_session, tls)
                               : error;
}

static enum error open_transport(struct fetch *fetch, struct fetch_connection *connection,
                                 int descriptor, struct tls_detail *detail) {
    struct loop *loop = fetch->session->loop;
    struct tls *tls;
    if (fetch->origin->trust == NULL || fetch->origin->proxy != NULL) {
        transport_init_plain(&connection->transport, loop, descriptor, &events);
        transport_start_receive(&connection->transport);
        return ERROR_NONE;
    }
    enum error error = start_tls(fetch, &tls, detail);
    if (error != ERROR_NONE)
        return error;
    error = transport_init_secure_on_pool(&connection->transport, loop, descriptor, tls,
                                          &fetch->session->port, &events);
    if (error != ERROR_NONE)
        tls_free(tls);
    return error;
}

enum error connection_secure(struct fetch *fetch, struct fetch_connection *connection,
                             struct tls_detail *detail) {
    struct tls *tls;
    enum error error = start_tls(fetch, &tls, detail);
    if (error != ERROR_NONE)
        return error;
    error = transport_start_tls(&connection->transport, tls, &connection->origin->session->port,
                                bytes_make(NULL, 0));
    if (error != ERROR_NONE)
        tls_free(tls);
    return error;
}

enum error connection_new(struct fetch *fetch, int descriptor,
                          struct fetch_connection **connection_out, struct tls_detail *detail) {
    struct session *session = fetch->session;
    struct fetch_connection *connection = memory_allocate_zeroed(sizeof *connection);
    enum error error = ERROR_NO_MEMORY;
    if (connection != NULL) {
        connection->member.handler = &member_handler;
        connection->idle_timer.handler = &idle_handler;
        connection->origin = fetch->origin;
        connection->fetch = fetch;
        list_init(&connection->origin_link);
        list_init(&connection->session_link);
        error = scope_enter(&session->background, &connection->member);
    }
    if (error == ERROR_NONE) {
        http_response_init(&connection->response, &http_response_limits);
        error = open_transport(fetch, connection, descriptor, detail);
        if (error != ERROR_NONE)
            scope_leave(&connection->member, ERROR_NONE);
    }
    if (error != ERROR_NONE) {
        loop_close_descriptor(session->loop, descriptor);
        memory_free(connection);
        return error;
    }
    fetch->origin->connection_count++;
    counter_add(&session->statistics.connections, 1);
    *connection_out = connection;
    return ERROR_NONE;
}

/* ---- pooling --------------------------------------------------------------------------------- */

struct fetch_connection *connection_take(struct origin *origin, struct fetch *fetch,
                                         const struct address_policy *policy) {
    list_for_each (node, &origin->idle) {
        struct fetch_connection *connection =
            container_of(node, struct fetch_connection, origin_link);
        if (origin->proxy == NULL && !address_policy_allows(policy, &connection->address))
            continue;
        leave_pool(connection);
        connection->fetch = fetch;
        return connection;
    }
    return NULL;
}

/* A session ticket arrives behind the handshake, so the end of a response is the time to take it.
 */
static void remember_tls_session(struct fetch_connection *connection) {
    struct tls *tls = transport_tls(&connection->transport);
    struct tls_session *session = tls == NULL ? NULL : tls_session_take(tls);
    if (session == NULL)
        return;
    tls_session_free(connection->origin->tls_session);
    connection->origin->tls_session = session;
}

void connection_keep(struct fetch_connection *connection) {
    struct session *session = connection->origin->session;
    if (!connection->used)
        remember_tls_session(connection);
    connection->used = true;
    connection->fetch = NULL;
    list_prepend(&connection->origin->idle, &connection->origin_link);
    list_append(&session->idle, &connection->session_link);
    session->idle_count++;
    counter_set(&session->statistics.idle, session->idle_count);
    loop_start_timer(session->loop, &connection->idle_timer,
                     session->loop->now + IDLE_SECONDS * SECOND);
    transport_start_receive(&connection->transport);
    if (session->idle_count > session->options.concurrency)
        connection_drop(container_of(session->idle.next, struct fetch_connection, session_link));
}

void connection_drop(struct fetch_connection *connection) {
    if (is_idle(connection))
        leave_pool(connection);
    connection->fetch = NULL;
    connection->tunnelling = false;
    transport_close(&connection->transport);
}
