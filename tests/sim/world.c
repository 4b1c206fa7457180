/*
 * One run, in order: the service starts on a machine without faults; clients come, pages are
 * fetched, faults strike; the faults end, and everything must come right within bounded time; the
 * service is told to stop (sometimes before the faults have ended), and nothing is left.
 */
#include "world.h"

#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "machine.h"
#include "names.h"
#include "order.h"
#include "output.h"
#include "tls/context.h"

enum {
    STEPS_MOST = 400000,
    CALM_SECONDS = 150, /* within which everything must have come right */
    LONG_CALM_SECONDS = 3 * 4 * WORLD_LONG_TOTAL_SECONDS,
    CALM_CLIENTS = 2, /* on each of two channels, and a monitor */
    CALM_MESSAGES = 2,
    STOP_GRACE_SECONDS = 2, /* on top of shutdown_timeout */
};

/* Blocks that are alive. */
struct blocks {
    size_t own, of_tls;
};

void world_fail(struct world *world, const char *format, ...) {
    va_list arguments;
    if (world->failed)
        return;
    world->failed = true;
    va_start(arguments, format);
    vsnprintf(world->failure, sizeof world->failure, format, arguments);
    va_end(arguments);
}

bool world_was_short_of_memory(const struct world *world) {
    return sim_fault_count(world->sim, SIM_FAULT_NO_MEMORY) > 0 ||
           sim_fault_count(world->sim, SIM_FAULT_MEMORY_OUT) > 0;
}

bool world_may_be_short(const struct world *world) {
    return world_was_short_of_memory(world) ||
           sim_fault_count(world->sim, SIM_FAULT_PROCESS_DESCRIPTORS) > 0 ||
           sim_fault_count(world->sim, SIM_FAULT_SYSTEM_DESCRIPTORS) > 0 ||
           sim_fault_count(world->sim, SIM_FAULT_SEND_NO_MEMORY) > 0;
}

/* ---- the config ------------------------------------------------------------------------------ */

static bool load_config(struct world *world) {
    struct buffer text = {0};
    struct config_errors errors = {0};
    world_write_config(world, &text);
    enum error error =
        config_load_text(&world->config, "sim.json", buffer_bytes(&text), NULL, &errors);
    if (error != ERROR_NONE)
        world_fail(world, "the config is refused: %s", errors.count > 0 ? errors.lines[0] : "?");
    config_errors_fini(&errors);
    if (text.size < sizeof world->config_text)
        memcpy(world->config_text, text.data, text.size);
    buffer_fini(&text);
    return error == ERROR_NONE;
}

/* The same with pings at another pace, and a key that needs a restart, as SIGHUP would have it. */
static void reload_config(void *context) {
    struct world *world = context;
    struct config_errors errors = {0};
    struct config next;
    char *interval = strstr(world->config_text, "\"ping_interval\": \"");
    char *concurrency = strstr(world->config_text, "\"concurrency\": ");
    if (world->asked_to_stop != 0 || interval == NULL || concurrency == NULL)
        return;
    interval[strlen("\"ping_interval\": \"")] = (char)('2' + sim_below(world->sim, 3));
    concurrency[strlen("\"concurrency\": ")] = '9';
    if (config_load_text(&next, "sim.json", bytes_of(world->config_text), NULL, &errors) ==
            ERROR_NONE &&
        reload(&world->service, &next))
        world_saw(world, SOMETIMES_RELOADED);
    config_errors_fini(&errors);
}

/* ---- loops and the service ------------------------------------------------------------------- */

static uint64_t deadline_of(struct sim_actor *actor) {
    return container_of(actor, struct sim_loop, actor)->sleeps_until;
}

static void turn(struct sim_actor *actor) {
    struct sim_loop *one = container_of(actor, struct sim_loop, actor);
    loop_turn(&one->loop, 0);
    one->sleeps_until = loop_deadline(&one->loop);
}

