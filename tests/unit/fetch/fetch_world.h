/*
 * A session on a simulated machine, and an origin that answers by a script: time is virtual, so a
 * test of a time-out takes no time and is exact.
 *
 * fetch_world_open() .. fetch_world_close(): nothing is left, no descriptor and no block.
 */
#ifndef RINGCAST_TEST_FETCH_WORLD_H
#define RINGCAST_TEST_FETCH_WORLD_H

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "fetch/schedule.h"
#include "ring/sim.h"
#include "tls/context.h"

enum { PORT = 8000, VISITORS_MAX = 4096, STEPS_MAX = 50000000 };

/* A connection to the origin, as the origin has it. */
struct visitor {
    struct sim_socket *socket;
    char heard[2048];
    size_t size;
    unsigned requests;
    bool is_open;
};

/* What the origin says to the request for a path, the nth in all; NULL: nothing. It ends the
 * connection behind an answer that begins with '!', and instead of an empty one. */
typedef const char *origin_script(const char *path, unsigned nth);

static struct sim *sim;
static struct sim_actor actor;
static struct loop loop;
static struct pool *pool;
static struct session *session;
static struct sim_socket *listener;
static origin_script *script;
static struct visitor *visitors;
static size_t visitor_count, visitors_open, visitors_open_most;
static unsigned requests;
static char last_request[2048] __attribute__((unused));
static size_t world_blocks;

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 16\r\n"
#define OK_BODY   "\r\n<title>A</title>"

/* ---- the machine ----------------------------------------------------------------------------- */

static uint64_t actor_deadline(struct sim_actor *whose) {
    (void)whose;
    return loop_deadline(&loop);
}

static void actor_run(struct sim_actor *whose) {
    (void)whose;
    loop_turn(&loop, 0);
}

static void start_work(void *context, void (*work)(void *argument), void *argument) {
    (void)context;
    sim_work(sim, work, argument);
}

/* Goes on until the condition holds. */
#define world_wait(condition)                             \
    do {                                                  \
        for (size_t i_ = 0; !(condition); i_++)           \
            assert_true(i_ < STEPS_MAX && sim_step(sim)); \
    } while (0)

/* ---- the origin ------------------------------------------------------------------------------ */

static void leave(struct visitor *visitor) {
    if (!visitor->is_open)
        return;
    visitor->is_open = false;
    visitors_open--;
    sim_peer_close(visitor->socket);
}

static void answer(struct visitor *visitor, const char *path) {
    const char *text = script(path, requests++);
    visitor->requests++;
    if (text == NULL)
        return;
    bool ends = text[0] == '!' || text[0] == '\0';
    text += text[0] == '!';
    assert_int_equal(sim_peer_write(visitor->socket, text, strlen(text)), strlen(text));
    if (ends)
        leave(visitor);
}

static void visitor_changed(void *context, struct sim_socket *socket) {
    struct visitor *visitor = context;
    char *end, path[256];
    if (!visitor->is_open)
        return;
    visitor->size += sim_peer_read(socket, visitor->heard + visitor->size,
                                   sizeof visitor->heard - 1 - visitor->size);
    visitor->heard[visitor->size] = '\0';
    while (visitor->is_open && (end = strstr(visitor->heard, "\r\n\r\n")) != NULL) {
        snprintf(last_request, sizeof last_request, "%.*s", (int)(end - visitor->heard),
                 visitor->heard);
        assert_int_equal(sscanf(visitor->heard, "%*s %255s", path), 1);
        visitor->size -= (size_t)(end + 4 - visitor->heard);
        memmove(visitor->heard, end + 4, visitor->size + 1);
        answer(visitor, path);
    }
    struct sim_peer_state state = sim_peer_state(socket);
    if (visitor->is_open && (state.ended || state.failed))
        leave(visitor);
}

static void visitor_came(void *context, struct sim_socket *socket) {
    (void)context;
    struct visitor *visitor = &visitors[visitor_count++ % VISITORS_MAX];
    assert_false(visitor->is_open);
    *visitor = (struct visitor){.socket = socket, .is_open = true};
    if (++visitors_open > visitors_open_most)
        visitors_open_most = visitors_open;
    sim_peer_watch(socket, visitor_changed, visitor);
}

static const char *url_of(const char *path) {
    static char url[128];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", PORT, path);
    return url;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static struct session_options world_options(void) {
    return (struct session_options){
        .concurrency = 1000,
        .per_host = 1000,
        .redirects = 10,
        .max_body = 1 << 20,
        .total_timeout = 60 * SECOND,
        .attempt_timeout = 30 * SECOND,
        .connect_timeout = 10 * SECOND,
        .dns_timeout = 5 * SECOND,
        .read_timeout = 15 * SECOND,
    };
}

static void fetch_world_open(const struct session_options *options, origin_script *with) {
    const struct ring_options ring_options = {
        .entries = 1024, .buffer_count = 64, .buffer_size = 2048};
    const struct pool_runner runner = {.start = start_work};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    world_blocks = memory_live_blocks();
    script = with;
    visitor_count = visitors_open = visitors_open_most = 0;
    requests = 0;
    visitors = calloc(VISITORS_MAX, sizeof *visitors);
    sim = sim_new(1);
    struct ring *ring = sim_open_ring(sim, &ring_options);
    actor = (struct sim_actor){
        .name = "loop", .deadline = actor_deadline, .run = actor_run, .ring = ring};
    sim_add_actor(sim, &actor);
    loop_init(&loop, ring);
    inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
    listener = sim_peer_listen(sim, (struct sockaddr *)&address, visitor_came, NULL);
    assert_int_equal(pool_new_with(&runner, &pool), ERROR_NONE);
    assert_int_equal(session_new(&loop, pool, options, &session), ERROR_NONE);
}

static void world_session_closed(void *context) {
    *(bool *)context = true;
}

static void fetch_world_close(void) {
    bool closed = false;
    session_close(session, world_session_closed, &closed);
    world_wait(closed);
    pool_free(pool);
    sim_peer_close(listener);
    for (size_t i = 0; i < VISITORS_MAX; i++)
        leave(&visitors[i]);
    sim_remove_actor(sim, &actor);
    struct ring *ring = loop.ring;
    loop_fini(&loop);
    ring_free(ring);
    assert_int_equal(sim_open_descriptors(sim), 0);
    sim_free(sim);
    free(visitors);
    tls_thread_fini(); /* of tables that are kept for the thread */
    assert_int_equal(memory_live_blocks(), world_blocks);
}

#endif
