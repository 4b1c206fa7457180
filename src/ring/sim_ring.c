/*
 * The rings of the simulated machine. A turn takes what was prepared to the "kernel" (submit),
 * which tries each operation at once, and hands out the completions that are there. What cannot be
 * done yet waits in its socket; when that changes it is tried again by an event.
 */
#include <stdlib.h>
#include <string.h>

#include "poison.h"
#include "sim_entry.h"

struct sim *sim_of(const struct ring *ring) {
    return sim_ring_of(ring)->sim;
}

/* ---- the seam -------------------------------------------------------------------------------- */

static void sim_accept(struct ring *ring, struct operation *operation) {
    entry_prepare(ring, OPERATION_ACCEPT, operation, operation->descriptor);
}

static void sim_connect(struct ring *ring, struct operation *operation,
                        const struct sockaddr *address, socklen_t size) {
    (void)size;
    entry_prepare(ring, OPERATION_CONNECT, operation, operation->descriptor)->address = address;
}

static void sim_receive(struct ring *ring, struct operation *operation) {
    entry_prepare(ring, OPERATION_RECEIVE, operation, operation->descriptor);
}

static void sim_send(struct ring *ring, struct operation *operation, const void *data,
                     size_t size) {
    struct sim_entry *entry = entry_prepare(ring, OPERATION_SEND, operation, operation->descriptor);
    entry->data = data;
    entry->size = size;
    entry->checksum = entry_checksum(data, size);
}

static void sim_poll(struct ring *ring, struct operation *operation, unsigned poll_for) {
    entry_prepare(ring, OPERATION_POLL, operation, operation->descriptor)->poll_for = poll_for;
}

static void sim_cancel(struct ring *ring, struct operation *operation) {
    if (operation->state != OPERATION_WAITING)
        entry_prepare(ring, CANCEL, operation, operation->descriptor);
}

static void sim_shutdown(struct ring *ring, int descriptor) {
    struct sim_socket *socket = socket_at(sim_of(ring), descriptor);
    if (socket == NULL)
        sim_accuse(sim_of(ring), "descriptor %d is shut, which is not open", descriptor);
    sim_note(sim_of(ring), "shutdown", (uint64_t)descriptor, 0);
    socket_shut(socket);
}

static void sim_close(struct ring *ring, int descriptor) {
    entry_prepare(ring, CLOSE, NULL, descriptor);
}

/* Hands completions on, and adds them up: a result is one, or none, or pieces of a bundle that come
 * to its size. */
struct dispatching {
    ring_dispatch *dispatch;
    void *context;
    unsigned count;
    uint64_t size;
    uint64_t checksum;
};

static void dispatch_counted(void *context, struct operation *operation,
                             const struct completion *completion) {
    struct dispatching *dispatching = context;
    dispatching->count++;
    dispatching->size += completion->size;
    if (completion->data != NULL)
        dispatching->checksum =
            entry_checksum_add(dispatching->checksum, completion->data, completion->size);
    dispatching->dispatch(dispatching->context, operation, completion);
}

static void dispatch_result(struct sim_ring *ring, const struct result *result,
                            ring_dispatch *dispatch, void *context) {
    struct dispatching dispatching = {.dispatch = dispatch, .context = context};
    bool data = result->operation->kind == OPERATION_RECEIVE && result->raw.result > 0;
    if (!operation_is_armed(result->operation))
        sim_accuse(ring->sim, "an operation completes that is not armed");
    ring->ring.statistics.completions++;
    multishot_complete(&ring->multishot, &ring->ring, result->operation, &result->raw,
                       dispatch_counted, &dispatching);
    if (!data && dispatching.count > 1)
        sim_accuse(ring->sim, "an operation has completed twice");
    if (data && dispatching.size != (uint64_t)result->raw.result)
        sim_accuse(ring->sim, "a receive of %d bytes was told as %llu", result->raw.result,
                   (unsigned long long)dispatching.size);
    if (data && dispatching.checksum != result->checksum)
        sim_accuse(ring->sim, "a receive was told with other bytes than came");
}

