#include "service.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "command.h"
#include "config_lists.h"
#include "fetcher.h"
#include "hub_settings.h"
#include "listen.h"
#include "output.h"
#include "page.h"
#include "reload.h"
#include "scheduling.h"

enum {
    FETCH_SHARE_OF_STOP = 4, /* fetches get this part of the time to stop */
    STOP_PARTS = 10,         /* clients are cut off one such part before the end of it */
};

/* ---- stopping, in order; what has not started is passed over --------------------------------- */

static void admin_closed(struct admin *admin) {
    admin->service->stopped(admin->service);
}

static void session_closed(void *context) {
    struct service *service = context;
    service->session = NULL;
    if (service->admin.service != NULL)
        admin_close(&service->admin, admin_closed);
    else
        service->stopped(service);
}

static void state_closed(void *context) {
    struct service *service = context;
    if (service->session != NULL)
        session_close(service->session, session_closed, service);
    else
        session_closed(service);
}

static void hub_closed(void *context) {
    struct service *service = context;
    state_file_close(&service->state, state_closed, service);
}

static void close_hub(void *context) {
    struct service *service = context;
    state_file_settle(&service->state); /* while the schedule can be asked */
    uint64_t now = service->workers.loops[0]->now;
    uint64_t left = service->stop_deadline > now ? service->stop_deadline - now : 0;
    uint64_t part = left / STOP_PARTS;
    uint64_t longest = left - 2 * part; /* who is closed last has a part to answer */
    uint64_t drain = service->config->drain < longest ? service->config->drain : longest;
    service->schedule = NULL;
    if (service->hub != NULL)
        hub_close(service->hub, drain, left - part, hub_closed, service);
    else
        hub_closed(service);
}

static void stop(struct service *service) {
    uint64_t now = service->workers.loops[0]->now;
    uint64_t timeout = service->config->shutdown_timeout;
    service->stopping = true;
    loop_stop_timer(service->workers.loops[0], &service->schedule_again);
    service->stop_deadline = now + timeout;
    if (service->schedule == NULL)
        close_hub(service);
    else
        schedule_stop(service->schedule, now + timeout / FETCH_SHARE_OF_STOP, close_hub, service);
}

void service_signal(struct service *service, int number) {
    if (number == SIGHUP) {
        if (service->path != NULL && !service->stopping)
            reload_file(service);
        return;
    }
    if (service->stopping) {
        log_write(LOG_WARNING, "service", "second signal: exiting at once");
        _exit(128 + number);
    }
    log_write(LOG_INFO, "service", "stopping", LOG_NUMBER("signal", number));
    stop(service);
}

/* ---- the hub --------------------------------------------------------------------------------- */

static struct channel_settings channel_settings(void *context, struct bytes name) {
    const struct service *service = context;
    return hub_settings_of_channel(service->config, name);
}

static void other_request(void *context, struct http_connection *connection,
                          const struct http_request *request) {
    struct service *service = context;
    page_respond(&service->results, connection, request);
}

struct hub_options service_hub_options(struct service *service) {
    struct hub_options options = hub_settings(service->config);
    options.access = &service->rules.access;
    options.identities = service->identities;
    options.pool = service->pool;
    options.channel_settings = channel_settings;
    options.other_request = other_request;
    options.context = service;
    return options;
}

static enum error make_hub(struct service *service) {
    const struct hub_options options = service_hub_options(service);
    return hub_new(&options, service->workers.loops, service->workers.count, &service->hub);
}

struct hub_listening {
    struct service *service;
    struct http_listening way;
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    size_t count;
};

static enum error start_hub_on(void *context, unsigned index) {
    struct service *service = context;
    hub_start(service->hub, index);
    return ERROR_NONE;
}

static enum error listen_hub_on(void *context, unsigned index) {
    struct hub_listening *listening = context;
    return hub_listen(listening->service->hub, index, listening->endpoints, listening->count,
                      &listening->way);
}

/* Worker 0 first: it claims the place, and where the port is 0 it finds the one that the others
 * take too. */
static enum error listen_hub(struct service *service, const struct config_listen *listen) {
    struct hub_listening listening = {
        .service = service,
        .way = {.proxy_protocol = listen->proxy_protocol,
                .secure = service->identities != NULL && !listen->plain}};
    const char *text = listen->address;
    enum error error = listen_endpoints("hub", text, listening.endpoints, &listening.count);
    if (error != ERROR_NONE)
        return error;
    for (unsigned i = 0; i < service->workers.count && error == ERROR_NONE; i++)
        error = workers_call(&service->workers, i, listen_hub_on, &listening);
    if (error == ERROR_NONE)
        listen_announce("hub", listening.endpoints, listening.count);
    else
        listen_complain("hub", text, error);
    return error;
}

static enum error start_hub(struct service *service) {
    const struct config_listens *listen = &service->config->hub.listen;
    enum error error = ERROR_NONE;
    for (unsigned i = 0; i < service->workers.count; i++)
        workers_call(&service->workers, i, start_hub_on, service);
    for (size_t i = 0; i < listen->count && error == ERROR_NONE; i++)
        error = listen_hub(service, &listen->entries[i]);
    return error;
}

