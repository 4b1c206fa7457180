#include "hub/hub.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "client_internal.h"
#include "target.h"
#include "worker.h"

enum {
    COLLECT_SECONDS = 10,
    IDLE_SECONDS = 60,
    BODY_MAX = 64 * 1024,
    VISITS_MAX = 100, /* clients in a turn: less than a millisecond */
};

/* ---- names and homes ------------------------------------------------------------------------- */

static bool is_name_character(uint8_t byte) {
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || (byte != '\0' && strchr("._~:-", byte) != NULL);
}

bool channel_name_is_valid(struct bytes name) {
    if (name.size == 0 || name.size > CHANNEL_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.size; i++)
        if (!is_name_character(name.data[i]))
            return false;
    return true;
}

struct hub_worker *hub_home_worker(struct hub *hub, struct bytes name) {
    return &hub->workers[map_hash(name) % hub->worker_count];
}

bool hub_worker_takes_name(struct hub_worker *worker, struct bytes name) {
    size_t most = worker->hub->options.limits.channel_name;
    if (!channel_name_is_valid(name))
        return false;
    if (most == 0 || name.size <= most)
        return true;
    counter_add(&worker->statistics.names_over_limit, 1);
    return false;
}

/* ---- requests -------------------------------------------------------------------------------- */

static struct target parse_target(struct hub_worker *worker, struct bytes text) {
    struct target target = target_parse(text);
    if ((target.kind == TARGET_CHANNEL || target.kind == TARGET_EVENTS) &&
        !hub_worker_takes_name(worker, target.name))
        target.kind = TARGET_BAD;
    return target;
}

static void requested(struct http_connection *connection, const struct http_request *request,
                      struct bytes body) {
    struct client *client = container_of(connection, struct client, connection);
    struct hub_worker *worker = connection->server->context;
    const struct hub_options *options = &worker->hub->options;
    struct target target = parse_target(worker, http_request_origin_form(request));
    bool upgrade = ws_is_upgrade(request->fields);
    client->seat.client = client;
    if (worker->quiet)
        http_connection_refuse(connection, HTTP_STATUS_SERVICE_UNAVAILABLE,
                               "the server is shutting down");
    else if ((upgrade || target.kind == TARGET_CHANNEL || target.kind == TARGET_EVENTS) &&
             !client_is_allowed(client, request, &target, upgrade))
        return; /* it is answered */
    else if (upgrade)
        client_handle_upgrade(client, request, &target);
    else if (target.kind == TARGET_CHANNEL)
        http_handle_request(client, request, &target, body);
    else if (target.kind == TARGET_EVENTS)
        events_handle_request(client, request, &target);
    else if (options->other_request != NULL)
        options->other_request(options->context, connection, request);
    else
        http_connection_refuse(connection, HTTP_STATUS_NOT_FOUND, "nothing is here");
}

static const struct http_server_events server_events = {
    .requested = requested,
    .closed = client_handle_http_closed,
};

/* ---- life cycle ------------------------------------------------------------------------------ */

enum error hub_new(const struct hub_options *options, struct loop *const *loops,
                   unsigned worker_count, struct hub **hub_out) {
    struct hub *hub =
        memory_allocate_zeroed(sizeof *hub + worker_count * sizeof(struct hub_worker));
    if (hub == NULL)
        return ERROR_NO_MEMORY;
    hub->options = *options;
    admission_init(&hub->admission, &options->limits.admission);
    accounts_init(&hub->accounts);
    hub->worker_count = worker_count;
    for (unsigned i = 0; i < worker_count; i++) {
        hub->workers[i].hub = hub;
        hub->workers[i].index = i;
        hub->workers[i].loop = loops[i];
        list_init(&hub->workers[i].unpublished);
    }
    *hub_out = hub;
    return ERROR_NONE;
}

void hub_free(struct hub *hub) {
    if (hub == NULL)
        return;
    accounts_fini(&hub->accounts);
    admission_fini(&hub->admission);
    memory_free(hub);
}

/* How often it is looked for readers that take nothing. */
static uint64_t progress_interval(const struct hub_worker *worker) {
    uint64_t timeout = worker->hub->options.progress_timeout;
    return timeout / 4 < COLLECT_SECONDS * SECOND && timeout > 0 ? timeout / 4
                                                                 : COLLECT_SECONDS * SECOND;
}

/*
 * Looks at some in each turn of the loop until the round is over. It waits for who follows a
 * change: two rounds through the same connections at once would each pass over some.
 */
static void check_progress(struct timer *timer) {
    struct hub_worker *worker = container_of(timer, struct hub_worker, progress);
    uint64_t now = worker->loop->now;
    if (worker->hub->options.progress_timeout == 0)
        worker->progress_left = 0;
    else if (worker->progress_left == 0)
        worker->progress_left = counter_read(&worker->server.statistics.open);
    for (unsigned i = 0; i < VISITS_MAX && worker->progress_left > 0 && worker->follow_left == 0;
         i++)
        worker->progress_left =
            clients_visit_next(worker, client_check_progress) ? worker->progress_left - 1 : 0;
    loop_start_timer(worker->loop, timer,
                     worker->progress_left > 0 ? now : now + progress_interval(worker));
}

