/*
 * In order of execution: connect everybody, let the server settle, publish the warm-up messages,
 * read the server's counters, publish the measured messages, read the counters again, report.
 *
 * A message is in flight until every participant that was connected when it was published has
 * received it, or is known never to receive it (it got a later one of the same publisher, or lost
 * its connection). So a run ends even when a hub loses messages, and says how many.
 */
#include "broadcast.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_MAX = 512, WAIT_MS = 50, SETTLE_MS = 300, STUCK_RECEIVE_BUFFER = 4096 };

/* A published message. */
struct flight {
    uint64_t published_ns;
    uint64_t latency_ns; /* until the last participant had it */
    uint32_t waiting;    /* participants that are still to receive it */
};

/* What a participant has seen: the next message of each publisher, and a digest of the order. */
struct position {
    uint32_t *next;
    uint64_t order;
};

struct broadcast {
    struct client_run run; /* first: the callback gets this address */
    const struct broadcast_options *options;
    struct message_form form;
    uint8_t *frame;
    struct client *clients; /* publishers, then readers, then stuck readers */
    struct position *positions;
    uint32_t participants; /* publishers and readers */
    uint32_t connected;    /* of these, now */
    struct flight *flights;
    uint32_t published;
    uint32_t in_flight;
    uint64_t progress_ns; /* when something was last delivered */
    /* The result. */
    uint64_t deliveries;
    uint64_t repeated; /* duplicates, or out of order */
    uint64_t echoed;   /* back to the sender */
    uint64_t damaged;
    uint32_t closed_by_server;
    bool stalled;
    uint64_t started_ns;
    uint64_t ended_ns;
    struct usage usage_before_connect;
    struct usage usage_started;
    struct usage usage_ended;
    uint64_t load_cpu_ns; /* our own */
};

/* ---- deliveries ------------------------------------------------------------------------------ */

/* Messages are numbered over all publishers, who take turns. */
static struct flight *flight_of(struct broadcast *broadcast, uint32_t publisher,
                                uint32_t sequence) {
    return &broadcast->flights[sequence * broadcast->options->publishers + publisher];
}

/* How many messages this publisher has published. */
static uint32_t published_by(const struct broadcast *broadcast, uint32_t publisher) {
    uint32_t publishers = broadcast->options->publishers;
    return (broadcast->published + publishers - 1 - publisher) / publishers;
}

static void settle_one(struct broadcast *broadcast, struct flight *flight) {
    if (--flight->waiting > 0)
        return;
    broadcast->progress_ns = usage_now_ns();
    flight->latency_ns = broadcast->progress_ns - flight->published_ns;
    broadcast->in_flight--;
}

/* Counts one received message; messages of the same publisher before it were lost. */
static void receive_message(struct client_run *run, struct client *client, bool right,
                            uint32_t publisher, uint32_t sequence) {
    struct broadcast *broadcast = (struct broadcast *)run;
    struct position *position = &broadcast->positions[client->index];
    if (!right || publisher >= broadcast->options->publishers ||
        sequence >= published_by(broadcast, publisher)) {
        broadcast->damaged++;
        return;
    }
    if (publisher == client->index) {
        broadcast->echoed++;
        return;
    }
    uint32_t *next = &position->next[publisher];
    if (sequence < *next) {
        broadcast->repeated++;
        return;
    }
    broadcast->deliveries++;
    position->order = position->order * 0x100000001b3 + (((uint64_t)publisher << 32) | sequence);
    for (; *next <= sequence; (*next)++)
        settle_one(broadcast, flight_of(broadcast, publisher, *next));
}

/* A participant is gone: nobody waits for what it has not received. */
static void lose_participant(struct broadcast *broadcast, uint32_t index) {
    broadcast->connected--;
    broadcast->closed_by_server++;
    for (uint32_t publisher = 0; publisher < broadcast->options->publishers; publisher++)
        if (publisher != index)
            for (uint32_t *next = &broadcast->positions[index].next[publisher];
                 *next < published_by(broadcast, publisher); (*next)++)
                settle_one(broadcast, flight_of(broadcast, publisher, *next));
}

