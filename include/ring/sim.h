/*
 * The simulated machine: rings without a kernel, for tests. One struct sim is a world of its own: a
 * virtual clock, one seed, an in-memory network, a table of descriptors, and a catalogue of faults.
 * Any number of rings share it, and everything above the seam runs on them unchanged.
 *
 * Everything happens on one thread and in an order that the seed alone decides: the same seed gives
 * the same run, told by the same trace hash. The world moves by sim_step(): one event of the
 * network, or one turn of one actor (a loop, a peer); time passes only when nothing can run, and a
 * little with each step. Nothing calls back from inside the functions that a peer calls.
 *
 * A ring's operations follow io_uring: nothing is done before the submit, sends and receives are
 * tried at once and wait in their socket otherwise, multishots end when the kernel likes, buffers
 * are lent. What differs from a kernel is written in docs/simulation.md.
 *
 * A world checks who uses it, and stops the program with a sentence: a descriptor closed with an
 * operation armed, sent memory changed before the completion, a buffer touched too late (under
 * AddressSanitizer), an operation armed twice or never ended.
 *
 * The world's own memory comes from malloc() and is not counted by base/memory.h, so that tests
 * count and fail the allocations of the program under test only.
 */
#ifndef RINGCAST_RING_SIM_H
#define RINGCAST_RING_SIM_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "ring/ring.h"

struct sim;

/*
 * The catalogue of faults. ROW(constant, name, the highest chance that a seed draws for it, in
 * millionths of an occasion).
 */
#define SIM_FAULT_TABLE(ROW)                                                                    \
    /* receiving and sending */                                                                 \
    ROW(SHORT_RECEIVE, "short_receive", 400000)       /* fewer bytes than there are */          \
    ROW(SHORT_SEND, "short_send", 400000)             /* fewer bytes than would fit */          \
    ROW(RESET, "reset", 10000)                        /* ECONNRESET, the connection is gone */  \
    ROW(BROKEN_PIPE, "broken_pipe", 10000)            /* EPIPE from a send */                   \
    ROW(SEND_NO_MEMORY, "send_no_memory", 5000)       /* ENOMEM or ENOBUFS from a send */       \
    ROW(RECEIVE_TIMED_OUT, "receive_timed_out", 5000) /* ETIMEDOUT: the peer is unreachable */  \
    /* multishots and buffers */                                                                \
    ROW(RECEIVE_ENDS, "receive_ends", 100000)             /* a shot's end, with data */         \
    ROW(ACCEPT_ENDS, "accept_ends", 200000)               /* a shot's end, with a connection */ \
    ROW(NO_BUFFERS_PENDING, "no_buffers_pending", 100000) /* ENOBUFS though data waits */       \
    ROW(NO_BUFFERS_IDLE, "no_buffers_idle", 50000)        /* ENOBUFS though none does */        \
    ROW(FEW_BUFFERS, "few_buffers", 500000)               /* a ring with two small buffers */   \
    /* accepting and descriptors */                                                             \
    ROW(PROCESS_DESCRIPTORS, "process_descriptors", 20000) /* a burst of EMFILE */              \
    ROW(SYSTEM_DESCRIPTORS, "system_descriptors", 20000)   /* a burst of ENFILE */              \
    ROW(ACCEPT_ABORTED, "accept_aborted", 50000)           /* ECONNABORTED */                   \
    /* order and time */                                                                        \
    ROW(REORDER, "reorder", 300000)            /* done later than its neighbours */             \
    ROW(DELAY, "delay", 2000)                  /* done up to a minute later */                  \
    ROW(CANCEL_RACE, "cancel_race", 300000)    /* a cancel comes too late */                    \
    ROW(SPURIOUS_TURN, "spurious_turn", 50000) /* a turn without anything to do */              \
    ROW(STARVED, "starved", 5000)              /* one loop does not run for a while */          \
    ROW(STALL, "stall", 500)                   /* the machine stands still */                   \
    ROW(WALL_JUMP, "wall_jump", 1000)          /* the wall clock, an hour either way */         \
    /* the queues */                                                                            \
    ROW(SUBMIT_FEWER, "submit_fewer", 50000)  /* a part stays queued */                         \
    ROW(SUBMIT_BUSY, "submit_busy", 50000)    /* EINTR, EBUSY, EAGAIN: all stays */             \
    ROW(SMALL_QUEUES, "small_queues", 500000) /* a ring with the smallest queues */             \
    /* connecting */                                                                            \
    ROW(CONNECT_REFUSED, "connect_refused", 50000)                                              \
    ROW(CONNECT_UNREACHABLE, "connect_unreachable", 50000)                                      \
    ROW(CONNECT_SLOW, "connect_slow", 100000)                                                   \
    ROW(CONNECT_BLACK_HOLE, "connect_black_hole", 50000)                                        \
    /* datagrams, which is name lookups */                                                      \
    ROW(DATAGRAM_LOST, "datagram_lost", 200000)                                                 \
    ROW(DATAGRAM_SLOW, "datagram_slow", 200000)                                                 \
    /* memory, of what runs on the machine: its peers always have some */                       \
    ROW(NO_MEMORY, "no_memory", 20000) /* one allocation */                                     \
    ROW(MEMORY_OUT, "memory_out", 500) /* every one, for a while */                             \
    /* the pool's threads */                                                                    \
    ROW(WORK_SLOW, "work_slow", 100000) /* done up to ten seconds later */

