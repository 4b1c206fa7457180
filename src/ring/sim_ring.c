/*
 * The rings of the simulated machine. A turn takes what was prepared to the "kernel" (submit),
 * which tries each operation at once, and hands out the completions that are there. What cannot be
 * done yet waits in its socket; when that changes it is tried again by an event.
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "poison.h"
#include "sim_internal.h"

enum {
    COMPLETIONS_PER_ENTRY = 8,
    PIECES_AT_ONCE = 32, /* of one multishot, before others have their turn */
    BLACK_HOLE_SECONDS = 127,
    CANCEL = 100, /* beside enum operation_kind */
    CLOSE,
};

enum entry_place { PLACE_FREE, PLACE_PREPARED, PLACE_KERNEL };

struct sim_entry {
    struct sim_entry *next_free;
    struct list_node link;    /* prepared, or in the kernel */
    struct list_node waiting; /* in its socket */
    struct sim_ring *ring;
    struct sim_socket *socket;
    struct operation *operation;
    uint64_t serial; /* tells events of an earlier use */
    int kind;
    int descriptor;
    enum entry_place place;
    const void *data;
    size_t size;
    uint64_t checksum;
    const struct sockaddr *address;
    unsigned poll_for;
    bool scheduled;
};

struct result {
    struct operation *operation;
    struct raw_result raw;
};

struct sim_ring {
    struct ring ring;
    struct sim *sim;
    uint64_t number;
    struct multishot multishot;
    unsigned entries;
    struct list_node prepared;
    unsigned prepared_count;
    struct list_node kernel;
    struct result *results; /* the completion queue, and behind its capacity the overflow */
    size_t result_count;
    size_t result_room;
    unsigned *free_buffers;
    unsigned free_count;
    bool woken;
};

static struct sim_ring *ring_of(const struct ring *ring) {
    return container_of((struct ring *)(uintptr_t)ring, struct sim_ring, ring);
}

struct sim *sim_of(const struct ring *ring) {
    return ring_of(ring)->sim;
}

/* ---- entries -------------------------------------------------------------------------------- */

static void submit(struct sim_ring *ring, unsigned most);

static struct sim_entry *prepare(struct ring *whose, int kind, struct operation *operation,
                                 int descriptor) {
    struct sim_ring *ring = ring_of(whose);
    struct sim *sim = ring->sim;
    if (ring->prepared_count == ring->entries) {
        whose->statistics.early_submits++;
        sim_note(sim, "early submit", ring->number, 0);
        submit(ring, UINT32_MAX);
    }
    struct sim_entry *entry = sim->free_entries;
    if (entry != NULL)
        sim->free_entries = entry->next_free;
    else
        entry = sim_allocate(sizeof *entry);
    *entry = (struct sim_entry){
        .ring = ring,
        .operation = operation,
        .serial = entry->serial + 1,
        .kind = kind,
        .descriptor = descriptor,
        .place = PLACE_PREPARED,
    };
    list_init(&entry->waiting);
    list_append(&ring->prepared, &entry->link);
    ring->prepared_count++;
    return entry;
}

static void release(struct sim_entry *entry) {
    list_remove(&entry->waiting);
    list_remove(&entry->link);
    if (entry->socket != NULL)
        socket_drop(entry->socket);
    entry->socket = NULL;
    entry->place = PLACE_FREE;
    entry->serial++;
    entry->next_free = entry->ring->sim->free_entries;
    entry->ring->sim->free_entries = entry;
}

void sim_free_entries(struct sim *sim) {
    while (sim->free_entries != NULL) {
        struct sim_entry *entry = sim->free_entries;
        sim->free_entries = entry->next_free;
        free(entry);
    }
}

/* ---- results -------------------------------------------------------------------------------- */

static bool queue_is_full(const struct sim_ring *ring) {
    return ring->result_count >= (size_t)ring->entries * COMPLETIONS_PER_ENTRY;
}

static uint64_t checksum_of(const void *data, size_t size) {
    uint64_t sum = size;
    const uint8_t *bytes = data;
    for (; size >= sizeof sum; bytes += sizeof sum, size -= sizeof sum) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15;
        sum ^= sum >> 29;
    }
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum;
}