/* ---- publishing ------------------------------------------------------------------------------ */

static bool publish_one(struct broadcast *broadcast) {
    uint32_t publisher = broadcast->published % broadcast->options->publishers;
    uint32_t sequence = broadcast->published / broadcast->options->publishers;
    struct client *client = &broadcast->clients[publisher];
    if (client->state != CLIENT_OPEN || broadcast->connected < 2)
        return false;
    size_t size = message_write_frame(&broadcast->form, publisher, sequence, broadcast->frame);
    struct flight *flight = flight_of(broadcast, publisher, sequence);
    flight->waiting = broadcast->connected - 1;
    broadcast->published++;
    broadcast->in_flight++;
    flight->published_ns = usage_now_ns();
    return client_send(&broadcast->run, client, broadcast->frame, size);
}

static void handle_events(struct broadcast *broadcast) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(broadcast->run.epoll, events, EVENTS_MAX, WAIT_MS);
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        if (client_progress(&broadcast->run, client, events[i].events) == CLIENT_CLOSED)
            lose_participant(broadcast, client->index);
    }
}

/* Publishes until `total` messages are published, and waits for all. False when it had to give up.
 */
static bool publish_until(struct broadcast *broadcast, uint32_t total) {
    uint64_t patience_ns = broadcast->options->patience_s * SECOND;
    broadcast->progress_ns = usage_now_ns();
    while (broadcast->published < total || broadcast->in_flight > 0) {
        while (broadcast->published < total && broadcast->in_flight < broadcast->options->in_flight)
            if (!publish_one(broadcast))
                return false;
        handle_events(broadcast);
        if (usage_now_ns() - broadcast->progress_ns > patience_ns)
            return false;
    }
    return true;
}

/* ---- connecting ------------------------------------------------------------------------------ */

static uint32_t client_count(const struct broadcast *broadcast) {
    return broadcast->participants + broadcast->options->stuck;
}

