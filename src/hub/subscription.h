/*
 * A subscription: one client's place in one channel. A cursor, and the client's own messages ahead
 * of it, which it steps over. It begins at the head, or in the past: then the home is asked for the
 * segments, and it waits for them.
 *
 * channel_subscribe() begins it and channel_unsubscribe() ends it (channel.h); here it is read.
 */
#ifndef RINGCAST_HUB_SUBSCRIPTION_H
#define RINGCAST_HUB_SUBSCRIPTION_H

#include "base/list.h"
#include "own_ranges.h"
#include "view.h"

struct channel;
struct recall;

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

/* What the owner of subscriptions does when the channel calls. */
struct subscription_events {
    /* The home has answered: the subscription stands where it begins, or there is an error. */
    void (*joined)(struct subscription *subscription, enum error error);
    /* There is something to send; it is busy already. It may unsubscribe nobody. */
    void (*readable)(struct subscription *subscription);
    /* It fell out of the retention, and policy is to be applied. */
    void (*fell_behind)(struct subscription *subscription);
    /* A publish of it was answered; an error says that it was not accepted. */
    void (*published)(struct subscription *subscription, enum error error);
};

/* Set by the client module: the one kind of owner that there is. */
extern const struct subscription_events subscription_events;

/* The offset of the message that it is sent next. */
uint64_t subscription_offset(const struct subscription *subscription);

/* For subscription_range(): what of the range may go out. */
struct bytes subscription_without_own(struct subscription *subscription, struct bytes range);

/* The kernel took `size` bytes of the last range. Returns how many messages ended in them, which
 * are counted as delivered; events of presence are none. */
uint32_t subscription_sent(struct subscription *subscription, size_t size);

/* Moves between idle and busy, so that the turn's end serves only who is idle. */
void subscription_set_busy(struct subscription *subscription, bool busy);

/* Jumps to the newest message, unless own ones are about; returns how many were missed. Only
 * between two messages. */
uint64_t subscription_jump(struct subscription *subscription);

/* Jumps to the oldest retained message; returns how many were missed. Only when it is behind, and
 * between two messages. */
uint64_t subscription_skip(struct subscription *subscription);

/* A publish of it starts on its way to the home; subscription_published() ends that. */
void subscription_begin_publish(struct subscription *subscription);

/* A publish has come back: the source's message has this offset, or was refused. */
void subscription_published(struct subscription *subscription, enum error error, uint64_t offset);

/* Its own message has this offset: it steps over that, now or when it comes there. */
enum error subscription_exclude(struct subscription *subscription, uint64_t offset);

#endif
