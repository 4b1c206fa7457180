#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "../sim/machine.h"
#include "machine.h"
#include "ring/sim.h"
#include "torture.h"

enum { QUEUE_MAX = 16, NAMES_PORT = 53, FIRST_PORT = 1000 };

static struct sim *sim;
static struct sim_actor actor;
static uint16_t next_port;

/* A listener of peers: who has connected and was not asked for yet. */
struct queue {
    struct sim_socket *listener;
    struct sim_socket *waiting[QUEUE_MAX];
    size_t count;
};

static struct queue queue;

static struct sockaddr_in address_of(const char *host, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &address.sin_addr);
    return address;
}

/* ---- the world ------------------------------------------------------------------------------- */

static uint64_t deadline(struct sim_actor *whose) {
    (void)whose;
    return loop_deadline(&loop);
}

static void run(struct sim_actor *whose) {
    (void)whose;
    loop_turn(&loop, 0);
}

static struct ring *open_ring(void) {
    const struct ring_options options = {.entries = 64, .buffer_count = 16, .buffer_size = 2048};
    sim = sim_new(1);
    struct ring *ring = sim_open_ring(sim, &options);
    actor = (struct sim_actor){.name = "loop", .deadline = deadline, .run = run, .ring = ring};
    sim_add_actor(sim, &actor);
    next_port = FIRST_PORT;
    return ring;
}

static void close_ring(struct ring *ring) {
    sim_remove_actor(sim, &actor);
    ring_free(ring);
    TORTURE_CHECK(sim_open_descriptors(sim) == 0);
    sim_free(sim);
    sim = NULL;
}

static uint64_t now(void) {
    return sim_now(sim);
}

/* Time that jumps is time in which nothing happened. */
static bool turn(struct loop *on, uint64_t longest) {
    uint64_t before = sim_now(sim);
    (void)on;
    (void)longest;
    return sim_step(sim) && sim_now(sim) - before < SECOND;
}

static size_t open_descriptors(void) {
    return sim == NULL ? 0 : sim_open_descriptors(sim);
}

static void start_work(void *context, void (*work)(void *argument), void *argument) {
    (void)context;
    sim_work(sim, work, argument);
}

static enum error new_pool(struct pool **pool) {
    const struct pool_runner runner = {.start = start_work};
    return pool_new_with(&runner, pool);
}

/* ---- peers' sockets -------------------------------------------------------------------------- */

/* Peers look for themselves. */
static void changed(void *context, struct sim_socket *socket) {
    (void)context;
    (void)socket;
}

static void accepted(void *context, struct sim_socket *socket) {
    struct queue *to = context;
    TORTURE_CHECK(to->count < QUEUE_MAX);
    to->waiting[to->count++] = socket;
    sim_peer_watch(socket, changed, NULL);
}

static void *connect_peer(uint16_t port, bool small) {
    struct sockaddr_in from = address_of("127.0.0.1", next_port++);
    struct sockaddr_in to = address_of("127.0.0.1", port);
    struct sim_socket *socket =
        sim_peer_connect(sim, (struct sockaddr *)&from, (struct sockaddr *)&to, changed, NULL);
    if (small)
        sim_peer_set_window(socket, 4096);
    return socket;
}

static void *listen_peer(uint16_t *port) {
    struct sockaddr_in address = address_of("127.0.0.1", *port = next_port++);
    queue = (struct queue){0};
    queue.listener = sim_peer_listen(sim, (struct sockaddr *)&address, accepted, &queue);
    return queue.listener;
}

static void *accept_peer(void *listener) {
    (void)listener;
    if (queue.count == 0)
        return NULL;
    struct sim_socket *first = queue.waiting[0];
    memmove(queue.waiting, queue.waiting + 1, --queue.count * sizeof *queue.waiting);
    return first;
}

static ssize_t receive(void *socket, void *data, size_t size) {
    size_t got = sim_peer_read(socket, data, size);
    if (got > 0)
        return (ssize_t)got;
    struct sim_peer_state state = sim_peer_state(socket);
    if (state.failed)
        return PEER_FAILED;
    return state.ended ? 0 : PEER_NOT_NOW;
}

static ssize_t send_some(void *socket, const void *data, size_t size) {
    struct sim_peer_state state = sim_peer_state(socket);
    if (state.failed)
        return PEER_FAILED;
    size_t sent = state.connected ? sim_peer_write(socket, data, size) : 0;
    return sent > 0 ? (ssize_t)sent : PEER_NOT_NOW;
}

static void end_sending(void *socket) {
    sim_peer_shutdown(socket);
}

static void end(void *socket) {
    sim_peer_reset(socket);
}

static void end_listener(void *listener) {
    while (queue.count > 0)
        sim_peer_reset(queue.waiting[--queue.count]);
    sim_peer_close(listener);
}

/* ---- names ----------------------------------------------------------------------------------- */

static void answer(void *context, struct sim *whose, const struct sockaddr *from,
                   const uint8_t *data, size_t size) {
    uint8_t packet[512];
    struct sockaddr_in server = address_of("127.0.0.1", NAMES_PORT);
    (void)context;
    if (size < 12 || size > sizeof packet)
        return;
    memcpy(packet, data, size);
    packet[2] = 0x85; /* an answer, from who should know */
    packet[3] = 0x83; /* there is no such name */
    packet[10] = packet[11] = 0;
    sim_send_datagram(whose, (struct sockaddr *)&server, from, packet, size);
}

static const char *open_names(void) {
    struct sockaddr_in server = address_of("127.0.0.1", NAMES_PORT);
    machine_use_clocks(sim);
    sim_serve_datagrams(sim, (struct sockaddr *)&server, answer, NULL);
    return "127.0.0.1:53";
}

static void close_names(void) {
    machine_use_clocks(NULL);
}

/* ---- operations that fail -------------------------------------------------------------------- */

uint64_t simulated_operations(void) {
    return sim_operations(sim);
}

uint8_t simulated_operation_kind(uint64_t nth) {
    return (uint8_t)sim_operation_kind(sim, nth);
}

void simulated_fail(uint64_t nth, int number) {
    sim_fail_operation(sim, nth, number);
}

const struct machine simulated_machine = {
    .name = "simulated",
    .open = open_ring,
    .close = close_ring,
    .turn = turn,
    .now = now,
    .open_descriptors = open_descriptors,
    .new_pool = new_pool,
    .connect = connect_peer,
    .listen = listen_peer,
    .accept = accept_peer,
    .receive = receive,
    .send = send_some,
    .shutdown = end_sending,
    .end = end,
    .end_listener = end_listener,
    .open_names = open_names,
    .close_names = close_names,
};
