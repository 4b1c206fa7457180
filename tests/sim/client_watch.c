/*
 * A watcher: it asks for the events of who comes and goes, and then for who is there. Of each
 * member one coming and one going may be told, in this order, and every event says how many there
 * are behind it.
 */
#include <stdlib.h>

#include "home.h"
#include "worker.h"
#include "world.h"
#include "ws/frame.h"
#include "json/document.h"

void client_begin_watch(struct client *client) {
    char command[80];
    snprintf(command, sizeof command, "{\"type\":\"watch\",\"channel\":\"%s\"}",
             client_channel_name(client->channel));
    client_send_frame(client, 0x80 | FRAME_TEXT, bytes_of(command));
}

static void ask_who_is_there(struct client *client) {
    char command[80];
    snprintf(command, sizeof command, "{\"type\":\"presence\",\"channel\":\"%s\",\"limit\":1000}",
             client_channel_name(client->channel));
    client_send_frame(client, 0x80 | FRAME_TEXT, bytes_of(command));
}

static struct known *know(struct client *client, const struct json_value *object) {
    struct watch *watch = &client->watch;
    uint64_t id = json_hex(object, "client");
    for (size_t i = 0; i < watch->known_count; i++)
        if (watch->known[i].id == id)
            return &watch->known[i];
    if (watch->known_count == sizeof watch->known / sizeof *watch->known) {
        world_fail(client->world, "watcher %u hears of more clients than there can be",
                   client->number);
        return &watch->known[0];
    }
    watch->known[watch->known_count].id = id;
    return &watch->known[watch->known_count++];
}

/* ---- what it is told ------------------------------------------------------------------------- */

static void take_answer(struct client *client, const struct json_value *object) {
    struct watch *watch = &client->watch;
    const struct json_value *members = json_member(object, "members");
    const struct json_value *complete = json_member(object, "complete");
    uint64_t count = json_whole(object, "count");
    if (watch->answered || members == NULL || complete == NULL || !complete->boolean ||
        members->count != count)
        world_fail(client->world, "watcher %u is told of %llu members wrongly", client->number,
                   (unsigned long long)count);
    for (const struct json_value *member = members == NULL ? NULL : members->first; member != NULL;
         member = member->next)
        know(client, member)->was_there = true;
    watch->answered = true;
    if (!watch->has_count)
        watch->count = count;
    world_saw(client->world, SOMETIMES_PRESENCE);
}

/* From now on it does not know whom it missed. */
static void blur(struct client *client) {
    client->watch.blurred = true;
    world_saw(client->world, SOMETIMES_PRESENCE_SKIPPED);
}

static void take_event(struct client *client, const struct json_value *object, bool came) {
    struct watch *watch = &client->watch;
    uint64_t count = json_whole(object, "count"), before = watch->count;
    struct known *known = know(client, object);
    bool told_twice = came ? known->came || known->went : known->went;
    known->came |= came;
    known->went |= !came;
    if (!watch->watching || (!watch->blurred && told_twice))
        world_fail(client->world, "watcher %u is told again that %016llx %s", client->number,
                   (unsigned long long)known->id, came ? "has come" : "has gone");
    if (!watch->blurred && watch->has_count && count != (came ? before + 1 : before - 1))
        world_fail(client->world, "watcher %u is told of %llu members behind %llu", client->number,
                   (unsigned long long)count, (unsigned long long)before);
    watch->has_count = true;
    watch->count = count;
    world_saw(client->world, came ? SOMETIMES_JOINED : SOMETIMES_LEFT);
}

void client_take_watched(struct client *client, const struct json_value *object) {
    struct watch *watch = &client->watch;
    if (json_is(object, "type", "watching")) {
        watch->watching = true;
        ask_who_is_there(client);
    } else if (json_is(object, "type", "presence")) {
        take_answer(client, object);
    } else if (json_is(object, "type", "join") || json_is(object, "type", "leave")) {
        take_event(client, object, json_is(object, "type", "join"));
    } else if (json_is(object, "type", "presence_skipped")) {
        blur(client);
    } else if (json_is(object, "type", "error") && world_was_short_of_memory(client->world)) {
        watch->blurred = true;
    } else {
        world_fail(client->world, "watcher %u does not understand what it hears", client->number);
    }
}

/* ---- what is so ------------------------------------------------------------------------------ */

static bool is_member(const struct client *client) {
    bool says_so = client->speaks_json || client->kind == CLIENT_EVENTS;
    return client_is_open(client) && client->kind != CLIENT_WATCHER &&
           (!says_so || client->next_offset > 0);
}

static bool is_there(const struct watch *watch, uint64_t id) {
    for (size_t i = 0; i < watch->known_count; i++) {
        const struct known *known = &watch->known[i];
        if (id == known->id && (known->was_there || known->came) && !known->went)
            return true;
    }
    return false;
}

static void add_missed(struct map_node *node, void *context) {
    uint64_t *missed = context;
    *missed += container_of(node, struct home, node)->events_missed;
}

/* An event for which there was no memory is told of when there is some. */
static bool is_event_untold(const struct world *world) {
    uint64_t missed = 0;
    for (unsigned i = 0; i < world->worker_count; i++)
        map_visit(&world->service.hub->workers[i].homes, add_missed, &missed);
    return missed > 0;
}

/* Who reads nothing, or a few bytes a second, may not have heard yet that it was closed. */
static bool may_be_gone(const struct client *client) {
    return client->link.deaf || client->link.read_piece > 0;
}

bool client_watch_is_right(const struct client *client) {
    const struct watch *watch = &client->watch;
    const struct world *world = client->world;
    uint64_t certain = 0, uncertain = 0, there = 0;
    if (watch->blurred || is_event_untold(world))
        return true;
    for (size_t i = 0; i < world->client_count; i++) {
        const struct client *other = &world->clients[i];
        if (other->channel != client->channel || !is_member(other))
            continue;
        if (may_be_gone(other))
            uncertain++;
        else if (other->id != 0 && !is_there(watch, other->id))
            return false;
        else
            certain++;
    }
    for (size_t i = 0; i < watch->known_count; i++)
        there += is_there(watch, watch->known[i].id);
    return watch->answered && watch->count == there && there >= certain &&
           there <= certain + uncertain;
}
