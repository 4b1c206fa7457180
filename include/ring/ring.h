/*
 * The ring: the one seam between ringcast and the machine. Descriptors, clocks and random numbers
 * are reached only through it, so the whole service runs on any backend: io_uring here.
 *
 * An operation is a small struct embedded in whoever owns it. Arming it hands it to the ring; the
 * ring answers with completions, the last of which says `more == false`. Between the two the
 * operation is armed: its owner, and the memory that it sends from, must stay where they are.
 * Cancelling or closing a descriptor does not end an operation; only its last completion does.
 *
 * Completions are handed out by ring_turn() alone, never from inside the functions that arm.
 *
 * A ring belongs to the thread that opened it. Only ring_wake() may be called from others.
 */
#ifndef RINGCAST_RING_RING_H
#define RINGCAST_RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/error.h"

struct ring;
struct operation;

/* What an operation answers. */
struct completion {
    enum error error; /* ERROR_NONE, or why nothing was done */
    bool more;        /* the operation stays armed, further completions follow */
    int descriptor;   /* accept: the new connection, now the owner's */
    uint32_t size; /* send: bytes taken by the kernel (may be fewer than asked); receive: in data */
    uint8_t *data; /* receive: lent until the callback returns, and writable until then */
};

/* Whom to call, and the name under which a slow call is reported. Constant and static. */
struct handler {
    const char *name;
    void (*completed)(struct operation *operation, const struct completion *completion);
};

enum operation_kind {
    OPERATION_ACCEPT,
    OPERATION_CONNECT,
    OPERATION_RECEIVE,
    OPERATION_SEND,
    OPERATION_POLL,
};

enum operation_state {
    OPERATION_IDLE,
    OPERATION_ARMED,   /* the kernel has it */
    OPERATION_WAITING, /* the kernel ended a multishot; the ring arms it again this turn */
};

/* `{0}` is an idle operation. The fields are the ring's own, except `handler`. */
struct operation {
    const struct handler *handler;
    struct operation *next;
    int descriptor;
    uint8_t kind;
    uint8_t state;
    bool cancelled;
    bool served; /* has received data since it was armed last */
};

static inline bool operation_is_armed(const struct operation *operation) {
    return operation->state != OPERATION_IDLE;
}

enum poll_for { POLL_FOR_READING = 1, POLL_FOR_WRITING = 2 };

/* Counters since the ring was opened; only its own thread writes them. */
struct ring_statistics {
    uint64_t submits;
    uint64_t operations;
    uint64_t completions;
    uint64_t early_submits; /* the submission queue was full in the middle of a turn */
    uint64_t buffer_shortages;
    uint64_t overflows; /* completions that did not fit the completion queue */
};

/* Called by ring_turn() for each completion; it must call the operation's handler. */
typedef void ring_dispatch(void *context, struct operation *operation,
                           const struct completion *completion);

/* What stands behind the seam. See the ring_ functions of the same names. */
struct ring_backend {
    const char *name;
    void (*free)(struct ring *ring);
    void (*accept)(struct ring *ring, struct operation *operation);
    void (*connect)(struct ring *ring, struct operation *operation, const struct sockaddr *address,
                    socklen_t size);
    void (*receive)(struct ring *ring, struct operation *operation);
    void (*send)(struct ring *ring, struct operation *operation, const void *data, size_t size);
    void (*poll)(struct ring *ring, struct operation *operation, unsigned poll_for);
    void (*cancel)(struct ring *ring, struct operation *operation);
    void (*shutdown)(struct ring *ring, int descriptor);
    void (*close)(struct ring *ring, int descriptor);
    void (*turn)(struct ring *ring, uint64_t deadline, ring_dispatch *dispatch, void *context);
    void (*wake)(struct ring *ring);
    uint64_t (*now)(struct ring *ring);
    uint64_t (*wall)(struct ring *ring);
    void (*random)(struct ring *ring, void *out, size_t size);
    const struct socket_calls *sockets;
};

