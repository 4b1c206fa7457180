/*
 * Each slot runs one connection after the other: client_open(), the handshake (or half of one), the
 * ending, and again, until as many as wanted were started and all have ended.
 */
#include "churn.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"

enum { EVENTS_MAX = 256, WAIT_MS = 50, SETTLE_STEP_MS = 50, SETTLE_STEPS = 60 };

struct churn {
    struct client_run run;
    struct client_run half_run; /* the same, asking with half a request */
    struct client_target half_target;
    const struct churn_options *options;
    struct message_form form;
    struct client *slots;
    uint32_t started;
    uint32_t ended;
    uint32_t failed; /* refused, or closed before its handshake was complete */
    bool stalled;
    uint64_t started_ns;
    uint64_t ended_ns;
    struct usage before;
    struct usage warm; /* after a tenth of the connections: caches and pools are filled */
    struct usage after;
};

static enum churn_ending ending_of(const struct churn *churn, const struct client *client) {
    static const enum churn_ending in_turn[] = {CHURN_CLEAN, CHURN_RESET, CHURN_HALF};
    return churn->options->ending == CHURN_MIXED ? in_turn[client->index % 3]
                                                 : churn->options->ending;
}

static struct client_run *run_of(struct churn *churn, const struct client *client) {
    return ending_of(churn, client) == CHURN_HALF ? &churn->half_run : &churn->run;
}

/* A hub may greet its clients; that is not what is measured here. */
static void ignore_message(struct client_run *run, struct client *client, bool right,
                           uint32_t publisher, uint32_t sequence) {
    (void)run, (void)client, (void)right, (void)publisher, (void)sequence;
}

static void start_next(struct churn *churn, struct client *slot) {
    while (churn->started < churn->options->connections) {
        slot->index = churn->started++;
        if (client_open(run_of(churn, slot), slot, slot->index))
            return;
        churn->failed++;
        churn->ended++;
    }
}

static void end_one(struct churn *churn, struct client *slot, bool well) {
    client_close(slot, well && ending_of(churn, slot) == CHURN_RESET);
    churn->ended++;
    churn->failed += !well;
    if (churn->ended == churn->options->connections / 10)
        usage_read(&churn->options->server, &churn->warm);
    start_next(churn, slot);
}

/* One connection goes on; when it is where its ending begins, it begins to end. */
static void progress(struct churn *churn, struct client *slot, uint32_t events) {
    enum churn_ending ending = ending_of(churn, slot);
    enum client_state before = slot->state;
    enum client_state state = client_progress(run_of(churn, slot), slot, events);
    if (state == CLIENT_CLOSED)
        end_one(churn, slot, before == CLIENT_OPEN);
    else if ((ending == CHURN_HALF && state == CLIENT_UPGRADING) ||
             (ending == CHURN_RESET && state == CLIENT_OPEN))
        end_one(churn, slot, true);
    else if (before != CLIENT_OPEN && state == CLIENT_OPEN)
        client_send_close(&churn->run, slot);
}

static void run_all(struct churn *churn) {
    struct epoll_event events[EVENTS_MAX];
    uint64_t progress_ns = usage_now_ns();
    for (uint32_t i = 0; i < churn->options->concurrent; i++)
        start_next(churn, &churn->slots[i]);
    while (churn->ended < churn->options->connections && !churn->stalled) {
        uint32_t ended_before = churn->ended;
        int count = epoll_wait(churn->run.epoll, events, EVENTS_MAX, WAIT_MS);
        for (int i = 0; i < count; i++)
            progress(churn, events[i].data.ptr, events[i].events);
        if (churn->ended > ended_before)
            progress_ns = usage_now_ns();
        churn->stalled = usage_now_ns() - progress_ns > churn->options->patience_s * SECOND;
    }
}

/* A server may notice the last ends a little later: waits until it holds what it held before. */
static bool read_settled(struct churn *churn) {
    for (int step = 0; step < SETTLE_STEPS; step++) {
        if (!usage_read(&churn->options->server, &churn->after))
            return false;
        if (churn->after.descriptors <= churn->before.descriptors)
            return true;
        usleep(SETTLE_STEP_MS * 1000);
    }
    return true;
}

static int report(const struct churn *churn) {
    double seconds = (double)(churn->ended_ns - churn->started_ns) / 1e9;
    bool descriptors_kept = churn->after.descriptors > churn->before.descriptors;
    printf("{\"connections\": %u, \"concurrent\": %u, \"ended\": %u, \"failed\": %u, "
           "\"stalled\": %s, \"seconds\": %.4f, \"connections_per_second\": %.0f, "
           "\"cpu_us_per_connection\": %.3f",
           churn->options->connections, churn->options->concurrent, churn->ended, churn->failed,
           churn->stalled ? "true" : "false", seconds, churn->ended / seconds,
           (double)(churn->after.cpu_ns - churn->before.cpu_ns) / 1e3 / churn->ended);
    printf(", \"descriptors_before\": %lu, \"descriptors_after\": %lu, \"rss_kb_before\": %lu, "
           "\"rss_kb_warm\": %lu, \"rss_kb_after\": %lu, \"rss_kb_peak\": %lu}\n",
           churn->before.descriptors, churn->after.descriptors, churn->before.resident_kb,
           churn->warm.resident_kb, churn->after.resident_kb, churn->after.peak_kb);
    return churn->failed > 0 || churn->stalled || descriptors_kept;
}

static bool churn_init(struct churn *churn, const struct churn_options *options) {
    *churn = (struct churn){.options = options, .half_target = options->target};
    churn->half_target.request_size /= 2;
    churn->run = (struct client_run){.epoll = epoll_create1(EPOLL_CLOEXEC),
                                     .target = &options->target,
                                     .form = &churn->form,
                                     .received = ignore_message};
    churn->half_run = churn->run;
    churn->half_run.target = &churn->half_target;
    churn->slots = calloc(options->concurrent, sizeof *churn->slots);
    return churn->run.epoll >= 0 && churn->slots != NULL &&
           message_form_init(&churn->form, MESSAGE_SIZE_MIN);
}

static void churn_fini(struct churn *churn) {
    for (uint32_t i = 0; churn->slots != NULL && i < churn->options->concurrent; i++)
        client_close(&churn->slots[i], false);
    free(churn->slots);
    message_form_fini(&churn->form);
    close(churn->run.epoll);
}

static int give_up(const char *step) {
    fprintf(stderr, "hub_load: %s\n", step);
    return 2;
}

static int measure(struct churn *churn) {
    if (!usage_read(&churn->options->server, &churn->before))
        return give_up("the server's process cannot be read");
    churn->started_ns = usage_now_ns();
    run_all(churn);
    churn->ended_ns = usage_now_ns();
    if (!read_settled(churn))
        return give_up("the server ended during the run");
    return report(churn);
}

int churn_run(const struct churn_options *options) {
    struct churn churn;
    int code = churn_init(&churn, options) ? measure(&churn) : give_up("no memory");
    churn_fini(&churn);
    return code;
}
