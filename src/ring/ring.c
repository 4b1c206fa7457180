/* Arming, the same for every backend: who may be armed, and what is remembered of it. */
#include "ring/ring.h"

#include <assert.h>

const struct ring_options ring_default_options = {
    .entries = 2048,
    .buffer_count = 256,
    .buffer_size = 8192,
    .bundle = 4,
};

static void arm(struct ring *ring, struct operation *operation, enum operation_kind kind,
                int descriptor) {
    assert(operation->state == OPERATION_IDLE && operation->handler != NULL && descriptor >= 0);
    operation->kind = (uint8_t)kind;
    operation->state = OPERATION_ARMED;
    operation->cancelled = false;
    operation->served = false;
    operation->descriptor = descriptor;
    ring->statistics.operations++;
}

void ring_accept(struct ring *ring, struct operation *operation, int listener) {
    arm(ring, operation, OPERATION_ACCEPT, listener);
    ring->backend->accept(ring, operation);
}

void ring_connect(struct ring *ring, struct operation *operation, int descriptor,
                  const struct sockaddr *address, socklen_t size) {
    arm(ring, operation, OPERATION_CONNECT, descriptor);
    ring->backend->connect(ring, operation, address, size);
}

void ring_receive(struct ring *ring, struct operation *operation, int descriptor) {
    arm(ring, operation, OPERATION_RECEIVE, descriptor);
    ring->backend->receive(ring, operation);
}

void ring_send(struct ring *ring, struct operation *operation, int descriptor, const void *data,
               size_t size) {
    assert(size > 0);
    arm(ring, operation, OPERATION_SEND, descriptor);
    ring->backend->send(ring, operation, data, size);
}

void ring_poll(struct ring *ring, struct operation *operation, int descriptor, unsigned poll_for) {
    arm(ring, operation, OPERATION_POLL, descriptor);
    ring->backend->poll(ring, operation, poll_for);
}

void ring_cancel(struct ring *ring, struct operation *operation) {
    if (operation->state == OPERATION_IDLE || operation->cancelled)
        return;
    operation->cancelled = true;
    ring->backend->cancel(ring, operation);
}
