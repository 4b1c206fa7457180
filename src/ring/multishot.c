#include "multishot.h"

#include <errno.h>

#include "poison.h"

void multishot_init(struct multishot *multishot, void (*give_buffer)(struct ring *, unsigned)) {
    multishot->starved = (struct waiting){.end = &multishot->starved.first};
    multishot->served = (struct waiting){.end = &multishot->served.first};
    multishot->give_buffer = give_buffer;
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

void multishot_complete(struct multishot *multishot, struct ring *ring, struct operation *operation,
                        const struct raw_result *raw, ring_dispatch *dispatch, void *context) {
    if (!operation_is_multishot(operation)) {
        operation_complete_once(operation, raw->result, dispatch, context);
        return;
    }
    struct completion completion = {.descriptor = -1, .more = raw->more};
    bool receive = operation->kind == OPERATION_RECEIVE;
    operation->served |= receive && raw->result > 0;
    if (receive && raw->result == -ENOBUFS) {
        ring->statistics.buffer_shortages++;
        wait_to_arm(multishot, operation);
        return;
    }
    if (raw->result < 0)
        completion.error = error_from_errno(-raw->result);
    else if (receive && raw->result == 0)
        completion.error = ERROR_END_OF_STREAM;
    else if (receive)
        completion.size = (uint32_t)raw->result;
    else
        completion.descriptor = raw->result;
    if (!completion.more) {
        /* a multishot may end with a success, for instance when completions overflow */
        completion.more = completion.error == ERROR_NONE;
        if (completion.more)
            wait_to_arm(multishot, operation);
        else
            operation->state = OPERATION_IDLE;
    }
    if (raw->buffer < 0) {
        dispatch(context, operation, &completion);
        return;
    }
    completion.data = multishot_buffer(multishot, (unsigned)raw->buffer);
    unpoison(completion.data, completion.size);
    dispatch(context, operation, &completion);
    multishot->give_buffer(ring, (unsigned)raw->buffer);
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
