/*
 * The io_uring backend.
 *
 * A turn is one io_uring_enter: it submits everything prepared, runs the kernel's deferred work and
 * waits. Receives are multishot into one ring of provided buffers; see multishot.h for what becomes
 * of one that the kernel ends.
 */
#include <assert.h>
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "kernel.h"
#include "multishot.h"
#include "poison.h"
#include "refusal.h"
#include "ring/ring.h"

enum { BUFFER_GROUP = 0, COMPLETIONS_PER_ENTRY = 8 };

/* A receive fills several buffers (IORING_RECVSEND_BUNDLE, which Debian 12's liburing lacks). */
enum { RECEIVE_BUNDLE = 1 << 4 };

/* user_data of what nobody waits for, and of the wake-up read; operations use their address. */
enum { NOBODY = 0, WAKE_UP = 1 };

struct uring {
    struct ring ring;
    struct io_uring io;
    struct io_uring_buf_ring *buffer_ring;
    size_t buffer_ring_size;
    struct multishot multishot;
    int wake_descriptor;
    uint64_t wake_count; /* where the wake-up read puts what it read */
};

static struct uring *uring_of(struct ring *ring) {
    return container_of(ring, struct uring, ring);
}

/* ---- preparing ------------------------------------------------------------------------------- */

/* The one place that submits outside a turn's end: the queue is full in the middle of a fan-out. */
static struct io_uring_sqe *next_entry(struct uring *uring) {
    struct io_uring_sqe *entry = io_uring_get_sqe(&uring->io);
    while (entry == NULL) {
        uring->ring.statistics.early_submits++;
        io_uring_submit(&uring->io);
        entry = io_uring_get_sqe(&uring->io);
    }
    return entry;
}

static void uring_accept(struct ring *ring, struct operation *operation) {
    struct io_uring_sqe *entry = next_entry(uring_of(ring));
    io_uring_prep_multishot_accept(entry, operation->descriptor, NULL, NULL, SOCK_CLOEXEC);
    io_uring_sqe_set_data(entry, operation);
}

static void uring_connect(struct ring *ring, struct operation *operation,
                          const struct sockaddr *address, socklen_t size) {
    struct io_uring_sqe *entry = next_entry(uring_of(ring));
    io_uring_prep_connect(entry, operation->descriptor, address, size);
    io_uring_sqe_set_data(entry, operation);
}

