/* The immediate calls on sockets. */
#include "ring_test.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "ring/socket.h"

static struct sockaddr_in address_of(uint32_t host) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
}

static enum error listen_on(struct sockaddr_in *address, int *descriptor) {
    return socket_listen(ring, (struct sockaddr *)address, sizeof *address, false, descriptor);
}

static enum error join_on(struct sockaddr_in *address, int *descriptor) {
    return socket_listen(ring, (struct sockaddr *)address, sizeof *address, true, descriptor);
}

static void an_unknown_family_is_unsupported(void **state) {
    (void)state;
    int descriptor = -7;
    assert_int_equal(socket_open(ring, 255, SOCK_STREAM, &descriptor), ERROR_UNSUPPORTED);
    assert_int_equal(descriptor, -7);
}

static bool has_option(int descriptor, int level, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    assert_int_equal(getsockopt(descriptor, level, option, &value, &size), 0);
    return value != 0;
}

static void listening_and_what_is_accepted(void **state) {
    (void)state;
    struct sockaddr_in address = address_of(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int listener, client;
    assert_int_equal(listen_on(&address, &listener), ERROR_NONE);
    assert_int_equal(socket_local(ring, listener, (struct sockaddr *)&address, &size), ERROR_NONE);
    assert_int_not_equal(address.sin_port, 0);
    assert_true(has_option(listener, SOL_SOCKET, SO_REUSEPORT));
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &client), ERROR_NONE);
    assert_true(has_option(client, IPPROTO_TCP, TCP_NODELAY));
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int server = accept(listener, NULL, NULL);
    assert_true(has_option(server, IPPROTO_TCP, TCP_NODELAY));
    struct sockaddr_in peer;
    size = sizeof peer;
    assert_int_equal(socket_peer(ring, client, (struct sockaddr *)&peer, &size), ERROR_NONE);
    assert_int_equal(peer.sin_port, address.sin_port);
    close(server);
    close(client);
    close(listener);
}

static void a_second_worker_shares_the_port_and_a_stranger_does_not(void **state) {
    (void)state;
    struct sockaddr_in address = address_of(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int first, second, third = -1;
    assert_int_equal(listen_on(&address, &first), ERROR_NONE);
    assert_int_equal(socket_local(ring, first, (struct sockaddr *)&address, &size), ERROR_NONE);
    assert_int_equal(listen_on(&address, &third), ERROR_ADDRESS_IN_USE);
    assert_int_equal(join_on(&address, &second), ERROR_NONE);
    assert_int_equal(listen_on(&address, &third), ERROR_ADDRESS_IN_USE);
    close(first);
    close(second);
    int stranger = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stranger, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(stranger, 1), 0);
    assert_int_equal(listen_on(&address, &third), ERROR_ADDRESS_IN_USE);
    assert_int_equal(join_on(&address, &third), ERROR_ADDRESS_IN_USE);
    assert_int_equal(third, -1);
    close(stranger);
}

static void an_address_of_another_machine(void **state) {
    (void)state;
    struct sockaddr_in address = address_of(0xC0000201); /* 192.0.2.1, for documentation */
    int descriptor;
    assert_int_equal(listen_on(&address, &descriptor), ERROR_ADDRESS_UNAVAILABLE);
}

static void an_unconnected_socket_has_no_peer(void **state) {
    (void)state;
    int descriptor;
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    assert_int_equal(socket_open(ring, AF_INET, SOCK_STREAM, &descriptor), ERROR_NONE);
    assert_int_equal(socket_peer(ring, descriptor, (struct sockaddr *)&peer, &size), ERROR_SYSTEM);
    close(descriptor);
}

static void sending_once_never_waits_nor_signals(void **state) {
    (void)state;
    static const uint8_t much[1024 * 1024];
    int pair[2];
    make_pair(pair);
    for (int i = 0; i < 10; i++)
        socket_send_once(ring, pair[0], much, sizeof much);
    close(pair[1]);
    socket_send_once(ring, pair[0], much, sizeof much);
    close(pair[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ring_test(an_unknown_family_is_unsupported),
        ring_test(listening_and_what_is_accepted),
        ring_test(a_second_worker_shares_the_port_and_a_stranger_does_not),
        ring_test(an_address_of_another_machine),
        ring_test(an_unconnected_socket_has_no_peer),
        ring_test(sending_once_never_waits_nor_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