static void push_result(struct sim_entry *entry, struct raw_result raw) {
    struct sim_ring *ring = entry->ring;
    if (ring->result_count == ring->result_room) {
        ring->result_room = ring->result_room == 0 ? 64 : 2 * ring->result_room;
        ring->results = sim_resize(ring->results, ring->result_room * sizeof *ring->results);
    }
    sim_note(ring->sim, "result", (uint64_t)entry->descriptor, (uint64_t)(int64_t)raw.result);
    ring->results[ring->result_count++] = (struct result){entry->operation, raw};
}

/* The entry's last result. The memory that it sent must be as it was. */
static void finish(struct sim_entry *entry, int32_t result, int buffer) {
    struct sim *sim = entry->ring->sim;
    if (entry->kind == OPERATION_SEND && checksum_of(entry->data, entry->size) != entry->checksum)
        sim_accuse(sim, "what is sent on descriptor %d changed before its completion",
                   entry->descriptor);
    if (!operation_is_armed(entry->operation) || entry->operation->kind != entry->kind)
        sim_accuse(sim, "an operation on descriptor %d was given up while armed",
                   entry->descriptor);
    if (queue_is_full(entry->ring)) {
        entry->ring->ring.statistics.overflows++;
        sim_note(sim, "overflow", entry->ring->number, 0);
    }
    push_result(entry, (struct raw_result){result, false, buffer});
    release(entry);
}

/* One result of a multishot; false: it was the last. */
static bool shoot(struct sim_entry *entry, int32_t result, int buffer, enum sim_fault ending) {
    if (queue_is_full(entry->ring) || sim_strikes(entry->ring->sim, ending)) {
        finish(entry, result, buffer);
        return false;
    }
    push_result(entry, (struct raw_result){result, true, buffer});
    return true;
}

/* ---- trying --------------------------------------------------------------------------------- */

static void attempt(struct sim_entry *entry);

static void attempt_event(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_entry *entry = subject;
    (void)sim;
    if (entry->serial != detail)
        return;
    entry->scheduled = false;
    attempt(entry);
}

static void attempt_later(struct sim_entry *entry, uint64_t delay) {
    if (entry->scheduled)
        return;
    entry->scheduled = true;
    sim_at(entry->ring->sim, entry->ring->sim->now + delay, attempt_event, entry, entry->serial);
}

static uint64_t disorder(struct sim *sim) {
    uint64_t delay = 0;
    if (sim_strikes(sim, SIM_FAULT_REORDER))
        delay += sim_amount(sim, SIM_FAULT_REORDER, 5 * MILLISECOND);
    if (sim_strikes(sim, SIM_FAULT_DELAY))
        delay += sim_amount(sim, SIM_FAULT_DELAY, MINUTE);
    return delay;
}

void sim_hasten_entries(struct sim *sim) {
    sim_hasten(sim, attempt_event);
}

void ring_entries_wake(struct sim_socket *socket) {
    list_for_each_safe (node, &socket->waiting) {
        struct sim_entry *entry = container_of(node, struct sim_entry, waiting);
        list_remove(&entry->waiting);
        attempt_later(entry, disorder(socket->sim));
    }
}

static void wait_in_socket(struct sim_entry *entry) {
    if (!list_is_linked(&entry->waiting))
        list_append(&entry->socket->waiting, &entry->waiting);
}

static void attempt_accept(struct sim_entry *entry) {
    struct sim *sim = entry->ring->sim;
    while (socket_is_readable(entry->socket)) {
        int shortage = sim_descriptor_shortage(sim);
        if (shortage != 0) {
            finish(entry, -shortage, -1);
            return;
        }
        struct sim_socket *accepted = socket_accept(entry->socket);
        if (sim_strikes(sim, SIM_FAULT_ACCEPT_ABORTED)) {
            socket_reset(accepted);
            socket_close(accepted);
            finish(entry, -ECONNABORTED, -1);
            return;
        }
        if (!shoot(entry, socket_describe(accepted), -1, SIM_FAULT_ACCEPT_ENDS))
            return;
    }
    wait_in_socket(entry);
}

static void attempt_connect(struct sim_entry *entry) {
    int result = socket_connected(entry->socket);
    if (result == -EAGAIN)
        wait_in_socket(entry);
    else
        finish(entry, result, -1);
}