/* The immediate calls on sockets: none of them waits. Results are >= 0, or a negative errno. */
struct socket_calls {
    int (*open)(struct ring *ring, int family, int type);
    int (*listen)(struct ring *ring, const struct sockaddr *address, socklen_t size, bool join);
    int (*share)(struct ring *ring, int descriptor);
    void (*forget)(struct ring *ring, const struct sockaddr *address);
    int (*connect)(struct ring *ring, int descriptor, const struct sockaddr *address,
                   socklen_t size);
    ssize_t (*receive)(struct ring *ring, int descriptor, void *data, size_t size,
                       struct sockaddr *from, socklen_t *from_size);
    ssize_t (*send)(struct ring *ring, int descriptor, const struct iovec *parts, int count);
    int (*peer)(struct ring *ring, int descriptor, struct sockaddr *address, socklen_t *size);
    int (*local)(struct ring *ring, int descriptor, struct sockaddr *address, socklen_t *size);
};

struct ring {
    const struct ring_backend *backend;
    unsigned
        receive_most; /* bytes that one receive brings at most: those of a buffer, or several */
    struct ring_statistics statistics;
};

struct ring_options {
    unsigned entries;      /* of the submission queue; a power of two */
    unsigned buffer_count; /* receive buffers; a power of two */
    unsigned buffer_size;  /* bytes each */
    unsigned bundle;       /* receive buffers that one receive fills at most, where the kernel can
                              fill several (Linux 6.17); 0 and 1 mean one */
};

extern const struct ring_options ring_default_options;

/* Why a ring could not be opened: one sentence that names the likely cause and the way out. */
struct ring_refusal {
    char text[320];
};

/* Opens an io_uring ring for this thread. On an error, `refusal` says why. */
enum error ring_open(const struct ring_options *options, struct ring **ring,
                     struct ring_refusal *refusal);

/* Ends a ring on which nothing is armed any more. */
static inline void ring_free(struct ring *ring) {
    ring->backend->free(ring);
}

/* Writes the kernel's version and the features found, for people ("Linux 6.12, multishot …"). */
void ring_describe_features(char *text, size_t size);

/* Accepts connections until cancelled or failed: one completion each, with its descriptor. */
void ring_accept(struct ring *ring, struct operation *operation, int listener);

/* Connects a stream socket. `address` must stay valid until the completion. */
void ring_connect(struct ring *ring, struct operation *operation, int descriptor,
                  const struct sockaddr *address, socklen_t size);

/*
 * Receives until cancelled, failed or ended (ERROR_END_OF_STREAM): one completion for each piece of
 * data. A shortage of buffers is waited out inside the ring.
 */
void ring_receive(struct ring *ring, struct operation *operation, int descriptor);

/* Sends once. `data` must stay valid until the completion, which may report fewer bytes. */
void ring_send(struct ring *ring, struct operation *operation, int descriptor, const void *data,
               size_t size);

/* Waits once until the descriptor is ready (enum poll_for). */
void ring_poll(struct ring *ring, struct operation *operation, int descriptor, unsigned poll_for);

/*
 * Asks for the end of an armed operation. It completes all the same: with ERROR_CANCELLED, or with
 * what came first. Harmless on an idle one.
 */
void ring_cancel(struct ring *ring, struct operation *operation);

/* Ends the sending side of a connection; nothing is answered. */
static inline void ring_shutdown(struct ring *ring, int descriptor) {
    ring->backend->shutdown(ring, descriptor);
}

/* Closes a descriptor on which nothing is armed; nothing is answered. */
static inline void ring_close(struct ring *ring, int descriptor) {
    ring->backend->close(ring, descriptor);
}

/*
 * One turn: submits everything that was armed since the last, waits until something completes or
 * the deadline (by ring_now(); 0 does not wait, UINT64_MAX waits for ever) passes, and dispatches
 * what has completed.
 */
static inline void ring_turn(struct ring *ring, uint64_t deadline, ring_dispatch *dispatch,
                             void *context) {
    ring->backend->turn(ring, deadline, dispatch, context);
}

/* Ends the wait of the ring's turn, from any thread. */
static inline void ring_wake(struct ring *ring) {
    ring->backend->wake(ring);
}

/* Nanoseconds of a clock that never goes back. */
static inline uint64_t ring_now(struct ring *ring) {
    return ring->backend->now(ring);
}

/* Nanoseconds since 1970 in UTC. */
static inline uint64_t ring_wall(struct ring *ring) {
    return ring->backend->wall(ring);
}

/* Fills `out` with random bytes fit for keys. */
static inline void ring_random(struct ring *ring, void *out, size_t size) {
    ring->backend->random(ring, out, size);
}

#endif
