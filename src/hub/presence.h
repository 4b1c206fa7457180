/*
 * Presence: who is in a channel, where the channel's settings say that it is known.
 *
 * A member is one subscription. It is made on the subscriber's worker and kept at the channel's
 * home, in a list with a count; entering and leaving are letters that it carries itself, so leaving
 * needs no memory. Who watches a channel reads the rendition RENDITION_PRESENCE: a log in which
 * each event is encoded once, as messages are, but with a numbering and a retention of its own.
 */
#ifndef RINGCAST_HUB_PRESENCE_H
#define RINGCAST_HUB_PRESENCE_H

#include "channel.h"

/*
 * The subscription, which has begun, becomes a member. `id` tells a connection from all others,
 * `user` is who it is by its token, or empty. ERROR_NO_MEMORY. channel_unsubscribe() ends it.
 */
enum error presence_enter(struct subscription *subscription, uint64_t id, struct bytes user);

/* Is the subscription a member? */
bool presence_knows(const struct subscription *subscription);

/* For channel_unsubscribe(). Harmless for who is no member. */
void presence_leave(struct subscription *subscription);

/* Makes the log of a rendition that somebody begins to watch. At home. */
void presence_init_log(struct home *home, struct log *log);

/* Tells those who watch how many events they missed for want of memory, if any, and if there is
 * memory now. At home; before each event, and now and then. */
void presence_tell_missed(struct home *home);

/* What who watches is told that missed so many events. */
enum error presence_describe_missed(struct buffer *out, const char *channel, uint64_t missed);

/* Appends `"count":2,"members":[…]`, at most `limit` of them and not many more than
 * REQUEST_HISTORY_BYTES; says whether those are all. At home. */
enum error presence_describe(const struct home *home, unsigned limit, struct buffer *out,
                             bool *all);

#endif
