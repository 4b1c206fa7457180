/* What a run has shown, for the campaign: what must happen sometimes, and each kind of peer. */
#include "base/clock.h"
#include "world.h"

/* ---- the peers ------------------------------------------------------------------------------- */

/* Did it what its kind is for? */
static bool has_acted(const struct client *client) {
    switch (client->kind) {
    case CLIENT_CUT:
        return client->link.cut_done;
    case CLIENT_IDLE:
    case CLIENT_OUTDATED:
    case CLIENT_BABBLER:
        return client->link.ended;
    case CLIENT_FRAGMENTS:
        return client->published > 0;
    case CLIENT_BROWSER:
    case CLIENT_MONITOR:
        return client->answers > 1;
    case CLIENT_WATCHER:
        return client->watch.answered;
    case CLIENT_DEAF:
        return client->link.deaf;
    case CLIENT_UNAWARE:
        return client->refused;
    case CLIENT_HONEST:
    case CLIENT_SLOW_READER:
    case CLIENT_SLOW_WRITER:
    case CLIENT_EAGER:
    case CLIENT_EVENTS:
        return client->upgraded;
    default:
        return client->acted;
    }
}

static void tally_cut(struct world *world, const struct link *link) {
    if (!link->cut_done)
        return;
    if (link->cut_at < CUT_AT_EVERY_BYTE)
        world->tally->cuts[link->cut_at]++;
    if (link->cut == CUT_SHUTDOWN && link->cut_inside)
        world_saw(world, SOMETIMES_ENDED_INSIDE);
    if (link->cut == CUT_SHUTDOWN && link->ended && !link->failed)
        world_saw(world, SOMETIMES_HALF_CLOSED);
}

static void tally_clients(struct world *world) {
    for (size_t i = 0; i < world->client_count; i++) {
        const struct client *client = &world->clients[i];
        world->tally->clients[client->kind] += has_acted(client);
        tally_cut(world, &client->link);
    }
}

/* ---- the service ----------------------------------------------------------------------------- */

static void tally_worker(struct world *world, unsigned worker) {
    struct sightings *tally = world->tally;
    const struct hub_statistics *hub = hub_statistics(world->service.hub, worker);
    const struct http_server_statistics *server = hub_server_statistics(world->service.hub, worker);
    const struct ring_statistics *ring = &world->loops[worker].loop.ring->statistics;
    for (unsigned reason = 0; reason < CLOSE_REASON_COUNT; reason++)
        tally->reasons[reason] += counter_read(&hub->closes[reason]);
    tally->sometimes[SOMETIMES_EARLY_SUBMIT] += ring->early_submits > 0;
    tally->sometimes[SOMETIMES_OVERFLOW] += ring->overflows > 0;
    tally->sometimes[SOMETIMES_NO_BUFFERS] += ring->buffer_shortages > 0;
    tally->sometimes[SOMETIMES_SHORTAGE] += counter_read(&server->accept_pauses) > 0;
    tally->sometimes[SOMETIMES_PROXIED] += counter_read(&server->proxy_headers) > 0;
    tally->sometimes[SOMETIMES_TOO_FAST] += counter_read(&server->refused_rate) > 0;
    tally->sometimes[SOMETIMES_TLS_OPENED] += counter_read(&server->handshakes) > 0;
    tally->sometimes[SOMETIMES_TLS_REFUSED] += counter_read(&server->handshakes_failed) > 0;
    tally->sometimes[SOMETIMES_TOO_MANY] += counter_read(&server->refused_address) > 0;
}

void seen_in_session(struct world *world) {
    if (world->service.session == NULL)
        return;
    const struct session_statistics *session = session_statistics(world->service.session);
    if (counter_read(&session->reused) > 0)
        world_saw(world, SOMETIMES_REUSED);
    if (counter_read(&session->retried) > 0)
        world_saw(world, SOMETIMES_RETRIED);
}

void seen_in_run(struct world *world) {
    struct sightings *tally = world->tally;
    for (unsigned i = 0; i < world->worker_count; i++)
        tally_worker(world, i);
    tally_clients(world);
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        tally->faults[i] += sim_fault_count(world->sim, (enum sim_fault)i);
    tally->operations += sim_operations(world->sim);
    tally->virtual_seconds += sim_now(world->sim) / SECOND;
}