enum sim_fault {
#define SIM_FAULT_ENUM_ROW(constant, name, highest) SIM_FAULT_##constant,
    SIM_FAULT_TABLE(SIM_FAULT_ENUM_ROW)
#undef SIM_FAULT_ENUM_ROW
        SIM_FAULT_COUNT
};

const char *sim_fault_name(enum sim_fault fault);

/* ---- the world ------------------------------------------------------------------------------- */

/* A world without faults. Never NULL: a test without memory ends. */
struct sim *sim_new(uint64_t seed);

/* Ends it; rings must be freed, peers' sockets go with it. */
void sim_free(struct sim *sim);

/* The virtual clocks, in nanoseconds. */
uint64_t sim_now(const struct sim *sim);
uint64_t sim_wall(const struct sim *sim);

/* The scenario's own random numbers: one stream beside the world's. */
uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t bound); /* 0 to bound - 1 */
bool sim_chance(struct sim *sim, unsigned per_million);

/*
 * From here on every choice (of faults, order, sizes, and the scenario's) is read from these bytes,
 * which are borrowed; behind their end the seed goes on. For fuzzing.
 */
void sim_choose_from(struct sim *sim, const uint8_t *data, size_t size);

/* ---- faults ---------------------------------------------------------------------------------- */

/*
 * Draws the faults of a run, swarm style: each kind is off or has a chance of its own. Bit n of
 * `without` keeps fault n off, and changes nothing else that is drawn.
 */
void sim_draw_faults(struct sim *sim, uint64_t without);

/* Faults wait, while a machine is set up. */
void sim_pause_faults(struct sim *sim, bool paused);

/* No faults from here on; operations that they have delayed are done now. */
void sim_stop_faults(struct sim *sim);

/* One kind by hand: its chance in millionths. */
void sim_set_fault(struct sim *sim, enum sim_fault fault, unsigned per_million);

/* Does the allocation that is asked for now fail? For memory_fail_when(). */
bool sim_allocation_fails(struct sim *sim);

/* How often each kind has struck. */
uint64_t sim_fault_count(const struct sim *sim, enum sim_fault fault);

/*
 * Makes one operation fail: the `nth` (from 0) that is submitted in this world completes with the
 * errno `number` and does nothing. UINT64_MAX ends it.
 */
void sim_fail_operation(struct sim *sim, uint64_t nth, int number);

/* Operations submitted so far, and the kind of one of them (while fewer than 65,536). */
uint64_t sim_operations(const struct sim *sim);
enum operation_kind sim_operation_kind(const struct sim *sim, uint64_t nth);

/* ---- moving ---------------------------------------------------------------------------------- */

/* Something that runs on its own: a loop, most of all. Embedded in its owner. */
struct sim_actor {
    const char *name;
    /* When it wants to run: 0 at once, UINT64_MAX when something happens on its ring only. */
    uint64_t (*deadline)(struct sim_actor *actor);
    void (*run)(struct sim_actor *actor);
    struct ring *ring; /* also runs when this has something for it; NULL: none */
    /* the world's */
    struct sim_actor *next;
    uint64_t starved_until;
};