static void open_loop(struct world *world, struct sim_loop *one) {
    struct ring *ring = sim_open_ring(world->sim, NULL);
    loop_init(&one->loop, ring);
    one->actor = (struct sim_actor){.name = "turn", .deadline = deadline_of, .run = turn};
    one->actor.ring = ring;
    sim_add_actor(world->sim, &one->actor);
}

static void start_work(void *context, void (*run)(void *argument), void *argument) {
    sim_work(context, run, argument);
}

static void service_stopped(struct service *service) {
    struct world *world = container_of(service, struct world, service);
    world->stopped = true;
    world->running = false;
}

static void stop_service(struct task *task) {
    struct world *world = container_of(task, struct world, stop);
    service_signal(&world->service, SIGTERM);
}

static const struct task_handler stop_handler = {"sim_stop", stop_service};

static bool start_service(struct world *world) {
    struct loop *loops[SIM_WORKERS_MAX];
    const struct pool_runner runner = {start_work, world->sim};
    size_t before = memory_live_bytes();
    for (unsigned i = 0; i < world->worker_count; i++) {
        open_loop(world, &world->loops[i]);
        loops[i] = &world->loops[i].loop;
    }
    sim_pause_faults(world->sim, true); /* a service that cannot start ends, and is done */
    world->service.config = &world->config;
    world->service.stopped = service_stopped;
    world->service.name_servers = "192.0.2.53:53";
    world->stop.handler = &stop_handler;
    enum error error = pool_new_with(&runner, &world->pool);
    world->service.pool = world->pool;
    if (error == ERROR_NONE)
        error = workers_borrow(&world->service.workers, loops, world->worker_count);
    if (error == ERROR_NONE)
        error = service_start(&world->service);
    if (error != ERROR_NONE)
        world_fail(world, "the service does not start: %s", error_text(error));
    sim_pause_faults(world->sim, false);
    world->running = error == ERROR_NONE;
    world->start_bytes = world->bytes += memory_live_bytes() - before;
    return error == ERROR_NONE;
}

static void ask_to_stop(struct world *world) {
    if (world->asked_to_stop != 0)
        return;
    world->asked_to_stop = sim_now(world->sim);
    sim_note(world->sim, "asked to stop", world->calm, 0);
    world_saw(world, world->calm ? SOMETIMES_STOPPED_CALM : SOMETIMES_STOPPED_BUSY);
    loop_post(&world->loops[0].loop, &world->stop);
    ring_wake(world->loops[0].loop.ring);
}

/* ---- clients --------------------------------------------------------------------------------- */

static enum client_kind draw_kind(struct world *world) {
    struct sim *sim = world->sim;
    if (sim_below(sim, 3) == 0)
        return CLIENT_HONEST;
    if (world->under_tls && sim_below(sim, 4) == 0)
        return (enum client_kind)(CLIENT_EVERYWHERE +
                                  sim_below(sim, CLIENT_KINDS - CLIENT_EVERYWHERE));
    if (world->presence && sim_below(sim, 6) == 0)
        return CLIENT_WATCHER;
    return (enum client_kind)sim_below(sim, CLIENT_EVERYWHERE);
}

static void add_client(void *context) {
    struct world *world = context;
    if (world->calm || world->asked_to_stop != 0)
        return;
    unsigned number = (unsigned)world->client_count++;
    enum client_kind kind = draw_kind(world);
    unsigned channel = sim_below(world->sim, 8) == 0   ? CHANNEL_RESULTS
                       : sim_below(world->sim, 2) == 0 ? CHANNEL_CHAT
                                                       : CHANNEL_NEWS;
    bool cannot = (kind == CLIENT_EAGER && channel == CHANNEL_RESULTS) ||
                  (kind == CLIENT_WATCHER && !world->presence);
    if (cannot)
        kind = CLIENT_HONEST;
    if (number == 0) { /* one in each run: all together at every byte, see set_pace() */
        kind = CLIENT_CUT;
        channel = CHANNEL_CHAT;
    }
    client_start(&world->clients[number], world, kind, number, channel);
}

