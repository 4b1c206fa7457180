/*
 * A whole hub on threads of its own, as many workers as a test wants, and plain blocking WebSocket
 * clients on the test's thread, which know nothing of the code under test.
 *
 * hub_begin(workers, ...) .. hub_end(): the hub drains, its loops end idle, no block and no
 * descriptor is left.
 */
#ifndef RINGCAST_TEST_HUB_THREADS_H
#define RINGCAST_TEST_HUB_THREADS_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/memory.h"
#include "hub/hub.h"
#include "worker.h"

enum { HUB_WORKERS_MAX = 4, PATIENCE_SECONDS = 20 };

struct test_worker {
    pthread_t thread;
    struct ring *ring;
    struct loop loop;
    sem_t running;
};

static struct test_worker test_workers[HUB_WORKERS_MAX];
static unsigned test_worker_count;
static struct hub *hub;
static uint16_t hub_port;
static size_t blocks_before, descriptors_before;

/* ---- settings of the tests ------------------------------------------------------------------- */

static struct channel_settings test_channel = {0};
static struct hub_options test_options = {0};
static struct endpoint hub_endpoint;

static inline struct channel_settings channel_settings_of(void *context, struct bytes name) {
    (void)context;
    struct channel_settings settings = test_channel;
    settings.prefix = bytes_equal(name, bytes_of("chat"));
    if (name.data[0] == '~')
        settings.publish = ACCESS_SERVICE;
    return settings;
}

static inline void default_settings(void) {
    test_channel = (struct channel_settings){
        .retain_bytes = 16 * 1024 * 1024, .retain_messages = 100000, .retain_age = 3600 * SECOND};
    test_options = (struct hub_options){
        .max_message = 1024 * 1024,
        .handshake_timeout = 10 * SECOND,
        .ping_interval = 0,
        .ping_timeout = 20 * SECOND,
        .close_timeout = 10 * SECOND,
        .max_subscriptions = 100,
        .max_channels = 1000,
        .channel_settings = channel_settings_of,
    };
}

/* ---- calls on a worker's thread -------------------------------------------------------------- */

struct test_call {
    struct letter letter;
    void (*run)(unsigned worker, void *context);
    unsigned worker;
    void *context;
    sem_t done;
};

static inline void deliver_call(struct letter *letter) {
    struct test_call *call = container_of(letter, struct test_call, letter);
    call->run(call->worker, call->context);
    sem_post(&call->done);
}

static const struct letter_handler call_handler = {"test_call", deliver_call};

static inline void wait_on(sem_t *semaphore) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    while (sem_timedwait(semaphore, &until) != 0)
        assert_int_equal(errno, EINTR);
}

static inline void call_on(unsigned worker, void (*run)(unsigned worker, void *context),
                           void *context) {
    struct test_call call = {
        .letter.handler = &call_handler, .run = run, .worker = worker, .context = context};
    sem_init(&call.done, 0, 0);
    loop_send(&test_workers[worker].loop, &call.letter);
    wait_on(&call.done);
    sem_destroy(&call.done);
}

/* ---- threads --------------------------------------------------------------------------------- */

static inline void *run_worker(void *argument) {
    struct test_worker *worker = argument;
    struct ring_refusal refusal;
    const struct ring_options options = {.entries = 256, .buffer_count = 64, .buffer_size = 4096};
    if (ring_open(&options, &worker->ring, &refusal) != ERROR_NONE)
        abort();
    loop_init(&worker->loop, worker->ring);
    sem_post(&worker->running);
    loop_run(&worker->loop);
    loop_turn(&worker->loop, 0);
    return NULL;
}

static inline void start_on(unsigned worker, void *context) {
    (void)context;
    hub_start(hub, worker);
}

static inline void listen_on(unsigned worker, void *context) {
    static const uint8_t host[4] = {127, 0, 0, 1};
    struct address address = address_v4(host, hub_port);
    if (hub_port == 0)
        hub_endpoint = endpoint_of(&address);
    *(enum error *)context = hub_listen(hub, worker, &hub_endpoint, 1, NULL);
    hub_port = endpoint_port(&hub_endpoint);
}

static inline void hub_begin(unsigned workers) {
    struct loop *loops[HUB_WORKERS_MAX];
    log_configure(LOG_ERROR, LOG_FORMAT_TEXT);
    blocks_before = memory_live_blocks();
    descriptors_before = limits_open_descriptors();
    test_worker_count = workers;
    hub_port = 0;
    for (unsigned i = 0; i < workers; i++) {
        sem_init(&test_workers[i].running, 0, 0);
        assert_int_equal(
            pthread_create(&test_workers[i].thread, NULL, run_worker, &test_workers[i]), 0);
        wait_on(&test_workers[i].running);
        loops[i] = &test_workers[i].loop;
    }
    assert_int_equal(hub_new(&test_options, loops, workers, &hub), ERROR_NONE);
    for (unsigned i = 0; i < workers; i++)
        call_on(i, start_on, NULL);
}