/* A failure that the network makes up for a connection; 0: none. */
static int made_up_failure(struct sim_socket *socket, bool sending) {
    struct sim *sim = socket->sim;
    int number = 0;
    if (!socket->connected || socket->broken)
        return 0;
    if (sim_strikes(sim, SIM_FAULT_RESET))
        number = ECONNRESET;
    else if (sending && sim_strikes(sim, SIM_FAULT_BROKEN_PIPE))
        number = EPIPE;
    else if (!sending && sim_strikes(sim, SIM_FAULT_RECEIVE_TIMED_OUT))
        number = ETIMEDOUT;
    if (number != 0)
        socket_reset(socket);
    else if (sending && sim_strikes(sim, SIM_FAULT_SEND_NO_MEMORY))
        number = sim->struck[SIM_FAULT_SEND_NO_MEMORY] % 2 == 0 ? ENOMEM : ENOBUFS;
    return number;
}

/* False: the entry is over, or waits. */
static bool receive_piece(struct sim_entry *entry) {
    struct sim_ring *ring = entry->ring;
    const struct multishot *multishot = &ring->multishot;
    if (!socket_is_readable(entry->socket)) {
        wait_in_socket(entry);
        return false;
    }
    int failure = made_up_failure(entry->socket, false);
    if (failure != 0) {
        finish(entry, -failure, -1);
        return false;
    }
    if (ring->free_count == 0 || sim_strikes(ring->sim, SIM_FAULT_NO_BUFFERS_PENDING)) {
        finish(entry, -ENOBUFS, -1);
        return false;
    }
    unsigned index = ring->free_buffers[ring->free_count - 1];
    uint8_t *buffer = multishot_buffer(multishot, index);
    size_t size = multishot->buffer_size;
    if (sim_strikes(ring->sim, SIM_FAULT_SHORT_RECEIVE))
        size = sim_amount(ring->sim, SIM_FAULT_SHORT_RECEIVE, size);
    unpoison(buffer, multishot->buffer_size);
    ssize_t result = socket_receive(entry->socket, buffer, size);
    poison(buffer, multishot->buffer_size);
    if (result <= 0) {
        finish(entry, (int32_t)result, -1);
        return false;
    }
    ring->free_count--;
    return shoot(entry, (int32_t)result, (int)index, SIM_FAULT_RECEIVE_ENDS);
}

static void attempt_receive(struct sim_entry *entry) {
    for (int i = 0; i < PIECES_AT_ONCE; i++)
        if (!receive_piece(entry))
            return;
    attempt_later(entry, 0);
}

static void attempt_send(struct sim_entry *entry) {
    struct sim *sim = entry->ring->sim;
    int failure = made_up_failure(entry->socket, true);
    if (failure != 0) {
        finish(entry, -failure, -1);
        return;
    }
    size_t size = entry->size;
    if (sim_strikes(sim, SIM_FAULT_SHORT_SEND))
        size = sim_amount(sim, SIM_FAULT_SHORT_SEND, size);
    ssize_t result = socket_send(entry->socket, entry->data, size);
    if (result == -EAGAIN)
        wait_in_socket(entry);
    else
        finish(entry, (int32_t)result, -1);
}

static void attempt_poll(struct sim_entry *entry) {
    const struct sim_socket *socket = entry->socket;
    bool ready = ((entry->poll_for & POLL_FOR_READING) != 0 && socket_is_readable(socket)) ||
                 ((entry->poll_for & POLL_FOR_WRITING) != 0 && socket_is_writable(socket));
    if (ready)
        finish(entry, POLLIN, -1);
    else
        wait_in_socket(entry);
}

static void attempt(struct sim_entry *entry) {
    switch (entry->kind) {
    case OPERATION_ACCEPT:
        attempt_accept(entry);
        break;
    case OPERATION_CONNECT:
        attempt_connect(entry);
        break;
    case OPERATION_RECEIVE:
        attempt_receive(entry);
        break;
    case OPERATION_SEND:
        attempt_send(entry);
        break;
    default:
        attempt_poll(entry);
        break;
    }
}

/* ---- submitting ----------------------------------------------------------------------------- */

/* An operation that can be done at once may have been done before its cancel came. */
static void cancel(struct sim_entry *cancelling) {
    struct sim_ring *ring = cancelling->ring;
    struct operation *operation = cancelling->operation;
    release(cancelling);
    list_for_each (node, &ring->kernel) {
        struct sim_entry *entry = container_of(node, struct sim_entry, link);
        if (entry->operation != operation)
            continue;
        uint64_t serial = entry->serial;
        if (sim_strikes(ring->sim, SIM_FAULT_CANCEL_RACE))
            attempt(entry);
        if (entry->serial == serial)
            finish(entry, -ECANCELED, -1);
        return;
    }
}