static void add_calm_clients(struct world *world) {
    for (unsigned i = 0; i < 2 * CALM_CLIENTS + 1; i++) {
        unsigned number = (unsigned)world->client_count++;
        client_start(&world->clients[number], world,
                     i == 2 * CALM_CLIENTS ? CLIENT_MONITOR : CLIENT_HONEST, number,
                     i % 2 == 0 ? CHANNEL_CHAT : CHANNEL_NEWS);
    }
    if (!world->presence)
        return;
    unsigned number = (unsigned)world->client_count++;
    client_start(&world->clients[number], world, CLIENT_WATCHER, number,
                 (unsigned)sim_below(world->sim, CHANNELS));
}

static bool counts(const struct client *client) {
    return client->calm && client->kind == CLIENT_HONEST;
}

static bool calm_clients_joined(const struct world *world) {
    for (size_t i = 0; i < world->client_count; i++)
        if (counts(&world->clients[i]) && !world->clients[i].upgraded)
            return false;
    return true;
}

/* A reader may be closed as too slow where little is retained; nobody else may be missed. */
static bool has_all_of(const struct client *client, const struct client *publisher) {
    if (client == publisher || client->channel != publisher->channel || !client->witness ||
        !client_is_open(client))
        return true;
    return client->last_of[publisher->number] == (int)publisher->published - 1;
}

/* Whoever gets only the newest has the last message of at least one publisher: of those who came
 * before, what they had under way may have been the newest. */
static bool has_newest(const struct world *world, const struct client *client) {
    unsigned publishers = 0;
    for (size_t i = 0; i < world->client_count; i++) {
        const struct client *publisher = &world->clients[i];
        if (client == publisher || client->channel != publisher->channel ||
            publisher->published == 0)
            continue;
        publishers += counts(publisher);
        if (has_all_of(client, publisher))
            return true;
    }
    return publishers == 0;
}

/* What it must have got when others have published in peace. */
static bool has_its_messages(const struct world *world, const struct client *client,
                             const struct client *publisher) {
    return world->config.hub.slow_reader == CONFIG_SLOW_READER_LATEST
               ? has_newest(world, client)
               : has_all_of(client, publisher);
}

/* What is still missing for everything to have come right; NULL: nothing. */
static const char *missing(struct world *world) {
    for (size_t i = 0; i < world->client_count; i++) {
        const struct client *client = &world->clients[i];
        if (client->calm && client->kind == CLIENT_MONITOR && client->answers < 3)
            return "a monitor has no answer";
        if (client->calm && client->kind == CLIENT_WATCHER && !client->watch.answered)
            return "a watcher has no answer";
        if (client->kind == CLIENT_WATCHER && client_is_open(client) &&
            !client_watch_is_right(client))
            return "a watcher does not know who is there";
        if (!counts(client))
            continue;
        if (!client->upgraded)
            return "a client is not in its channel";
        if (!client_is_open(client) && client->close_code == 1013)
            continue; /* too slow for what little is retained: others may have said much at once */
        if (!client_is_open(client))
            return "a client has lost its connection";
        if (client->published < CALM_MESSAGES)
            return "a client has not published";
        if (client_is_open(client) && client->pongs < client->pings)
            return "a ping was not answered";
        for (size_t j = 0; j < world->client_count; j++)
            if (!has_its_messages(world, &world->clients[j], client)) {
                snprintf(world->why, sizeof world->why, "client %zu misses messages of client %zu",
                         j, i);
                return world->why;
            }
    }
    if (world->url_count > 0 && world->calm_rounds < world->calm_rounds_wanted)
        return "no round of fetches has ended";
    if (!results_are_told(world))
        return "a change of a page was not told";
    return NULL;
}

/* ---- running --------------------------------------------------------------------------------- */

static bool is_well(struct world *world) {
    return missing(world) == NULL;
}

static bool has_joined(struct world *world) {
    return world->crowded || calm_clients_joined(world);
}

static bool has_stopped(struct world *world) {
    return world->stopped;
}

static bool is_quiet(struct world *world) {
    for (unsigned i = 0; i < world->worker_count; i++)
        if (loop_deadline(&world->loops[i].loop) != UINT64_MAX ||
            sim_has_work(world->loops[i].loop.ring))
            return false;
    return true;
}

