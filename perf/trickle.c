/*
 * A server that says as little as it can: one thread, epoll. To each connection it sends one byte
 * every 100 ms for ever, in one of these ways (--way):
 *
 *   body       to a request: a head at once, and the body so
 *   head       to a request: the head so
 *   handshake  from the start: a TLS record so
 *   stop       to a request: a head at once, ten bytes of the body so, and then nothing
 *   mute       nothing at all
 *
 * Prints one line of JSON with its port when it listens. At SIGTERM or SIGINT it prints another:
 * of each connection that the other side ended, the milliseconds since it was accepted, and since
 * the last byte was sent.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 65536, EVENTS_MAX = 256, EVERY_MS = 100, STOP_AFTER = 10 };

enum way { WAY_BODY, WAY_HEAD, WAY_HANDSHAKE, WAY_STOP, WAY_MUTE, WAYS };

static const char *const way_names[WAYS] = {"body", "head", "handshake", "stop", "mute"};

/* By descriptor. */
struct connection {
    bool open;
    bool asked;
    size_t sent; /* bytes, one at a time */
    double accepted_ms;
    double spoken_ms;
};

struct server {
    enum way way;
    int epoll, listener, timer;
    struct connection connections[CONNECTIONS_MAX];
    size_t ended;
    double lives_ms[CONNECTIONS_MAX];
    double silences_ms[CONNECTIONS_MAX];
};

static struct server server;
static volatile sig_atomic_t stopped;

static double now_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

/* ---- what is said ---------------------------------------------------------------------------- */

/* The byte that comes next. */
static char next_byte(const struct connection *connection) {
    static const char head[] = "HTTP/1.1 200 OK\r\nX-Endless: ";
    static const char record[] = "\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"; /* a long ServerHello */
    size_t at = connection->sent;
    if (server.way == WAY_HEAD)
        return at < sizeof head - 1 ? head[at] : 'x';
    if (server.way == WAY_HANDSHAKE)
        return at < sizeof record - 1 ? record[at] : '\0';
    return 'x';
}

static bool has_more(const struct connection *connection) {
    bool speaks = connection->asked || server.way == WAY_HANDSHAKE;
    return connection->open && speaks && server.way != WAY_MUTE &&
           (server.way != WAY_STOP || connection->sent < STOP_AFTER);
}

static void send_text(int descriptor, const char *text, size_t size) {
    struct connection *connection = &server.connections[descriptor];
    if (send(descriptor, text, size, MSG_NOSIGNAL) == (ssize_t)size)
        connection->spoken_ms = now_ms();
}

static void send_bytes(void) {
    uint64_t times;
    if (read(server.timer, &times, sizeof times) != sizeof times)
        return;
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        struct connection *connection = &server.connections[i];
        if (!has_more(connection))
            continue;
        char byte = next_byte(connection);
        send_text(i, &byte, 1);
        connection->sent++;
    }
}

/* ---- connections ----------------------------------------------------------------------------- */

static void accept_connections(void) {
    int on = 1, descriptor;
    while ((descriptor = accept4(server.listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = descriptor};
        double now = now_ms();
        if (descriptor >= CONNECTIONS_MAX ||
            epoll_ctl(server.epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
            close(descriptor);
            continue;
        }
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        server.connections[descriptor] =
            (struct connection){.open = true, .accepted_ms = now, .spoken_ms = now};
    }
}

static void end(int descriptor) {
    struct connection *connection = &server.connections[descriptor];
    double now = now_ms();
    close(descriptor);
    connection->open = false;
    if (server.ended == CONNECTIONS_MAX)
        return;
    server.lives_ms[server.ended] = now - connection->accepted_ms;
    server.silences_ms[server.ended++] = now - connection->spoken_ms;
}

static void hear(int descriptor) {
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n";
    struct connection *connection = &server.connections[descriptor];
    char data[16384];
    ssize_t size = recv(descriptor, data, sizeof data, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) {
        end(descriptor);
        return;
    }
    if (size <= 0 || connection->asked || memmem(data, (size_t)size, "\r\n\r\n", 4) == NULL)
        return;
    connection->asked = true;
    if (server.way == WAY_BODY || server.way == WAY_STOP)
        send_text(descriptor, head, sizeof head - 1);
}

static void serve(void) {
    struct epoll_event events[EVENTS_MAX];
    while (!stopped) {
        int count = epoll_wait(server.epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == server.listener)
                accept_connections();
            else if (events[i].data.fd == server.timer)
                send_bytes();
            else
                hear(events[i].data.fd);
        }
    }
}

/* ---- start and end --------------------------------------------------------------------------- */

static bool watch(int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    return descriptor >= 0 && epoll_ctl(server.epoll, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

static bool start(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct itimerspec every = {{0, EVERY_MS * 1000000L}, {0, EVERY_MS * 1000000L}};
    socklen_t size = sizeof address;
    server.epoll = epoll_create1(EPOLL_CLOEXEC);
    server.listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    server.timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (server.listener < 0 ||
        bind(server.listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server.listener, SOMAXCONN) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&address, &size) != 0 ||
        !watch(server.listener) || !watch(server.timer) ||
        timerfd_settime(server.timer, 0, &every, NULL) != 0)
        return false;
    printf("{\"port\": %u}\n", ntohs(address.sin_port));
    fflush(stdout);
    return true;
}

static void print(const char *name, const double *figures, const char *end) {
    printf("\"%s\": [", name);
    for (size_t i = 0; i < server.ended; i++)
        printf("%s%.3f", i > 0 ? ", " : "", figures[i]);
    printf("]%s", end);
}

static void stop(int number) {
    (void)number;
    stopped = 1;
}

static bool read_arguments(int count, char **texts) {
    if (count != 3 || strcmp(texts[1], "--way") != 0)
        return false;
    for (int i = 0; i < WAYS; i++) {
        if (strcmp(texts[2], way_names[i]) == 0) {
            server.way = (enum way)i;
            return true;
        }
    }
    return false;
}

int main(int count, char **texts) {
    /* No SA_RESTART, so that a signal ends epoll_wait(). */
    struct sigaction action = {.sa_handler = stop};
    if (!read_arguments(count, texts)) {
        fputs("usage: trickle --way body|head|handshake|stop|mute\n", stderr);
        return 2;
    }
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!start()) {
        perror("trickle");
        return 1;
    }
    serve();
    printf("{");
    print("lives_ms", server.lives_ms, ", ");
    print("silences_ms", server.silences_ms, "}\n");
    return 0;
}