static void sim_turn(struct ring *whose, uint64_t deadline, ring_dispatch *dispatch,
                     void *context) {
    struct sim_ring *ring = sim_ring_of(whose);
    struct sim *sim = ring->sim;
    (void)deadline; /* nobody waits here: the world turns who has something to do */
    ring->woken = false;
    if (ring->prepared_count == 0 || !sim_strikes(sim, SIM_FAULT_SUBMIT_BUSY)) {
        bool fewer = ring->prepared_count > 1 && sim_strikes(sim, SIM_FAULT_SUBMIT_FEWER);
        ring_submit(ring, fewer ? ring->prepared_count / 2 : UINT32_MAX);
    }
    size_t count = ring->result_count;
    for (size_t i = 0; i < count; i++) {
        const struct result result = ring->results[i];
        dispatch_result(ring, &result, dispatch, context);
    }
    ring->result_count -= count;
    if (ring->result_count > 0)
        memmove(ring->results, ring->results + count, ring->result_count * sizeof *ring->results);
    multishot_arm_waiting(&ring->multishot, whose, dispatch, context);
}

bool sim_has_work(const struct ring *whose) {
    const struct sim_ring *ring = sim_ring_of(whose);
    return ring->woken || ring->prepared_count > 0 || ring->result_count > 0;
}

static void sim_wake(struct ring *ring) {
    sim_ring_of(ring)->woken = true;
}

static uint64_t now(struct ring *ring) {
    return sim_now(sim_of(ring));
}

static uint64_t wall(struct ring *ring) {
    return sim_wall(sim_of(ring));
}

static void random_bytes(struct ring *ring, void *out, size_t size) {
    uint8_t *bytes = out;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)sim_draw(sim_of(ring), STREAM_BYTES);
}

/* ---- opening and closing --------------------------------------------------------------------- */

static void give_buffer(struct ring *whose, unsigned index) {
    struct sim_ring *ring = sim_ring_of(whose);
    poison(multishot_buffer(&ring->multishot, index), ring->multishot.buffer_size);
    if (ring->free_count++ == 0)
        ring->first_free = index;
}

static void sim_free_ring(struct ring *whose) {
    struct sim_ring *ring = sim_ring_of(whose);
    ring_submit(ring, UINT32_MAX);
    if (!list_is_empty(&ring->kernel) || ring->result_count > 0)
        sim_accuse(ring->sim, "a ring is freed with operations armed");
    unpoison(ring->multishot.buffers,
             (size_t)ring->multishot.buffer_count * ring->multishot.buffer_size);
    ring->sim->ring_count--;
    free(ring->multishot.buffers);
    free(ring->multishot.next_buffers);
    free(ring->results);
    free(ring);
}

static const struct ring_backend sim_backend = {
    .name = "simulation",
    .free = sim_free_ring,
    .accept = sim_accept,
    .connect = sim_connect,
    .receive = sim_receive,
    .send = sim_send,
    .poll = sim_poll,
    .cancel = sim_cancel,
    .shutdown = sim_shutdown,
    .close = sim_close,
    .turn = sim_turn,
    .wake = sim_wake,
    .now = now,
    .wall = wall,
    .random = random_bytes,
    .sockets = &sim_sockets,
};

static struct ring_options draw_options(struct sim *sim) {
    struct ring_options options = {.entries = 256, .buffer_count = 16, .buffer_size = 2048};
    options.bundle = 1 + (unsigned)sim_draw_below(sim, STREAM_NETWORK, 4);
    if (sim_strikes(sim, SIM_FAULT_SMALL_QUEUES))
        options.entries = 2;
    if (sim_strikes(sim, SIM_FAULT_FEW_BUFFERS)) {
        options.buffer_count = 2;
        options.buffer_size = 128;
    }
    return options;
}

struct ring *sim_open_ring(struct sim *sim, const struct ring_options *options) {
    struct ring_options drawn = options == NULL ? draw_options(sim) : *options;
    struct sim_ring *ring = sim_allocate(sizeof *ring);
    ring->ring.backend = &sim_backend;
    ring->sim = sim;
    ring->number = sim->ring_count++;
    ring->entries = drawn.entries;
    list_init(&ring->prepared);
    list_init(&ring->kernel);
    multishot_init(&ring->multishot, give_buffer);
    ring->multishot.buffer_count = drawn.buffer_count;
    ring->multishot.buffer_size = drawn.buffer_size;
    ring->multishot.buffers = sim_allocate((size_t)drawn.buffer_count * drawn.buffer_size);
    ring->multishot.next_buffers =
        sim_allocate(drawn.buffer_count * sizeof *ring->multishot.next_buffers);
    ring->ring.receive_most = (drawn.bundle > 1 ? drawn.bundle : 1) * drawn.buffer_size;
    for (unsigned i = 0; i < drawn.buffer_count; i++)
        multishot_give(&ring->multishot, &ring->ring, i);
    return &ring->ring;
}