/* Who never reads has a small window, so that it fills soon whatever the message size. */
static void make_stuck(struct broadcast *broadcast, struct client *client) {
    int size = STUCK_RECEIVE_BUFFER;
    setsockopt(client->descriptor, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    client_ignore(&broadcast->run, client);
}

static bool finish_connecting(struct broadcast *broadcast, const struct epoll_event *events,
                              int count, uint32_t *opened) {
    for (int i = 0; i < count; i++) {
        struct client *client = events[i].data.ptr;
        enum client_state before = client->state;
        enum client_state state = client_progress(&broadcast->run, client, events[i].events);
        if (state == CLIENT_CLOSED)
            return false;
        if (state != CLIENT_OPEN || before == CLIENT_OPEN)
            continue;
        (*opened)++;
        if (client->index >= broadcast->participants)
            make_stuck(broadcast, client);
    }
    return true;
}

static bool connect_all(struct broadcast *broadcast) {
    uint32_t started = 0;
    uint32_t opened = 0;
    uint64_t progress_ns = usage_now_ns();
    while (opened < client_count(broadcast)) {
        struct epoll_event events[EVENTS_MAX];
        for (; started < client_count(broadcast) && started - opened < broadcast->options->batch;
             started++)
            if (!client_open(&broadcast->run, &broadcast->clients[started], started))
                return false;
        uint32_t before = opened;
        int count = epoll_wait(broadcast->run.epoll, events, EVENTS_MAX, WAIT_MS);
        if (!finish_connecting(broadcast, events, count, &opened))
            return false;
        if (opened > before)
            progress_ns = usage_now_ns();
        if (usage_now_ns() - progress_ns > broadcast->options->patience_s * SECOND)
            return false;
    }
    broadcast->connected = broadcast->participants;
    return true;
}

/* A server may have answered before it did all that a new client needs. */
static void settle(struct broadcast *broadcast) {
    uint64_t end_ns = usage_now_ns() + SETTLE_MS * MILLISECOND;
    while (usage_now_ns() < end_ns)
        handle_events(broadcast);
}

/* ---- report ---------------------------------------------------------------------------------- */

static int compare_numbers(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

/* The measured messages' latencies, sorted; the caller frees them. */
static uint64_t *sorted_latencies(const struct broadcast *broadcast, uint32_t *count) {
    uint64_t *latencies = calloc(broadcast->options->messages, sizeof *latencies);
    *count = 0;
    for (uint32_t i = broadcast->options->warmup; latencies != NULL && i < broadcast->published;
         i++)
        if (broadcast->flights[i].waiting == 0)
            latencies[(*count)++] = broadcast->flights[i].latency_ns;
    if (*count > 0)
        qsort(latencies, *count, sizeof *latencies, compare_numbers);
    return latencies;
}

static double percentile_us(const uint64_t *sorted, uint32_t count, uint32_t percent) {
    uint64_t position = (uint64_t)(count - 1) * percent / 100;
    return (double)sorted[position] / 1e3;
}

static void print_latencies(const struct broadcast *broadcast) {
    uint32_t count = 0;
    uint64_t *latencies = sorted_latencies(broadcast, &count);
    if (count > 0)
        printf(", \"latency_p50_us\": %.1f, \"latency_p99_us\": %.1f, \"latency_max_us\": %.1f",
               percentile_us(latencies, count, 50), percentile_us(latencies, count, 99),
               percentile_us(latencies, count, 100));
    free(latencies);
}

/* Did all readers that are still there see the messages of all publishers in the same order? */
static bool same_order(const struct broadcast *broadcast) {
    uint32_t first = broadcast->options->publishers;
    for (uint32_t i = first; i < broadcast->participants; i++)
        if (broadcast->clients[i].state == CLIENT_OPEN &&
            broadcast->clients[first].state == CLIENT_OPEN &&
            broadcast->positions[i].order != broadcast->positions[first].order)
            return false;
    return true;
}

static void print_usage(const struct broadcast *broadcast) {
    const struct usage *started = &broadcast->usage_started;
    const struct usage *ended = &broadcast->usage_ended;
    double deliveries = broadcast->deliveries > 0 ? (double)broadcast->deliveries : 1;
    printf(", \"cpu_us_per_delivery\": %.4f, \"cpu_seconds\": %.4f, \"user_ms\": %lu, "
           "\"system_ms\": %lu",
           (double)(ended->cpu_ns - started->cpu_ns) / 1e3 / deliveries,
           (double)(ended->cpu_ns - started->cpu_ns) / 1e9, ended->user_ms - started->user_ms,
           ended->system_ms - started->system_ms);
    printf(", \"rss_kb_before\": %lu, \"rss_kb_connected\": %lu, \"rss_kb\": %lu, "
           "\"rss_kb_peak\": %lu, \"descriptors_connected\": %lu, \"descriptors\": %lu",
           broadcast->usage_before_connect.resident_kb, started->resident_kb, ended->resident_kb,
           ended->peak_kb, started->descriptors, ended->descriptors);
}

static int report(const struct broadcast *broadcast) {
    const struct broadcast_options *options = broadcast->options;
    uint64_t expected = (uint64_t)options->messages * (broadcast->participants - 1);
    uint64_t lost = expected - broadcast->deliveries;
    double seconds = (double)(broadcast->ended_ns - broadcast->started_ns) / 1e9;
    bool ordered = same_order(broadcast);
    printf("{\"readers\": %u, \"publishers\": %u, \"stuck\": %u, \"size\": %u, \"messages\": %u, "
           "\"in_flight\": %u",
           options->readers, options->publishers, options->stuck, options->size, options->messages,
           options->in_flight);
    printf(", \"expected\": %lu, \"deliveries\": %lu, \"lost\": %lu, \"repeated\": %lu, "
           "\"echoed\": %lu, \"damaged\": %lu, \"closed_by_server\": %u, \"same_order\": %s, "
           "\"stalled\": %s",
           expected, broadcast->deliveries, lost, broadcast->repeated, broadcast->echoed,
           broadcast->damaged, broadcast->closed_by_server, ordered ? "true" : "false",
           broadcast->stalled ? "true" : "false");
    printf(", \"seconds\": %.4f, \"deliveries_per_second\": %.0f", seconds,
           (double)broadcast->deliveries / seconds);
    print_latencies(broadcast);
    print_usage(broadcast);
    printf(", \"load_cpu_seconds\": %.4f}\n", (double)broadcast->load_cpu_ns / 1e9);
    return lost + broadcast->repeated + broadcast->damaged > 0 || !ordered;
}

/* ---- the run --------------------------------------------------------------------------------- */

static bool broadcast_init(struct broadcast *broadcast, const struct broadcast_options *options) {
    uint32_t participants = options->publishers + options->readers;
    *broadcast = (struct broadcast){.options = options, .participants = participants};
    broadcast->run = (struct client_run){.epoll = epoll_create1(EPOLL_CLOEXEC),
                                         .target = &options->target,
                                         .form = &broadcast->form,
                                         .received = receive_message};
    broadcast->clients = calloc(participants + options->stuck, sizeof *broadcast->clients);
    broadcast->positions = calloc(participants + options->stuck, sizeof *broadcast->positions);
    broadcast->flights =
        calloc((size_t)options->warmup + options->messages, sizeof *broadcast->flights);
    broadcast->frame = malloc(options->size + MESSAGE_FRAME_EXTRA);
    if (broadcast->run.epoll < 0 || broadcast->clients == NULL || broadcast->positions == NULL ||
        broadcast->flights == NULL || broadcast->frame == NULL ||
        !message_form_init(&broadcast->form, options->size))
        return false;
    for (uint32_t i = 0; i < participants + options->stuck; i++) {
        broadcast->positions[i].next = calloc(options->publishers, sizeof(uint32_t));
        if (broadcast->positions[i].next == NULL)
            return false;
    }
    return true;
}

static void broadcast_fini(struct broadcast *broadcast) {
    for (uint32_t i = 0; broadcast->clients != NULL && i < client_count(broadcast); i++) {
        if (broadcast->clients[i].state == CLIENT_OPEN)
            client_send_close(&broadcast->run, &broadcast->clients[i]);
        client_close(&broadcast->clients[i], false);
    }
    for (uint32_t i = 0; broadcast->positions != NULL && i < client_count(broadcast); i++)
        free(broadcast->positions[i].next);
    free(broadcast->clients);
    free(broadcast->positions);
    free(broadcast->flights);
    free(broadcast->frame);
    message_form_fini(&broadcast->form);
    close(broadcast->run.epoll);
}

static int give_up(const char *step) {
    fprintf(stderr, "hub_load: %s\n", step);
    return 2;
}

static int measure(struct broadcast *broadcast) {
    const struct broadcast_options *options = broadcast->options;
    if (!usage_read(&options->server, &broadcast->usage_before_connect))
        return give_up("the server's process cannot be read");
    if (!connect_all(broadcast))
        return give_up("connecting failed: refused, closed or timed out");
    settle(broadcast);
    if (!publish_until(broadcast, options->warmup))
        return give_up("the warm-up messages were not delivered to everyone");
    if (broadcast->closed_by_server > 0)
        return give_up("clients were closed before anything was measured");
    broadcast->deliveries = 0;
    uint64_t own_cpu_ns = usage_own_cpu_ns();
    usage_read(&options->server, &broadcast->usage_started);
    broadcast->started_ns = usage_now_ns();
    broadcast->stalled = !publish_until(broadcast, options->warmup + options->messages);
    broadcast->ended_ns = usage_now_ns();
    if (!usage_read(&options->server, &broadcast->usage_ended))
        return give_up("the server ended during the run");
    broadcast->load_cpu_ns = usage_own_cpu_ns() - own_cpu_ns;
    return report(broadcast);
}

int broadcast_run(const struct broadcast_options *options) {
    struct broadcast broadcast;
    int code = broadcast_init(&broadcast, options) ? measure(&broadcast) : give_up("no memory");
    broadcast_fini(&broadcast);
    return code;
}
