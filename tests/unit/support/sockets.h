/* Plain sockets for the test's side of a connection: loopback, never waiting. */
#ifndef RINGCAST_TEST_SOCKETS_H
#define RINGCAST_TEST_SOCKETS_H

#include "loop_test.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>

#include "net/address.h"

static inline struct address loopback(uint16_t port) {
    static const uint8_t bytes[4] = {127, 0, 0, 1};
    return address_v4(bytes, port);
}

/* A socket that connects to `address`, or is refused later. */
static inline int connect_to(const struct address *address) {
    int client =
        socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(client >= 0);
    if (connect(client, &address->socket.any, address_size(address)) != 0)
        assert_int_equal(errno, EINPROGRESS);
    return client;
}

/* A listening socket of the test itself; `address` with port 0 tells the port. */
static inline int listen_at(struct address *address, int backlog) {
    int listener =
        socket(address->socket.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t size = address_size(address);
    assert_int_equal(bind(listener, &address->socket.any, size), 0);
    assert_int_equal(listen(listener, backlog), 0);
    assert_int_equal(getsockname(listener, &address->socket.any, &size), 0);
    return listener;
}

/* A pair of connected TCP sockets: for the code under test, and for the test. */
static inline void make_tcp_pair(int pair[2]) {
    struct address address = loopback(0);
    int listener = listen_at(&address, 1);
    pair[1] = connect_to(&address);
    pair[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(pair[0] >= 0);
    close(listener);
}

/* Closes with a reset in place of an end. */
static inline void reset_connection(int descriptor) {
    const struct linger now = {.l_onoff = 1};
    assert_int_equal(setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, sizeof now), 0);
    close(descriptor);
}

/* ---- too few descriptors --------------------------------------------------------------------- */

static struct rlimit limit_before;

/* Leaves room for `more` descriptors. An accept keeps to the limit that it was armed under. */
static inline void limit_descriptors(unsigned more) {
    int end = 0; /* behind as many free numbers, wherever they are */
    for (unsigned found = 0; found < more; end++)
        found += fcntl(end, F_GETFD) < 0;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit_before), 0);
    const struct rlimit limit = {.rlim_cur = (rlim_t)end, .rlim_max = limit_before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static inline void unlimit_descriptors(void) {
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit_before), 0);
}

#endif