static bool never(struct world *world) {
    (void)world;
    return false;
}

/* Until it holds, or the time has come, or something is wrong: true if it holds. */
static bool run_until(struct world *world, uint64_t deadline, bool (*holds)(struct world *)) {
    for (unsigned steps = 0; !world->failed; steps++) {
        if (holds(world))
            return true;
        if (sim_now(world->sim) >= deadline || !sim_step(world->sim))
            return false;
        if (steps > STEPS_MOST)
            world_fail(world, "the service does not come to rest");
    }
    return false;
}

/* Faults on: safety must hold. Some are told to stop in the middle of it. */
static void run_busy(struct world *world) {
    struct sim *sim = world->sim;
    uint64_t until = sim_now(sim) + (3 + sim_below(sim, 12)) * SECOND;
    size_t clients = 3 + sim_below(sim, CLIENTS_MAX - 2 * CALM_CLIENTS - 4);
    for (size_t i = 0; i < clients; i++)
        sim_after(sim, sim_below(sim, 8 * SECOND), add_client, world);
    if (sim_below(sim, 4) == 0)
        sim_after(sim, sim_below(sim, 10 * SECOND), reload_config, world);
    bool stops = sim_below(sim, 3) == 0;
    if (stops) {
        run_until(world, sim_now(sim) + sim_below(sim, 12 * SECOND), never);
        ask_to_stop(world);
    }
    run_until(world, until, has_stopped);
}

static void publish_in_peace(struct world *world) {
    for (size_t i = 0; i < world->client_count; i++) {
        struct client *client = &world->clients[i];
        client->witness = client_is_open(client) && client_is_honest(client) &&
                          (!client->speaks_json || client->next_offset > 0);
        if (counts(client))
            client_publish(client, CALM_MESSAGES);
    }
}

/* Faults off: everything must come right. */
static void run_calm(struct world *world) {
    unsigned seconds = world->redirects ? (unsigned)LONG_CALM_SECONDS : (unsigned)CALM_SECONDS;
    uint64_t until = sim_now(world->sim) + seconds * SECOND;
    world->calm = true;
    world->calm_since = sim_now(world->sim);
    sim_stop_faults(world->sim);
    for (size_t i = 0; i < world->client_count; i++)
        world->clients[i].to_publish = world->clients[i].published;
    if (world->asked_to_stop != 0 || world->crowded)
        return;
    add_calm_clients(world);
    if (run_until(world, until, has_joined)) {
        publish_in_peace(world);
        run_until(world, until, is_well);
    }
    const char *what = missing(world);
    if (what != NULL)
        world_fail(world, "after %u s in peace %s", seconds, what);
}

static void run_stop(struct world *world) {
    ask_to_stop(world);
    uint64_t from =
        world->asked_to_stop > world->calm_since ? world->asked_to_stop : world->calm_since;
    uint64_t until = from + (WORLD_STOP_SECONDS + STOP_GRACE_SECONDS) * SECOND;
    if (!run_until(world, until, has_stopped))
        world_fail(world, "the service has not stopped after %d s",
                   (int)(WORLD_STOP_SECONDS + STOP_GRACE_SECONDS));
}

/* ---- the end --------------------------------------------------------------------------------- */

static bool allocation_fails(void *context) {
    return sim_allocation_fails(context);
}

static void close_everything(struct world *world) {
    for (size_t i = 0; i < world->client_count; i++)
        client_fini(&world->clients[i]);
    origins_close(&world->origins);
    if (!run_until(world, sim_now(world->sim) + MINUTE, is_quiet))
        world_fail(world, "a loop still has work behind the end");
}

static void end_service(struct world *world) {
    pool_free(world->pool);
    for (unsigned i = 0; i < world->worker_count; i++) {
        loop_fini(&world->loops[i].loop);
        sim_remove_actor(world->sim, &world->loops[i].actor);
        ring_free(world->loops[i].loop.ring);
    }
    service_fini(&world->service);
    workers_release(&world->service.workers);
}

