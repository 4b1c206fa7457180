/* Listening: accepting, running out of descriptors and going on, closing in each state. */
#include "sockets.h"

#include <stdio.h>

#include "net/listener.h"

enum { CONNECTIONS_MAX = 64 };

static struct listener listener;
static struct address address;
static struct endpoint endpoint;
static int accepted_descriptors[CONNECTIONS_MAX];
static unsigned accepted_count, closings;
static bool close_when_accepted;
static struct counter shortages;

static void accepted(struct listener *from, int descriptor) {
    assert_ptr_equal(from, &listener);
    accepted_descriptors[accepted_count++] = descriptor;
    if (close_when_accepted)
        listener_close(from);
}

static void closed(struct listener *from) {
    (void)from;
    closings++;
}

static void accepted_by_second(struct listener *from, int descriptor) {
    (void)from;
    accepted_descriptors[accepted_count++] = descriptor;
}

static const struct listener_events second_events = {.accepted = accepted_by_second,
                                                     .closed = closed};
static const struct listener_events events = {.accepted = accepted, .closed = closed};

static enum error open_at(struct address *at) {
    endpoint = endpoint_of(at);
    enum error error = listener_open(&listener, &loop, &endpoint, &events);
    *at = endpoint_address(&endpoint);
    return error;
}

static void start(void) {
    accepted_count = closings = 0;
    close_when_accepted = false;
    counter_set(&shortages, 0);
    address = loopback(0);
    assert_int_equal(open_at(&address), ERROR_NONE);
    listener.shortages = &shortages;
}

static void finish(void) {
    listener_close(&listener);
    listener_close(&listener);
    assert_int_equal(closings, 0); /* never from inside the call */
    wait_for(closings == 1);
    turn();
    assert_int_equal(closings, 1);
    for (unsigned i = 0; i < accepted_count; i++)
        close(accepted_descriptors[i]);
}

static void the_kernel_picks_port_0(void **state) {
    (void)state;
    start();
    assert_int_not_equal(address_port(&address), 0);
    int clients[5];
    for (unsigned i = 0; i < 5; i++)
        clients[i] = connect_to(&address);
    wait_for(accepted_count == 5);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(write(accepted_descriptors[i], "x", 1), 1);
    for (unsigned i = 0; i < 5; i++) {
        char byte = 0;
        wait_for(read(clients[i], &byte, 1) == 1);
        close(clients[i]);
    }
    finish();
}

/* While a listener has a port of all IPv6 addresses: is the same port of IPv4 still free? */
static bool leaves_the_other_family(void) {
    static const uint8_t any[16] = {0};
    address = address_v6(any, 0);
    assert_int_equal(open_at(&address), ERROR_NONE);
    struct address other = loopback(address_port(&address));
    int also = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_free = bind(also, &other.socket.any, address_size(&other)) == 0;
    close(also);
    closings = 0;
    finish();
    return is_free;
}

/* Another program may have that port; not each time. */
static void ipv6_is_its_own_family(void **state) {
    (void)state;
    enum { TRIES = 20 };
    int tries = 0;
    start();
    finish();
    while (tries < TRIES && !leaves_the_other_family())
        tries++;
    assert_true(tries < TRIES);
}

/* Two loops of one process: both get connections, and the file goes with the first one. */
static void a_unix_socket_on_two_loops(void **state) {
    (void)state;
    struct listener second;
    char text[ENDPOINT_TEXT_SIZE], formatted[ENDPOINT_TEXT_SIZE];
    size_t count;
    snprintf(text, sizeof text, "unix:/tmp/ringcast-listener-%d", (int)getpid());
    struct endpoint endpoints[ENDPOINTS_OF_TEXT];
    assert_int_equal(endpoint_parse(bytes_of(text), endpoints, &count), ERROR_NONE);
    endpoint = endpoints[0];
    assert_int_equal(count, 1);
    endpoint_format(&endpoint, formatted);
    assert_string_equal(formatted, text);
    accepted_count = closings = 0;
    close_when_accepted = false;
    assert_int_equal(listener_open(&listener, &loop, &endpoint, &events), ERROR_NONE);
    assert_int_equal(listener_open(&second, &loop, &endpoint, &second_events), ERROR_NONE);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(connect(client, &endpoint.socket.any, endpoint.size), 0);
    wait_for(accepted_count == 1);
    listener_close(&second);
    wait_for(closings == 1);
    assert_int_equal(access(endpoint.socket.local.sun_path, F_OK), 0);
    listener_close(&listener);
    wait_for(closings == 2);
    assert_int_not_equal(access(endpoint.socket.local.sun_path, F_OK), 0);
    close(accepted_descriptors[0]);
    close(client);
}

