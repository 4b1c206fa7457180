/*
 * An HTTP origin that fails on purpose: one thread, epoll, persistent connections, pipelining.
 *
 * Every path answers a page of --size bytes, whose title carries the number N of the query's "n=N".
 * With --fail PERCENT, the requests with N % 100 < PERCENT fail, in the way number (N / 100) % 6 of
 * `failures` below, every time they are asked for: so whoever asks knows what must come out.
 * Prints one line of JSON with its port when it listens; ends at SIGTERM or SIGINT.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
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
#include <unistd.h>

#include "base/list.h"

enum {
    REQUEST_SIZE_MAX = 8192,
    HEADER_ROOM = 256,
    EVENTS_MAX = 256,
    NUMBER_DIGITS = 10,
    PAGE_SIZE_MIN = 256,
};

static const char page_start[] = "<!doctype html>\n<html>\n<head><meta charset=\"utf-8\">"
                                 "<title>Page 0000000000</title></head>\n<body>\n";
static const char page_end[] = "\n</body>\n</html>\n";

struct origin {
    int epoll;
    int listener;
    struct list_node connections;
    uint64_t fail_percent;
    char *page;
    size_t page_size;
    char *number; /* where the number stands in the page */
};

struct connection {
    struct list_node node; /* of the origin's connections */
    int descriptor;
    bool awaits_room;
    bool ends; /* close when everything is sent */
    char request[REQUEST_SIZE_MAX];
    size_t request_size;
    char *output;
    size_t output_size;
    size_t output_capacity;
};

static volatile sig_atomic_t stopped;

/* ---- answers --------------------------------------------------------------------------------- */

static bool append(struct connection *connection, const char *data, size_t size) {
    if (connection->output_capacity - connection->output_size < size) {
        size_t capacity = (connection->output_size + size) * 2;
        char *output = realloc(connection->output, capacity);
        if (output == NULL)
            return false;
        connection->output = output;
        connection->output_capacity = capacity;
    }
    memcpy(connection->output + connection->output_size, data, size);
    connection->output_size += size;
    return true;
}

static bool append_header(struct connection *connection, const char *status, const char *framing) {
    char header[HEADER_ROOM];
    int size = snprintf(header, sizeof header,
                        "HTTP/1.1 %s\r\nServer: origin\r\n"
                        "Content-Type: text/html; charset=utf-8\r\n%s\r\n\r\n",
                        status, framing);
    return append(connection, header, (size_t)size);
}

/* An answer that announces the whole page, and has the first `size` bytes of it. */
static bool answer(const struct origin *origin, struct connection *connection, const char *status,
                   size_t size) {
    char framing[64];
    snprintf(framing, sizeof framing, "Content-Length: %zu", origin->page_size);
    return append_header(connection, status, framing) && append(connection, origin->page, size);
}

/* Status 500, and a body that is complete. */
static bool fail_with_status(struct origin *origin, struct connection *connection) {
    return answer(origin, connection, "500 Internal Server Error", origin->page_size);
}

/* A TCP reset instead of an answer. */
static bool fail_with_reset(struct origin *origin, struct connection *connection) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    (void)origin;
    setsockopt(connection->descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    return false;
}

/* Half of the announced body, then the end of the connection. */
static bool fail_with_half_a_body(struct origin *origin, struct connection *connection) {
    connection->ends = true;
    return answer(origin, connection, "200 OK", origin->page_size / 2);
}

/* A chunked body without its last chunk, then the end of the connection. */
static bool fail_with_open_chunks(struct origin *origin, struct connection *connection) {
    char chunk_start[32];
    int size = snprintf(chunk_start, sizeof chunk_start, "%zx\r\n", origin->page_size);
    connection->ends = true;
    return append_header(connection, "200 OK", "Transfer-Encoding: chunked") &&
           append(connection, chunk_start, (size_t)size) &&
           append(connection, origin->page, origin->page_size) && append(connection, "\r\n", 2);
}

