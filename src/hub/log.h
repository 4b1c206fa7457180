/*
 * The broadcast log: an append-only sequence of immutable, already encoded frames.
 *
 * A log has one writer, the worker at which its channel is at home, and is read on every worker. It
 * consists of segments. A segment's bytes never change once they are filled in, and `filled` is
 * published behind them, so a reader that has a reference needs no lock.
 *
 * A position is a byte's place in the whole log; an offset is a message's number. Both never go
 * back. A log usually starts at 0 with both.
 *
 * Retention drops the oldest messages: first from sight (`tail`), and as soon as a whole segment is
 * behind the tail, the log's reference to it. Its memory lives on while readers hold references.
 */
#ifndef RINGCAST_HUB_LOG_H
#define RINGCAST_HUB_LOG_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/list.h"
#include "loop/loop.h"

/* Where a message stands in its segment, and when it came. */
struct mark {
    uint32_t start; /* of its frame, in the segment's data */
    uint32_t age;   /* milliseconds after the segment was made */
};

struct channel;
struct segment;

/*
 * A segment as one worker sees it: first the letter that announces it, with one reference, then its
 * place in the worker's view. Only that worker touches it.
 */
struct view_segment {
    struct letter letter;
    struct channel *channel; /* the worker's */
    struct segment *segment;
    struct list_node link; /* in the view */
    uint32_t cursors;      /* that stand in it */
};

struct segment {
    _Atomic uint32_t references;
    _Atomic uint32_t filled;   /* bytes that may be read */
    _Atomic uint32_t messages; /* marks that may be read */
    uint32_t capacity;         /* bytes */
    uint32_t marks_capacity;
    uint64_t base;              /* the position of the first byte */
    uint64_t offset;            /* of the first message */
    uint64_t made;              /* when, in nanoseconds of the writer's loop */
    struct list_node link;      /* in the writer's log */
    struct view_segment *views; /* one for each worker */
    struct mark *marks;
    uint8_t data[];
};

void segment_reference(struct segment *segment);

/* Gives a reference back, from any thread; the last one frees the segment. */
void segment_release(struct segment *segment);

struct retention {
    size_t bytes;
    uint64_t messages;
    uint64_t age; /* nanoseconds */
};

struct log {
    struct list_node segments; /* oldest first */
    struct retention retention;
    unsigned workers;
    uint64_t head; /* position behind the last message */
    uint64_t next_offset;
    uint64_t tail_offset;  /* of the oldest retained message */
    _Atomic uint64_t tail; /* its position; read by all workers */
    size_t memory;         /* bytes of all retained segments */
};

/* A log without messages, in the caller's memory. */
void log_init(struct log *log, const struct retention *retention, unsigned workers);

/* Lets an empty log begin at this position and offset instead of at 0. */
void log_begin_at(struct log *log, uint64_t position, uint64_t offset);

/* Gives all references back. */
void log_fini(struct log *log);

/* The newest segment, or NULL. */
struct segment *log_newest(const struct log *log);

/*
 * Makes room for a message of `size` bytes, so that appending it cannot fail. `*fresh` says that it
 * began a new segment, which the readers must be told of.
 */
enum error log_reserve(struct log *log, size_t size, uint64_t now, bool *fresh);

/*
 * Appends one frame, given in parts, as one message. `now` is the loop's time. `*fresh` says that
 * it began a new segment, which the readers must be told of. The message is at positions `*start`
 * to log->head. ERROR_NO_MEMORY: nothing was appended.
 */
enum error log_append(struct log *log, const struct bytes *parts, size_t count, uint64_t now,
                      uint64_t *start, bool *fresh);

/*
 * The most that the segments of a log take whose largest message has `largest` bytes: half as much
 * again as is retained, for marks and for what messages leave free at a segment's end; and the
 * newest segment, which is being filled. When they would take more, the oldest messages go.
 */
size_t log_memory_limit(const struct retention *retention, size_t largest);

/* Drops what retention no longer covers. The newest segment always stays, and the newest message
 * until it is too old. */
void log_trim(struct log *log, uint64_t now);

/* Drops the messages before `tail_offset`. For a log that follows another one's retention. */
void log_trim_to(struct log *log, uint64_t tail_offset);

/*
 * Puts the messages of `before`, a log of its own, in front of those of `log`: its last message is
 * the one before the first of `log`. `before` is empty afterwards.
 */
void log_prepend(struct log *log, struct log *before);

/* The segment with the message of this offset, which must be retained. */
struct segment *log_find(const struct log *log, uint64_t offset);

#endif
