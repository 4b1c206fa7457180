/*
 * A channel in one rendition, as one worker's clients see it: who is in it, and the worker's view
 * of that log.
 *
 * A channel exists on a worker while that worker has clients in it. The first one makes it join the
 * channel's home; until the home has answered, clients wait. When the last one has left, it leaves
 * the home, and goes when the home has confirmed that no letter to it is under way any more.
 *
 * A subscription is one client's place in one channel: a cursor, and the client's own messages
 * ahead of it, which it steps over. It begins at the head, or in the past: then the home is asked
 * for the segments, and it waits for them.
 */
#ifndef RINGCAST_HUB_CHANNEL_H
#define RINGCAST_HUB_CHANNEL_H

#include "base/map.h"
#include "home.h"
#include "hub/hub.h"
#include "view.h"

/* Offsets; `end` is behind the last message. */
struct own_range {
    uint64_t start, end;
};

struct own_ranges {
    uint32_t first, count, capacity;
    struct own_range items[];
};

enum subscription_state {
    SUBSCRIPTION_NONE,
    SUBSCRIPTION_WAITING, /* for the home's answer, or for the past */
    SUBSCRIPTION_IDLE,    /* at the head */
    SUBSCRIPTION_BUSY,    /* a send is in flight, or more is to be sent */
};

struct subscription {
    struct channel *channel;
    struct list_node link; /* in the channel's list of its state */
    struct cursor cursor;
    struct own_ranges *own; /* NULL: none ahead */
    uint64_t first;         /* the offset that it began at */
    uint64_t settled;       /* where messages stand that are unanswered: not before this offset */
    uint32_t unanswered;    /* publishes that its home has not confirmed yet */
    uint8_t state;
    bool recovered;        /* it stands where it wanted to begin, not at the head instead */
    struct recall *recall; /* under way, or to be sent when the channel has joined; else NULL */
};

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
    size_t subscriptions;
    size_t recalls; /* under way */
    struct task flush;
    struct channel_settings settings;
    char name[]; /* and behind its NUL one byte more, the kind */
};

/* What the owner of subscriptions does when the channel calls. */
struct subscription_events {
    /* The home has answered: the subscription stands where it begins, or there is an error. */
    void (*joined)(struct subscription *subscription, enum error error);
    /* There is something to send. */
    void (*readable)(struct subscription *subscription);
    /* It fell out of the retention, and policy is to be applied. */
    void (*fell_behind)(struct subscription *subscription);
    /* A publish of it was answered; an error says that it was not accepted. */
    void (*published)(struct subscription *subscription, enum error error);
};

/* Set by the client module: the one kind of owner that there is. */
extern const struct subscription_events subscription_events;

/*
 * Subscribes to a rendition; `joined` follows, at once or later. ERROR_NO_MEMORY, or
 * ERROR_LIMIT_REACHED when there are too many channels.
 */
enum error channel_subscribe(struct hub_worker *worker, struct bytes name, enum rendition_kind kind,
                             const struct start *start, struct subscription *subscription);

/* Ends a subscription on which nothing is in flight. Harmless on one that has none. */
void channel_unsubscribe(struct subscription *subscription);

/* The offset of the message that it is sent next. */
uint64_t subscription_offset(const struct subscription *subscription);

/*
 * The bytes to send next: contiguous, without own messages, up to the head, or to where an own
 * message that is still unanswered may stand. Empty there.
 */
struct bytes subscription_range(struct subscription *subscription);

/* The kernel took `size` bytes of the last range. Returns how many messages ended in them, which
 * are counted as delivered. */
uint32_t subscription_sent(struct subscription *subscription, size_t size);

/* Moves between idle and busy, so that the turn's end serves only who is idle. */
void subscription_set_busy(struct subscription *subscription, bool busy);

/* Is its cursor before the oldest retained message? */
bool subscription_is_behind(const struct subscription *subscription);

/* Jumps to the newest message, unless own ones are about; returns how many were missed. Only
 * between two messages. */
uint64_t subscription_jump(struct subscription *subscription);

/* Jumps to the oldest retained message; returns how many were missed. Only when it is behind, and
 * between two messages. */
uint64_t subscription_skip(struct subscription *subscription);

/*
 * Publishes a client's message to the channel. `source` steps over it. On an error the message was
 * not accepted.
 */
enum error channel_publish(struct channel *channel, struct subscription *source,
                           struct bytes prefix, bool binary, struct bytes payload);

/* A publish of it starts on its way to the home; subscription_published() ends that. */
void subscription_begin_publish(struct subscription *subscription);

/* Letters from the home. */
void channel_add_segment(struct channel *channel, struct view_segment *at);
void channel_head_moved(struct channel *channel);
void channel_joined(struct channel *channel, struct join *join);
void channel_left(struct channel *channel, struct join *join);
void channel_recalled(struct recall *recall);
/* A publish has come back: the source's message has this offset, or was refused. */
void subscription_published(struct subscription *subscription, enum error error, uint64_t offset);

#endif
