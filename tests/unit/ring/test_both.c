/*
 * The same scripts on the kernel's ring and on the simulated one: what operations answer, and in
 * which order where order is promised, must be the same text. A script uses loopback sockets of its
 * own only, so that it means the same on both.
 */
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

/* ---- turning either ring ----------------------------------------------------------------------
 */

static void call_handler(void *context, struct operation *operation,
                         const struct completion *completion) {
    (void)context;
    operation->handler->completed(operation, completion);
}

static uint64_t never(struct sim_actor *actor) {
    (void)actor;
    return UINT64_MAX;
}

static void turn_ring(struct sim_actor *actor) {
    ring_turn(actor->ring, 0, call_handler, NULL);
}

static struct sim_actor actor = {.name = "turn", .deadline = never, .run = turn_ring};

static void step(void) {
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

/* ---- operations that tell what they are answered ----------------------------------------------
 */

struct record {
    struct operation operation;
    const char *name;
    unsigned completions;
    int descriptor;
    size_t size;
};

static void tell(const char *format, ...) {
    size_t used = strlen(story);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(story + used, sizeof story - used, format, arguments);
    va_end(arguments);
}

static void completed(struct operation *operation, const struct completion *completion) {
    struct record *record = container_of(operation, struct record, operation);
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

static void end(struct record *record) {
    ring_cancel(ring, &record->operation);
    wait_for(!operation_is_armed(&record->operation));
}

/* ---- a connection -----------------------------------------------------------------------------
 */

struct connection {
    int listener;
    int client;
    int server;
};

static struct sockaddr_in loopback(void) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void connect_both(struct connection *connection) {
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

static void close_all(const struct connection *connection, bool client, bool server) {
    if (client)
        ring_close(ring, connection->client);
    if (server)
        ring_close(ring, connection->server);
    ring_close(ring, connection->listener);
}

/* ---- the scripts ------------------------------------------------------------------------------
 */

static void bytes_and_an_orderly_end(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "hello", 5);
    wait_for(send.completions == 1);
    ring_receive(ring, &receive.operation, pair.server);
    wait_for(receive.size == 5);
    ring_shutdown(ring, pair.client);
    wait_for(!operation_is_armed(&receive.operation));
    ring_send(ring, &send.operation, pair.server, "still here", 10);
    wait_for(send.completions == 2);
    close_all(&pair, true, true);
}

static void refused(void) {
    struct sockaddr_in address = loopback();
    struct record connect = RECORD("connect");
    int descriptor;
    address.sin_port = htons(1);
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &descriptor), ERROR_NONE);
    ring_connect(ring, &connect.operation, descriptor, (struct sockaddr *)&address, sizeof address);
    wait_for(connect.completions == 1);
    ring_close(ring, descriptor);
}

static void a_cancelled_receive(void) {
    struct connection pair;
    struct record receive = RECORD("receive");
    connect_both(&pair);
    ring_receive(ring, &receive.operation, pair.server);
    end(&receive);
    ring_cancel(ring, &receive.operation); /* harmless */
    close_all(&pair, true, true);
}

static void a_cancel_behind_its_operation(void) {
    struct connection pair;
    struct record send = RECORD("send");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "gone already", 12);
    ring_cancel(ring, &send.operation);
    wait_for(send.completions == 1);
    close_all(&pair, true, true);
}

/* Closing with something unread resets the connection; what had arrived before can be read. */
static void unread_bytes_become_a_reset(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive"), poll = RECORD("poll");
    connect_both(&pair);
    ring_send(ring, &send.operation, pair.client, "unread", 6);
    wait_for(send.completions == 1);
    ring_poll(ring, &poll.operation, pair.server, POLL_FOR_READING);
    wait_for(poll.completions == 1);
    story[0] = '\0'; /* a poll answers with the kernel's bits */
    ring_close(ring, pair.server);
    ring_receive(ring, &receive.operation, pair.client);
    wait_for(!operation_is_armed(&receive.operation));
    ring_send(ring, &send.operation, pair.client, "too late", 8);
    wait_for(send.completions == 2);
    close_all(&pair, true, false);
}

/* The first send behind the other's close is taken, and then nothing is. */
static void sending_to_who_has_closed(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    connect_both(&pair);
    ring_close(ring, pair.server);
    ring_receive(ring, &receive.operation, pair.client);
    wait_for(!operation_is_armed(&receive.operation));
    ring_send(ring, &send.operation, pair.client, "x", 1);
    wait_for(send.completions == 1);
    uint64_t until = ring_now(ring) + 100 * MILLISECOND;
    while (ring_now(ring) < until && (sim == NULL || sim_step(sim)))
        if (sim == NULL)
            step();
    ring_send(ring, &send.operation, pair.client, "y", 1);
    wait_for(send.completions == 2);
    close_all(&pair, true, false);
}

static void an_address_is_taken_once(void) {
    struct sockaddr_in address = loopback();
    socklen_t size = sizeof address;
    int first, second, third;
    assert_int_equal(socket_listen(ring, (struct sockaddr *)&address, size, false, &first),
                     ERROR_NONE);
    assert_int_equal(socket_local(ring, first, (struct sockaddr *)&address, &size), ERROR_NONE);
    tell("second:%s ",
         error_name(socket_listen(ring, (struct sockaddr *)&address, size, false, &second)));
    tell("joining:%s",
         error_name(socket_listen(ring, (struct sockaddr *)&address, size, true, &third)));
    ring_close(ring, first);
    ring_close(ring, third);
}

/* More arrives than there are buffers: all of it comes, in order. */
static void fewer_buffers_than_data(void) {
    struct connection pair;
    struct record send = RECORD("send"), receive = RECORD("receive");
    static const char text[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char whole[10 * sizeof text] = "";
    connect_both(&pair);
    for (int i = 0; i < 10; i++)
        memcpy(whole + (size_t)i * (sizeof text - 1), text, sizeof text);
    size_t size = strlen(whole);
    ring_send(ring, &send.operation, pair.client, whole, size);
    wait_for(send.completions == 1);
    ring_receive(ring, &receive.operation, pair.server);
    wait_for(receive.size == size);
    story[0] = '\0'; /* the pieces are the ring's business */
    end(&receive);
    close_all(&pair, true, true);
}

/* ---- on both ----------------------------------------------------------------------------------
 */

static const struct ring_options options = {.entries = 8, .buffer_count = 2, .buffer_size = 64};

static void run_on_kernel(void (*script)(void), char *told) {
    struct ring_refusal refusal;
    story[0] = '\0';
    sim = NULL;
    assert_int_equal(ring_open(&options, &ring, &refusal), ERROR_NONE);
    script();
    ring_free(ring);
    memcpy(told, story, sizeof story);
}

static void run_on_sim(void (*script)(void), uint64_t seed, char *told) {
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

static void compare(void **state) {
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

int main(void) {
    const struct CMUnitTest tests[] = {
        script_test(bytes_and_an_orderly_end),    script_test(refused),
        script_test(a_cancelled_receive),         script_test(a_cancel_behind_its_operation),
        script_test(unread_bytes_become_a_reset), script_test(sending_to_who_has_closed),
        script_test(an_address_is_taken_once),    script_test(fewer_buffers_than_data),
    };
    return cmocka_run_group_tests_name("both", tests, NULL, NULL);
}
