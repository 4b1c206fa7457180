#include "admin.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "listen.h"
#include "metrics.h"
#include "service.h"

enum { HEALTH_SECONDS = 1, CONNECTIONS_MAX = 256, HEAD_SECONDS = 5, IDLE_SECONDS = 30 };

/* ---- health: every loop answers a letter ----------------------------------------------------- */

struct health_letter {
    struct letter letter;
    struct health_check *check;
    struct loop *loop;
    bool returning;
};

struct health_check {
    struct admin *admin;
    struct list_node link;
    struct http_connection *connection; /* NULL once answered, or closed */
    struct timer timer;
    unsigned outstanding;
    struct health_letter letters[];
};

static void respond_text(struct http_connection *connection, int status, struct bytes text) {
    const struct http_response_head head = {.status = status,
                                            .content_type = bytes_of("text/plain; charset=utf-8")};
    http_connection_respond(connection, &head, text, false);
}

static void answer_check(struct health_check *check, int status, const char *text) {
    struct http_connection *connection = check->connection;
    check->connection = NULL;
    if (connection != NULL)
        respond_text(connection, status, bytes_of(text));
}

static void end_if_over(struct admin *admin) {
    if (admin->server_ended && list_is_empty(&admin->checks) && admin->closed != NULL)
        admin->closed(admin);
}

/* There and back: the same letter travels twice. */
static void deliver_health(struct letter *letter) {
    struct health_letter *health = container_of(letter, struct health_letter, letter);
    struct health_check *check = health->check;
    struct admin *admin = check->admin;
    if (!health->returning) {
        health->returning = true;
        loop_send(admin->server.loop, letter);
        return;
    }
    if (--check->outstanding > 0)
        return;
    answer_check(check, HTTP_STATUS_OK, "every loop answers\n");
    loop_stop_timer(admin->server.loop, &check->timer);
    list_remove(&check->link);
    memory_free(check);
    end_if_over(admin);
}

static const struct letter_handler health_handler = {"health_check", deliver_health};

static void health_timed_out(struct timer *timer) {
    answer_check(container_of(timer, struct health_check, timer), HTTP_STATUS_SERVICE_UNAVAILABLE,
                 "a loop does not answer\n");
}

static const struct timer_handler health_timer = {"health_timeout", health_timed_out};

static void check_health(struct admin *admin, struct http_connection *connection) {
    const struct workers *workers = &admin->service->workers;
    struct health_check *check =
        memory_allocate_zeroed(sizeof *check + workers->count * sizeof(struct health_letter));
    if (check == NULL) {
        http_connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, "out of memory");
        return;
    }
    check->admin = admin;
    check->connection = connection;
    check->outstanding = workers->count;
    check->timer.handler = &health_timer;
    list_append(&admin->checks, &check->link);
    loop_start_timer(admin->server.loop, &check->timer,
                     admin->server.loop->now + HEALTH_SECONDS * SECOND);
    for (unsigned i = 0; i < workers->count; i++) {
        check->letters[i].letter.handler = &health_handler;
        check->letters[i].check = check;
        loop_send(workers->loops[i], &check->letters[i].letter);
    }
}

/* ---- readiness ------------------------------------------------------------------------------- */

static void check_readiness(struct admin *admin, struct http_connection *connection) {
    const struct service *service = admin->service;
    bool descriptors = limits_open_descriptors() + 16 < limits_descriptors();
    if (service->stopping)
        respond_text(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, bytes_of("shutting down\n"));
    else if (!service->ready)
        respond_text(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, bytes_of("starting\n"));
    else if (!descriptors)
        respond_text(connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                     bytes_of("short of descriptors\n"));
    else
        respond_text(connection, HTTP_STATUS_OK, bytes_of("ready\n"));
}

/* ---- requests -------------------------------------------------------------------------------- */

static void respond_metrics(struct admin *admin, struct http_connection *connection) {
    struct buffer page = {0};
    const struct http_response_head head = {
        .status = HTTP_STATUS_OK,
        .content_type = bytes_of("text/plain; version=0.0.4; charset=utf-8"),
    };
    if (metrics_append(admin->service, &page) == ERROR_NONE)
        http_connection_respond(connection, &head, buffer_bytes(&page), false);
    else
        http_connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE, "out of memory");
    buffer_fini(&page);
}

static void requested(struct http_connection *connection, const struct http_request *request,
                      struct bytes body) {
    struct admin *admin = connection->server->context;
    struct bytes target = http_request_origin_form(request);
    (void)body;
    if (!http_request_reads(request))
        http_connection_refuse_method(connection, "GET, HEAD");
    else if (bytes_equal(target, bytes_of("/healthz")))
        check_health(admin, connection);
    else if (bytes_equal(target, bytes_of("/readyz")))
        check_readiness(admin, connection);
    else if (bytes_equal(target, bytes_of("/metrics")))
        respond_metrics(admin, connection);
    else
        http_connection_refuse(connection, HTTP_STATUS_NOT_FOUND,
                               "here are /healthz, /readyz and /metrics");
}

static void connection_closed(struct http_connection *connection) {
    struct admin *admin = connection->server->context;
    list_for_each (node, &admin->checks) {
        struct health_check *check = container_of(node, struct health_check, link);
        if (check->connection == connection)
            check->connection = NULL;
    }
}

static const struct http_server_events server_events = {requested, connection_closed};

/* ---- life cycle ------------------------------------------------------------------------------ */

enum error admin_open(struct admin *admin, struct service *service, const char *address_text) {
    const struct http_server_options options = {
        .connection_size = sizeof(struct http_connection),
        .head_timeout = HEAD_SECONDS * SECOND,
        .idle_timeout = IDLE_SECONDS * SECOND,
        .admission = &admin->admission,
    };
    *admin = (struct admin){.service = service};
    admission_init(&admin->admission, &(struct admission_limits){.connections = CONNECTIONS_MAX});
    list_init(&admin->checks);
    http_server_init(&admin->server, service->workers.loops[0], &options, &server_events, admin);
    return listen_on_text(&admin->server, "admin", address_text);
}

static void server_ended(struct http_server *server) {
    struct admin *admin = server->context;
    admin->server_ended = true;
    admission_fini(&admin->admission);
    end_if_over(admin);
}

void admin_close(struct admin *admin, void (*closed)(struct admin *admin)) {
    admin->closed = closed;
    http_server_close(&admin->server, server_ended);
}
