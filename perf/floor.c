/*
 * The floor under a delivery: a bare io_uring loop that sends the same bytes to many connections
 * and does nothing else. What it costs is the kernel's TCP; what a hub costs above it is the hub's.
 *
 * One process reads (a child, epoll), one sends. A message is one send to each connection, all
 * submitted at once; the next begins when the child has everything. Prints one JSON line.
 *
 *     floor READERS SIZE MESSAGES
 */
#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENTRIES = 4096, CPU_SENDER = 0, CPU_READER = 1 };

static void fail(const char *what) {
    perror(what);
    exit(EXIT_FAILURE);
}

static void pin(int processor) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    sched_setaffinity(0, sizeof set, &set); /* with one processor both share it */
}

static void raise_descriptors(void) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* ---- the reader ------------------------------------------------------------------------------ */

static int connect_one(const struct sockaddr_in *address) {
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (descriptor < 0 ||
        connect(descriptor, (const struct sockaddr *)address, sizeof *address) != 0)
        fail("connect");
    return descriptor;
}

/* Reads until each message has come wholly to every connection, and tells by one byte. */
static void read_all(const struct sockaddr_in *address, int readers, size_t size, int messages,
                     int told) {
    static char buffer[1 << 20];
    int epoll = epoll_create1(0);
    pin(CPU_READER);
    for (int i = 0; i < readers; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = connect_one(address)};
        epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
    }
    for (int message = 0; message < messages; message++) {
        size_t left = size * (size_t)readers;
        while (left > 0) {
            struct epoll_event events[256];
            int count = epoll_wait(epoll, events, 256, -1);
            for (int i = 0; i < count; i++) {
                ssize_t got = read(events[i].data.fd, buffer, sizeof buffer);
                left -= got > 0 ? (size_t)got : 0;
            }
        }
        if (write(told, "", 1) != 1)
            fail("write");
    }
}

/* ---- the sender ------------------------------------------------------------------------------ */

/* Sends one message to all; short sends go on where they ended. */
static void send_to_all(struct io_uring *ring, const int *descriptors, size_t *sent, int readers,
                        const char *data, size_t size) {
    int outstanding = 0, next = 0;
    memset(sent, 0, (size_t)readers * sizeof *sent);
    while (next < readers || outstanding > 0) {
        struct io_uring_sqe *entry;
        while (next < readers && (entry = io_uring_get_sqe(ring)) != NULL) {
            io_uring_prep_send(entry, descriptors[next], data, size, MSG_NOSIGNAL);
            io_uring_sqe_set_data64(entry, (unsigned long long)next++);
            outstanding++;
        }
        if (io_uring_submit_and_wait(ring, 1) < 0)
            fail("io_uring_submit_and_wait");
        struct io_uring_cqe *completion;
        while (io_uring_peek_cqe(ring, &completion) == 0) {
            size_t reader = (size_t)io_uring_cqe_get_data64(completion);
            if (completion->res <= 0)
                fail("send");
            sent[reader] += (size_t)completion->res;
            io_uring_cqe_seen(ring, completion);
            outstanding--;
            if (sent[reader] == size)
                continue;
            entry = io_uring_get_sqe(ring);
            if (entry == NULL)
                fail("io_uring_get_sqe");
            io_uring_prep_send(entry, descriptors[reader], data + sent[reader], size - sent[reader],
                               MSG_NOSIGNAL);
            io_uring_sqe_set_data64(entry, reader);
            outstanding++;
        }
    }
}

static double cpu_microseconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int listen_on_loopback(struct sockaddr_in *address) {
    const int on = 1;
    socklen_t size = sizeof *address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (listener < 0 || bind(listener, (const struct sockaddr *)address, sizeof *address) != 0 ||
        listen(listener, 4096) != 0)
        fail("listen");
    getsockname(listener, (struct sockaddr *)address, &size);
    return listener;
}

static void measure(int listener, int told, int readers, size_t size, int messages) {
    int *descriptors = malloc((size_t)readers * sizeof *descriptors);
    size_t *sent = malloc((size_t)readers * sizeof *sent);
    char *data = calloc(1, size), byte;
    struct io_uring ring;
    struct io_uring_params parameters = {.flags = IORING_SETUP_SINGLE_ISSUER |
                                                  IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                         .cq_entries = ENTRIES * 4};
    if (descriptors == NULL || sent == NULL || data == NULL ||
        io_uring_queue_init_params(ENTRIES, &ring, &parameters) < 0)
        fail("set-up");
    for (int i = 0; i < readers; i++)
        descriptors[i] = accept(listener, NULL, NULL);
    double before = cpu_microseconds();
    for (int message = 0; message < messages; message++) {
        send_to_all(&ring, descriptors, sent, readers, data, size);
        if (read(told, &byte, 1) != 1)
            fail("the reader is gone");
    }
    printf("{\"readers\": %d, \"size\": %zu, \"messages\": %d, \"cpu_us_per_delivery\": %.3f}\n",
           readers, size, messages, (cpu_microseconds() - before) / readers / messages);
    io_uring_queue_exit(&ring);
    free(data);
    free(sent);
    free(descriptors);
}

int main(int count, char **arguments) {
    if (count != 4) {
        fprintf(stderr, "usage: floor READERS SIZE MESSAGES\n");
        return 2;
    }
    int readers = atoi(arguments[1]), messages = atoi(arguments[3]),
        told[2];                              // NOLINT(cert-err34-c)
    size_t size = (size_t)atol(arguments[2]); // NOLINT(cert-err34-c)
    struct sockaddr_in address;
    raise_descriptors();
    int listener = listen_on_loopback(&address);
    if (readers <= 0 || size == 0 || messages <= 0 || pipe(told) != 0)
        fail("arguments");
    pid_t child = fork();
    if (child == 0) {
        read_all(&address, readers, size, messages, told[1]);
        _exit(EXIT_SUCCESS);
    }
    pin(CPU_SENDER);
    measure(listener, told[0], readers, size, messages);
    waitpid(child, NULL, 0);
    return EXIT_SUCCESS;
}
