/*
 * A channel in one rendition, as one worker's clients see it: who is in it, and the worker's view
 * of that log.
 *
 * A channel exists on a worker while that worker has clients in it. The first one makes it join the
 * channel's home; until the home has answered, clients wait. When the last one has left, it leaves
 * the home, and goes when the home has confirmed that no letter to it is under way any more.
 */
#ifndef RINGCAST_HUB_CHANNEL_H
#define RINGCAST_HUB_CHANNEL_H

#include "base/map.h"
#include "home.h"
#include "hub/hub.h"
#include "subscription.h"
#include "view.h"

struct channel {
    struct map_node node; /* by name and kind, in the worker's channels */
    struct hub_worker *worker;
    struct home *home;   /* valid while joined */
    struct log *log;     /* the home's for this rendition, for its tail; as long */
    struct tally *tally; /* the home's for this reader; as long */
    enum rendition_kind kind;
    struct join *join; /* the letter to and from the home; NULL while it is under way */
    bool joined;
    bool leaving;
    struct view view;
    struct list_node waiting, idle, busy; /* subscriptions */
    struct map members;                   /* struct member, see presence.h */
    size_t subscriptions;
    size_t recalls; /* under way */
    struct task flush;
    struct channel_settings settings;
    char name[]; /* and behind its NUL one byte more, the kind */
};

/*
 * Subscribes to a rendition; `joined` follows, at once or later. ERROR_NO_MEMORY, or
 * ERROR_LIMIT_REACHED when there are too many channels.
 */
enum error channel_subscribe(struct hub_worker *worker, struct bytes name, enum rendition_kind kind,
                             const struct start *start, struct subscription *subscription);

/* Sets what holds in the channel from now on. */
void channel_set(struct channel *channel, const struct channel_settings *settings);

/* Ends a subscription on which nothing is in flight. Harmless on one that has none. */
void channel_unsubscribe(struct subscription *subscription);

/*
 * The bytes to send next: contiguous, without own messages, up to the head, or to where an own
 * message that is still unanswered may stand. Empty there. Most clients have published nothing
 * lately.
 */
static inline struct bytes subscription_range(struct subscription *subscription) {
    struct bytes range = cursor_range(&subscription->channel->view, &subscription->cursor);
    if (subscription->own == NULL && subscription->unanswered == 0)
        return range;
    return subscription_without_own(subscription, range);
}

/* Is its cursor before the oldest retained message? */
static inline bool subscription_is_behind(const struct subscription *subscription) {
    return subscription->cursor.at != NULL &&
           cursor_position(&subscription->cursor) <
               atomic_load_explicit(&subscription->channel->log->tail, memory_order_acquire);
}

/*
 * Publishes a client's message to the channel. `source` steps over it. On an error the message was
 * not accepted.
 */
enum error channel_publish(struct channel *channel, struct subscription *source,
                           struct bytes prefix, bool binary, struct bytes payload);

/* Letters from the home. */
void channel_add_segment(struct channel *channel, struct view_segment *at);
void channel_head_moved(struct channel *channel);
void channel_joined(struct channel *channel, struct join *join);
void channel_left(struct channel *channel, struct join *join);
void channel_recalled(struct recall *recall);

#endif
