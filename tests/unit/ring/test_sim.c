/* The simulated machine itself: what its rings answer, its faults, and that a seed repeats. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "ring/sim.h"
#include "ring/socket.h"

enum { PORT = 80, MOST_STEPS = 100000 };

static struct sim *sim;
static struct ring *ring;

/* ---- a ring without a loop ------------------------------------------------------------------- */

static uint64_t never(struct sim_actor *actor) {
    (void)actor;
    return UINT64_MAX;
}

static void call_handler(void *context, struct operation *operation,
                         const struct completion *completion) {
    (void)context;
    operation->handler->completed(operation, completion);
}

static void turn(struct sim_actor *actor) {
    ring_turn(actor->ring, 0, call_handler, NULL);
}

static struct sim_actor actor = {.name = "test", .deadline = never, .run = turn};

static void open_world(uint64_t seed, const struct ring_options *options) {
    sim = sim_new(seed);
    ring = sim_open_ring(sim, options);
    actor.ring = ring;
    sim_add_actor(sim, &actor);
}

static void close_world(void) {
    sim_remove_actor(sim, &actor);
    ring_free(ring);
    assert_int_equal(sim_open_descriptors(sim), 0);
    sim_free(sim);
}

static int set_up(void **state) {
    (void)state;
    open_world(1, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    close_world();
    return 0;
}

#define wait_for(condition)                                    \
    do {                                                       \
        for (int steps_ = 0; !(condition); steps_++)           \
            if (steps_ > MOST_STEPS || !sim_step(sim))         \
                fail_msg("waited in vain for %s", #condition); \
    } while (0)

struct record {
    struct operation operation;
    unsigned completions;
    enum error error;
    int descriptor;
    size_t size;
    char text[256];
};

static void completed(struct operation *operation, const struct completion *completion) {
    struct record *record = container_of(operation, struct record, operation);
    record->completions++;
    record->error = completion->error;
    record->descriptor = completion->descriptor;
    if (completion->data != NULL) {
        assert_true(record->size + completion->size <= sizeof record->text);
        memcpy(record->text + record->size, completion->data, completion->size);
    }
    record->size += completion->size;
}

static const struct handler handler = {"record", completed};

#define RECORD ((struct record){.operation.handler = &handler})

static struct sockaddr_in at_port(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

/* ---- a peer ---------------------------------------------------------------------------------- */

static struct sim_socket *peer;
static unsigned changes;

static void changed(void *context, struct sim_socket *socket) {
    (void)context;
    peer = socket;
    changes++;
}

/* A connection of the machine to a peer. */
static int connect_to_peer(void) {
    struct sockaddr_in address = at_port(PORT);
    struct record connect = RECORD;
    int descriptor;
    peer = NULL;
    sim_peer_listen(sim, (struct sockaddr *)&address, changed, NULL);
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &descriptor), ERROR_NONE);
    ring_connect(ring, &connect.operation, descriptor, (struct sockaddr *)&address, sizeof address);
    wait_for(connect.completions == 1 && peer != NULL);
    assert_int_equal(connect.error, ERROR_NONE);
    return descriptor;
}

static void end(struct record *record) {
    ring_cancel(ring, &record->operation);
    wait_for(!operation_is_armed(&record->operation));
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void accepts_what_a_peer_connects(void **state) {
    (void)state;
    struct sockaddr_in address = at_port(PORT), from = at_port(0);
    struct record accept = RECORD;
    int listener;
    assert_int_equal(
        socket_listen(ring, (struct sockaddr *)&address, sizeof address, false, &listener),
        ERROR_NONE);
    ring_accept(ring, &accept.operation, listener);
    struct sim_socket *client =
        sim_peer_connect(sim, (struct sockaddr *)&from, (struct sockaddr *)&address, changed, NULL);
    wait_for(accept.completions == 1);
    assert_int_equal(accept.error, ERROR_NONE);
    wait_for(sim_peer_state(client).connected);
    sim_peer_close(client);
    ring_close(ring, accept.descriptor);
    end(&accept);
    ring_close(ring, listener);
}

static void connecting_to_nobody_is_refused(void **state) {
    (void)state;
    struct sockaddr_in address = at_port(PORT);
    struct record connect = RECORD;
    int descriptor;
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &descriptor), ERROR_NONE);
    ring_connect(ring, &connect.operation, descriptor, (struct sockaddr *)&address, sizeof address);
    wait_for(connect.completions == 1);
    assert_int_equal(connect.error, ERROR_CONNECTION_REFUSED);
    ring_close(ring, descriptor);
}