/* Bytes that are no HTTP at all. */
static bool fail_with_garbage(struct origin *origin, struct connection *connection) {
    static const char garbage[] = "\x16\x03\x01 this is not HTTP\r\n\x00\xff\xfe\r\n\r\n";
    (void)origin;
    connection->ends = true;
    return append(connection, garbage, sizeof garbage - 1);
}

/* The end of the connection instead of an answer. */
static bool fail_with_silence(struct origin *origin, struct connection *connection) {
    (void)origin;
    connection->ends = true;
    return true;
}

static bool (*const failures[])(struct origin *, struct connection *) = {
    fail_with_status,      fail_with_reset,   fail_with_half_a_body,
    fail_with_open_chunks, fail_with_garbage, fail_with_silence,
};

/* ---- requests -------------------------------------------------------------------------------- */

/* The N of "n=N" in the request's target, 0 without one. */
static uint64_t number_of(const char *request, const char *end) {
    const char *line_end = memchr(request, '\r', (size_t)(end - request));
    const char *query =
        line_end != NULL ? memmem(request, (size_t)(line_end - request), "n=", 2) : NULL;
    return query != NULL ? strtoull(query + 2, NULL, 10) : 0;
}

static void write_number(struct origin *origin, uint64_t number) {
    for (int i = NUMBER_DIGITS - 1; i >= 0; i--, number /= 10)
        origin->number[i] = (char)('0' + number % 10);
}

static bool answer_request(struct origin *origin, struct connection *connection, uint64_t number) {
    write_number(origin, number);
    if (number % 100 < origin->fail_percent)
        return failures[number / 100 % (sizeof failures / sizeof *failures)](origin, connection);
    return answer(origin, connection, "200 OK", origin->page_size);
}

/* Answers every complete request of the buffer. False when the connection is to end at once. */
static bool answer_requests(struct origin *origin, struct connection *connection) {
    char *start = connection->request;
    size_t left = connection->request_size;
    while (!connection->ends) {
        char *end = memmem(start, left, "\r\n\r\n", 4);
        if (end == NULL)
            break;
        end += 4;
        if (!answer_request(origin, connection, number_of(start, end)))
            return false;
        left -= (size_t)(end - start);
        start = end;
    }
    memmove(connection->request, start, left);
    connection->request_size = left;
    return left < sizeof connection->request;
}

/* ---- connections ----------------------------------------------------------------------------- */