/* All workers listen on one port, or only some of them, so that a test chooses who gets a client.
 */
static inline void hub_listen_on(unsigned worker) {
    enum error error;
    hub_port = 0;
    call_on(worker, listen_on, &error);
    assert_int_equal(error, ERROR_NONE);
}

static inline void stop_on(unsigned worker, void *context) {
    (void)context;
    loop_stop(&test_workers[worker].loop);
}

struct hub_ending {
    uint64_t drain, timeout;
    sem_t closed;
};

static inline void ending_closed(void *context) {
    sem_post(&((struct hub_ending *)context)->closed);
}

static inline void close_on(unsigned worker, void *context) {
    struct hub_ending *ending = context;
    (void)worker;
    hub_close(hub, ending->drain, ending->timeout, ending_closed, ending);
}

static inline void hub_begin_close(struct hub_ending *ending, uint64_t drain, uint64_t timeout) {
    ending->drain = drain;
    ending->timeout = timeout;
    sem_init(&ending->closed, 0, 0);
    call_on(0, close_on, ending);
}

/* What is left when the hub has closed: threads and rings. */
static inline void hub_finish(struct hub_ending *ending) {
    wait_on(&ending->closed);
    sem_destroy(&ending->closed);
    for (unsigned i = 0; i < test_worker_count; i++)
        call_on(i, stop_on, NULL);
    for (unsigned i = 0; i < test_worker_count; i++)
        pthread_join(test_workers[i].thread, NULL);
    for (unsigned i = 0; i < test_worker_count; i++) {
        assert_int_equal(counter_read(&hub_statistics(hub, i)->clients), 0);
        assert_int_equal(counter_read(&hub_statistics(hub, i)->channels), 0);
        assert_int_equal(counter_read(&hub_statistics(hub, i)->homes), 0);
        assert_int_equal(counter_read(&hub_statistics(hub, i)->log_bytes), 0);
        assert_int_equal(counter_read(&hub_server_statistics(hub, i)->open), 0);
        loop_fini(&test_workers[i].loop);
        ring_free(test_workers[i].ring);
        sem_destroy(&test_workers[i].running);
    }
    hub_free(hub);
    assert_int_equal(memory_live_blocks(), blocks_before);
    assert_int_equal(limits_open_descriptors(), descriptors_before);
}

/* The test has closed its clients. */
static inline void hub_end(void) {
    struct hub_ending ending;
    hub_begin_close(&ending, 0, 10 * SECOND);
    hub_finish(&ending);
}

/* Sum of a statistic over the workers. */
#define hub_count(field)                                           \
    ({                                                             \
        uint64_t sum_ = 0;                                         \
        for (unsigned i_ = 0; i_ < test_worker_count; i_++)        \
            sum_ += counter_read(&hub_statistics(hub, i_)->field); \
        sum_;                                                      \
    })

#define wait_until(condition)                \
    do {                                     \
        int left_ = PATIENCE_SECONDS * 1000; \
        while (!(condition) && left_-- > 0)  \
            usleep(1000);                    \
        assert_true(condition);              \
    } while (0)

/* A valid channel name whose home is on `worker`. */
static inline const char *name_at(unsigned worker, const char *prefix) {
    static char names[8][64];
    static unsigned next;
    char *name = names[next++ % 8];
    for (unsigned i = 0;; i++) {
        snprintf(name, sizeof names[0], "%s%u", prefix, i);
        if (hub_home_worker(hub, bytes_of(name))->index == worker)
            return name;
    }
}

struct service_message {
    const char *channel;
    struct bytes payload;
    unsigned times;
    enum error error;
};

static inline void publish_on(unsigned worker, void *context) {
    struct service_message *message = context;
    for (unsigned i = 0; i < message->times; i++)
        message->error = hub_publish(hub, worker, bytes_of(message->channel), message->payload);
}

/* Publishes in the service's name, from a worker's thread. */
static inline enum error publish_from(unsigned worker, const char *channel, struct bytes payload,
                                      unsigned times) {
    struct service_message message = {channel, payload, times, ERROR_NONE};
    call_on(worker, publish_on, &message);
    return message.error;
}

/* ---- clients: no code under test, no ringcast memory ----------------------------------------- */

