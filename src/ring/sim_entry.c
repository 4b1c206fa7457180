/*
 * What the simulated kernel does with an operation: it is tried, at once or when its socket
 * changes, and has one result or, as a multishot, several.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "poison.h"
#include "sim_entry.h"

enum { PIECES_AT_ONCE = 32 /* of one multishot, before others have their turn */ };

/* ---- entries --------------------------------------------------------------------------------- */

struct sim_entry *entry_prepare(struct ring *whose, int kind, struct operation *operation,
                                int descriptor) {
    struct sim_ring *ring = sim_ring_of(whose);
    struct sim *sim = ring->sim;
    if (ring->prepared_count == ring->entries) {
        whose->statistics.early_submits++;
        sim_note(sim, "early submit", ring->number, 0);
        ring_submit(ring, UINT32_MAX);
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
    };
    list_init(&entry->waiting);
    list_append(&ring->prepared, &entry->link);
    ring->prepared_count++;
    return entry;
}

void entry_release(struct sim_entry *entry) {
    list_remove(&entry->waiting);
    list_remove(&entry->link);
    if (entry->socket != NULL)
        socket_drop(entry->socket);
    entry->socket = NULL;
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

/* ---- results --------------------------------------------------------------------------------- */

static bool queue_is_full(const struct sim_ring *ring) {
    return ring->result_count >= (size_t)ring->entries * COMPLETIONS_PER_ENTRY;
}

uint64_t entry_checksum_add(uint64_t sum, const void *data, size_t size) {
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * 0x100000001b3;
    return sum;
}

uint64_t entry_checksum(const void *data, size_t size) {
    uint64_t sum = size;
    const uint8_t *bytes = data;
    for (; size >= sizeof sum; bytes += sizeof sum, size -= sizeof sum) {
        uint64_t word;
        memcpy(&word, bytes, sizeof word);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15;
        sum ^= sum >> 29;
    }
    return entry_checksum_add(sum, bytes, size);
}

static void push_result(struct sim_entry *entry, struct raw_result raw) {
    struct sim_ring *ring = entry->ring;
    if (ring->result_count == ring->result_room) {
        ring->result_room = ring->result_room == 0 ? 64 : 2 * ring->result_room;
        ring->results = sim_resize(ring->results, ring->result_room * sizeof *ring->results);
    }
    sim_note(ring->sim, "result", (uint64_t)entry->descriptor, (uint64_t)(int64_t)raw.result);
    ring->results[ring->result_count++] = (struct result){entry->operation, raw, entry->checksum};
}

/* The entry's last result. The memory that it sent must be as it was. */
void entry_finish(struct sim_entry *entry, int32_t result, int buffer) {
    struct sim *sim = entry->ring->sim;
    if (entry->kind == OPERATION_SEND &&
        entry_checksum(entry->data, entry->size) != entry->checksum)
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
    entry_release(entry);
}

/* One result of a multishot; false: it was the last. */
static bool shoot(struct sim_entry *entry, int32_t result, int buffer, enum sim_fault ending) {
    if (queue_is_full(entry->ring) || sim_strikes(entry->ring->sim, ending)) {
        entry_finish(entry, result, buffer);
        return false;
    }
    push_result(entry, (struct raw_result){result, true, buffer});
    return true;
}

/* ---- trying ---------------------------------------------------------------------------------- */

static void attempt_event(struct sim *sim, void *subject, uint64_t detail) {
    struct sim_entry *entry = subject;
    (void)sim;
    if (entry->serial != detail)
        return;
    entry->scheduled = false;
    entry_attempt(entry);
}

void entry_attempt_later(struct sim_entry *entry, uint64_t delay) {
    if (entry->scheduled)
        return;
    entry->scheduled = true;
    sim_at(entry->ring->sim, entry->ring->sim->now + delay, attempt_event, entry, entry->serial);
}

uint64_t entry_disorder(struct sim *sim) {
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
        entry_attempt_later(entry, entry_disorder(socket->sim));
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
            entry_finish(entry, -shortage, -1);
            return;
        }
        struct sim_socket *accepted = socket_accept(entry->socket);
        if (sim_strikes(sim, SIM_FAULT_ACCEPT_ABORTED)) {
            socket_reset(accepted);
            socket_close(accepted);
            entry_finish(entry, -ECONNABORTED, -1);
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
        entry_finish(entry, result, -1);
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

/* Fills buffer after buffer while there is data, with at most `size` bytes in all. What is there
 * may be less: an error is told only when there is nothing. */
static ssize_t fill_buffers(struct sim_entry *entry, size_t size) {
    struct sim_ring *ring = entry->ring;
    const struct multishot *multishot = &ring->multishot;
    size_t filled = 0;
    entry->checksum = 0;
    while (ring->free_count > 0 && filled < size) {
        uint8_t *buffer = multishot_buffer(multishot, ring->first_free);
        size_t room = multishot->buffer_size;
        unpoison(buffer, room);
        ssize_t result =
            socket_receive(entry->socket, buffer, size - filled < room ? size - filled : room);
        if (result > 0)
            entry->checksum = entry_checksum_add(entry->checksum, buffer, (size_t)result);
        poison(buffer, room);
        if (result <= 0)
            return filled > 0 ? (ssize_t)filled : result;
        ring->first_free = multishot->next_buffers[ring->first_free];
        ring->free_count--;
        filled += (size_t)result;
        if ((size_t)result < room || !socket_is_readable(entry->socket))
            break;
    }
    return (ssize_t)filled;
}

/* False: the entry is over, or waits. */
static bool receive_piece(struct sim_entry *entry) {
    struct sim_ring *ring = entry->ring;
    if (!socket_is_readable(entry->socket)) {
        wait_in_socket(entry);
        return false;
    }
    int failure = made_up_failure(entry->socket, false);
    if (failure != 0) {
        entry_finish(entry, -failure, -1);
        return false;
    }
    if (ring->free_count == 0 || sim_strikes(ring->sim, SIM_FAULT_NO_BUFFERS_PENDING)) {
        entry_finish(entry, -ENOBUFS, -1);
        return false;
    }
    unsigned index = ring->first_free;
    size_t size = ring->ring.receive_most;
    if (sim_strikes(ring->sim, SIM_FAULT_SHORT_RECEIVE))
        size = sim_amount(ring->sim, SIM_FAULT_SHORT_RECEIVE, size);
    ssize_t result = fill_buffers(entry, size);
    if (result <= 0) {
        entry_finish(entry, (int32_t)result, -1);
        return false;
    }
    if (ring->free_count > 0 || (size_t)result <= ring->multishot.buffer_size)
        return shoot(entry, (int32_t)result, (int)index, SIM_FAULT_RECEIVE_ENDS);
    /* as in the kernel: a multishot ends with the bundle that takes the last buffer */
    entry_finish(entry, (int32_t)result, (int)index);
    return false;
}

static void attempt_receive(struct sim_entry *entry) {
    for (int i = 0; i < PIECES_AT_ONCE; i++)
        if (!receive_piece(entry))
            return;
    entry_attempt_later(entry, 0);
}

static void attempt_send(struct sim_entry *entry) {
    struct sim *sim = entry->ring->sim;
    int failure = made_up_failure(entry->socket, true);
    if (failure != 0) {
        entry_finish(entry, -failure, -1);
        return;
    }
    size_t size = entry->size;
    if (sim_strikes(sim, SIM_FAULT_SHORT_SEND))
        size = sim_amount(sim, SIM_FAULT_SHORT_SEND, size);
    ssize_t result = socket_send(entry->socket, entry->data, size);
    if (result == -EAGAIN)
        wait_in_socket(entry);
    else
        entry_finish(entry, (int32_t)result, -1);
}

static void attempt_poll(struct sim_entry *entry) {
    const struct sim_socket *socket = entry->socket;
    bool ready = ((entry->poll_for & POLL_FOR_READING) != 0 && socket_is_readable(socket)) ||
                 ((entry->poll_for & POLL_FOR_WRITING) != 0 && socket_is_writable(socket));
    if (ready)
        entry_finish(entry, POLLIN, -1);
    else
        wait_in_socket(entry);
}

void entry_attempt(struct sim_entry *entry) {
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