static void prepare_receive(struct uring *uring, struct io_uring_sqe *entry, int descriptor) {
    unsigned most = uring->ring.receive_most;
    bool bundle = most > uring->multishot.buffer_size;
    io_uring_prep_recv_multishot(entry, descriptor, NULL, bundle ? most : 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = BUFFER_GROUP;
    if (bundle)
        entry->ioprio |= RECEIVE_BUNDLE;
}

static void uring_receive(struct ring *ring, struct operation *operation) {
    struct uring *uring = uring_of(ring);
    struct io_uring_sqe *entry = next_entry(uring);
    prepare_receive(uring, entry, operation->descriptor);
    io_uring_sqe_set_data(entry, operation);
}

static void uring_send(struct ring *ring, struct operation *operation, const void *data,
                       size_t size) {
    struct io_uring_sqe *entry = next_entry(uring_of(ring));
    io_uring_prep_send(entry, operation->descriptor, data, size, MSG_NOSIGNAL);
    io_uring_sqe_set_data(entry, operation);
}

static void uring_poll(struct ring *ring, struct operation *operation, unsigned poll_for) {
    struct io_uring_sqe *entry = next_entry(uring_of(ring));
    unsigned events = ((poll_for & POLL_FOR_READING) != 0 ? POLLIN : 0) |
                      ((poll_for & POLL_FOR_WRITING) != 0 ? POLLOUT : 0);
    io_uring_prep_poll_add(entry, operation->descriptor, events);
    io_uring_sqe_set_data(entry, operation);
}

/* One that waits to be armed again is not in the kernel: multishot_arm_waiting() ends it. */
static void uring_cancel(struct ring *ring, struct operation *operation) {
    if (operation->state == OPERATION_WAITING)
        return;
    struct io_uring_sqe *entry = next_entry(uring_of(ring));
    io_uring_prep_cancel(entry, operation, 0);
    io_uring_sqe_set_data64(entry, NOBODY);
}

/* A plain call, which never waits: the ring would hand it to a kernel thread, which may look the
 * descriptor up only after it was closed and has become somebody else's. */
static void uring_shutdown(struct ring *ring, int descriptor) {
    (void)ring;
    shutdown(descriptor, SHUT_WR);
}

static void uring_close(struct ring *ring, int descriptor) {
    struct io_uring_sqe *entry = next_entry(uring_of(ring));
    io_uring_prep_close(entry, descriptor);
    io_uring_sqe_set_data64(entry, NOBODY);
}

static void arm_wake_up(struct uring *uring) {
    struct io_uring_sqe *entry = next_entry(uring);
    io_uring_prep_read(entry, uring->wake_descriptor, &uring->wake_count, sizeof uring->wake_count,
                       0);
    io_uring_sqe_set_data64(entry, WAKE_UP);
}

/* ---- completing ------------------------------------------------------------------------------ */

/* Kernel writes are invisible to AddressSanitizer, so what the kernel owns is poisoned. */
static void give_buffer(struct ring *ring, unsigned index) {
    struct uring *uring = uring_of(ring);
    const struct multishot *multishot = &uring->multishot;
    uint8_t *buffer = multishot_buffer(multishot, index);
    poison(buffer, multishot->buffer_size);
    io_uring_buf_ring_add(uring->buffer_ring, buffer, multishot->buffer_size, (unsigned short)index,
                          io_uring_buf_ring_mask(multishot->buffer_count), 0);
    io_uring_buf_ring_advance(uring->buffer_ring, 1);
}

static void complete(struct uring *uring, struct operation *operation, int32_t result,
                     uint32_t flags, ring_dispatch *dispatch, void *context) {
    if (!operation_is_multishot(operation)) {
        operation_complete_once(operation, result, dispatch, context);
        return;
    }
    bool has_buffer = (flags & IORING_CQE_F_BUFFER) != 0;
    const struct raw_result raw = {
        .result = result,
        .more = (flags & IORING_CQE_F_MORE) != 0,
        .buffer = has_buffer ? (int)(flags >> IORING_CQE_BUFFER_SHIFT) : -1,
    };
    multishot_complete(&uring->multishot, &uring->ring, operation, &raw, dispatch, context);
}

/* Only what is there when the turn begins to dispatch: a busy peer cannot keep the loop here. */
static void dispatch_completions(struct uring *uring, ring_dispatch *dispatch, void *context) {
    struct io_uring_cqe *entry;
    unsigned head, left = io_uring_cq_ready(&uring->io);
    uring->ring.statistics.completions += left;
    io_uring_for_each_cqe(&uring->io, head, entry) {
        if (left-- == 0)
            break;
        uint64_t whom = io_uring_cqe_get_data64(entry);
        int32_t result = entry->res;
        uint32_t flags = entry->flags;
        io_uring_cq_advance(&uring->io, 1); /* the entry's place is free for the next submit */
        if (whom == WAKE_UP)
            arm_wake_up(uring);
        else if (whom != NOBODY)
            complete(uring, (struct operation *)(uintptr_t)whom, result, flags, dispatch,
                     context); // NOLINT
    }
    multishot_arm_waiting(&uring->multishot, &uring->ring, dispatch, context);
}

static void submit_and_wait(struct uring *uring, uint64_t deadline) {
    uint64_t now = deadline == UINT64_MAX || deadline == 0 ? 0 : clock_monotonic();
    struct io_uring_cqe *entry;
    int result;
    if (deadline == UINT64_MAX) {
        result = io_uring_submit_and_wait(&uring->io, 1);
    } else if (deadline <= now) {
        result = io_uring_submit_and_get_events(&uring->io);
    } else {
        uint64_t wait = deadline - now;
        struct __kernel_timespec timeout = {.tv_sec = (long long)(wait / SECOND),
                                            .tv_nsec = (long long)(wait % SECOND)};
        result = io_uring_submit_and_wait_timeout(&uring->io, &entry, 1, &timeout, NULL);
    }
    /* EBUSY: overflowed completions must be taken first; EAGAIN: the kernel lacks memory now. In
     * both cases the entries stay queued and go with the next turn. */
    assert(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
           result == -EAGAIN);
    uring->ring.statistics.submits++;
}

static void uring_turn(struct ring *ring, uint64_t deadline, ring_dispatch *dispatch,
                       void *context) {
    struct uring *uring = uring_of(ring);
    submit_and_wait(uring, deadline);
    if (io_uring_cq_has_overflow(&uring->io))
        ring->statistics.overflows++;
    dispatch_completions(uring, dispatch, context);
}

static void uring_wake(struct ring *ring) {
    const uint64_t one = 1;
    /* fails only when the counter is full, and then the ring is awake anyway */
    ssize_t written = write(uring_of(ring)->wake_descriptor, &one, sizeof one);
    (void)written;
}

/* ---- opening and closing --------------------------------------------------------------------- */

static size_t buffers_size(const struct uring *uring) {
    return (size_t)uring->multishot.buffer_count * uring->multishot.buffer_size;
}

static void uring_free(struct ring *ring) {
    struct uring *uring = uring_of(ring);
    /* sends what was armed without an answer, such as closing the last descriptors */
    io_uring_submit_and_get_events(&uring->io);
    io_uring_queue_exit(&uring->io);
    munmap(uring->buffer_ring, uring->buffer_ring_size);
    unpoison(uring->multishot.buffers, buffers_size(uring));
    munmap(uring->multishot.buffers, buffers_size(uring));
    memory_free(uring->multishot.next_buffers);
    close(uring->wake_descriptor);
    memory_free(uring);
}

static const struct ring_backend uring_backend = {
    .name = "io_uring",
    .free = uring_free,
    .accept = uring_accept,
    .connect = uring_connect,
    .receive = uring_receive,
    .send = uring_send,
    .poll = uring_poll,
    .cancel = uring_cancel,
    .shutdown = uring_shutdown,
    .close = uring_close,
    .turn = uring_turn,
    .wake = uring_wake,
    .now = kernel_now,
    .wall = kernel_wall,
    .random = kernel_random,
    .sockets = &kernel_sockets,
};

static int open_queues(struct uring *uring, const struct ring_options *options) {
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CQSIZE | IORING_SETUP_COOP_TASKRUN |
                 IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
        .cq_entries = options->entries * COMPLETIONS_PER_ENTRY,
    };
    return io_uring_queue_init_params(options->entries, &uring->io, &parameters);
}