static void close_descriptor(struct sim_entry *closing) {
    struct sim *sim = closing->ring->sim;
    struct sim_socket *socket = socket_at(sim, closing->descriptor);
    if (socket == NULL)
        sim_accuse(sim, "descriptor %d is closed, which is not open", closing->descriptor);
    list_for_each (node, &closing->ring->kernel)
        if (container_of(node, struct sim_entry, link)->socket == socket)
            sim_accuse(sim, "descriptor %d is closed with an operation armed", closing->descriptor);
    sim_note(sim, "close", (uint64_t)closing->descriptor, 0);
    release(closing);
    socket_close(socket);
}

static void start_connect(struct sim_entry *entry) {
    struct sim *sim = entry->ring->sim;
    union sim_address to = address_of(entry->address);
    uint64_t delay = 0;
    int number = 0;
    if (sim_strikes(sim, SIM_FAULT_CONNECT_REFUSED)) {
        number = ECONNREFUSED;
    } else if (sim_strikes(sim, SIM_FAULT_CONNECT_UNREACHABLE)) {
        number = sim->struck[SIM_FAULT_CONNECT_UNREACHABLE] % 2 == 0 ? EHOSTUNREACH : ENETUNREACH;
    } else if (sim_strikes(sim, SIM_FAULT_CONNECT_BLACK_HOLE)) {
        number = ETIMEDOUT;
        delay = BLACK_HOLE_SECONDS * SECOND;
    }
    if (sim_strikes(sim, SIM_FAULT_CONNECT_SLOW))
        delay += sim_amount(sim, SIM_FAULT_CONNECT_SLOW, 30 * SECOND);
    socket_connect_late(entry->socket, &to, delay, number);
}

static void count_operation(struct sim *sim, const struct sim_entry *entry) {
    if (sim->operations == sim->kinds_room && sim->operations < KINDS_KEPT) {
        sim->kinds_room = sim->kinds_room == 0 ? 256 : 2 * sim->kinds_room;
        sim->operation_kinds = sim_resize(sim->operation_kinds, sim->kinds_room);
    }
    if (sim->operations < sim->kinds_room)
        sim->operation_kinds[sim->operations] = (uint8_t)entry->kind;
    sim->operations++;
}

static void begin(struct sim_entry *entry) {
    struct sim_ring *ring = entry->ring;
    struct sim *sim = ring->sim;
    list_remove(&entry->link);
    list_append(&ring->kernel, &entry->link);
    entry->place = PLACE_KERNEL;
    entry->socket = socket_at(sim, entry->descriptor);
    if (entry->socket == NULL)
        sim_accuse(sim, "an operation of kind %d on descriptor %d, which is not open", entry->kind,
                   entry->descriptor);
    socket_hold(entry->socket);
    sim_note(sim, "begin", (uint64_t)entry->descriptor, (uint64_t)entry->kind);
    bool fails = sim->operations == sim->fail_nth;
    count_operation(sim, entry);
    if (fails) {
        finish(entry, -sim->fail_number, -1);
        return;
    }
    if (entry->kind == OPERATION_CONNECT)
        start_connect(entry);
    if (entry->kind == OPERATION_RECEIVE && !socket_is_readable(entry->socket) &&
        sim_strikes(sim, SIM_FAULT_NO_BUFFERS_IDLE)) {
        finish(entry, -ENOBUFS, -1);
        return;
    }
    uint64_t delay = disorder(sim);
    if (delay > 0)
        attempt_later(entry, delay);
    else
        attempt(entry);
}

static void submit(struct sim_ring *ring, unsigned most) {
    ring->ring.statistics.submits++;
    for (; most > 0 && !list_is_empty(&ring->prepared); most--) {
        struct sim_entry *entry = container_of(ring->prepared.next, struct sim_entry, link);
        ring->prepared_count--;
        if (entry->kind == CANCEL) {
            cancel(entry);
        } else if (entry->kind == CLOSE) {
            close_descriptor(entry);
        } else {
            begin(entry);
        }
    }
}

/* ---- the seam ------------------------------------------------------------------------------- */

static void sim_accept(struct ring *ring, struct operation *operation) {
    prepare(ring, OPERATION_ACCEPT, operation, operation->descriptor);
}

static void sim_connect(struct ring *ring, struct operation *operation,
                        const struct sockaddr *address, socklen_t size) {
    (void)size;
    prepare(ring, OPERATION_CONNECT, operation, operation->descriptor)->address = address;
}

