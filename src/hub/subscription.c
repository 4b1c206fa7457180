#include "subscription.h"

#include <assert.h>

#include "channel.h"

/* ---- reading --------------------------------------------------------------------------------- */

/* Moves the cursor over own messages that it stands at, and shortens `range` to what comes before
 * the next own message. */
static struct bytes step_over_own(struct subscription *subscription, struct bytes range) {
    struct cursor *cursor = &subscription->cursor;
    struct own_range *own;
    while (range.size > 0 && (own = own_ranges_first(subscription->own)) != NULL) {
        size_t before = cursor_distance(cursor, own->start);
        if (before > 0)
            return bytes_make(range.data, before < range.size ? before : range.size);
        uint32_t over = cursor_advance(cursor, cursor_distance(cursor, own->end));
        counter_add(&subscription->channel->tally->own, over);
        if (own->end <= cursor_offset(cursor))
            own_ranges_drop_first(&subscription->own);
        range = cursor_range(&subscription->channel->view, cursor);
    }
    return range;
}

/* While a publish is unanswered, own messages may be among what is filled behind `settled`. That is
 * between two messages, so a message that was begun is always wholly before it. */
struct bytes subscription_without_own(struct subscription *subscription, struct bytes range) {
    range = step_over_own(subscription, range);
    if (subscription->unanswered == 0 || range.size == 0)
        return range;
    size_t before = cursor_distance(&subscription->cursor, subscription->settled);
    return bytes_make(range.data, before < range.size ? before : range.size);
}

uint64_t subscription_offset(const struct subscription *subscription) {
    return subscription->cursor.at != NULL ? cursor_offset(&subscription->cursor)
                                           : subscription->channel->view.first_offset;
}

uint32_t subscription_sent(struct subscription *subscription, size_t size) {
    uint32_t messages = cursor_advance(&subscription->cursor, size);
    counter_add(&subscription->channel->tally->delivered, messages);
    return subscription->channel->kind == RENDITION_PRESENCE ? 0 : messages;
}

void subscription_set_busy(struct subscription *subscription, bool busy) {
    enum subscription_state state = busy ? SUBSCRIPTION_BUSY : SUBSCRIPTION_IDLE;
    if (subscription->state == state || subscription->state < SUBSCRIPTION_IDLE)
        return;
    subscription->state = (uint8_t)state;
    struct channel *channel = subscription->channel;
    list_remove(&subscription->link);
    list_append(busy ? &channel->busy : &channel->idle, &subscription->link);
}

/* Own messages between the two places were not missed, but are counted as if: the client cannot
 * know which of them others saw. */
uint64_t subscription_skip(struct subscription *subscription) {
    struct channel *channel = subscription->channel;
    uint64_t tail = atomic_load_explicit(&channel->log->tail, memory_order_acquire);
    uint64_t before = cursor_offset(&subscription->cursor);
    assert(!cursor_is_inside_message(&subscription->cursor));
    if (cursor_position(&subscription->cursor) >= tail)
        return 0; /* the past was brought back meanwhile; a cursor never goes back */
    cursor_remove(&subscription->cursor);
    cursor_place_at(&channel->view, &subscription->cursor, tail);
    view_collect(&channel->view);
    uint64_t missed = cursor_offset(&subscription->cursor) - before;
    counter_add(&channel->tally->skipped, missed);
    return missed;
}

uint64_t subscription_jump(struct subscription *subscription) {
    struct view *view = &subscription->channel->view;
    uint64_t before = subscription_offset(subscription), head = view_head_offset(view);
    if (head <= before + 1 || subscription->own != NULL || subscription->unanswered > 0 ||
        cursor_is_inside_message(&subscription->cursor))
        return 0;
    cursor_remove(&subscription->cursor);
    cursor_place_at_offset(view, &subscription->cursor, head - 1);
    counter_add(&subscription->channel->tally->skipped, head - 1 - before);
    return head - 1 - before;
}

/* ---- own messages ---------------------------------------------------------------------------- */

/* Is the client at the head, so that its new message is the next thing that its cursor meets? */
static bool stands_at_own(struct subscription *source, uint64_t offset) {
    if (source->state != SUBSCRIPTION_IDLE || source->unanswered > 0 || source->own != NULL)
        return false;
    struct bytes range = cursor_range(&source->channel->view, &source->cursor);
    return range.size > 0 && cursor_offset(&source->cursor) == offset;
}

/* Who is at the head steps over at once, and keeps nothing. */
enum error subscription_exclude(struct subscription *source, uint64_t offset) {
    if (!stands_at_own(source, offset))
        return own_ranges_add(&source->own, offset, offset + 1);
    cursor_advance(&source->cursor, cursor_distance(&source->cursor, offset + 1));
    counter_add(&source->channel->tally->own, 1);
    return ERROR_NONE;
}

void subscription_published(struct subscription *subscription, enum error error, uint64_t offset) {
    subscription->unanswered--;
    if (error == ERROR_NONE) {
        subscription->settled = offset + 1; /* answers keep the order of the publishes */
        if (!subscription->channel->settings.echo)
            error = subscription_exclude(subscription, offset);
    }
    subscription_events.published(subscription, error);
}

void subscription_begin_publish(struct subscription *subscription) {
    if (subscription->unanswered++ == 0)
        subscription->settled = view_head_offset(&subscription->channel->view);
}
