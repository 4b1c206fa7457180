/*
 * What is true whenever the program under test has had its turn: its memory is within the stated
 * bounds (README, "Limits"), each log by itself and everything together; and of all that the
 * subscriptions that have ended were due, it is known what became of it.
 */
#include "base/map.h"
#include "base/memory.h"
#include "home.h"
#include "worker.h"
#include "world.h"

enum {
    KIB = 1024,
    OF_CLIENT = 26 * KIB, /* beside messages: a request's head, what is to be answered, what one
                             receive brings, objects */
    OF_FETCH = 96 * KIB,  /* a response's head, the body on its way to the pool, texts, objects */
    OF_TLS = 4096 * KIB,  /* the library's tables of curve points, for the thread */
    OF_DEFLATER = 280 * KIB, /* of each worker, when somebody has asked for gzip */
    AROUND_MESSAGE = 128,    /* what a prefix, a name and a frame add to one */
};

/* ---- channels -------------------------------------------------------------------------------- */

static void check_rendition(struct world *world, const struct home *home, unsigned kind) {
    const struct log *log = &home->renditions[kind].log;
    struct retention retention = log->retention;
    size_t largest = world->config.hub.max_message + AROUND_MESSAGE;
    if (kind != RENDITION_RAW) { /* an envelope around each; here text at most doubles in it */
        retention.bytes = 2 * retention.bytes + 100 * (log->next_offset - log->tail_offset);
        largest *= 2;
    }
    if (log->memory > log_memory_limit(&retention, largest))
        world_fail(world, "channel %s takes %zu bytes in rendition %u, more than %zu", home->name,
                   log->memory, kind, log_memory_limit(&retention, largest));
    world->log_bytes += log->memory;
}

/* A gap is as large as what was counted as skipped. */
static void check_account(struct world *world, const struct home *home, const struct tally *tally) {
    uint64_t known = counter_read(&tally->delivered) + counter_read(&tally->skipped) +
                     counter_read(&tally->own) + counter_read(&tally->abandoned);
    if (counter_read(&tally->subscribers) == 0 && counter_read(&tally->due) != known)
        world_fail(world, "channel %s: %llu messages were due, %llu are accounted for", home->name,
                   (unsigned long long)counter_read(&tally->due), (unsigned long long)known);
}

static void check_home(struct map_node *node, void *context) {
    const struct home *home = container_of(node, struct home, node);
    const struct world *world = context;
    for (unsigned i = 0; i < RENDITION_COUNT * world->worker_count; i++)
        check_account(context, home, &home->readers[i].tally);
    for (unsigned kind = 0; kind < RENDITION_COUNT; kind++)
        if ((home->live & 1U << kind) != 0)
            check_rendition(context, home, kind);
}

static void check_channels(struct world *world) {
    world->log_bytes = 0;
    for (unsigned i = 0; i < world->worker_count; i++)
        map_visit(&world->service.hub->workers[i].homes, check_home, world);
}

/* ---- together -------------------------------------------------------------------------------- */

static size_t allowed(const struct world *world) {
    size_t open = 0, tls = world->secure || world->under_tls ? OF_TLS : 0;
    bool all = !world->calm || world->asked_to_stop != 0; /* an end is heard late */
    bool gzip = false;
    for (size_t i = 0; i < world->client_count; i++) {
        open += all || link_is_open(&world->clients[i].link);
        gzip |= world->clients[i].wants_gzip;
    }
    return world->start_bytes + tls + (gzip ? world->worker_count * OF_DEFLATER : 0) +
           (open + 1) * (OF_CLIENT + 2 * world->config.hub.max_message) +
           world->url_count * OF_FETCH;
}

static void check_all(struct world *world) {
    size_t rest = world->bytes - world->log_bytes;
    if (rest > allowed(world))
        world_fail(world, "%zu bytes are taken beside the logs, more than %zu", rest,
                   allowed(world));
}

void each_turn_check(void *context, bool inside) {
    struct world *world = context;
    if (inside) {
        world->bytes_before = memory_live_bytes();
        return;
    }
    world->bytes += memory_live_bytes() - world->bytes_before;
    if (world->running && !world->failed) {
        check_channels(world);
        check_all(world);
    }
}
