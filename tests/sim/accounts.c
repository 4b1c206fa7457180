/*
 * The hub's accounts of its channels against what clients have got: nobody gets what was not
 * counted as delivered; and where each connection ended in order, nothing was counted that nobody
 * got. What was due and not delivered is told apart behind every turn (each_turn.c).
 */
#include <stdlib.h>

#include "base/memory.h"
#include "hub/channel_totals.h"
#include "world.h"

static bool may_join(const struct client *client) {
    switch (client->kind) {
    case CLIENT_IDLE:
    case CLIENT_BROWSER:
    case CLIENT_MONITOR:
    case CLIENT_UNAWARE:
    case CLIENT_OUTDATED:
    case CLIENT_BABBLER:
    case CLIENT_WATCHER:
        return false;
    default:
        return true;
    }
}

/* Did it get everything that was sent to it? Who has not heard the end may not. */
static bool ended_in_order(const struct client *client) {
    return client->refused || client->heard_close;
}

static void check_channel(struct world *world, const struct channel_totals *totals) {
    uint64_t received = 0;
    bool in_order = true;
    for (size_t i = 0; i < world->client_count; i++) {
        const struct client *client = &world->clients[i];
        if (!may_join(client) ||
            !bytes_equal(bytes_of(client_channel_name(client->channel)), bytes_of(totals->name)))
            continue;
        received += client->received;
        in_order &= ended_in_order(client);
    }
    /* What a client that breaks off has got last may have been taken too late to be counted. */
    if (in_order && received != totals->delivered)
        world_fail(world, "channel %s: %llu messages count as delivered, %llu were received",
                   totals->name, (unsigned long long)totals->delivered,
                   (unsigned long long)received);
    if (in_order && received > 0)
        world_saw(world, SOMETIMES_ACCOUNTED);
    if (totals->subscribers == 0 &&
        totals->due != totals->delivered + totals->skipped + totals->own + totals->abandoned)
        world_fail(world, "channel %s: its account is not even", totals->name);
}

void accounts_check(struct world *world) {
    struct channel_totals *totals;
    size_t count;
    if (hub_channel_totals(world->service.hub, &totals, &count) != ERROR_NONE)
        abort();
    for (size_t i = 0; i < count; i++)
        if (totals[i].name != NULL)
            check_channel(world, &totals[i]);
    memory_free(totals);
}
