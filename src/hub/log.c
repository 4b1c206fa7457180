#include "log.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

/*
 * Segments start small, so that a quiet channel is cheap, and double up to a sixteenth of the
 * retention, so that dropping one takes little from sight at a time. Marks have room for frames of
 * 32 bytes on average; a segment is full when either runs out.
 */
enum {
    SEGMENT_SMALLEST = 4 * 1024,
    SEGMENT_LARGEST = 1024 * 1024,
    SEGMENTS_PER_RETENTION = 16,
    BYTES_PER_MARK = 32,
};

/* ---- segments -------------------------------------------------------------------------------- */

void segment_reference(struct segment *segment) {
    atomic_fetch_add_explicit(&segment->references, 1, memory_order_relaxed);
}

void segment_release(struct segment *segment) {
    if (atomic_fetch_sub_explicit(&segment->references, 1, memory_order_acq_rel) > 1)
        return;
    memory_free(segment->marks);
    memory_free(segment->views);
    memory_free(segment);
}

static struct segment *segment_new(uint32_t capacity, unsigned workers) {
    struct segment *segment = memory_allocate(sizeof *segment + capacity);
    if (segment == NULL)
        return NULL;
    *segment = (struct segment){
        .references = 1,
        .capacity = capacity,
        .marks_capacity = capacity / BYTES_PER_MARK,
    };
    segment->marks = memory_allocate(segment->marks_capacity * sizeof *segment->marks);
    segment->views = memory_allocate_zeroed(workers * sizeof *segment->views);
    if (segment->marks == NULL || segment->views == NULL) {
        segment_release(segment);
        return NULL;
    }
    for (unsigned i = 0; i < workers; i++)
        segment->views[i].segment = segment;
    return segment;
}

static size_t memory_of(const struct segment *segment) {
    return sizeof *segment + segment->capacity + segment->marks_capacity * sizeof(struct mark);
}

/* A mark's age has 32 bits: 49 days, which a quiet channel's segment may see. */
static bool takes(const struct segment *segment, size_t size, uint64_t now) {
    return size <=
               segment->capacity - atomic_load_explicit(&segment->filled, memory_order_relaxed) &&
           atomic_load_explicit(&segment->messages, memory_order_relaxed) <
               segment->marks_capacity &&
           now - segment->made <= UINT32_MAX * MILLISECOND;
}

/* ---- the log --------------------------------------------------------------------------------- */

void log_init(struct log *log, const struct retention *retention, unsigned workers) {
    *log = (struct log){.retention = *retention, .workers = workers};
    list_init(&log->segments);
}

void log_begin_at(struct log *log, uint64_t position, uint64_t offset) {
    assert(list_is_empty(&log->segments));
    log->head = position;
    log->next_offset = log->tail_offset = offset;
    atomic_store_explicit(&log->tail, position, memory_order_release);
}

static void drop_oldest(struct log *log) {
    struct segment *oldest = container_of(list_take_first(&log->segments), struct segment, link);
    log->memory -= memory_of(oldest);
    segment_release(oldest);
}

void log_fini(struct log *log) {
    while (!list_is_empty(&log->segments))
        drop_oldest(log);
}

struct segment *log_newest(const struct log *log) {
    if (list_is_empty(&log->segments))
        return NULL;
    return container_of(log->segments.previous, struct segment, link);
}

/* Of a segment that no single message is larger than. */
static size_t largest_capacity(const struct retention *retention) {
    size_t capacity = retention->bytes / SEGMENTS_PER_RETENTION;
    if (capacity > SEGMENT_LARGEST)
        return SEGMENT_LARGEST;
    return capacity < SEGMENT_SMALLEST ? SEGMENT_SMALLEST : capacity;
}

static uint32_t next_capacity(const struct log *log, size_t frame_size) {
    size_t largest = largest_capacity(&log->retention);
    size_t capacity =
        list_is_empty(&log->segments) ? SEGMENT_SMALLEST : (size_t)log_newest(log)->capacity * 2;
    if (capacity > largest)
        capacity = largest;
    return (uint32_t)(capacity < frame_size ? frame_size : capacity);
}

static enum error begin_segment(struct log *log, size_t frame_size, uint64_t now) {
    struct segment *segment = segment_new(next_capacity(log, frame_size), log->workers);
    if (segment == NULL)
        return ERROR_NO_MEMORY;
    segment->base = log->head;
    segment->offset = log->next_offset;
    segment->made = now;
    list_append(&log->segments, &segment->link);
    log->memory += memory_of(segment);
    return ERROR_NONE;
}

enum error log_reserve(struct log *log, size_t size, uint64_t now, bool *fresh) {
    assert(size > 0 && size <= UINT32_MAX / 2);
    *fresh = list_is_empty(&log->segments) || !takes(log_newest(log), size, now);
    return *fresh ? begin_segment(log, size, now) : ERROR_NONE;
}

