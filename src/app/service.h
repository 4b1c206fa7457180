/*
 * The service: what `ringcast serve` runs. It joins the two halves, hub and fetcher, with the admin
 * listener beside them, and owns the order in which they start and stop.
 *
 * Start: workers, hub, admin listener, then the first fetches. Stop, on SIGTERM or SIGINT:
 *   1. readiness is off, and a second signal exits at once
 *   2. no fetch round begins; those under way get a quarter of shutdown_timeout, then are cancelled
 *   3. the hub ends (see hub_close()): what was accepted is flushed, clients are closed with 1001
 *   4. the session, the admin listener, the signals, the threads
 *
 * SIGHUP: the config is read again; see reload.h. What is fetched, and results: scheduling.h.
 */
#ifndef RINGCAST_APP_SERVICE_H
#define RINGCAST_APP_SERVICE_H

#include "admin.h"
#include "app/config.h"
#include "fetch/schedule.h"
#include "hub/hub.h"
#include "identities.h"
#include "loop/pool.h"
#include "loop/signals.h"
#include "results.h"
#include "rules.h"
#include "state_file.h"
#include "workers.h"

struct service {
    struct config *config;
    const char *path; /* of the config's file, which SIGHUP reads again */
    struct workers workers;
    struct rules rules;
    struct tls_identities *identities; /* NULL: no TLS */
    struct pool *pool;
    struct hub *hub;
    struct session *session;
    struct results results;
    struct state_file state;
    struct schedule *schedule;  /* NULL: no URLs, or stopped */
    struct config_urls leaving; /* of a schedule that ends, for others; empty: none does */
    struct buffer known;        /* what that knew, as in a state file, until others start with it */
    struct timer schedule_again;
    struct admin admin;
    struct signals signals;
    uint64_t started;       /* worker 0's clock */
    uint64_t stop_deadline; /* when everything must be over */
    bool ready;
    bool stopping;
    const char *name_servers; /* instead of the config's; NULL: those */
    void (*stopped)(struct service *service);
};

/*
 * Runs the service until it is told to stop. `config` was read from `path`, and may become another
 * one that is there later. Returns the exit code; errors are logged.
 */
int service_run(struct config *config, const char *path);

/*
 * The same in parts, for who turns the loops and runs the pool himself, as a simulation does.
 * service_start() takes a service with `config`, `workers`, `pool` and `stopped` set; after an
 * error it stops what has started. service_signal() is what a signal does. `stopped` follows
 * either, maybe from inside, when nothing is armed any more; then service_fini() frees the rest,
 * though not what was given.
 */
enum error service_start(struct service *service);
struct hub_options service_hub_options(struct service *service); /* by its config and rules */
void service_signal(struct service *service, int number);
void service_fini(struct service *service);

#endif