/* Of all that is alive, what is the TLS library's: it loses some when it finds no memory;
 * tests/torture knows which. */
static struct blocks count_blocks(void) {
    struct blocks blocks = {.of_tls = tls_library_blocks()};
    blocks.own = memory_live_blocks() - blocks.of_tls;
    return blocks;
}

static void check_nothing_is_left(struct world *world, struct blocks before) {
    size_t descriptors = sim_open_descriptors(world->sim);
    struct blocks now = count_blocks();
    if (descriptors > 0)
        world_fail(world, "%zu descriptors are left", descriptors);
    if (now.own != before.own)
        world_fail(world, "%zd blocks are left", (ssize_t)(now.own - before.own));
    if (now.of_tls != before.of_tls && !world_was_short_of_memory(world))
        world_fail(world, "%zd blocks of TLS are left", (ssize_t)(now.of_tls - before.of_tls));
}

static void run(struct world *world, uint64_t without) {
    sim_draw_faults(world->sim, without);
    if (!load_config(world) || !start_service(world))
        return;
    run_busy(world);
    if (!world->failed)
        run_calm(world);
    seen_in_session(world);
    if (!world->failed)
        run_stop(world);
    if (!world->failed) {
        order_check();
        results_check_end(world);
        accounts_check(world);
    }
    if (!world->failed)
        close_everything(world);
    if (world->failed)
        return; /* what cannot be ended is left */
    seen_in_run(world);
    end_service(world);
}

static void draw_world(struct world *world) {
    struct sim *sim = world->sim;
    world->worker_count = 1 + (unsigned)sim_below(sim, SIM_WORKERS_MAX);
    world->crowded = sim_below(sim, 8) == 0;
    world->proxied = sim_below(sim, 4) == 0;
    world->presence = sim_below(sim, 2) == 0;
    world->calm_rounds_wanted = sim_below(sim, 4) == 0 ? 3 : 1;
    world->url_count = sim_below(sim, URLS_MAX + 1);
    world->secure = sim_below(sim, 8) == 0;
    world->by_proxy = sim_below(sim, world->secure ? 3 : 16) == 0;
    world->proxy_refuses = sim_below(sim, 3) == 0;
    world->strict = !world->by_proxy && sim_below(sim, 24) == 0;
    world->under_tls = sim_below(sim, 16) == 0;
    for (unsigned i = 0; i < world->url_count; i++) {
        url_plan_draw(&world->urls[i], world, i);
        world->redirects |= world->urls[i].page == PAGE_MOVED;
    }
}

static const uint8_t *choices;
static size_t choices_size;

void world_choose_from(const uint8_t *data, size_t size) {
    choices = data;
    choices_size = size;
}

void world_run(uint64_t seed, uint64_t without, FILE *trace, struct sightings *tally,
               struct verdict *verdict) {
    links_prepare();
    struct blocks blocks = count_blocks();
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        abort();
    world->seed = seed;
    world->tally = tally;
    world->sim = sim_new(seed);
    sim_choose_from(world->sim, choices, choices_size);
    sim_trace_to(world->sim, trace);
    machine_use(world->sim);
    sim_watch_inside(world->sim, each_turn_check, world);
    memory_fail_when(allocation_fails, world->sim);
    output_write_to(results_take, world);
    order_open(world);
    names_open(world);
    draw_world(world);
    origins_start(world);
    run(world, without);
    memory_fail_when(NULL, NULL);
    verdict->hash = sim_trace_hash(world->sim);
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++)
        verdict->struck[i] = sim_fault_count(world->sim, (enum sim_fault)i);
    if (!world->failed) {
        config_fini(&world->config);
        tls_session_free(world->ticket);
        tls_thread_fini();
        check_nothing_is_left(world, blocks);
        results_free(world);
        sim_free(world->sim);
        origins_free(&world->origins);
    }
    order_close();
    names_close();
    verdict->failed = world->failed;
    memcpy(verdict->failure, world->failure, sizeof verdict->failure);
    machine_use(NULL);
    if (!world->failed)
        free(world);
}
