/*
 * The same scripts on the kernel's ring and on the simulated one: what operations answer, and in
 * which order where order is promised, must be the same text. A script uses loopback sockets of its
 * own only, so that it means the same on both.
 *
 *     script_test(name)   the row of a script for cmocka
 */
#ifndef RINGCAST_TEST_BOTH_H
#define RINGCAST_TEST_BOTH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "ring/sim.h"
#include "ring/socket.h"

#define PATIENCE (20 * SECOND)

static struct ring *ring;
static struct sim *sim; /* NULL: the kernel's ring */
static char story[600]; /* what has happened, a word each */

/* ---- turning either ring --------------------------------------------------------------------- */

static inline void call_handler(void *context, struct operation *operation,
                                const struct completion *completion) {
    (void)context;
    operation->handler->completed(operation, completion);
}

static inline uint64_t never(struct sim_actor *actor) {
    (void)actor;
    return UINT64_MAX;
}

static inline void turn_ring(struct sim_actor *actor) {
    ring_turn(actor->ring, 0, call_handler, NULL);
}

static struct sim_actor actor = {.name = "turn", .deadline = never, .run = turn_ring};

static inline void step(void) {
    if (sim != NULL)
        sim_step(sim);
    else
        ring_turn(ring, ring_now(ring) + 10 * MILLISECOND, call_handler, NULL);
}

#define wait_for(condition)                                    \
    do {                                                       \
        uint64_t give_up_ = ring_now(ring) + PATIENCE;         \
        for (unsigned steps_ = 0; !(condition); steps_++) {    \
            if (ring_now(ring) > give_up_ || steps_ > 100000)  \
                fail_msg("waited in vain for %s", #condition); \
            step();                                            \
        }                                                      \
    } while (0)

/* ---- operations that tell what they are answered --------------------------------------------- */

struct record {
    struct operation operation;
    const char *name;
    unsigned completions;
    int descriptor;     /* of the last accept */
    int descriptors[4]; /* of the first ones */
    size_t size;
};

static inline void tell(const char *format, ...) {
    size_t used = strlen(story);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story + used, sizeof story - used, format, arguments);
    va_end(arguments);
}

static inline void completed(struct operation *operation, const struct completion *completion) {
    struct record *record = container_of(operation, struct record, operation);
    if (record->completions < sizeof record->descriptors / sizeof *record->descriptors)
        record->descriptors[record->completions] = completion->descriptor;
    record->completions++;
    record->descriptor = completion->descriptor;
    record->size += completion->size;
    if (completion->error != ERROR_NONE)
        tell("%s:%s ", record->name, error_name(completion->error));
    else if (completion->data != NULL)
        tell("%s:%.*s ", record->name, (int)completion->size, (const char *)completion->data);
    else
        tell("%s:%u ", record->name, completion->size);
}

static const struct handler handler = {"record", completed};

#define RECORD(text) ((struct record){.operation.handler = &handler, .name = (text)})

static inline void end(struct record *record) {
    ring_cancel(ring, &record->operation);
    wait_for(!operation_is_armed(&record->operation));
}

/* ---- a connection ---------------------------------------------------------------------------- */

struct connection {
    int listener;
    int client;
    int server;
};

static inline struct sockaddr_in loopback(void) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static inline void connect_both(struct connection *connection) {
    struct sockaddr_in address = loopback();
    socklen_t size = sizeof address;
    struct record accept = RECORD("accept"), connect = RECORD("connect");
    assert_int_equal(
        socket_listen(ring, (struct sockaddr *)&address, size, false, &connection->listener),
        ERROR_NONE);
    assert_int_equal(socket_local(ring, connection->listener, (struct sockaddr *)&address, &size),
                     ERROR_NONE);
    ring_accept(ring, &accept.operation, connection->listener);
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &connection->client), ERROR_NONE);
    ring_connect(ring, &connect.operation, connection->client, (struct sockaddr *)&address, size);
    wait_for(connect.completions == 1 && accept.completions == 1);
    connection->server = accept.descriptor;
    end(&accept);
    story[0] = '\0'; /* which of the two came first is not promised */
}

static inline void close_all(const struct connection *connection, bool client, bool server) {
    if (client)
        ring_close(ring, connection->client);
    if (server)
        ring_close(ring, connection->server);
    ring_close(ring, connection->listener);
}

/* ---- on both --------------------------------------------------------------------------------- */

static const struct ring_options options = {.entries = 8, .buffer_count = 2, .buffer_size = 64};

static inline void run_on_kernel(void (*script)(void), char *told) {
    struct ring_refusal refusal;
    story[0] = '\0';
    sim = NULL;
    assert_int_equal(ring_open(&options, &ring, &refusal), ERROR_NONE);
    script();
    ring_free(ring);
    memcpy(told, story, sizeof story);
}

static inline void run_on_sim(void (*script)(void), uint64_t seed, char *told) {
    story[0] = '\0';
    sim = sim_new(seed);
    ring = sim_open_ring(sim, &options);
    actor.ring = ring;
    sim_add_actor(sim, &actor);
    script();
    sim_remove_actor(sim, &actor);
    ring_free(ring);
    assert_int_equal(sim_open_descriptors(sim), 0);
    sim_free(sim);
    memcpy(told, story, sizeof story);
}

static inline void compare(void **state) {
    void (*script)(void);
    char on_kernel[sizeof story], on_sim[sizeof story];
    memcpy(&script, state, sizeof script);
    run_on_kernel(script, on_kernel);
    for (uint64_t seed = 1; seed < 20; seed++) {
        run_on_sim(script, seed, on_sim);
        assert_string_equal(on_sim, on_kernel);
    }
}

#define script_test(script) {#script, compare, NULL, NULL, (void *)(uintptr_t)(script)}

#endif