static const struct timer_handler progress_handler = {"hub_progress", check_progress};

static void collect(struct timer *timer) {
    struct hub_worker *worker = container_of(timer, struct hub_worker, collect);
    homes_collect(worker);
    loop_start_timer(worker->loop, timer, worker->loop->now + COLLECT_SECONDS * SECOND);
}

static const struct timer_handler collect_handler = {"hub_collect", collect};

static void follow_change(struct client *client) {
    client_follow_change(client, &worker_of(client)->changes);
}

/* On the worker's own thread, since clients may have something to send by that; some in each turn,
 * so that tens of thousands of them hold nobody up. Who comes meanwhile begins with the new
 * options. */
static void follow(struct task *task) {
    struct hub_worker *worker = container_of(task, struct hub_worker, follow_task);
    for (unsigned i = 0; i < VISITS_MAX && worker->follow_left > 0; i++)
        worker->follow_left =
            clients_visit_next(worker, follow_change) ? worker->follow_left - 1 : 0;
    if (worker->follow_left > 0)
        loop_post(worker->loop, task);
    else
        worker->changes = (struct hub_changes){0};
}

static const struct task_handler follow_handler = {"hub_follow", follow};

static struct http_server_options server_options(struct hub_worker *worker) {
    struct hub *hub = worker->hub;
    return (struct http_server_options){
        .connection_size = sizeof(struct client),
        .head_timeout = hub->options.handshake_timeout,
        .idle_timeout = IDLE_SECONDS * SECOND,
        .max_body = hub->options.max_message > BODY_MAX ? hub->options.max_message : BODY_MAX,
        .request_limits = hub->options.limits.request,
        .admission = &hub->admission,
        .identities = hub->options.identities,
        .port = hub->options.pool != NULL ? &worker->port : NULL,
        .trusted = hub->options.trusted_proxies,
        .trusted_count = hub->options.trusted_proxy_count,
    };
}

void hub_start(struct hub *hub, unsigned index) {
    struct hub_worker *worker = &hub->workers[index];
    if (hub->options.pool != NULL)
        pool_port_init(&worker->port, hub->options.pool, worker->loop);
    const struct http_server_options options = server_options(worker);
    http_server_init(&worker->server, worker->loop, &options, &server_events, worker);
    deadlines_init(&worker->deadlines, worker->loop, client_deadline_passed);
    ring_random(worker->loop->ring, &worker->random_state, sizeof worker->random_state);
    worker->random_state |= 1; /* zero would stay zero */
    worker->follow_task.handler = &follow_handler;
    worker->progress.handler = &progress_handler;
    loop_start_timer(worker->loop, &worker->progress,
                     worker->loop->now + progress_interval(worker));
    worker->collect.handler = &collect_handler;
    loop_start_timer(worker->loop, &worker->collect, worker->loop->now + COLLECT_SECONDS * SECOND);
}

/* ---- other options --------------------------------------------------------------------------- */

static struct channel_settings new_settings(const struct hub_worker *worker, const char *name,
                                            const struct channel_settings *old) {
    const struct hub_options *options = &worker->hub->options;
    struct channel_settings settings = options->channel_settings(options->context, bytes_of(name));
    settings.echo = old->echo;     /* messages are under way that are, or are not, to come back */
    settings.listed = old->listed; /* it is counted */
    return settings;
}

static void change_channel(struct map_node *node, void *context) {
    struct channel *channel = container_of(node, struct channel, node);
    struct hub_worker *worker = context;
    const struct channel_settings settings =
        new_settings(worker, channel->name, &channel->settings);
    worker->changes.presence |= settings.presence != channel->settings.presence;
    channel_set(channel, &settings);
}

static void change_home(struct map_node *node, void *context) {
    struct home *home = container_of(node, struct home, node);
    home->settings = new_settings(context, home->name, &home->settings);
    home_change_retention(home);
}

void hub_reconfigure(struct hub *hub, const struct hub_options *options) {
    bool pings_change = hub->options.ping_interval != options->ping_interval;
    hub->options = *options;
    admission_set_limits(&hub->admission, &options->limits.admission);
    for (unsigned i = 0; i < hub->worker_count; i++) {
        struct hub_worker *worker = &hub->workers[i];
        const struct http_server_options server = server_options(worker);
        http_server_set_options(&worker->server, &server);
        map_visit(&worker->channels, change_channel, worker);
        map_visit(&worker->homes, change_home, worker);
        worker->changes.pings |= pings_change;
        if (!worker->changes.pings && !worker->changes.presence)
            continue;
        worker->follow_left = counter_read(&worker->server.statistics.open);
        loop_post(worker->loop, &worker->follow_task);
    }
}

enum error hub_listen(struct hub *hub, unsigned worker, struct endpoint *endpoints, size_t count,
                      const struct http_listening *way) {
    return http_server_listen(&hub->workers[worker].server, endpoints, count, way);
}

const struct hub_statistics *hub_statistics(const struct hub *hub, unsigned worker) {
    return &hub->workers[worker].statistics;
}

const struct http_server_statistics *hub_server_statistics(const struct hub *hub, unsigned worker) {
    return &hub->workers[worker].server.statistics;
}