static bool send_output(struct connection *connection) {
    ssize_t sent =
        send(connection->descriptor, connection->output, connection->output_size, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->output_size -= (size_t)sent;
    memmove(connection->output, connection->output + sent, connection->output_size);
    return true;
}

static void await_room(const struct origin *origin, struct connection *connection, bool awaits) {
    if (connection->awaits_room == awaits)
        return;
    connection->awaits_room = awaits;
    struct epoll_event event = {.events = awaits ? EPOLLOUT : EPOLLIN, .data.ptr = connection};
    epoll_ctl(origin->epoll, EPOLL_CTL_MOD, connection->descriptor, &event);
}

static bool receive_requests(struct origin *origin, struct connection *connection) {
    size_t known = connection->request_size;
    ssize_t size = recv(connection->descriptor, connection->request + known,
                        sizeof connection->request - known, 0);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    connection->request_size += (size_t)size;
    return size > 0 && answer_requests(origin, connection);
}

/* False when the connection is to be closed. */
static bool progress(struct origin *origin, struct connection *connection) {
    if (!connection->awaits_room && !receive_requests(origin, connection))
        return false;
    if (connection->output_size > 0 && !send_output(connection))
        return false;
    await_room(origin, connection, connection->output_size > 0);
    return connection->output_size > 0 || !connection->ends;
}

static void close_connection(struct connection *connection) {
    list_remove(&connection->node);
    close(connection->descriptor);
    free(connection->output);
    free(connection);
}

static void accept_connections(struct origin *origin) {
    int on = 1;
    for (;;) {
        int descriptor = accept4(origin->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0)
            return;
        struct connection *connection = calloc(1, sizeof *connection);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (connection == NULL ||
            epoll_ctl(origin->epoll, EPOLL_CTL_ADD, descriptor, &event) != 0) {
            close(descriptor);
            free(connection);
            continue;
        }
        connection->descriptor = descriptor;
        list_append(&origin->connections, &connection->node);
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
}

static void serve(struct origin *origin) {
    struct epoll_event events[EVENTS_MAX];
    while (!stopped) {
        int count = epoll_wait(origin->epoll, events, EVENTS_MAX, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr == NULL)
                accept_connections(origin);
            else if (!progress(origin, events[i].data.ptr))
                close_connection(events[i].data.ptr);
        }
    }
}

/* ---- start ----------------------------------------------------------------------------------- */

static bool make_page(struct origin *origin) {
    size_t start_size = sizeof page_start - 1;
    size_t end_size = sizeof page_end - 1;
    origin->page = malloc(origin->page_size + 1);
    if (origin->page == NULL)
        return false;
    for (size_t i = 0; i < origin->page_size; i++)
        origin->page[i] = i % 64 == 63 ? '\n' : (char)('a' + i % 26);
    memcpy(origin->page, page_start, start_size);
    memcpy(origin->page + origin->page_size - end_size, page_end, end_size);
    origin->page[origin->page_size] = '\0';
    origin->number = strstr(origin->page, "0000000000");
    return origin->number != NULL;
}

static bool start_listening(struct origin *origin, uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof address;
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    origin->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    origin->epoll = epoll_create1(EPOLL_CLOEXEC);
    setsockopt(origin->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (origin->listener < 0 ||
        bind(origin->listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(origin->listener, SOMAXCONN) != 0 ||
        getsockname(origin->listener, (struct sockaddr *)&address, &size) != 0 ||
        epoll_ctl(origin->epoll, EPOLL_CTL_ADD, origin->listener, &event) != 0)
        return false;
    printf("{\"port\": %u}\n", ntohs(address.sin_port));
    fflush(stdout);
    return true;
}

static void stop(int number) {
    (void)number;
    stopped = 1;
}

/* Reads the options; false when one is wrong. */
static bool read_arguments(int count, char **texts, struct origin *origin, uint16_t *port) {
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"size", required_argument, NULL, 's'},
                                            {"fail", required_argument, NULL, 'f'},
                                            {NULL, 0, NULL, 0}};
    for (int letter = getopt_long(count, texts, "", options, NULL); letter != -1;
         letter = getopt_long(count, texts, "", options, NULL)) {
        unsigned long number = letter == '?' ? 0 : strtoul(optarg, NULL, 10);
        if (letter == 'p' && number <= UINT16_MAX)
            *port = (uint16_t)number;
        else if (letter == 's' && number >= PAGE_SIZE_MIN && number <= 1UL << 30)
            origin->page_size = number;
        else if (letter == 'f' && number <= 100)
            origin->fail_percent = number;
        else
            return false;
    }
    return optind == count;
}

int main(int count, char **texts) {
    struct origin origin = {.page_size = 1023};
    uint16_t port = 0;
    if (!read_arguments(count, texts, &origin, &port)) {
        fputs("usage: origin [--port PORT] [--size BYTES] [--fail PERCENT]\n", stderr);
        return 2;
    }
    /* No SA_RESTART, so that a signal ends epoll_wait(). */
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    if (!make_page(&origin) || !start_listening(&origin, port)) {
        perror("origin");
        return 1;
    }
    list_init(&origin.connections);
    serve(&origin);
    list_for_each_safe (node, &origin.connections)
        close_connection(container_of(node, struct connection, node));
    free(origin.page);
    return 0;
}
