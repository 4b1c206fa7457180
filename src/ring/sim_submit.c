/* Submitting: what was prepared begins, is cancelled, or closes its descriptor. */
#include <errno.h>

#include "base/clock.h"
#include "sim_entry.h"

/* ---- submitting ------------------------------------------------------------------------------ */

/* An operation that can be done at once may have been done before its cancel came. */
static void cancel(struct sim_entry *cancelling) {
    struct sim_ring *ring = cancelling->ring;
    struct operation *operation = cancelling->operation;
    entry_release(cancelling);
    list_for_each (node, &ring->kernel) {
        struct sim_entry *entry = container_of(node, struct sim_entry, link);
        if (entry->operation != operation)
            continue;
        uint64_t serial = entry->serial;
        if (sim_strikes(ring->sim, SIM_FAULT_CANCEL_RACE))
            entry_attempt(entry);
        if (entry->serial == serial)
            entry_finish(entry, -ECANCELED, -1);
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
    entry_release(closing);
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
    entry->socket = socket_at(sim, entry->descriptor);
    if (entry->socket == NULL)
        sim_accuse(sim, "an operation of kind %d on descriptor %d, which is not open", entry->kind,
                   entry->descriptor);
    socket_hold(entry->socket);
    sim_note(sim, "begin", (uint64_t)entry->descriptor, (uint64_t)entry->kind);
    bool fails = sim->operations == sim->fail_nth;
    count_operation(sim, entry);
    if (fails) {
        entry_finish(entry, -sim->fail_number, -1);
        return;
    }
    if (entry->kind == OPERATION_CONNECT)
        start_connect(entry);
    if (entry->kind == OPERATION_RECEIVE && !socket_is_readable(entry->socket) &&
        sim_strikes(sim, SIM_FAULT_NO_BUFFERS_IDLE)) {
        entry_finish(entry, -ENOBUFS, -1);
        return;
    }
    uint64_t delay = entry_disorder(sim);
    if (delay > 0)
        entry_attempt_later(entry, delay);
    else
        entry_attempt(entry);
}

void ring_submit(struct sim_ring *ring, unsigned most) {
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