static void sim_receive(struct ring *ring, struct operation *operation) {
    prepare(ring, OPERATION_RECEIVE, operation, operation->descriptor);
}

static void sim_send(struct ring *ring, struct operation *operation, const void *data,
                     size_t size) {
    struct sim_entry *entry = prepare(ring, OPERATION_SEND, operation, operation->descriptor);
    entry->data = data;
    entry->size = size;
    entry->checksum = checksum_of(data, size);
}

static void sim_poll(struct ring *ring, struct operation *operation, unsigned poll_for) {
    prepare(ring, OPERATION_POLL, operation, operation->descriptor)->poll_for = poll_for;
}

static void sim_cancel(struct ring *ring, struct operation *operation) {
    if (operation->state != OPERATION_WAITING)
        prepare(ring, CANCEL, operation, operation->descriptor);
}

static void sim_shutdown(struct ring *ring, int descriptor) {
    struct sim_socket *socket = socket_at(sim_of(ring), descriptor);
    if (socket == NULL)
        sim_accuse(sim_of(ring), "descriptor %d is shut, which is not open", descriptor);
    sim_note(sim_of(ring), "shutdown", (uint64_t)descriptor, 0);
    socket_shut(socket);
}

static void sim_close(struct ring *ring, int descriptor) {
    prepare(ring, CLOSE, NULL, descriptor);
}

/* Hands a completion on, and counts it: each result is one completion, or none. */
struct dispatching {
    ring_dispatch *dispatch;
    void *context;
    unsigned count;
};

static void dispatch_counted(void *context, struct operation *operation,
                             const struct completion *completion) {
    struct dispatching *dispatching = context;
    dispatching->count++;
    dispatching->dispatch(dispatching->context, operation, completion);
}

static void dispatch_result(struct sim_ring *ring, const struct result *result,
                            ring_dispatch *dispatch, void *context) {
    struct dispatching dispatching = {dispatch, context, 0};
    if (!operation_is_armed(result->operation))
        sim_accuse(ring->sim, "an operation completes that is not armed");
    ring->ring.statistics.completions++;
    multishot_complete(&ring->multishot, &ring->ring, result->operation, &result->raw,
                       dispatch_counted, &dispatching);
    if (dispatching.count > 1)
        sim_accuse(ring->sim, "an operation has completed twice");
}

static void sim_turn(struct ring *whose, uint64_t deadline, ring_dispatch *dispatch,
                     void *context) {
    struct sim_ring *ring = ring_of(whose);
    struct sim *sim = ring->sim;
    (void)deadline; /* nobody waits here: the world turns who has something to do */
    ring->woken = false;
    if (ring->prepared_count == 0 || !sim_strikes(sim, SIM_FAULT_SUBMIT_BUSY)) {
        bool fewer = ring->prepared_count > 1 && sim_strikes(sim, SIM_FAULT_SUBMIT_FEWER);
        submit(ring, fewer ? ring->prepared_count / 2 : UINT32_MAX);
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
    const struct sim_ring *ring = ring_of(whose);
    return ring->woken || ring->prepared_count > 0 || ring->result_count > 0;
}

static void sim_wake(struct ring *ring) {
    ring_of(ring)->woken = true;
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

/* ---- opening and closing -------------------------------------------------------------------- */

static void give_buffer(struct ring *whose, unsigned index) {
    struct sim_ring *ring = ring_of(whose);
    poison(multishot_buffer(&ring->multishot, index), ring->multishot.buffer_size);
    ring->free_buffers[ring->free_count++] = index;
}

static void sim_free_ring(struct ring *whose) {
    struct sim_ring *ring = ring_of(whose);
    submit(ring, UINT32_MAX);
    if (!list_is_empty(&ring->kernel) || ring->result_count > 0)
        sim_accuse(ring->sim, "a ring is freed with operations armed");
    unpoison(ring->multishot.buffers,
             (size_t)ring->multishot.buffer_count * ring->multishot.buffer_size);
    ring->sim->ring_count--;
    free(ring->multishot.buffers);
    free(ring->free_buffers);
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
    ring->free_buffers = sim_allocate(drawn.buffer_count * sizeof *ring->free_buffers);
    for (unsigned i = 0; i < drawn.buffer_count; i++)
        give_buffer(&ring->ring, i);
    return &ring->ring;
}
