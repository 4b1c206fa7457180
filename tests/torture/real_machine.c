#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/limits.h"
#include "machine.h"
#include "torture.h"

/* A socket as a pointer that is not NULL. */
static void *handle_of(int socket) {
    return (void *)((uintptr_t)socket + 1);
}

static int socket_of(void *handle) {
    return (int)((uintptr_t)handle - 1);
}

static int name_socket = -1;

static struct ring *open_with(const struct ring_options *options) {
    struct ring *ring;
    struct ring_refusal refusal;
    if (ring_open(options, &ring, &refusal) == ERROR_NONE)
        return ring;
    fprintf(stderr, "torture: %s\n", refusal.text);
    exit(1);
}

static struct ring *open_ring(void) {
    const struct ring_options options = {.entries = 64, .buffer_count = 16, .buffer_size = 2048};
    return open_with(&options);
}

/* ---- the same machine, small ----------------------------------------------------------------- */

static struct rlimit descriptors_before, memory_before;

static void set_limit(enum __rlimit_resource what, rlim_t most, struct rlimit *before) {
    TORTURE_CHECK(getrlimit(what, before) == 0);
    struct rlimit lower = *before;
    lower.rlim_cur = most;
    TORTURE_CHECK(setrlimit(what, &lower) == 0);
}

/* Peers are of this process, so the descriptors are for them too. */
static struct ring *open_small_ring(void) {
    const struct ring_options options = {.entries = 8, .buffer_count = 2, .buffer_size = 256};
    set_limit(RLIMIT_NOFILE, 32, &descriptors_before);
    set_limit(RLIMIT_MEMLOCK, 4096, &memory_before);
    return open_with(&options);
}

static void close_small_ring(struct ring *ring) {
    ring_free(ring);
    TORTURE_CHECK(setrlimit(RLIMIT_NOFILE, &descriptors_before) == 0);
    TORTURE_CHECK(setrlimit(RLIMIT_MEMLOCK, &memory_before) == 0);
}

static void serve_names(void) {
    uint8_t packet[512];
    struct sockaddr_in from;
    socklen_t size = sizeof from;
    ssize_t got;
    while ((got = recvfrom(name_socket, packet, sizeof packet, 0, (struct sockaddr *)&from,
                           &size)) >= 12) {
        packet[2] = 0x85; /* an answer, from who should know */
        packet[3] = 0x83; /* there is no such name */
        packet[10] = packet[11] = 0;
        sendto(name_socket, packet, (size_t)got, 0, (struct sockaddr *)&from, size);
    }
}

static bool turn(struct loop *on, uint64_t longest) {
    uint64_t before = on->ring->statistics.completions;
    if (name_socket >= 0)
        serve_names();
    loop_turn(on, longest == 0 ? 0 : ring_now(on->ring) + longest);
    return on->ring->statistics.completions != before;
}

static enum error new_pool(struct pool **pool) {
    return pool_new(1, pool);
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void *connect_peer(uint16_t port, bool small) {
    struct sockaddr_in address = loopback(port);
    int connecting = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), size = 4096;
    TORTURE_CHECK(connecting >= 0);
    if (small)
        setsockopt(connecting, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (connect(connecting, (struct sockaddr *)&address, sizeof address) != 0)
        TORTURE_CHECK(errno == EINPROGRESS);
    return handle_of(connecting);
}

static int bind_somewhere(int type, uint16_t *port) {
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof address;
    int bound = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    TORTURE_CHECK(bind(bound, (struct sockaddr *)&address, size) == 0);
    TORTURE_CHECK(getsockname(bound, (struct sockaddr *)&address, &size) == 0);
    *port = ntohs(address.sin_port);
    return bound;
}

static void *listen_peer(uint16_t *port) {
    int listener = bind_somewhere(SOCK_STREAM, port);
    TORTURE_CHECK(listen(listener, 16) == 0);
    return handle_of(listener);
}

static void *accept_peer(void *listener) {
    int accepted = accept4(socket_of(listener), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    return accepted < 0 ? NULL : handle_of(accepted);
}

static ssize_t or_why_not(ssize_t result) {
    if (result >= 0)
        return result;
    return errno == EAGAIN || errno == ENOTCONN ? PEER_NOT_NOW : PEER_FAILED;
}

static ssize_t receive(void *handle, void *data, size_t size) {
    return or_why_not(recv(socket_of(handle), data, size, 0));
}

static ssize_t send_some(void *handle, const void *data, size_t size) {
    return or_why_not(send(socket_of(handle), data, size, MSG_NOSIGNAL));
}

static void end_sending(void *handle) {
    shutdown(socket_of(handle), SHUT_WR);
}

static void end(void *handle) {
    const struct linger now = {.l_onoff = 1};
    setsockopt(socket_of(handle), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(socket_of(handle));
}

static const char *open_names(void) {
    static char servers[32];
    uint16_t port;
    name_socket = bind_somewhere(SOCK_DGRAM, &port);
    snprintf(servers, sizeof servers, "127.0.0.1:%u", port);
    return servers;
}

static void close_names(void) {
    close(name_socket);
    name_socket = -1;
}

const struct machine real_machine = {
    .name = "real",
    .open = open_ring,
    .close = ring_free,
    .turn = turn,
    .now = clock_monotonic,
    .open_descriptors = limits_open_descriptors,
    .new_pool = new_pool,
    .connect = connect_peer,
    .listen = listen_peer,
    .accept = accept_peer,
    .receive = receive,
    .send = send_some,
    .shutdown = end_sending,
    .end = end,
    .end_listener = end,
    .open_names = open_names,
    .close_names = close_names,
};

const struct machine small_machine = {
    .name = "small",
    .open = open_small_ring,
    .close = close_small_ring,
    .turn = turn,
    .now = clock_monotonic,
    .open_descriptors = limits_open_descriptors,
    .new_pool = new_pool,
    .connect = connect_peer,
    .listen = listen_peer,
    .accept = accept_peer,
    .receive = receive,
    .send = send_some,
    .shutdown = end_sending,
    .end = end,
    .end_listener = end,
    .open_names = open_names,
    .close_names = close_names,
};