static void an_address_in_use_is_refused(void **state) {
    (void)state;
    struct address taken = loopback(0);
    int stranger = listen_at(&taken, 1);
    assert_int_equal(open_at(&taken), ERROR_ADDRESS_IN_USE);
    close(stranger);
}

/* Also when the other one would let it in: two programs must not share the clients of a port. */
static void only_who_joins_shares_an_address(void **state) {
    (void)state;
    struct listener second;
    start();
    struct endpoint other = endpoint_of(&address);
    assert_int_equal(listener_open(&second, &loop, &other, &events), ERROR_ADDRESS_IN_USE);
    assert_true(endpoint.shared);
    assert_int_equal(listener_open(&second, &loop, &endpoint, &events), ERROR_NONE);
    struct listener third;
    assert_int_equal(listener_open(&third, &loop, &other, &events), ERROR_ADDRESS_IN_USE);
    listener_close(&second);
    wait_for(closings == 1);
    closings = 0;
    finish();
}

static void out_of_descriptors_it_waits_for_one_to_close(void **state) {
    (void)state;
    start();
    int clients[6];
    for (unsigned i = 0; i < 6; i++)
        clients[i] = connect_to(&address);
    limit_descriptors(2);
    wait_for(counter_read(&shortages) > 0);
    assert_int_equal(accepted_count, 2);
    while (accepted_count < 6) {
        unsigned before = accepted_count;
        loop_close_descriptor(&loop, accepted_descriptors[before - 1]);
        accepted_descriptors[before - 1] = -1;
        wait_for(accepted_count == before + 1);
    }
    wait_for(operation_is_armed(&listener.accept));
    unlimit_descriptors();
    for (unsigned i = 0; i < 6; i++)
        close(clients[i]);
    finish();
}

/* Freed behind the loop's back, as by another worker. */
static void out_of_descriptors_it_tries_again_by_itself(void **state) {
    (void)state;
    start();
    int client = connect_to(&address);
    limit_descriptors(0);
    wait_for(counter_read(&shortages) > 0);
    unlimit_descriptors();
    wait_for(accepted_count == 1);
    close(client);
    finish();
}

static void closed_before_its_first_turn(void **state) {
    (void)state;
    start();
    finish();
}

static void closed_after_a_turn(void **state) {
    (void)state;
    start();
    turn();
    finish();
}

static void closed_while_it_waits_for_descriptors(void **state) {
    (void)state;
    start();
    int client = connect_to(&address);
    limit_descriptors(0);
    wait_for(counter_read(&shortages) > 0);
    finish();
    unlimit_descriptors();
    assert_int_equal(accepted_count, 0);
    close(client);
}

static void closed_when_it_has_just_heard_of_a_free_descriptor(void **state) {
    (void)state;
    start();
    int client = connect_to(&address), spare = dup(STDOUT_FILENO);
    limit_descriptors(0);
    wait_for(counter_read(&shortages) > 0);
    loop_close_descriptor(&loop, spare);
    finish();
    unlimit_descriptors();
    close(client);
}

/* What came before the close took effect is still handed over, and never lost. */
static void closed_by_its_own_event(void **state) {
    (void)state;
    start();
    close_when_accepted = true;
    int clients[3];
    for (unsigned i = 0; i < 3; i++)
        clients[i] = connect_to(&address);
    wait_for(closings == 1);
    assert_in_range(accepted_count, 1, 3);
    for (unsigned i = 0; i < accepted_count; i++)
        close(accepted_descriptors[i]);
    for (unsigned i = 0; i < 3; i++)
        close(clients[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(the_kernel_picks_port_0),
        loop_test(ipv6_is_its_own_family),
        loop_test(a_unix_socket_on_two_loops),
        loop_test(an_address_in_use_is_refused),
        loop_test(only_who_joins_shares_an_address),
        loop_test(out_of_descriptors_it_waits_for_one_to_close),
        loop_test(out_of_descriptors_it_tries_again_by_itself),
        loop_test(closed_before_its_first_turn),
        loop_test(closed_after_a_turn),
        loop_test(closed_while_it_waits_for_descriptors),
        loop_test(closed_when_it_has_just_heard_of_a_free_descriptor),
        loop_test(closed_by_its_own_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
