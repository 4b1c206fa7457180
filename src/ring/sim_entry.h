/* An operation on its way through the simulated kernel, and the ring that it belongs to. */
#ifndef RINGCAST_RING_SIM_ENTRY_H
#define RINGCAST_RING_SIM_ENTRY_H

#include "sim_internal.h"

enum {
    COMPLETIONS_PER_ENTRY = 8,
    CANCEL = 100, /* beside enum operation_kind */
    CLOSE,
};

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
    uint64_t checksum; /* of what a receive brings */
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
    unsigned first_free; /* of the buffers that are the kernel's, which are chained */
    unsigned free_count;
    bool woken;
};

static inline struct sim_ring *sim_ring_of(const struct ring *ring) {
    return container_of((struct ring *)(uintptr_t)ring, struct sim_ring, ring);
}

/* ---- sim_entry.c: an entry's life, and what it can do now ------------------------------------ */

/* Queues an entry for the next submit; submits first if the queue is full. */
struct sim_entry *entry_prepare(struct ring *whose, int kind, struct operation *operation,
                                int descriptor);

/* Does what can be done now: a result, or several, or it waits in its socket. */
void entry_attempt(struct sim_entry *entry);
void entry_attempt_later(struct sim_entry *entry, uint64_t delay);

/* How much later than it could the faults let it be done. */
uint64_t entry_disorder(struct sim *sim);

/* Its last result: the kernel forgets it. */
void entry_finish(struct sim_entry *entry, int32_t result, int buffer);

/* The same for one that answers nothing. */
void entry_release(struct sim_entry *entry);

uint64_t entry_checksum(const void *data, size_t size);

/* The same for what comes in pieces: begins with 0, and depends on the bytes alone. */
uint64_t entry_checksum_add(uint64_t sum, const void *data, size_t size);

/* ---- sim_submit.c ---------------------------------------------------------------------------- */

/* Takes up to `most` prepared entries to the kernel. */
void ring_submit(struct sim_ring *ring, unsigned most);

#endif
