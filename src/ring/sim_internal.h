/* What the files of the simulated machine share. */
#ifndef RINGCAST_RING_SIM_INTERNAL_H
#define RINGCAST_RING_SIM_INTERNAL_H

#include "base/list.h"
#include "multishot.h"
#include "ring/sim.h"

/* Streams of random numbers: what one draws does not shift what another does. */
enum sim_stream { STREAM_SCENARIO, STREAM_ORDER, STREAM_NETWORK, STREAM_BYTES, STREAM_FAULTS };

/* IPv4 or IPv6 with a port. */
union sim_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* Something that happens at a time; equal times in the order in which they were asked for. */
struct sim_event {
    uint64_t time;
    uint64_t serial;
    void (*run)(struct sim *sim, void *subject, uint64_t detail);
    void *subject;
    uint64_t detail;
    bool owned; /* the subject came from sim_allocate() and goes with the event */
};

struct sim_server {
    union sim_address address;
    sim_datagram *received;
    void *context;
    struct sim_server *next;
};

struct sim_entry; /* an operation in the kernel: sim_ring.c */

enum { KINDS_KEPT = 1 << 16, BLACK_HOLE_SECONDS = 127 };

struct sim {
    uint64_t now;
    int64_t wall_offset;
    uint64_t streams[STREAM_FAULTS + SIM_FAULT_COUNT];
    const uint8_t *choices;
    size_t choices_left;
    /* events: a binary heap */
    struct sim_event *events;
    size_t event_count;
    size_t event_capacity;
    uint64_t next_serial;
    struct sim_actor *actors;
    size_t actor_count;
    /* faults */
    unsigned chances[SIM_FAULT_COUNT]; /* in millionths */
    uint64_t struck[SIM_FAULT_COUNT];
    bool paused;
    bool calm;                      /* sim_stop_faults() was called */
    uint64_t descriptors_out_until; /* a burst of EMFILE or ENFILE */
    int descriptors_out_number;
    uint64_t memory_out_until;
    bool inside; /* what runs now is the program under test */
    void (*watch)(void *context, bool inside);
    void *watch_context;
    uint64_t fail_nth;
    int fail_number;
    uint64_t operations;
    size_t kinds_room;
    uint8_t *operation_kinds; /* of the first KINDS_KEPT operations */
    /* the network */
    struct sim_socket **descriptors; /* NULL: free */
    size_t descriptor_count;
    struct list_node sockets;
    struct sim_server *servers;
    struct sim_entry *free_entries;
    uint16_t next_port;
    uint64_t ring_count;
    /* the trace */
    uint64_t hash;
    FILE *trace;
};

/* ---- sim.c ----------------------------------------------------------------------------------- */

/* From malloc(); a test without memory ends. */
void *sim_allocate(size_t size);
void *sim_resize(void *block, size_t size);

uint64_t sim_draw(struct sim *sim, unsigned stream);
uint64_t sim_draw_below(struct sim *sim, unsigned stream, uint64_t bound);

/* Does the fault strike here? Counts and traces it. */
bool sim_strikes(struct sim *sim, enum sim_fault fault);

/* How much more than it must, for a fault that has struck: 1 to `most`, small ones more often. */
uint64_t sim_amount(struct sim *sim, enum sim_fault fault, uint64_t most);

void sim_at(struct sim *sim, uint64_t time,
            void (*run)(struct sim *sim, void *subject, uint64_t detail), void *subject,
            uint64_t detail);

/* Lets the events of this kind happen now. */
void sim_hasten(struct sim *sim, void (*run)(struct sim *sim, void *subject, uint64_t detail));

/* The same with a subject from sim_allocate(), which is freed behind the event. */
void sim_at_owned(struct sim *sim, uint64_t time,
                  void (*run)(struct sim *sim, void *subject, uint64_t detail), void *subject);

