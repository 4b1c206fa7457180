/*
 * The flow, in order:
 *   start_next      one attempt, and the timer for the one after it
 *   connect_completed   won: report, cancel the rest; lost: start the next at once
 *   drained         no attempt is in flight and none is left: report the error, leave the scope
 */
#include "net/dialer.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "ring/socket.h"

struct attempt {
    struct operation connect;
    struct dialer *dialer;
    struct address address;
    int descriptor;
};

struct dialer {
    struct loop *loop;
    struct scope_member member;
    struct timer delay;
    struct task start;
    dialer_done *done; /* NULL once it has run or is abandoned */
    void *context;
    enum error error;
    size_t started;
    size_t in_flight;
    size_t count;
    struct attempt attempts[DIALER_ADDRESSES_MAX];
};

static void start_next(struct dialer *dialer);

static void report(struct dialer *dialer, int descriptor, enum error error,
                   const struct address *address) {
    dialer_done *done = dialer->done;
    dialer->done = NULL;
    if (done != NULL)
        done(dialer->context, descriptor, error, address);
}

static void cancel_attempts(struct dialer *dialer) {
    loop_stop_timer(dialer->loop, &dialer->delay);
    loop_unpost(&dialer->start);
    dialer->count = dialer->started; /* no further ones */
    for (size_t i = 0; i < dialer->started; i++)
        ring_cancel(dialer->loop->ring, &dialer->attempts[i].connect);
}

static void leave_if_drained(struct dialer *dialer) {
    if (dialer->in_flight > 0 || dialer->started < dialer->count || dialer->start.posted)
        return;
    loop_stop_timer(dialer->loop, &dialer->delay);
    dialer->in_flight++; /* `done` may cancel the scope, and that must not end the dialer twice */
    report(dialer, -1, dialer->error, &dialer->attempts[0].address);
    scope_leave(&dialer->member, ERROR_NONE);
    memory_free(dialer);
}

static void connect_completed(struct operation *operation, const struct completion *completion) {
    struct attempt *attempt = container_of(operation, struct attempt, connect);
    struct dialer *dialer = attempt->dialer;
    if (completion->error == ERROR_NONE && dialer->done != NULL) {
        cancel_attempts(dialer);
        report(dialer, attempt->descriptor, ERROR_NONE, &attempt->address);
    } else {
        loop_close_descriptor(dialer->loop, attempt->descriptor);
        /* cancelled, it says so, whatever the attempts say that were under way */
        if (completion->error != ERROR_NONE && dialer->error != ERROR_CANCELLED)
            dialer->error = completion->error;
        if (dialer->done != NULL)
            start_next(dialer);
    }
    dialer->in_flight--; /* only now: until here it keeps the dialer, whatever `done` cancels */
    leave_if_drained(dialer);
}

static const struct handler connect_handler = {"connect", connect_completed};

/* Starts attempts until one is in flight or none is left. */
static void start_next(struct dialer *dialer) {
    loop_stop_timer(dialer->loop, &dialer->delay);
    while (dialer->started < dialer->count) {
        struct attempt *attempt = &dialer->attempts[dialer->started++];
        enum error error = socket_open(dialer->loop->ring, attempt->address.socket.any.sa_family,
                                       SOCK_STREAM, &attempt->descriptor);
        if (error != ERROR_NONE) {
            dialer->error = error;
            continue;
        }
        attempt->dialer = dialer;
        attempt->connect.handler = &connect_handler;
        ring_connect(dialer->loop->ring, &attempt->connect, attempt->descriptor,
                     &attempt->address.socket.any, address_size(&attempt->address));
        dialer->in_flight++;
        break;
    }
    if (dialer->started < dialer->count)
        loop_start_timer(dialer->loop, &dialer->delay,
                         dialer->loop->now + DIALER_DELAY_MILLISECONDS * MILLISECOND);
}

static void delay_passed(struct timer *timer) {
    struct dialer *dialer = container_of(timer, struct dialer, delay);
    start_next(dialer);
    leave_if_drained(dialer);
}

static void start(struct task *task) {
    struct dialer *dialer = container_of(task, struct dialer, start);
    start_next(dialer);
    leave_if_drained(dialer);
}

static void cancelled(struct scope_member *member) {
    struct dialer *dialer = container_of(member, struct dialer, member);
    dialer->error = ERROR_CANCELLED;
    cancel_attempts(dialer);
    leave_if_drained(dialer);
}

static const struct timer_handler delay_handler = {"dialer_delay", delay_passed};
static const struct task_handler start_handler = {"dialer_start", start};
static const struct scope_member_handler member_handler = {"dialer", cancelled};

enum error dialer_new(struct scope *scope, const struct address *addresses, size_t count,
                      dialer_done *done, void *context, struct dialer **dialer_out) {
    assert(count > 0);
    struct dialer *dialer = memory_allocate_zeroed(sizeof *dialer);
    if (dialer == NULL)
        return ERROR_NO_MEMORY;
    dialer->loop = scope->loop;
    dialer->member.handler = &member_handler;
    dialer->delay.handler = &delay_handler;
    dialer->start.handler = &start_handler;
    dialer->done = done;
    dialer->context = context;
    dialer->count = count < DIALER_ADDRESSES_MAX ? count : DIALER_ADDRESSES_MAX;
    for (size_t i = 0; i < dialer->count; i++)
        dialer->attempts[i].address = addresses[i];
    enum error error = scope_enter(scope, &dialer->member);
    if (error != ERROR_NONE) {
        memory_free(dialer);
        return error;
    }
    loop_post(dialer->loop, &dialer->start);
    *dialer_out = dialer;
    return ERROR_NONE;
}

void dialer_abandon(struct dialer *dialer) {
    dialer->done = NULL;
    cancel_attempts(dialer);
    leave_if_drained(dialer);
}

void dialer_interleave(struct address *addresses, size_t count) {
    for (size_t i = 1; i < count; i++) {
        sa_family_t before = addresses[i - 1].socket.any.sa_family;
        size_t other = i;
        while (other < count && addresses[other].socket.any.sa_family == before)
            other++;
        if (other == count)
            return;
        struct address moved = addresses[other];
        memmove(&addresses[i + 1], &addresses[i], (other - i) * sizeof moved);
        addresses[i] = moved;
    }
}
