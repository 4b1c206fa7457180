/* The immediate calls on sockets. */
#include "ring_test.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/un.h>

#include "ring/socket.h"

static struct sockaddr_in address_of(uint32_t host) {
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(host)};
}

static enum error listen_on(struct sockaddr_in *address, int *descriptor) {
    return socket_listen(ring, (struct sockaddr *)address, sizeof *address, false, descriptor);
}

/* One more of the same process. */
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
    assert_int_equal(join_on(&address, &second), ERROR_NONE);
    assert_int_equal(listen_on(&address, &third), ERROR_ADDRESS_IN_USE); /* as another process */
    close(first);
    assert_int_equal(listen_on(&address, &third), ERROR_ADDRESS_IN_USE);
    close(second);
    int stranger = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stranger, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(stranger, 1), 0);
    assert_int_equal(listen_on(&address, &third), ERROR_ADDRESS_IN_USE);
    assert_int_equal(join_on(&address, &third), ERROR_ADDRESS_IN_USE);
    assert_int_equal(third, -1);
    close(stranger);
}

/* Of many connections each listener gets some, the first one too. */
static void who_shares_a_port_shares_its_connections(void **state) {
    (void)state;
    enum { LISTENERS = 3, CLIENTS = 200 };
    struct sockaddr_in address = address_of(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    int listeners[LISTENERS], clients[CLIENTS], accepted = 0;
    assert_int_equal(listen_on(&address, &listeners[0]), ERROR_NONE);
    assert_int_equal(socket_local(ring, listeners[0], (struct sockaddr *)&address, &size),
                     ERROR_NONE);
    for (int i = 1; i < LISTENERS; i++)
        assert_int_equal(join_on(&address, &listeners[i]), ERROR_NONE);
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(clients[i], (struct sockaddr *)&address, size), 0);
    }
    for (int i = 0; i < LISTENERS; i++) {
        int here = 0, server;
        assert_int_equal(fcntl(listeners[i], F_SETFL, O_NONBLOCK), 0);
        for (; (server = accept(listeners[i], NULL, NULL)) >= 0; here++)
            close(server);
        assert_true(here > 0);
        accepted += here;
        close(listeners[i]);
    }
    assert_int_equal(accepted, CLIENTS);
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
}

/* ---- Unix sockets ---------------------------------------------------------------------------- */

static struct sockaddr_un unix_address(void) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "/tmp/ringcast-test-%d", (int)getpid());
    return address;
}

static enum error listen_at_path(const struct sockaddr_un *address, int *descriptor) {
    return socket_listen(ring, (const struct sockaddr *)address, sizeof *address, false,
                         descriptor);
}

static void a_unix_socket_is_shared_by_a_second_descriptor(void **state) {
    (void)state;
    struct sockaddr_un address = unix_address();
    int listener, copy;
    assert_int_equal(listen_at_path(&address, &listener), ERROR_NONE);
    assert_int_equal(socket_share(ring, listener, &copy), ERROR_NONE);
    close(listener);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    int server = accept(copy, NULL, NULL);
    assert_true(server >= 0);
    close(server);
    close(client);
    close(copy);
    socket_forget(ring, (const struct sockaddr *)&address);
    assert_int_not_equal(access(address.sun_path, F_OK), 0);
}

static void a_unix_socket_in_use_is_left_alone_and_a_stale_one_replaced(void **state) {
    (void)state;
    struct sockaddr_un address = unix_address();
    int first, second = -1;
    assert_int_equal(listen_at_path(&address, &first), ERROR_NONE);
    assert_int_equal(listen_at_path(&address, &second), ERROR_ADDRESS_IN_USE);
    assert_int_equal(second, -1);
    close(first); /* as after SIGKILL: the file stays */
    assert_int_equal(access(address.sun_path, F_OK), 0);
    assert_int_equal(listen_at_path(&address, &second), ERROR_NONE);
    close(second);
    unlink(address.sun_path);
}

static void a_file_is_no_stale_socket(void **state) {
    (void)state;
    struct sockaddr_un address = unix_address();
    int file = open(address.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600), descriptor;
    assert_true(file >= 0);
    assert_int_equal(listen_at_path(&address, &descriptor), ERROR_ADDRESS_IN_USE);
    assert_int_equal(access(address.sun_path, F_OK), 0);
    close(file);
    unlink(address.sun_path);
}

static void a_unix_socket_in_no_folder(void **state) {
    (void)state;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/nowhere/hub"};
    int descriptor;
    assert_int_equal(listen_at_path(&address, &descriptor), ERROR_NOT_FOUND);
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
        ring_test(who_shares_a_port_shares_its_connections),
        ring_test(a_unix_socket_is_shared_by_a_second_descriptor),
        ring_test(a_unix_socket_in_use_is_left_alone_and_a_stale_one_replaced),
        ring_test(a_file_is_no_stale_socket),
        ring_test(a_unix_socket_in_no_folder),
        ring_test(an_address_of_another_machine),
        ring_test(an_unconnected_socket_has_no_peer),
        ring_test(sending_once_never_waits_nor_signals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
