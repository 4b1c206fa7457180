/*
 * The end of a hub. Worker 0 leads; each step is one letter to every worker, and the next begins
 * when all have answered:
 *   QUIET    stop listening; clients' messages are no longer taken, so no publish starts
 *   TELL     every publish that was under way has reached its home, since letters keep their order:
 *            the homes tell their readers of the last messages
 *   CLOSE    every client gets what its channel holds, then 1001; one after the other when they are
 *            to be spread
 *   FINISH   no client and no channel is left anywhere: the homes go
 */
#include <assert.h>

#include "base/log.h"
#include "client.h"
#include "worker.h"

enum drain_step { DRAIN_QUIET, DRAIN_TELL, DRAIN_CLOSE, DRAIN_FINISH, DRAIN_OVER };

static void begin_step(struct hub *hub);

/* ---- on every worker ------------------------------------------------------------------------- */

static void deliver_answer(struct letter *letter) {
    struct drain_letter *answer = container_of(letter, struct drain_letter, letter);
    struct hub *hub = answer->worker->hub;
    if (++hub->drain_answers < hub->worker_count)
        return;
    hub->drain_answers = 0;
    hub->drain_step++;
    begin_step(hub);
}

static const struct letter_handler answer_handler = {"hub_drain_answer", deliver_answer};

static void answer_step(struct hub_worker *worker) {
    worker->drain_letter.letter.handler = &answer_handler;
    loop_send(worker->hub->workers[0].loop, &worker->drain_letter.letter);
}

/* Visits the next that is not told yet, and no other. */
static bool finish_one(struct client *client) {
    if (client->state >= CLIENT_FLUSHING)
        return true;
    client_finish(client, CLOSE_REASON_GOING_AWAY);
    return false;
}

/* Closes the next client and waits a step; the first of all closes are a step apart from nothing.
 */
static void close_next(struct timer *timer) {
    struct hub_worker *worker = container_of(timer, struct hub_worker, drain_next);
    if (!clients_visit(worker, finish_one))
        loop_start_timer(worker->loop, timer, worker->loop->now + worker->drain_step);
}

static const struct timer_handler close_next_handler = {"hub_drain_next", close_next};

static void server_ended(struct http_server *server) {
    struct hub_worker *worker = server->context;
    worker->server_ended = true;
    drain_check(worker);
}

static void close_all(struct hub_worker *worker) {
    http_server_close(&worker->server, server_ended);
}

/* Closing the server closes whoever is left at once, so it waits for the spread to end. */
static void spread_over(struct timer *timer) {
    struct hub_worker *worker = container_of(timer, struct hub_worker, collect);
    close_all(worker);
}

static const struct timer_handler spread_handler = {"hub_drain_spread", spread_over};

static bool cut_off(struct client *client) {
    if (client->connection.transport.stream.closing)
        return true; /* it has ended, for a reason of its own */
    if (client->reason == CLOSE_REASON_GOING_AWAY)
        client->reason = CLOSE_REASON_COUNT; /* it was asked to, and has not gone */
    client_cut_off(client, CLOSE_REASON_CLOSE_TIMEOUT);
    return true;
}

static void cut_off_all(struct timer *timer) {
    struct hub_worker *worker = container_of(timer, struct hub_worker, drain_deadline);
    log_write(LOG_WARNING, "hub", "clients are cut off at the shutdown's deadline",
              LOG_NUMBER("clients", worker->client_count));
    clients_visit(worker, cut_off);
}

static const struct timer_handler deadline_handler = {"hub_drain_deadline", cut_off_all};

static void start_closing(struct hub_worker *worker) {
    struct hub *hub = worker->hub;
    uint64_t now = worker->loop->now;
    worker->drain_next.handler = &close_next_handler;
    worker->drain_deadline.handler = &deadline_handler;
    loop_start_timer(worker->loop, &worker->drain_deadline, hub->drain_deadline);
    loop_stop_timer(worker->loop, &worker->collect);
    loop_stop_timer(worker->loop, &worker->progress);
    if (hub->drain_duration == 0 || worker->client_count == 0) {
        close_all(worker);
        return;
    }
    worker->drain_step = hub->drain_duration / worker->client_count;
    loop_start_timer(worker->loop, &worker->drain_next, now);
    worker->collect.handler = &spread_handler;
    loop_start_timer(worker->loop, &worker->collect, now + hub->drain_duration);
}

static void finish(struct hub_worker *worker) {
    assert(worker->channels.size == 0 && worker->client_count == 0);
    deadlines_fini(&worker->deadlines);
    loop_unpost(&worker->follow_task);
    ws_inflater_free(worker->inflater);
    buffer_fini(&worker->inflated);
    homes_fini(worker);
    map_fini(&worker->channels);
}

/* The step CLOSE is answered when everything has gone. */
void drain_check(struct hub_worker *worker) {
    if (!worker->server_ended || worker->channels.size > 0 || worker->client_count > 0)
        return;
    worker->server_ended = false;
    loop_stop_timer(worker->loop, &worker->drain_next);
    loop_stop_timer(worker->loop, &worker->drain_deadline);
    answer_step(worker);
}

static void deliver_step(struct letter *letter) {
    struct drain_letter *order = container_of(letter, struct drain_letter, letter);
    struct hub_worker *worker = order->worker;
    switch ((enum drain_step)worker->hub->drain_step) {
    case DRAIN_QUIET:
        worker->quiet = true;
        http_server_stop_listening(&worker->server);
        break;
    case DRAIN_TELL:
        homes_tell(worker);
        break;
    case DRAIN_CLOSE:
        start_closing(worker);
        return;
    case DRAIN_FINISH:
        finish(worker);
        break;
    case DRAIN_OVER:
        break;
    }
    answer_step(worker);
}

static const struct letter_handler step_handler = {"hub_drain", deliver_step};

/* ---- on worker 0 ----------------------------------------------------------------------------- */

static void begin_step(struct hub *hub) {
    if (hub->drain_step == DRAIN_OVER) {
        hub->closed(hub->closed_context);
        return;
    }
    for (unsigned i = 0; i < hub->worker_count; i++) {
        struct hub_worker *worker = &hub->workers[i];
        worker->drain_letter.worker = worker;
        worker->drain_letter.letter.handler = &step_handler;
        loop_send(worker->loop, &worker->drain_letter.letter);
    }
}

void hub_close(struct hub *hub, uint64_t drain, uint64_t timeout, void (*closed)(void *context),
               void *context) {
    hub->drain_duration = drain;
    hub->drain_deadline = hub->workers[0].loop->now + timeout;
    hub->closed = closed;
    hub->closed_context = context;
    hub->drain_step = DRAIN_QUIET;
    begin_step(hub);
}
