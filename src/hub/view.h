/*
 * One worker's view of a log, and the cursors in it.
 *
 * The view holds one reference to each segment from the oldest that a cursor of this worker stands
 * in up to the newest. A cursor holds none: it is counted by the segment that it stands in. Serving
 * a reader is sending the bytes between its cursor and the head, straight from the segment.
 *
 * Belongs to its worker's thread; only the segments are shared.
 */
#ifndef RINGCAST_HUB_VIEW_H
#define RINGCAST_HUB_VIEW_H

#include "log.h"

struct view {
    struct list_node segments; /* struct view_segment, oldest first */
    uint64_t first_offset;     /* of the next message while there is no segment */
};

/* `{0}` stands nowhere. */
struct cursor {
    struct view_segment *at; /* NULL: before the first segment of an empty view */
    uint32_t position;       /* in the segment's data */
    uint32_t message;        /* the first one that has not been sent wholly */
};

void view_init(struct view *view);

/* Gives all references back. No cursor may stand in it any more. */
void view_fini(struct view *view);

/* Adds the newest segment, taking over one reference. Cursors that stand before the first segment
 * must step into it (cursor_range()) before anything is collected: nothing else keeps it for them.
 */
void view_add(struct view *view, struct view_segment *at);

/* Puts a segment where it belongs among the others, taking over one reference; gives that back if
 * the segment is there already. */
void view_insert(struct view *view, struct view_segment *at);

/* The offset behind all messages that can be seen now. */
uint64_t view_head_offset(const struct view *view);

/* Places a cursor behind all that is filled now. */
void cursor_place_at_head(struct view *view, struct cursor *cursor);

/* Places a cursor at the first message that is not before `position` and still in the view. */
void cursor_place_at(struct view *view, struct cursor *cursor, uint64_t position);

/* Places a cursor at the message with this offset, or at the head when it holds none. All messages
 * before it are filled. */
void cursor_place_at_offset(struct view *view, struct cursor *cursor, uint64_t offset);

/* Takes a cursor out of its view. */
void cursor_remove(struct cursor *cursor);

static inline uint32_t view_segment_filled(const struct view_segment *at) {
    return atomic_load_explicit(&at->segment->filled, memory_order_acquire);
}

/* For cursor_range(), at the end of a segment: what there is in those behind it. */
struct bytes cursor_next_range(struct view *view, struct cursor *cursor);

/*
 * The bytes from the cursor up to the end of what is filled in its segment; steps into the next
 * segment first when it is at the end of one. Empty at the head.
 */
static inline struct bytes cursor_range(struct view *view, struct cursor *cursor) {
    if (cursor->at != NULL) {
        uint32_t filled = view_segment_filled(cursor->at);
        if (cursor->position < filled)
            return bytes_make(cursor->at->segment->data + cursor->position,
                              filled - cursor->position);
    }
    return cursor_next_range(view, cursor);
}

/* Moves over `size` bytes of the last range; returns how many messages ended in them. */
uint32_t cursor_advance(struct cursor *cursor, size_t size);

/* The cursor's position in the log. */
static inline uint64_t cursor_position(const struct cursor *cursor) {
    return cursor->at == NULL ? 0 : cursor->at->segment->base + cursor->position;
}

/* The offset of the message that it stands at, or inside of. */
uint64_t cursor_offset(const struct cursor *cursor);

/* How many bytes there are between the cursor and the message with this offset, in its segment. */
size_t cursor_distance(const struct cursor *cursor, uint64_t offset);

/* Is part of a message sent already? */
bool cursor_is_inside_message(const struct cursor *cursor);

/* The rest of the message that the cursor is inside of, or at the start of. */
struct bytes cursor_rest_of_message(const struct cursor *cursor);

/* The oldest segment with a cursor that is wholly before `tail`, or NULL: its readers are slow. */
struct view_segment *view_fallen_behind(const struct view *view, uint64_t tail);

/* Gives back the segments before the oldest that somebody stands in, but never the newest. */
void view_collect(struct view *view);

#endif
