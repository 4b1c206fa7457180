#include "presence.h"

#include <inttypes.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "request.h"
#include "worker.h"
#include "ws/frame_encode.h"

enum { EVENTS_BYTES = 256 * 1024, EVENTS_COUNT = 10000, EVENTS_MINUTES = 10 };

struct member {
    struct letter enter, leave; /* to the home */
    struct map_node node;       /* by its subscription, in the channel on its worker */
    struct subscription *subscription;
    struct home *home;
    struct list_node link; /* at home */
    uint64_t id;
    struct buffer user; /* a JSON string, or empty */
};

static void member_free(struct member *member) {
    buffer_fini(&member->user);
    memory_free(member);
}

/* ---- at home --------------------------------------------------------------------------------- */

void presence_init_log(struct home *home, struct log *log) {
    const struct retention retention = {
        .bytes = EVENTS_BYTES, .messages = EVENTS_COUNT, .age = EVENTS_MINUTES * MINUTE};
    log_init(log, &retention, home->worker->hub->worker_count);
    home->events_missed = 0; /* by who watched before */
}

static enum error append_member(struct buffer *out, const struct member *member) {
    enum error error = buffer_format(out, "\"client\":\"%016" PRIx64 "\"", member->id);
    if (error == ERROR_NONE && member->user.size > 0)
        error = buffer_append_text(out, ",\"user\":");
    return error == ERROR_NONE ? buffer_append(out, member->user.data, member->user.size) : error;
}

static enum error append_event_text(struct buffer *text, const struct home *home, const char *type,
                                    const struct member *member) {
    enum error error =
        buffer_format(text, "{\"type\":\"%s\",\"channel\":\"%s\",", type, home->name);
    if (error == ERROR_NONE)
        error = append_member(text, member);
    if (error == ERROR_NONE)
        error = buffer_format(text, ",\"count\":%" PRIu64 "}", counter_read(&home->member_count));
    return error;
}

/* Appends a text as one frame to the log of those who watch. */
static enum error append_to_log(struct home *home, struct bytes text) {
    struct rendition *rendition = &home->renditions[RENDITION_PRESENCE];
    uint64_t now = home->worker->loop->now, start;
    struct buffer frame = {0};
    bool fresh = false;
    enum error error = frame_append_message(&frame, FRAME_TEXT, text, NULL);
    if (error == ERROR_NONE) {
        struct bytes part = buffer_bytes(&frame);
        error = log_append(&rendition->log, &part, 1, now, &start, &fresh);
    }
    buffer_fini(&frame);
    if (error != ERROR_NONE)
        return error;
    if (fresh)
        home_announce(home, rendition);
    log_trim(&rendition->log, now);
    home_count_memory(home);
    home_rendition_moved(home, rendition);
    return ERROR_NONE;
}

enum error presence_describe_missed(struct buffer *out, const char *channel, uint64_t missed) {
    return buffer_format(
        out, "{\"type\":\"presence_skipped\",\"channel\":\"%s\",\"missed\":%" PRIu64 "}", channel,
        missed);
}

void presence_tell_missed(struct home *home) {
    struct buffer text = {0};
    if (home->events_missed == 0 || home->renditions[RENDITION_PRESENCE].reader_count == 0)
        return;
    enum error error = presence_describe_missed(&text, home->name, home->events_missed);
    if (error == ERROR_NONE)
        error = append_to_log(home, buffer_bytes(&text));
    if (error == ERROR_NONE)
        home->events_missed = 0;
    buffer_fini(&text);
}

/* Those who watch are told, or are told as soon as there is memory that they were not; what they
 * missed comes first. */
static void tell(struct home *home, const char *type, const struct member *member) {
    struct buffer text = {0};
    if (home->renditions[RENDITION_PRESENCE].reader_count == 0)
        return;
    presence_tell_missed(home);
    enum error error =
        home->events_missed > 0 ? ERROR_NO_MEMORY : append_event_text(&text, home, type, member);
    if (error == ERROR_NONE)
        error = append_to_log(home, buffer_bytes(&text));
    if (error != ERROR_NONE)
        home->events_missed++;
    buffer_fini(&text);
}

static void deliver_enter(struct letter *letter) {
    struct member *member = container_of(letter, struct member, enter);
    struct home *home = member->home;
    list_append(&home->members, &member->link);
    counter_add(&home->member_count, 1);
    tell(home, "join", member);
}

static void deliver_leave(struct letter *letter) {
    struct member *member = container_of(letter, struct member, leave);
    struct home *home = member->home;
    list_remove(&member->link);
    counter_subtract(&home->member_count, 1);
    tell(home, "leave", member);
    member_free(member);
}

enum error presence_describe(const struct home *home, unsigned limit, struct buffer *out,
                             bool *all) {
    enum error error = buffer_format(out, "\"count\":%" PRIu64 ",\"members\":[",
                                     counter_read(&home->member_count));
    unsigned count = 0;
    list_for_each (node, &home->members) {
        if (error != ERROR_NONE || count == limit || out->size >= REQUEST_HISTORY_BYTES)
            break;
        error = buffer_append_text(out, count++ > 0 ? ",{" : "{");
        if (error == ERROR_NONE)
            error = append_member(out, container_of(node, struct member, link));
        if (error == ERROR_NONE)
            error = buffer_append_byte(out, '}');
    }
    *all = count == counter_read(&home->member_count);
    return error == ERROR_NONE ? buffer_append_byte(out, ']') : error;
}

/* ---- on the subscriber's worker -------------------------------------------------------------- */

static const struct letter_handler enter_handler = {"hub_presence_enter", deliver_enter};
static const struct letter_handler leave_handler = {"hub_presence_leave", deliver_leave};

static void send_home(struct member *member, struct letter *letter) {
    struct hub_worker *home_worker = member->home->worker;
    if (home_worker == member->subscription->channel->worker)
        letter->handler->deliver(letter);
    else
        loop_send(home_worker->loop, letter);
}

static struct bytes key_of(const struct subscription *const *subscription) {
    return bytes_make(subscription, sizeof *subscription);
}

static struct member *find(const struct subscription *subscription) {
    const struct map *members = &subscription->channel->members;
    struct map_node *node = members->size > 0 ? map_find(members, key_of(&subscription)) : NULL;
    return node == NULL ? NULL : container_of(node, struct member, node);
}

bool presence_knows(const struct subscription *subscription) {
    return find(subscription) != NULL;
}

enum error presence_enter(struct subscription *subscription, uint64_t id, struct bytes user) {
    struct channel *channel = subscription->channel;
    struct member *member = memory_allocate_zeroed(sizeof *member);
    if (member == NULL)
        return ERROR_NO_MEMORY;
    member->enter.handler = &enter_handler;
    member->leave.handler = &leave_handler;
    member->subscription = subscription;
    member->home = channel->home;
    member->id = id;
    enum error error = user.size > 0 ? json_append_string(&member->user, user) : ERROR_NONE;
    if (error == ERROR_NONE)
        error = map_insert(&channel->members, &member->node,
                           key_of((const struct subscription *const *)&member->subscription));
    if (error != ERROR_NONE) {
        member_free(member);
        return error;
    }
    send_home(member, &member->enter);
    return ERROR_NONE;
}

void presence_leave(struct subscription *subscription) {
    struct member *member = find(subscription);
    if (member == NULL)
        return;
    map_remove(&subscription->channel->members, &member->node);
    send_home(member, &member->leave);
}