static void connecting_to_who_ignores_it_times_out(void **state) {
    (void)state;
    struct sockaddr_in address = at_port(PORT);
    struct record connect = RECORD;
    int descriptor;
    sim_peer_ignore(sim, (struct sockaddr *)&address);
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &descriptor), ERROR_NONE);
    ring_connect(ring, &connect.operation, descriptor, (struct sockaddr *)&address, sizeof address);
    wait_for(connect.completions == 1);
    assert_int_equal(connect.error, ERROR_TIMED_OUT);
    assert_true(sim_now(sim) > MINUTE);
    ring_close(ring, descriptor);
}

/* Who has ended only its own side can be sent to: what comes then is data behind an end. */
static void a_peer_knows_who_has_gone(void **state) {
    (void)state;
    int descriptor = connect_to_peer();
    struct record receive = RECORD;
    ring_shutdown(ring, descriptor);
    wait_for(sim_peer_state(peer).ended);
    assert_false(sim_peer_state(peer).gone);
    ring_receive(ring, &receive.operation, descriptor);
    assert_int_equal(sim_peer_write(peer, "late", 4), 4);
    wait_for(receive.size == 4);
    end(&receive);
    ring_close(ring, descriptor);
    wait_for(sim_peer_state(peer).gone);
}

static void bytes_come_in_order_and_then_the_end(void **state) {
    (void)state;
    int descriptor = connect_to_peer();
    struct record receive = RECORD;
    ring_receive(ring, &receive.operation, descriptor);
    assert_int_equal(sim_peer_write(peer, "hello ", 6), 6);
    assert_int_equal(sim_peer_write(peer, "world", 5), 5);
    wait_for(receive.size == 11);
    assert_memory_equal(receive.text, "hello world", 11);
    sim_peer_close(peer);
    wait_for(!operation_is_armed(&receive.operation));
    assert_int_equal(receive.error, ERROR_END_OF_STREAM);
    ring_close(ring, descriptor);
}

static void a_send_waits_for_room(void **state) {
    (void)state;
    int descriptor = connect_to_peer();
    struct record first = RECORD, second = RECORD;
    char bytes[100] = "x", got[100];
    sim_peer_set_window(peer, 60);
    ring_send(ring, &first.operation, descriptor, bytes, sizeof bytes);
    wait_for(first.completions == 1);
    assert_int_equal(first.size, 60);
    ring_send(ring, &second.operation, descriptor, bytes + 60, 40);
    for (int i = 0; i < 100; i++)
        sim_step(sim);
    assert_int_equal(second.completions, 0);
    assert_int_equal(sim_peer_read(peer, got, sizeof got), 60);
    wait_for(second.completions == 1);
    assert_int_equal(second.size, 40);
    sim_peer_close(peer);
    ring_close(ring, descriptor);
}

static void a_reset_is_told_once_and_breaks_sends(void **state) {
    (void)state;
    int descriptor = connect_to_peer();
    struct record receive = RECORD, send = RECORD;
    ring_receive(ring, &receive.operation, descriptor);
    sim_peer_reset(peer);
    wait_for(receive.completions == 1);
    assert_int_equal(receive.error, ERROR_CONNECTION_RESET);
    ring_send(ring, &send.operation, descriptor, "x", 1);
    wait_for(send.completions == 1);
    assert_int_equal(send.error, ERROR_CONNECTION_RESET);
    ring_close(ring, descriptor);
}

static void a_cancelled_operation_completes_once(void **state) {
    (void)state;
    int descriptor = connect_to_peer();
    struct record receive = RECORD;
    ring_receive(ring, &receive.operation, descriptor);
    end(&receive);
    assert_int_equal(receive.completions, 1);
    assert_int_equal(receive.error, ERROR_CANCELLED);
    sim_peer_close(peer);
    ring_close(ring, descriptor);
}

