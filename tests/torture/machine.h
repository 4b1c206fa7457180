/*
 * The machine that scenarios run on: the ring that the program has, and the sockets of peers that
 * are no part of it. One is the real thing, one is the simulation; scenarios see no difference.
 */
#ifndef RINGCAST_TESTS_TORTURE_MACHINE_H
#define RINGCAST_TESTS_TORTURE_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "loop/pool.h"

/* What peers get in place of a size. */
enum { PEER_NOT_NOW = -1, PEER_FAILED = -2 };

struct machine {
    const char *name;
    struct ring *(*open)(void);
    void (*close)(struct ring *ring);
    /* One turn of the loop, or one step of the world; waits no longer than this. True if something
     * happened. */
    bool (*turn)(struct loop *loop, uint64_t longest);
    uint64_t (*now)(void); /* nanoseconds */
    size_t (*open_descriptors)(void);
    enum error (*new_pool)(struct pool **pool);
    /* Peers' sockets; they never wait. */
    void *(*connect)(uint16_t port, bool small);
    void *(*listen)(uint16_t *port);
    void *(*accept)(void *listener);                           /* NULL: nobody */
    ssize_t (*receive)(void *socket, void *data, size_t size); /* 0: the end */
    ssize_t (*send)(void *socket, const void *data, size_t size);
    void (*shutdown)(void *socket);
    void (*end)(void *socket); /* at once, so that nothing lingers */
    void (*end_listener)(void *listener);
    /* A name server that knows no name; what resolver_new() is to be told. */
    const char *(*open_names)(void);
    void (*close_names)(void);
};

/* The small one is the real one with a ring of 8 entries, two receive buffers of 256 bytes, 32
 * descriptors, and 4 KiB that may be locked. */
extern const struct machine real_machine, small_machine, simulated_machine;
extern const struct machine *machine;

/*
 * The simulation only. Operations submitted so far, and one that is to fail: `nth` of all, with an
 * errno. UINT64_MAX: none.
 */
uint64_t simulated_operations(void);
uint8_t simulated_operation_kind(uint64_t nth);
void simulated_fail(uint64_t nth, int number);

#endif