/* Stops the program: the code under test has broken a rule of the seam. */
_Noreturn void sim_accuse(struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ---- sim_socket.c ---------------------------------------------------------------------------- */

enum sim_socket_kind { SOCKET_STREAM, SOCKET_LISTENER, SOCKET_DATAGRAM };

/* A piece of a stream, under way or arrived, or one datagram. */
struct sim_piece {
    struct sim_piece *next;
    union sim_address from; /* a datagram's */
    uint64_t arrival;
    size_t size;
    size_t taken;
    bool end; /* a FIN */
    bool arrived;
    uint8_t data[];
};

struct sim_socket {
    struct sim *sim;
    struct list_node link; /* in the world */
    unsigned references;   /* the descriptor's or peer's, and those of events */
    enum sim_socket_kind kind;
    int descriptor; /* -1: a peer's, or closed */
    bool peers;     /* outside the machine */
    bool connecting, connected, closed;
    bool shut;   /* its sending side */
    bool ended;  /* the other side's FIN was read */
    int error;   /* to be reported once, behind what has arrived */
    bool broken; /* no more can be sent */
    union sim_address local, remote;
    struct sim_socket *other; /* the other end; NULL: gone */
    /* what comes in */
    struct sim_piece *first, **last;
    size_t readable;  /* arrived, not read yet */
    size_t under_way; /* the same and what has not arrived */
    size_t window;
    uint64_t last_arrival; /* pieces keep their order */
    uint64_t latency;      /* one way */
    /* a listener */
    bool silent;              /* takes nobody, and refuses nobody */
    struct list_node backlog; /* sockets by `queued` */
    struct list_node queued;
    struct list_node waiting; /* entries of rings */
    /* a peer's */
    sim_changed *changed;
    void *context;
    bool telling; /* an event for `changed` is under way */
};

struct sim_socket *socket_new(struct sim *sim, enum sim_socket_kind kind, bool peers);
void socket_hold(struct sim_socket *socket);
void socket_drop(struct sim_socket *socket);

void sim_free_network(struct sim *sim);

/* Its own address; port 0 means any. */
void socket_bind(struct sim_socket *socket, const union sim_address *address);

/*
 * Asks for a connection. The request takes `delay` longer than it must, and fails with the errno
 * `number` if that is not 0.
 */
void socket_connect_late(struct sim_socket *socket, const union sim_address *to, uint64_t delay,
                         int number);

/* Gives it a descriptor: >= 0 or a negative errno. */
int socket_describe(struct sim_socket *socket);
struct sim_socket *socket_at(struct sim *sim, int descriptor);

/* What a kernel would answer now: >= 0, or a negative errno, -EAGAIN when it would wait. */
ssize_t socket_receive(struct sim_socket *socket, void *data, size_t size);
ssize_t socket_send(struct sim_socket *socket, const void *data, size_t size);
int socket_connected(struct sim_socket *socket);               /* 0 once it is */
struct sim_socket *socket_accept(struct sim_socket *listener); /* NULL: none waits */
bool socket_is_readable(const struct sim_socket *socket);
bool socket_is_writable(const struct sim_socket *socket);

void socket_shut(struct sim_socket *socket);
void socket_reset(struct sim_socket *socket);
void socket_close(struct sim_socket *socket);

/* Sends a piece (or a FIN, or a datagram) on its way to `to`. */
struct sim_piece *socket_append(struct sim_socket *to, const void *data, size_t size, bool end);

/* Tells whoever waits for it that it has changed. */
void socket_wake(struct sim_socket *socket);

union sim_address address_of(const struct sockaddr *address);
socklen_t address_length(const union sim_address *address);
bool address_same(const union sim_address *a, const union sim_address *b);

/* ---- sim_datagram.c -------------------------------------------------------------------------- */

ssize_t datagram_send(struct sim_socket *socket, const void *data, size_t size);
ssize_t datagram_receive(struct sim_socket *socket, void *data, size_t size,
                         union sim_address *from);

/* ---- sim_ring.c, sim_kernel.c ---------------------------------------------------------------- */

extern const struct socket_calls sim_sockets;

struct sim *sim_of(const struct ring *ring);

/* An errno while there are no descriptors, or 0. */
int sim_descriptor_shortage(struct sim *sim);

/* A socket has changed: looks again at the entries that wait in it. */
void ring_entries_wake(struct sim_socket *socket);

void sim_free_entries(struct sim *sim);

/* Lets delayed operations be done now. */
void sim_hasten_entries(struct sim *sim);

#endif