static void one_operation_fails_on_demand(void **state) {
    (void)state;
    int descriptor = connect_to_peer();
    struct record send = RECORD;
    sim_fail_operation(sim, sim_operations(sim), ENOMEM);
    ring_send(ring, &send.operation, descriptor, "x", 1);
    wait_for(send.completions == 1);
    assert_int_equal(send.error, ERROR_NO_MEMORY);
    assert_int_equal(sim_operation_kind(sim, sim_operations(sim) - 1), OPERATION_SEND);
    sim_peer_close(peer);
    ring_close(ring, descriptor);
}

/* Every fault of the receiving side at once: the bytes are the same. */
static void faults_change_pieces_and_not_bytes(void **state) {
    (void)state;
    static const enum sim_fault kinds[] = {
        SIM_FAULT_SHORT_RECEIVE,   SIM_FAULT_SHORT_SEND,   SIM_FAULT_RECEIVE_ENDS,
        SIM_FAULT_NO_BUFFERS_IDLE, SIM_FAULT_REORDER,      SIM_FAULT_NO_BUFFERS_PENDING,
        SIM_FAULT_SUBMIT_BUSY,     SIM_FAULT_SUBMIT_FEWER,
    };
    const struct ring_options smallest = {.entries = 2, .buffer_count = 2, .buffer_size = 16};
    close_world();
    open_world(1, &smallest);
    int descriptor = connect_to_peer();
    struct record receive = RECORD;
    char sent[200];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        sim_set_fault(sim, kinds[i], 400000);
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)i;
    ring_receive(ring, &receive.operation, descriptor);
    assert_int_equal(sim_peer_write(peer, sent, sizeof sent), sizeof sent);
    wait_for(receive.size == sizeof sent);
    assert_memory_equal(receive.text, sent, sizeof sent);
    assert_true(ring->statistics.buffer_shortages > 0);
    assert_true(receive.completions > 1);
    end(&receive);
    sim_peer_close(peer);
    ring_close(ring, descriptor);
}

static uint64_t hash_of(uint64_t seed) {
    sim_free(sim_new(seed));
    close_world();
    open_world(seed, NULL);
    sim_draw_faults(sim, 0);
    struct sockaddr_in address = at_port(PORT);
    struct record connect = RECORD, receive = RECORD;
    int descriptor;
    sim_peer_listen(sim, (struct sockaddr *)&address, changed, NULL);
    if (socket_open(ring, AF_INET, SOCK_STREAM, &descriptor) == ERROR_NONE) {
        ring_connect(ring, &connect.operation, descriptor, (struct sockaddr *)&address,
                     sizeof address);
        wait_for(connect.completions == 1);
        ring_receive(ring, &receive.operation, descriptor);
        end(&receive);
        ring_close(ring, descriptor);
    }
    while (sim_step(sim))
        ;
    return sim_trace_hash(sim);
}

static void a_seed_repeats(void **state) {
    (void)state;
    unsigned different = 0;
    for (uint64_t seed = 1; seed < 50; seed++) {
        uint64_t first = hash_of(seed);
        assert_int_equal(hash_of(seed), first);
        different += first != hash_of(seed + 1);
    }
    assert_int_equal(different, 49);
}

#define sim_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        sim_test(accepts_what_a_peer_connects),
        sim_test(connecting_to_nobody_is_refused),
        sim_test(connecting_to_who_ignores_it_times_out),
        sim_test(a_peer_knows_who_has_gone),
        sim_test(bytes_come_in_order_and_then_the_end),
        sim_test(a_send_waits_for_room),
        sim_test(a_reset_is_told_once_and_breaks_sends),
        sim_test(a_cancelled_operation_completes_once),
        sim_test(one_operation_fails_on_demand),
        sim_test(faults_change_pieces_and_not_bytes),
        sim_test(a_seed_repeats),
    };
    return cmocka_run_group_tests_name("sim", tests, NULL, NULL);
}