enum error log_append(struct log *log, const struct bytes *parts, size_t count, uint64_t now,
                      uint64_t *start, bool *fresh) {
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].size;
    enum error error = log_reserve(log, size, now, fresh);
    if (error != ERROR_NONE)
        return error;
    struct segment *segment = log_newest(log);
    uint32_t filled = atomic_load_explicit(&segment->filled, memory_order_relaxed);
    uint32_t messages = atomic_load_explicit(&segment->messages, memory_order_relaxed);
    segment->marks[messages].start = filled;
    segment->marks[messages].age = (uint32_t)((now - segment->made) / MILLISECOND);
    for (size_t i = 0; i < count; i++) {
        if (parts[i].size > 0)
            memcpy(segment->data + filled, parts[i].data, parts[i].size);
        filled += (uint32_t)parts[i].size;
    }
    *start = log->head;
    log->head += size;
    log->next_offset++;
    /* marks before bytes: whoever sees the bytes also sees where their messages begin */
    atomic_store_explicit(&segment->messages, messages + 1, memory_order_release);
    atomic_store_explicit(&segment->filled, filled, memory_order_release);
    return ERROR_NONE;
}

/* ---- retention ------------------------------------------------------------------------------- */

/* The oldest segment that the tail is in; the writer's own reads need no ordering. */
static struct segment *tail_segment(const struct log *log) {
    return container_of(log->segments.next, struct segment, link);
}

static bool is_too_old(const struct log *log, const struct segment *segment, uint64_t now) {
    const struct mark *mark = &segment->marks[log->tail_offset - segment->offset];
    return now - segment->made > log->retention.age + (uint64_t)mark->age * MILLISECOND;
}

/* Of all segments but the newest: the bytes, their marks, and what messages of a size that fits
 * badly leave free in their segments. */
static size_t full_memory(const struct retention *retention) {
    return retention->bytes + retention->bytes / 2 + (size_t)2 * SEGMENT_SMALLEST;
}

size_t log_memory_limit(const struct retention *retention, size_t largest) {
    size_t newest = largest_capacity(retention);
    if (newest < largest)
        newest = largest;
    return full_memory(retention) + sizeof(struct segment) +
           newest / BYTES_PER_MARK * (BYTES_PER_MARK + sizeof(struct mark)) + BYTES_PER_MARK;
}

static bool takes_too_much(const struct log *log) {
    return log->memory - memory_of(log_newest(log)) > full_memory(&log->retention);
}

/* However large the newest message is, nobody was slow to read it: only age drops that one. */
static bool exceeds(const struct log *log, const struct segment *segment, uint64_t now) {
    uint64_t messages = log->next_offset - log->tail_offset;
    return (messages > 1 && (log->head - log->tail > log->retention.bytes ||
                             messages > log->retention.messages || takes_too_much(log))) ||
           is_too_old(log, segment, now);
}

/* The oldest segment that still has a message before the tail or behind it; drops those before. */
static struct segment *settle_tail(struct log *log) {
    struct segment *segment = tail_segment(log);
    while (log->tail_offset ==
           segment->offset + atomic_load_explicit(&segment->messages, memory_order_relaxed)) {
        drop_oldest(log);
        segment = tail_segment(log);
    }
    return segment;
}

/* One message, which is in this segment, goes out of sight. */
static void advance_tail(struct log *log, const struct segment *segment) {
    uint32_t messages = atomic_load_explicit(&((struct segment *)(uintptr_t)segment)->messages,
                                             memory_order_relaxed);
    uint32_t next = (uint32_t)(++log->tail_offset - segment->offset);
    uint32_t end = next < messages ? segment->marks[next].start
                                   : atomic_load(&((struct segment *)(uintptr_t)segment)->filled);
    atomic_store_explicit(&log->tail, segment->base + end, memory_order_release);
}

void log_trim(struct log *log, uint64_t now) {
    while (log->tail_offset < log->next_offset) {
        struct segment *segment = settle_tail(log);
        if (!exceeds(log, segment, now))
            break;
        advance_tail(log, segment);
    }
}

void log_trim_to(struct log *log, uint64_t tail_offset) {
    while (log->tail_offset < log->next_offset) {
        struct segment *segment = settle_tail(log);
        if (log->tail_offset >= tail_offset)
            break;
        advance_tail(log, segment);
    }
}

/* ---- the past -------------------------------------------------------------------------------- */

void log_prepend(struct log *log, struct log *before) {
    const struct segment *first = list_is_empty(&log->segments) ? NULL : tail_segment(log);
    uint64_t base = first != NULL ? first->base : log->head;
    assert(before->next_offset == (first != NULL ? first->offset : log->next_offset));
    assert(before->head <= base);
    list_for_each (node, &before->segments) {
        struct segment *segment = container_of(node, struct segment, link);
        segment->base += base - before->head;
    }
    log->tail_offset = before->tail_offset;
    atomic_store_explicit(&log->tail, before->tail + (base - before->head), memory_order_release);
    log->memory += before->memory;
    list_splice(&before->segments, &log->segments);
    list_splice(&log->segments, &before->segments);
    before->memory = 0;
}

struct segment *log_find(const struct log *log, uint64_t offset) {
    struct segment *found = NULL;
    list_for_each (node, &log->segments) {
        struct segment *segment = container_of(node, struct segment, link);
        if (segment->offset > offset)
            break;
        found = segment;
    }
    assert(found != NULL);
    return found;
}
