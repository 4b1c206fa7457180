/*
 * What every backend with multishot operations and provided buffers shares: it turns the kernel's
 * raw results into completions, and arms again what the kernel ended.
 *
 * A buffer goes back as soon as the callback that it was lent to returns, so whatever is starved of
 * buffers (ENOBUFS) can be armed again at the end of the same batch of completions, neither at once
 * (that would spin) nor by a timer (that would lag). Who got nothing is armed before who got
 * something: the kernel gives the buffers to the first that ask, and a few busy peers must not take
 * them all for ever.
 *
 * One receive may fill several buffers, a bundle: those that the kernel would have taken one after
 * the other. What lies in one piece in memory is dispatched in one piece.
 */
#ifndef RINGCAST_RING_MULTISHOT_H
#define RINGCAST_RING_MULTISHOT_H

#include "ring/ring.h"

/* Ended multishots to arm again, first come first served. */
struct waiting {
    struct operation *first;
    struct operation **end;
};

struct multishot {
    struct waiting starved; /* got nothing since they were armed */
    struct waiting served;
    uint8_t *buffers;
    unsigned buffer_count;
    unsigned buffer_size;
    uint16_t *next_buffers; /* for each buffer the one that the kernel has got after it */
    unsigned newest_buffer; /* the one that it has got last */
    void (*give_buffer)(struct ring *ring, unsigned index); /* to the kernel, poisoned */
};

/* One raw result of the kernel. */
struct raw_result {
    int32_t result; /* >= 0, or a negative errno */
    bool more;
    int buffer; /* the first buffer's index, or -1 */
};

void multishot_init(struct multishot *multishot, void (*give_buffer)(struct ring *, unsigned));

/* Gives a buffer to the kernel, which takes them in the order in which they are given. */
void multishot_give(struct multishot *multishot, struct ring *ring, unsigned index);

uint8_t *multishot_buffer(const struct multishot *multishot, unsigned index);

static inline bool operation_is_multishot(const struct operation *operation) {
    return operation->kind == OPERATION_ACCEPT || operation->kind == OPERATION_RECEIVE;
}

/* What is not multishot completes once. A broadcast is made of this: it is kept short. */
static inline void operation_complete_once(struct operation *operation, int32_t result,
                                           ring_dispatch *dispatch, void *context) {
    struct completion completion = {.descriptor = -1};
    if (result < 0)
        completion.error = error_from_errno(-result);
    else
        completion.size = (uint32_t)result;
    operation->state = OPERATION_IDLE;
    dispatch(context, operation, &completion);
}

/* Dispatches the completion that a raw result means to `operation`, of whatever kind. */
void multishot_complete(struct multishot *multishot, struct ring *ring, struct operation *operation,
                        const struct raw_result *raw, ring_dispatch *dispatch, void *context);

/* Arms the ended multishots again, now that the buffers of this batch are back. */
void multishot_arm_waiting(struct multishot *multishot, struct ring *ring, ring_dispatch *dispatch,
                           void *context);

#endif
