#include "net/listener.h"

#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "ring/socket.h"

enum {
    RETRY_MILLISECONDS = 250, /* descriptors may be freed by another loop, unheard of by this one */
    IN_USE_MILLISECONDS = 1000,
    IN_USE_STEP_MILLISECONDS = 20,
};

static void arm(struct listener *listener) {
    if (!operation_is_armed(&listener->accept) && !listener->closing)
        ring_accept(listener->loop->ring, &listener->accept, listener->descriptor);
}

static void finish_close(struct listener *listener) {
    if (listener->owns_path)
        socket_forget(listener->loop->ring, &listener->endpoint.socket.any);
    loop_close_descriptor(listener->loop, listener->descriptor);
    listener->events->closed(listener);
}

static void resume(struct task *task) {
    struct listener *listener = container_of(task, struct listener, resume);
    loop_stop_timer(listener->loop, &listener->retry);
    if (listener->closing)
        finish_close(listener); /* it was closed while it paused */
    else
        arm(listener);
}

static void retry(struct timer *timer) {
    struct listener *listener = container_of(timer, struct listener, retry);
    loop_unpost(&listener->resume);
    arm(listener);
}

static const struct task_handler resume_handler = {"listener_resume", resume};
static const struct timer_handler retry_handler = {"listener_retry", retry};

static void pause_accepting(struct listener *listener, enum error error) {
    log_write(LOG_WARNING, "listener", "accepting is paused", LOG_TEXT("error", error_text(error)));
    if (listener->shortages != NULL)
        counter_add(listener->shortages, 1);
    loop_post_on_close(listener->loop, &listener->resume);
    loop_start_timer(listener->loop, &listener->retry,
                     listener->loop->now + RETRY_MILLISECONDS * MILLISECOND);
}

static void accept_completed(struct operation *operation, const struct completion *completion) {
    struct listener *listener = container_of(operation, struct listener, accept);
    if (completion->error == ERROR_NONE)
        listener->events->accepted(listener, completion->descriptor);
    if (completion->more)
        return;
    if (listener->closing)
        finish_close(listener);
    else if (completion->error == ERROR_CONNECTION_RESET)
        arm(listener); /* the peer was gone before it was accepted */
    else
        pause_accepting(listener, completion->error);
}

static const struct handler accept_handler = {"accept", accept_completed};

static enum error open_endpoint(struct listener *listener, const struct endpoint *endpoint) {
    struct ring *ring = listener->loop->ring;
    if (endpoint->shared && endpoint_is_local(endpoint))
        return socket_share(ring, endpoint->descriptor, &listener->descriptor);
    return socket_listen(ring, &endpoint->socket.any, endpoint->size, endpoint->shared,
                         &listener->descriptor);
}

/*
 * A process that was killed keeps its sockets until the kernel has closed its ring, which it does
 * in the background: who is started in its place waits for that.
 */
static enum error open_when_free(struct listener *listener, const struct endpoint *endpoint) {
    const struct timespec step = {.tv_nsec = IN_USE_STEP_MILLISECONDS * (long)MILLISECOND};
    enum error error = open_endpoint(listener, endpoint);
    for (unsigned waited = 0; error == ERROR_ADDRESS_IN_USE && waited < IN_USE_MILLISECONDS;
         waited += IN_USE_STEP_MILLISECONDS) {
        nanosleep(&step, NULL);
        error = open_endpoint(listener, endpoint);
    }
    return error;
}

enum error listener_open(struct listener *listener, struct loop *loop, struct endpoint *endpoint,
                         const struct listener_events *events) {
    *listener = (struct listener){
        .loop = loop,
        .events = events,
        .accept.handler = &accept_handler,
        .resume.handler = &resume_handler,
        .retry.handler = &retry_handler,
    };
    enum error error = open_when_free(listener, endpoint);
    if (error != ERROR_NONE)
        return error;
    listener->owns_path = endpoint_is_local(endpoint) && !endpoint->shared;
    if (!endpoint_is_local(endpoint))
        socket_local(loop->ring, listener->descriptor, &endpoint->socket.any, &endpoint->size);
    if (!endpoint->shared)
        endpoint->descriptor = listener->descriptor;
    endpoint->shared = true;
    listener->endpoint = *endpoint;
    arm(listener);
    return ERROR_NONE;
}

void listener_close(struct listener *listener) {
    if (listener->closing)
        return;
    listener->closing = true;
    loop_unpost(&listener->resume);
    loop_stop_timer(listener->loop, &listener->retry);
    if (operation_is_armed(&listener->accept))
        ring_cancel(listener->loop->ring, &listener->accept);
    else
        loop_post(listener->loop, &listener->resume);
}