static inline int connect_with_buffer(int receive_buffer) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(hub_port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    assert_true(client >= 0);
    if (receive_buffer > 0)
        setsockopt(client, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

static inline void send_bytes(int client, const void *data, size_t size) {
    assert_int_equal(send(client, data, size, MSG_NOSIGNAL), (ssize_t)size);
}

static inline void send_handshake(int client, const char *path) {
    char request[512];
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                        path);
    send_bytes(client, request, (size_t)size);
}

/* Reads a head to its empty line, and not a byte more. Returns the status; 0 at the end. */
static inline int read_head(int client) {
    char head[2048];
    size_t size = 0;
    while (size < sizeof head - 1) {
        if (recv(client, head + size, 1, 0) <= 0)
            return 0;
        head[++size] = '\0';
        if (size >= 4 && memcmp(head + size - 4, "\r\n\r\n", 4) == 0)
            break;
    }
    return atoi(head + sizeof "HTTP/1.1");
}

static inline int join_path_with_buffer(const char *path, int receive_buffer) {
    int client = connect_with_buffer(receive_buffer);
    send_handshake(client, path);
    assert_int_equal(read_head(client), 101);
    return client;
}

static inline int join(const char *channel) {
    char path[128];
    snprintf(path, sizeof path, "/channels/%s", channel);
    return join_path_with_buffer(path, 0);
}

/* Writes a masked frame into `out`; returns its size. At most 64 KiB of payload. */
static inline size_t make_frame(uint8_t *out, uint8_t first, const void *payload, size_t size) {
    static const uint8_t mask[4] = {1, 2, 3, 4};
    size_t at = 0;
    out[at++] = first;
    if (size < 126) {
        out[at++] = (uint8_t)(0x80 | size);
    } else {
        out[at++] = 0x80 | 126;
        out[at++] = (uint8_t)(size >> 8);
        out[at++] = (uint8_t)size;
    }
    memcpy(out + at, mask, sizeof mask);
    at += sizeof mask;
    for (size_t i = 0; i < size; i++)
        out[at + i] = ((const uint8_t *)payload)[i] ^ mask[i % 4];
    return at + size;
}

static inline void send_frame(int client, uint8_t first, const void *payload, size_t size) {
    static uint8_t frame[64 * 1024 + 16];
    send_bytes(client, frame, make_frame(frame, first, payload, size));
}

static inline void send_text(int client, const char *text) {
    send_frame(client, 0x81, text, strlen(text));
}

/* False at the end of the stream, or at a reset. */
static inline bool read_exactly(int client, void *data, size_t size) {
    for (size_t got = 0; got < size;) {
        ssize_t now = recv(client, (char *)data + got, size - got, 0);
        if (now <= 0) {
            assert_true(now == 0 || errno == ECONNRESET);
            return false;
        }
        got += (size_t)now;
    }
    return true;
}

struct received {
    uint8_t first; /* 0: the stream has ended */
    size_t size;
    uint8_t payload[2 * 1024 * 1024];
};

static struct received received;

/* Reads one unmasked frame into `received`. False at the end. */
static inline bool read_frame(int client) {
    uint8_t head[2], longer[8];
    received.first = 0;
    received.size = 0;
    if (!read_exactly(client, head, 2))
        return false;
    assert_int_equal(head[1] & 0x80, 0);
    size_t size = head[1];
    size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (!read_exactly(client, longer, more))
        return false;
    for (size_t i = 0; i < more; i++)
        size = (i == 0 ? 0 : size << 8) | longer[i];
    assert_true(size <= sizeof received.payload);
    if (!read_exactly(client, received.payload, size))
        return false;
    received.first = head[0];
    received.size = size;
    return true;
}

static inline void expect_text(int client, const char *text) {
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x81);
    assert_int_equal(received.size, strlen(text));
    assert_memory_equal(received.payload, text, received.size);
}

/* A close frame with this code comes next, then, if we answer, the end. */
static inline void expect_close(int client, unsigned code) {
    assert_true(read_frame(client));
    assert_int_equal(received.first, 0x88);
    assert_true(received.size >= 2);
    assert_int_equal(received.payload[0] << 8 | received.payload[1], code);
    send_frame(client, 0x88, received.payload, 2);
    assert_false(read_frame(client));
    close(client);
}

/* Leaves in order. */
static inline void leave(int client) {
    send_frame(client, 0x88, "\x03\xE8", 2);
    while (read_frame(client) && received.first != 0x88)
        ;
    assert_int_equal(received.first, 0x88);
    assert_false(read_frame(client));
    close(client);
}

#endif
