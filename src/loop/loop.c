#include "loop/loop.h"

#include <assert.h>

#include "base/clock.h"
#include "base/log.h"

enum { SLOW_MILLISECONDS = 100 };

void loop_init(struct loop *loop, struct ring *ring) {
    *loop = (struct loop){.ring = ring, .slow_threshold = SLOW_MILLISECONDS * MILLISECOND};
    list_init(&loop->ready);
    list_init(&loop->turn_end);
    list_init(&loop->descriptor_waiters);
    loop->now = ring_now(ring);
}

void loop_fini(struct loop *loop) {
    assert(list_is_empty(&loop->ready) && list_is_empty(&loop->turn_end));
    assert(list_is_empty(&loop->descriptor_waiters));
    assert(timers_next(&loop->timers) == UINT64_MAX);
    assert(atomic_load(&loop->mailbox) == NULL);
}

/* ---- sight: how long callbacks hold the loop ------------------------------------------------- */

static void count_slow(struct loop *loop, const char *name, uint64_t duration) {
    for (size_t i = 0; i < SLOW_NAMES; i++) {
        struct slow_callback *slow = &loop->statistics.slow[i];
        const char *known = atomic_load_explicit(&slow->name, memory_order_relaxed);
        if (known != NULL && known != name)
            continue;
        atomic_store_explicit(&slow->name, name, memory_order_relaxed);
        counter_add(&slow->count, 1);
        if (duration > counter_read(&slow->longest))
            counter_set(&slow->longest, duration);
        break;
    }
    log_write(LOG_WARNING, "loop", "a callback held the loop", LOG_TEXT("callback", name),
              LOG_NUMBER("milliseconds", duration / MILLISECOND));
}

/* Called after each callback: one reading of the clock ends this one and begins the next. */
static void callback_returned(struct loop *loop, const char *name) {
    uint64_t before = loop->now;
    loop->now = ring_now(loop->ring);
    if (loop->now - before > loop->slow_threshold)
        count_slow(loop, name, loop->now - before);
}

/* ---- the four kinds of callback -------------------------------------------------------------- */

static void dispatch_completion(void *context, struct operation *operation,
                                const struct completion *completion) {
    struct loop *loop = context;
    const struct handler *handler = operation->handler;
    handler->completed(operation, completion);
    callback_returned(loop, handler->name);
}

static struct letter *oldest_first(struct letter *newest) {
    struct letter *oldest = NULL;
    while (newest != NULL) {
        struct letter *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

static void deliver_mail(struct loop *loop) {
    if (atomic_load_explicit(&loop->mailbox, memory_order_relaxed) == NULL)
        return;
    struct letter *letter =
        oldest_first(atomic_exchange_explicit(&loop->mailbox, NULL, memory_order_acquire));
    while (letter != NULL) {
        struct letter *next = letter->next; /* delivering may free the letter */
        const struct letter_handler *handler = letter->handler;
        handler->deliver(letter);
        callback_returned(loop, handler->name);
        letter = next;
    }
}

static void expire_timers(struct loop *loop) {
    struct timer *timer;
    loop->expired = loop->now; /* fixed: a timer started by a callback waits for the next turn */
    while ((timer = timers_take_expired(&loop->timers, loop->expired)) != NULL) {
        const struct timer_handler *handler = timer->handler;
        handler->expired(timer);
        callback_returned(loop, handler->name);
    }
}

/* Runs what is in the list now; what these tasks post waits for the next turn. */
static void run_tasks(struct loop *loop, struct list_node *tasks) {
    struct list_node batch, *node;
    list_init(&batch);
    list_splice(&batch, tasks);
    while ((node = list_take_first(&batch)) != NULL) {
        struct task *task = container_of(node, struct task, link);
        const struct task_handler *handler = task->handler;
        task->posted = false;
        handler->run(task);
        callback_returned(loop, handler->name);
    }
}

/* ---- turning --------------------------------------------------------------------------------- */

static bool has_work(const struct loop *loop) {
    return !list_is_empty(&loop->ready) || !list_is_empty(&loop->turn_end) ||
           atomic_load_explicit(&((struct loop *)(uintptr_t)loop)->mailbox, memory_order_relaxed) !=
               NULL;
}

uint64_t loop_deadline(const struct loop *loop) {
    return has_work(loop) ? 0 : timers_next(&loop->timers);
}

struct turn {
    struct loop *loop;
    uint64_t began; /* when the wait ended; 0 before */
};

/* The first completion of a turn ends the wait: from here on the loop holds what is behind it. */
static void begin_dispatch(void *context, struct operation *operation,
                           const struct completion *completion) {
    struct turn *turn = context;
    if (turn->began == 0)
        turn->began = turn->loop->now = ring_now(turn->loop->ring);
    dispatch_completion(turn->loop, operation, completion);
}

void loop_turn(struct loop *loop, uint64_t deadline) {
    struct turn turn = {.loop = loop};
    uint64_t next = loop_deadline(loop);
    ring_turn(loop->ring, next < deadline ? next : deadline, begin_dispatch, &turn);
    if (turn.began == 0)
        turn.began = loop->now = ring_now(loop->ring);
    deliver_mail(loop);
    expire_timers(loop);
    run_tasks(loop, &loop->ready);
    run_tasks(loop, &loop->turn_end);
    counter_add(&loop->statistics.turns, 1);
    histogram_add(&loop->statistics.lag, loop->now - turn.began);
}

void loop_run(struct loop *loop) {
    loop->stopping = false;
    while (!loop->stopping)
        loop_turn(loop, UINT64_MAX);
}

void loop_stop(struct loop *loop) {
    loop->stopping = true;
}

/* ---- asking for callbacks -------------------------------------------------------------------- */

static void post_to(struct list_node *list, struct task *task) {
    assert(task->handler != NULL);
    if (task->posted)
        return;
    task->posted = true;
    list_append(list, &task->link);
}

void loop_post(struct loop *loop, struct task *task) {
    post_to(&loop->ready, task);
}

void loop_post_turn_end(struct loop *loop, struct task *task) {
    post_to(&loop->turn_end, task);
}

void loop_post_on_close(struct loop *loop, struct task *task) {
    post_to(&loop->descriptor_waiters, task);
}

void loop_close_descriptor(struct loop *loop, int descriptor) {
    ring_close(loop->ring, descriptor);
    list_splice(&loop->ready, &loop->descriptor_waiters);
}

void loop_unpost(struct task *task) {
    if (!task->posted)
        return;
    task->posted = false;
    list_remove(&task->link);
}

void loop_send(struct loop *loop, struct letter *letter) {
    struct letter *newest = atomic_load_explicit(&loop->mailbox, memory_order_relaxed);
    do {
        letter->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&loop->mailbox, &newest, letter,
                                                    memory_order_release, memory_order_relaxed));
    /* who finds mail in the box knows that its sender has woken the loop, or is about to */
    if (newest == NULL)
        ring_wake(loop->ring);
}

void loop_start_timer(struct loop *loop, struct timer *timer, uint64_t deadline) {
    timers_stop(&loop->timers, timer);
    timers_start(&loop->timers, timer, deadline > loop->expired ? deadline : loop->expired + 1);
}

void loop_stop_timer(struct loop *loop, struct timer *timer) {
    timers_stop(&loop->timers, timer);
}