void sim_add_actor(struct sim *sim, struct sim_actor *actor);
void sim_remove_actor(struct sim *sim, struct sim_actor *actor);

/* One event or one turn. False: nothing can happen any more, however long one waits. */
bool sim_step(struct sim *sim);

/* Calls `watch` whenever a turn or a work of the program under test begins, and when it ends. */
void sim_watch_inside(struct sim *sim, void (*watch)(void *context, bool inside), void *context);

/* Calls `run` once, `delay` nanoseconds later, from sim_step(). */
void sim_after(struct sim *sim, uint64_t delay, void (*run)(void *context), void *context);

/* The same for work of a thread pool: soon, in any order, and late when the faults say so. */
void sim_work(struct sim *sim, void (*run)(void *context), void *context);

/* ---- the trace ------------------------------------------------------------------------------- */

/* Everything that has happened, as one number. */
uint64_t sim_trace_hash(const struct sim *sim);

/* Prints what happens from here on, a line each; NULL ends it. */
void sim_trace_to(struct sim *sim, FILE *file);

/* Adds to the trace: a constant word and two numbers. */
void sim_note(struct sim *sim, const char *what, uint64_t a, uint64_t b);

/* ---- rings ----------------------------------------------------------------------------------- */

/* Opens a ring. `options` may be NULL: small ones, or smaller if the faults say so. */
struct ring *sim_open_ring(struct sim *sim, const struct ring_options *options);

/* Has the ring anything to submit or to hand out? */
bool sim_has_work(const struct ring *ring);

/* Descriptors that are open now. */
size_t sim_open_descriptors(const struct sim *sim);

/* ---- peers: the other end, which has no ring ------------------------------------------------- */

/* A connection's end, or a listener, outside the machine under test. */
struct sim_socket;

/* Called from sim_step() when something has changed: connected, data, room, the end. */
typedef void sim_changed(void *context, struct sim_socket *socket);

struct sim_peer_state {
    bool connected; /* has been */
    bool ended;     /* the other side has sent its end, and everything before it was read */
    bool gone;      /* … and takes nothing any more */
    bool failed;    /* refused, reset */
    size_t readable;
    size_t writable;
};

/* Connects to the machine. `changed` follows. */
struct sim_socket *sim_peer_connect(struct sim *sim, const struct sockaddr *from,
                                    const struct sockaddr *to, sim_changed *changed, void *context);

/* Waits for connections from the machine: `accepted` gets each, with this `context`. */
struct sim_socket *sim_peer_listen(struct sim *sim, const struct sockaddr *address,
                                   sim_changed *accepted, void *context);

/* From now on connections to the address are neither taken nor refused, until they time out. */
void sim_peer_ignore(struct sim *sim, const struct sockaddr *address);

/* Who hears of the socket from now on. */
void sim_peer_watch(struct sim_socket *socket, sim_changed *changed, void *context);

struct sim_peer_state sim_peer_state(const struct sim_socket *socket);

/* Bytes read or taken, 0 if none can be now. */
size_t sim_peer_read(struct sim_socket *socket, void *data, size_t size);
size_t sim_peer_write(struct sim_socket *socket, const void *data, size_t size);

/* How many bytes may be under way to the peer, unread; the send buffer and the window in one. */
void sim_peer_set_window(struct sim_socket *socket, size_t bytes);

/* Ends the sending side; ends all, in order or by a reset when something is unread; resets. The
 * socket is gone after the last two. */
void sim_peer_shutdown(struct sim_socket *socket);
void sim_peer_close(struct sim_socket *socket);
void sim_peer_reset(struct sim_socket *socket);

/* The address of the other end, as the peer sees it. */
void sim_peer_other(const struct sim_socket *socket, struct sockaddr *address, socklen_t *size);

/* Answers datagrams that are sent to `address`: a name server, say. */
typedef void sim_datagram(void *context, struct sim *sim, const struct sockaddr *from,
                          const uint8_t *data, size_t size);
void sim_serve_datagrams(struct sim *sim, const struct sockaddr *address, sim_datagram *received,
                         void *context);
void sim_send_datagram(struct sim *sim, const struct sockaddr *from, const struct sockaddr *to,
                       const void *data, size_t size);

#endif
