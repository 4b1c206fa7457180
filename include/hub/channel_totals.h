/*
 * What has become of the messages of each channel, for metrics. Channels that the config names have
 * an account of their own, and so have the first `max_accounts` others; all the rest share one, so
 * that their number stays bounded whatever clients make up. An account stays when its channel goes,
 * and goes on when it comes back: its numbers never go back.
 *
 * Of every subscription that has ended: due = delivered + skipped + own + abandoned.
 */
#ifndef RINGCAST_HUB_CHANNEL_TOTALS_H
#define RINGCAST_HUB_CHANNEL_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct hub;

struct channel_totals {
    const char *name;     /* lent by the hub; NULL: the channels without an account of their own */
    uint64_t published;   /* accepted into the log */
    uint64_t subscribers; /* now */
    uint64_t delivered;   /* to one subscriber each, as the next three */
    uint64_t skipped;     /* missed by slow readers */
    uint64_t own;         /* stepped over by who had published them */
    uint64_t abandoned;   /* still ahead when the subscription ended */
    uint64_t due;         /* of subscriptions that have ended */
};

/* All accounts, from any thread. The array is the caller's to memory_free(). ERROR_NO_MEMORY. */
enum error hub_channel_totals(struct hub *hub, struct channel_totals **totals, size_t *count);

#endif
