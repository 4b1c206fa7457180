#include "multishot.h"

#include <assert.h>
#include <errno.h>

#include "poison.h"

void multishot_init(struct multishot *multishot, void (*give_buffer)(struct ring *, unsigned)) {
    multishot->starved = (struct waiting){.end = &multishot->starved.first};
    multishot->served = (struct waiting){.end = &multishot->served.first};
    multishot->give_buffer = give_buffer;
}

void multishot_give(struct multishot *multishot, struct ring *ring, unsigned index) {
    multishot->next_buffers[multishot->newest_buffer] = (uint16_t)index;
    multishot->newest_buffer = index;
    multishot->give_buffer(ring, index);
}

uint8_t *multishot_buffer(const struct multishot *multishot, unsigned index) {
    return multishot->buffers + (size_t)index * multishot->buffer_size;
}

static void wait_to_arm(struct multishot *multishot, struct operation *operation) {
    struct waiting *waiting = operation->served ? &multishot->served : &multishot->starved;
    operation->state = OPERATION_WAITING;
    operation->next = NULL;
    *waiting->end = operation;
    waiting->end = &operation->next;
}

static struct operation *take_first(struct waiting *waiting) {
    struct operation *operation = waiting->first;
    if (operation == NULL)
        return NULL;
    waiting->first = operation->next;
    if (waiting->first == NULL)
        waiting->end = &waiting->first;
    return operation;
}

static struct operation *take_waiting(struct multishot *multishot) {
    struct operation *operation = take_first(&multishot->starved);
    return operation != NULL ? operation : take_first(&multishot->served);
}

/* How many of the buffers from `first` on, which hold `size` bytes, follow each other in memory. */
static unsigned count_adjacent(const struct multishot *multishot, unsigned first, uint32_t size) {
    unsigned needed = (size + multishot->buffer_size - 1) / multishot->buffer_size;
    unsigned count = 1;
    while (count < needed && multishot->next_buffers[first + count - 1] == first + count)
        count++;
    return count;
}

/* The kernel has ended a multishot that its owner wants: it waits to be armed again. */
static void settle(struct multishot *multishot, struct operation *operation,
                   struct completion *completion) {
    /* a multishot may end with a success, for instance when completions overflow */
    completion->more = completion->error == ERROR_NONE;
    if (completion->more)
        wait_to_arm(multishot, operation);
    else
        operation->state = OPERATION_IDLE;
}

/* Each piece but the last leaves the operation armed. */
static void dispatch_data(struct multishot *multishot, struct ring *ring,
                          struct operation *operation, const struct raw_result *raw,
                          ring_dispatch *dispatch, void *context) {
    unsigned index = (unsigned)raw->buffer;
    assert(raw->buffer >= 0 && index < multishot->buffer_count);
    for (uint32_t left = (uint32_t)raw->result; left > 0;) {
        unsigned count = count_adjacent(multishot, index, left);
        uint32_t room = count * multishot->buffer_size;
        struct completion completion = {
            .descriptor = -1,
            .more = true,
            .size = left < room ? left : room,
            .data = multishot_buffer(multishot, index),
        };
        left -= completion.size;
        if (left == 0 && !raw->more)
            settle(multishot, operation, &completion);
        unsigned following = multishot->next_buffers[index + count - 1];
        unpoison(completion.data, completion.size);
        dispatch(context, operation, &completion);
        for (unsigned i = 0; i < count; i++)
            multishot_give(multishot, ring, index + i);
        index = following;
    }
}

void multishot_complete(struct multishot *multishot, struct ring *ring, struct operation *operation,
                        const struct raw_result *raw, ring_dispatch *dispatch, void *context) {
    if (!operation_is_multishot(operation)) {
        operation_complete_once(operation, raw->result, dispatch, context);
        return;
    }
    bool receive = operation->kind == OPERATION_RECEIVE;
    operation->served |= receive && raw->result > 0;
    if (receive && raw->result == -ENOBUFS) {
        ring->statistics.buffer_shortages++;
        wait_to_arm(multishot, operation);
        return;
    }
    if (receive && raw->result > 0) {
        dispatch_data(multishot, ring, operation, raw, dispatch, context);
        return;
    }
    struct completion completion = {.descriptor = -1, .more = raw->more};
    if (raw->result < 0)
        completion.error = error_from_errno(-raw->result);
    else if (receive)
        completion.error = ERROR_END_OF_STREAM;
    else
        completion.descriptor = raw->result;
    if (!raw->more)
        settle(multishot, operation, &completion);
    dispatch(context, operation, &completion);
    /* the kernel may take a buffer, and then have nothing for it */
    if (raw->buffer >= 0)
        multishot_give(multishot, ring, (unsigned)raw->buffer);
}

void multishot_arm_waiting(struct multishot *multishot, struct ring *ring, ring_dispatch *dispatch,
                           void *context) {
    struct operation *operation;
    while ((operation = take_waiting(multishot)) != NULL) {
        if (operation->cancelled) {
            operation->state = OPERATION_IDLE;
            const struct completion completion = {.error = ERROR_CANCELLED, .descriptor = -1};
            dispatch(context, operation, &completion);
            continue;
        }
        operation->state = OPERATION_ARMED;
        operation->served = false;
        if (operation->kind == OPERATION_ACCEPT)
            ring->backend->accept(ring, operation);
        else
            ring->backend->receive(ring, operation);
    }
}