static void *map_pages(size_t size) {
    void *pages = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return pages == MAP_FAILED ? NULL : pages;
}

static int open_buffers(struct uring *uring, const struct ring_options *options) {
    struct multishot *multishot = &uring->multishot;
    multishot->buffer_count = options->buffer_count;
    multishot->buffer_size = options->buffer_size;
    uring->buffer_ring_size = options->buffer_count * sizeof(struct io_uring_buf);
    uring->buffer_ring = map_pages(uring->buffer_ring_size);
    multishot->buffers = map_pages(buffers_size(uring));
    multishot->next_buffers =
        memory_allocate(options->buffer_count * sizeof *multishot->next_buffers);
    if (uring->buffer_ring == NULL || multishot->buffers == NULL || multishot->next_buffers == NULL)
        return -ENOMEM;
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)uring->buffer_ring,
        .ring_entries = options->buffer_count,
        .bgid = BUFFER_GROUP,
    };
    int result = io_uring_register_buf_ring(&uring->io, &registration, 0);
    if (result < 0)
        return result;
    io_uring_buf_ring_init(uring->buffer_ring);
    for (unsigned index = 0; index < options->buffer_count; index++)
        multishot_give(multishot, &uring->ring, index);
    return 0;
}

/*
 * Asks the kernel for a bundle of bounded size on a descriptor that is none: one that knows such
 * receives says so (EBADF), one that does not refuses the flags before it looks (EINVAL).
 */
static void find_bundles(struct uring *uring, const struct ring_options *options) {
    enum { NO_DESCRIPTOR = -1 };
    struct io_uring_cqe *answer;
    uring->ring.receive_most = options->buffer_size;
    if (options->bundle <= 1)
        return;
    uring->ring.receive_most = options->bundle * options->buffer_size;
    struct io_uring_sqe *entry = next_entry(uring);
    prepare_receive(uring, entry, NO_DESCRIPTOR);
    io_uring_sqe_set_data64(entry, NOBODY);
    io_uring_submit_and_wait(&uring->io, 1);
    bool answered = io_uring_peek_cqe(&uring->io, &answer) == 0;
    if (!answered || answer->res != -EBADF)
        uring->ring.receive_most = options->buffer_size;
    if (answered)
        io_uring_cqe_seen(&uring->io, answer);
}

static void undo_open(struct uring *uring, bool queues) {
    if (queues)
        io_uring_queue_exit(&uring->io);
    if (uring->buffer_ring != NULL)
        munmap(uring->buffer_ring, uring->buffer_ring_size);
    if (uring->multishot.buffers != NULL)
        munmap(uring->multishot.buffers, buffers_size(uring));
    memory_free(uring->multishot.next_buffers);
    if (uring->wake_descriptor >= 0)
        close(uring->wake_descriptor);
    memory_free(uring);
}

enum error ring_open(const struct ring_options *options, struct ring **ring,
                     struct ring_refusal *refusal) {
    struct uring *uring = memory_allocate_zeroed(sizeof *uring);
    if (uring == NULL)
        return refusal_explain(refusal, "allocating the ring", ENOMEM);
    uring->ring.backend = &uring_backend;
    multishot_init(&uring->multishot, give_buffer);
    uring->wake_descriptor = eventfd(0, EFD_CLOEXEC);
    if (uring->wake_descriptor < 0) {
        int number = errno;
        undo_open(uring, false);
        return refusal_explain(refusal, "eventfd", number);
    }
    int result = open_queues(uring, options);
    if (result < 0) {
        undo_open(uring, false);
        return refusal_explain(refusal, "io_uring_setup", -result);
    }
    result = open_buffers(uring, options);
    if (result < 0) {
        undo_open(uring, true);
        return refusal_explain(refusal, "io_uring_register", -result);
    }
    find_bundles(uring, options);
    arm_wake_up(uring);
    *ring = &uring->ring;
    return ERROR_NONE;
}
