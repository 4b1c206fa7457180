#include "view.h"

#include <assert.h>

static uint32_t messages_of(const struct view_segment *at) {
    return atomic_load_explicit(&at->segment->messages, memory_order_acquire);
}

void view_init(struct view *view) {
    list_init(&view->segments);
    view->first_offset = 0;
}

static void drop(struct view_segment *at) {
    assert(at->cursors == 0);
    list_remove(&at->link);
    segment_release(at->segment);
}

void view_fini(struct view *view) {
    list_for_each_safe (node, &view->segments)
        drop(container_of(node, struct view_segment, link));
}

void view_add(struct view *view, struct view_segment *at) {
    assert(at->cursors == 0);
    list_append(&view->segments, &at->link);
}

static bool is_held(const struct view_segment *at) {
    return at->link.next != NULL && list_is_linked(&at->link);
}

void view_insert(struct view *view, struct view_segment *at) {
    if (is_held(at)) {
        segment_release(at->segment);
        return;
    }
    struct list_node *place = &view->segments;
    while (place->previous != &view->segments &&
           container_of(place->previous, struct view_segment, link)->segment->base >
               at->segment->base)
        place = place->previous;
    assert(at->cursors == 0);
    list_insert_before(place, &at->link);
}

static struct view_segment *newest(const struct view *view) {
    return list_is_empty(&view->segments)
               ? NULL
               : container_of(view->segments.previous, struct view_segment, link);
}

static struct view_segment *after(const struct view *view, const struct view_segment *at) {
    struct list_node *next = at == NULL ? view->segments.next : at->link.next;
    return next == &view->segments ? NULL : container_of(next, struct view_segment, link);
}

/* ---- placing --------------------------------------------------------------------------------- */

static void enter(struct cursor *cursor, struct view_segment *at, uint32_t message,
                  uint32_t position) {
    *cursor = (struct cursor){at, position, message};
    if (at != NULL)
        at->cursors++;
}

uint64_t view_head_offset(const struct view *view) {
    const struct view_segment *at = newest(view);
    return at == NULL ? view->first_offset : at->segment->offset + messages_of(at);
}

/* `filled` is read first: it is published behind the count of messages. */
void cursor_place_at_head(struct view *view, struct cursor *cursor) {
    struct view_segment *at = newest(view);
    uint32_t filled = at == NULL ? 0 : view_segment_filled(at);
    uint32_t message = at == NULL ? 0 : messages_of(at);
    while (message > 0 && at->segment->marks[message - 1].start >= filled)
        message--;
    enter(cursor, at, message, filled);
}

void cursor_place_at(struct view *view, struct cursor *cursor, uint64_t position) {
    list_for_each (node, &view->segments) {
        struct view_segment *at = container_of(node, struct view_segment, link);
        const struct segment *segment = at->segment;
        if (segment->base + view_segment_filled(at) <= position)
            continue;
        uint32_t messages = messages_of(at);
        uint32_t message = 0;
        while (message < messages && segment->base + segment->marks[message].start < position)
            message++;
        if (message == messages)
            continue;
        enter(cursor, at, message, segment->marks[message].start);
        return;
    }
    cursor_place_at_head(view, cursor);
}

void cursor_place_at_offset(struct view *view, struct cursor *cursor, uint64_t offset) {
    list_for_each (node, &view->segments) {
        struct view_segment *at = container_of(node, struct view_segment, link);
        const struct segment *segment = at->segment;
        uint32_t filled = view_segment_filled(at);
        uint32_t messages = messages_of(at);
        if (offset < segment->offset || offset - segment->offset > messages)
            continue;
        uint32_t message = (uint32_t)(offset - segment->offset);
        enter(cursor, at, message, message < messages ? segment->marks[message].start : filled);
        return;
    }
    cursor_place_at_head(view, cursor);
}

void cursor_remove(struct cursor *cursor) {
    if (cursor->at != NULL)
        cursor->at->cursors--;
    *cursor = (struct cursor){0};
}

/* ---- reading --------------------------------------------------------------------------------- */

/* A segment is announced behind the last byte of the one before it. */
struct bytes cursor_next_range(struct view *view, struct cursor *cursor) {
    struct view_segment *next;
    while ((next = after(view, cursor->at)) != NULL) {
        cursor_remove(cursor);
        enter(cursor, next, 0, 0);
        uint32_t filled = view_segment_filled(next);
        if (filled > 0)
            return bytes_make(next->segment->data, filled);
    }
    return (struct bytes){0};
}

/*
 * The writer publishes a mark before its bytes. So here `filled` is read before `messages`: then
 * every message that is filled also has its mark, and only a last mark may stand at the end of what
 * is filled.
 */
static uint32_t message_end(const struct cursor *cursor) {
    uint32_t filled = view_segment_filled(cursor->at);
    uint32_t next = cursor->message + 1;
    return next < messages_of(cursor->at) ? cursor->at->segment->marks[next].start : filled;
}

uint32_t cursor_advance(struct cursor *cursor, size_t size) {
    uint32_t before = cursor->message;
    uint32_t filled = view_segment_filled(cursor->at);
    uint32_t messages = messages_of(cursor->at);
    const struct mark *marks = cursor->at->segment->marks;
    cursor->position += (uint32_t)size;
    while (cursor->message + 1 < messages && marks[cursor->message + 1].start <= cursor->position)
        cursor->message++;
    if (cursor->message + 1 == messages && marks[cursor->message].start < cursor->position &&
        cursor->position == filled)
        cursor->message++;
    return cursor->message - before;
}

uint64_t cursor_offset(const struct cursor *cursor) {
    return cursor->at == NULL ? 0 : cursor->at->segment->offset + cursor->message;
}

size_t cursor_distance(const struct cursor *cursor, uint64_t offset) {
    const struct segment *segment = cursor->at->segment;
    uint32_t filled = view_segment_filled(cursor->at);
    uint32_t messages = messages_of(cursor->at);
    if (offset <= segment->offset + cursor->message)
        return 0;
    uint64_t index = offset - segment->offset;
    uint32_t start = index < messages && segment->marks[index].start < filled
                         ? segment->marks[index].start
                         : filled;
    return start - cursor->position;
}

bool cursor_is_inside_message(const struct cursor *cursor) {
    return cursor->at != NULL && cursor->message < messages_of(cursor->at) &&
           cursor->position > cursor->at->segment->marks[cursor->message].start;
}

struct bytes cursor_rest_of_message(const struct cursor *cursor) {
    return bytes_make(cursor->at->segment->data + cursor->position,
                      message_end(cursor) - cursor->position);
}

/* ---- letting go ------------------------------------------------------------------------------ */

struct view_segment *view_fallen_behind(const struct view *view, uint64_t tail) {
    list_for_each (node, &view->segments) {
        struct view_segment *at = container_of(node, struct view_segment, link);
        if (at->segment->base + view_segment_filled(at) > tail)
            return NULL;
        if (at->cursors > 0 && at != newest(view))
            return at;
    }
    return NULL;
}

void view_collect(struct view *view) {
    list_for_each_safe (node, &view->segments) {
        struct view_segment *at = container_of(node, struct view_segment, link);
        if (at->cursors > 0 || at == newest(view))
            return; /* who stands here will read all that follows */
        drop(at);
    }
}
