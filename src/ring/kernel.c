#include "kernel.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/clock.h"

static int fail_closing(int descriptor) {
    int number = errno;
    close(descriptor);
    return -number;
}

static int open_socket(struct ring *ring, int family, int type) {
    (void)ring;
    int descriptor = socket(family, type | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    const int on = 1;
    if ((type & SOCK_STREAM) != 0 && family != AF_UNIX &&
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
        return fail_closing(descriptor);
    return descriptor;
}

static int connect_now(struct ring *ring, int descriptor, const struct sockaddr *address,
                       socklen_t size) {
    (void)ring;
    return connect(descriptor, address, size) == 0 ? 0 : -errno;
}

static ssize_t receive_now(struct ring *ring, int descriptor, void *data, size_t size,
                           struct sockaddr *from, socklen_t *from_size) {
    (void)ring;
    ssize_t received = recvfrom(descriptor, data, size, MSG_DONTWAIT, from, from_size);
    return received < 0 ? -errno : received;
}

static ssize_t send_now(struct ring *ring, int descriptor, const struct iovec *parts, int count) {
    (void)ring;
    const struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t sent = sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? -errno : sent;
}

static int peer_of(struct ring *ring, int descriptor, struct sockaddr *address, socklen_t *size) {
    (void)ring;
    return getpeername(descriptor, address, size) == 0 ? 0 : -errno;
}

static int local_of(struct ring *ring, int descriptor, struct sockaddr *address, socklen_t *size) {
    (void)ring;
    return getsockname(descriptor, address, size) == 0 ? 0 : -errno;
}

const struct socket_calls kernel_sockets = {
    .open = open_socket,
    .listen = kernel_listen,
    .share = kernel_share,
    .forget = kernel_forget,
    .connect = connect_now,
    .receive = receive_now,
    .send = send_now,
    .peer = peer_of,
    .local = local_of,
};

uint64_t kernel_now(struct ring *ring) {
    (void)ring;
    return clock_monotonic();
}

uint64_t kernel_wall(struct ring *ring) {
    (void)ring;
    return clock_wall();
}

void kernel_random(struct ring *ring, void *out, size_t size) {
    (void)ring;
    /* the kernel promises up to 256 bytes at once */
    for (size_t done = 0; done < size;) {
        size_t piece = size - done < 256 ? size - done : 256;
        ssize_t drawn = getrandom((char *)out + done, piece, 0);
        assert(drawn > 0 || errno == EINTR);
        done += drawn > 0 ? (size_t)drawn : 0;
    }
}