/* ---- starting -------------------------------------------------------------------------------- */

static void complain(const char *what, enum error error) {
    log_write(LOG_ERROR, "service", what, LOG_TEXT("error", error_text(error)));
}

/* What is wrong with the files that the config names is as wrong as if it stood in the config. */
static enum error make_rules(struct service *service) {
    struct rules_detail detail;
    struct tls_detail tls;
    if (rules_init(&service->rules, &service->config->hub, &detail) != ERROR_NONE)
        output_complain("%s", detail.text);
    else if (identities_load(&service->config->hub.tls, &service->identities, &tls) != ERROR_NONE)
        output_complain("%s", tls.text);
    else
        return ERROR_NONE;
    return ERROR_CONFIG_INVALID;
}

static enum error start_parts(struct service *service) {
    struct session_options options = fetcher_options(service->config);
    if (service->name_servers != NULL)
        options.name_servers = service->name_servers;
    enum error error = results_init(&service->results, &service->config->fetch.urls);
    if (error == ERROR_NONE)
        error = state_file_init(&service->state, service->config->fetch.state_file, service->pool,
                                service->workers.loops[0]);
    if (error == ERROR_NONE)
        error = session_new(service->workers.loops[0], service->pool, &options, &service->session);
    if (error == ERROR_NONE)
        error = make_hub(service);
    if (error != ERROR_NONE)
        complain("cannot start", error);
    return error;
}

static enum error start(struct service *service) {
    enum error error = make_rules(service);
    if (error == ERROR_NONE)
        error = start_parts(service);
    if (error == ERROR_NONE)
        error = start_hub(service);
    if (error == ERROR_NONE)
        error = admin_open(&service->admin, service, service->config->admin.listen);
    if (error != ERROR_NONE)
        return error;
    service->ready = true;
    log_write(LOG_INFO, "service", "ready", LOG_TEXT("version", RINGCAST_VERSION),
              LOG_TEXT("ring", service->workers.loops[0]->ring->backend->name),
              LOG_NUMBER("workers", service->workers.count));
    error = scheduling_start(service);
    if (error != ERROR_NONE)
        complain("cannot start fetching", error);
    return error;
}

enum error service_start(struct service *service) {
    service->started = service->workers.loops[0]->now;
    enum error error = start(service);
    if (error != ERROR_NONE)
        stop(service);
    return error;
}

void service_fini(struct service *service) {
    hub_free(service->hub);
    results_fini(&service->results);
    config_urls_release(&service->leaving);
    buffer_fini(&service->known);
    state_file_fini(&service->state);
    rules_fini(&service->rules);
    tls_identities_free(service->identities);
    if (service->ready)
        log_write(LOG_INFO, "service", "stopped");
}

/* ---- the process: threads and signals -------------------------------------------------------- */

static void signals_closed(struct signals *signals) {
    struct service *service = container_of(signals, struct service, signals);
    loop_stop(service->workers.loops[0]);
}

static void stopped(struct service *service) {
    signals_close(&service->signals, signals_closed);
}

static void signal_received(struct signals *signals, int number) {
    service_signal(container_of(signals, struct service, signals), number);
}

static enum error start_pool_and_signals(struct service *service) {
    enum error error = pool_new(fetcher_threads(service->config), &service->pool);
    if (error != ERROR_NONE)
        return error;
    error = signals_open(&service->signals, service->workers.loops[0], signal_received);
    if (error != ERROR_NONE)
        pool_free(service->pool);
    return error;
}

/* On an error nothing is left. */
static enum error start_threads(struct service *service) {
    struct ring_refusal refusal;
    unsigned count =
        service->config->workers == CONFIG_AUTO ? limits_processors() : service->config->workers;
    if (count > WORKERS_MAX)
        count = WORKERS_MAX;
    enum error error = workers_start(&service->workers, count, &refusal);
    if (error != ERROR_NONE) {
        log_write(LOG_ERROR, "ring", refusal.text);
        return error;
    }
    error = start_pool_and_signals(service);
    if (error != ERROR_NONE) {
        complain("cannot start", error);
        workers_stop(&service->workers);
    }
    return error;
}

static int exit_code(enum error error) {
    if (error == ERROR_NONE)
        return EXIT_SUCCESS;
    return error == ERROR_CONFIG_INVALID ? EXIT_USAGE : EXIT_FAILURE;
}

int service_run(struct config *config, const char *path) {
    struct service service = {.config = config, .path = path, .stopped = stopped};
    limits_raise_descriptors();
    signals_block();
    enum error error = start_threads(&service);
    if (error != ERROR_NONE)
        return exit_code(error);
    error = service_start(&service);
    loop_run(service.workers.loops[0]); /* what could not start is over soon */
    pool_free(service.pool);
    workers_stop(&service.workers);
    service_fini(&service);
    return exit_code(error);
}
