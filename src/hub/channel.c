#include "channel.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "worker.h"

enum { OWN_RANGES_FIRST = 4 };

/* ---- own messages ahead of the cursor ------------------------------------------------------- */

static struct own_range *first_own(struct own_ranges *own) {
    return own == NULL ? NULL : &own->items[own->first];
}

static void drop_first_own(struct subscription *subscription) {
    struct own_ranges *own = subscription->own;
    own->first++;
    if (--own->count > 0)
        return;
    memory_free(own);
    subscription->own = NULL;
}

static enum error make_room_for_own(struct subscription *subscription) {
    struct own_ranges *own = subscription->own;
    if (own != NULL && own->first + own->count < own->capacity)
        return ERROR_NONE;
    uint32_t count = own == NULL ? 0 : own->count;
    uint32_t capacity = count < OWN_RANGES_FIRST ? OWN_RANGES_FIRST : count * 2;
    struct own_ranges *wider = memory_allocate(sizeof *wider + capacity * sizeof(struct own_range));
    if (wider == NULL)
        return ERROR_NO_MEMORY;
    wider->first = 0;
    wider->count = count;
    wider->capacity = capacity;
    if (count > 0)
        memcpy(wider->items, first_own(own), count * sizeof(struct own_range));
    memory_free(own);
    subscription->own = wider;
    return ERROR_NONE;
}

static enum error add_own(struct subscription *subscription, uint64_t start, uint64_t end) {
    struct own_ranges *own = subscription->own;
    if (own != NULL && own->items[own->first + own->count - 1].end == start) {
        own->items[own->first + own->count - 1].end = end;
        return ERROR_NONE;
    }
    enum error error = make_room_for_own(subscription);
    if (error != ERROR_NONE)
        return error;
    own = subscription->own;
    own->items[own->first + own->count++] = (struct own_range){start, end};
    return ERROR_NONE;
}

/* Moves the cursor over own messages that it stands at, and shortens `range` to what comes before
 * the next own message. */
static struct bytes step_over_own(struct subscription *subscription, struct bytes range) {
    struct cursor *cursor = &subscription->cursor;
    struct own_range *own;
    while (range.size > 0 && (own = first_own(subscription->own)) != NULL) {
        size_t before = cursor_distance(cursor, own->start);
        if (before > 0)
            return bytes_make(range.data, before < range.size ? before : range.size);
        uint32_t over = cursor_advance(cursor, cursor_distance(cursor, own->end));
        counter_add(&subscription->channel->tally->own, over);
        if (own->end <= cursor_offset(cursor))
            drop_first_own(subscription);
        range = cursor_range(&subscription->channel->view, cursor);
    }
    return range;
}

/* ---- reading -------------------------------------------------------------------------------- */

/* While a publish is unanswered, own messages may be among what is filled behind `settled`. That is
 * between two messages, so a message that was begun is always wholly before it. */
struct bytes subscription_range(struct subscription *subscription) {
    struct view *view = &subscription->channel->view;
    struct bytes range = step_over_own(subscription, cursor_range(view, &subscription->cursor));
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
    return messages;
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

bool subscription_is_behind(const struct subscription *subscription) {
    return subscription->cursor.at != NULL &&
           cursor_position(&subscription->cursor) <
               atomic_load_explicit(&subscription->channel->log->tail, memory_order_acquire);
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

/* ---- what the home tells -------------------------------------------------------------------- */

static void step_into_first(struct channel *channel, struct list_node *subscriptions) {
    list_for_each (node, subscriptions)
        cursor_range(&channel->view, &container_of(node, struct subscription, link)->cursor);
}

/* Who joined when the log was empty stands nowhere until there is a first segment. */
void channel_add_segment(struct channel *channel, struct view_segment *at) {
    bool first = list_is_empty(&channel->view.segments);
    view_add(&channel->view, at);
    if (first) {
        step_into_first(channel, &channel->idle);
        step_into_first(channel, &channel->busy);
    }
    channel_head_moved(channel);
}

/* Who stands in a segment that retention has dropped is slow: nothing else keeps it. */
static void apply_policy(struct channel *channel) {
    uint64_t tail = atomic_load_explicit(&channel->log->tail, memory_order_acquire);
    if (view_fallen_behind(&channel->view, tail) == NULL)
        return;
    list_for_each_safe (node, &channel->busy) {
        struct subscription *subscription = container_of(node, struct subscription, link);
        if (subscription_is_behind(subscription))
            subscription_events.fell_behind(subscription);
    }
}

void channel_head_moved(struct channel *channel) {
    if (channel->joined)
        loop_post_turn_end(channel->worker->loop, &channel->flush);
}

static void flush(struct task *task) {
    struct channel *channel = container_of(task, struct channel, flush);
    struct list_node idle, *node;
    if (!channel->joined)
        return;
    list_init(&idle);
    list_splice(&idle, &channel->idle);
    while ((node = list_take_first(&idle)) != NULL) {
        list_append(&channel->idle, node);
        subscription_events.readable(container_of(node, struct subscription, link));
    }
    view_collect(&channel->view);
    apply_policy(channel);
}

static const struct task_handler flush_handler = {"hub_flush", flush};

/* ---- joining and leaving the home ----------------------------------------------------------- */

static void deliver_join(struct letter *letter) {
    struct join *join = container_of(letter, struct join, letter);
    struct hub_worker *asking = join->channel->worker;
    home_handle_join(hub_home_worker(asking->hub, bytes_of(join->channel->name)), join);
}

static const struct letter_handler join_handler = {"hub_join", deliver_join};

static void send_join(struct channel *channel, bool leave) {
    struct join *join = channel->join;
    struct hub_worker *home_worker = hub_home_worker(channel->worker->hub, bytes_of(channel->name));
    channel->join = NULL;
    join->leave = leave;
    join->letter.handler = &join_handler;
    if (home_worker == channel->worker)
        home_handle_join(home_worker, join);
    else
        loop_send(home_worker->loop, &join->letter);
}

static void leave_if_empty(struct channel *channel) {
    if (channel->subscriptions > 0 || channel->recalls > 0 || !channel->joined || channel->leaving)
        return;
    channel->leaving = true;
    channel->joined = false;
    loop_unpost(&channel->flush);
    send_join(channel, true);
}

static void begin(struct subscription *subscription, bool recovered) {
    struct channel *channel = subscription->channel;
    list_remove(&subscription->link);
    list_append(&channel->idle, &subscription->link);
    subscription->state = SUBSCRIPTION_IDLE;
    subscription->recovered = recovered;
    subscription->first = subscription_offset(subscription);
    subscription_events.joined(subscription, ERROR_NONE);
}

static void deliver_recall(struct letter *letter) {
    home_handle_recall(container_of(letter, struct recall, letter));
}

static const struct letter_handler recall_handler = {"hub_recall", deliver_recall};

static void send_recall(struct channel *channel, struct recall *recall) {
    channel->recalls++;
    recall->home = channel->home;
    recall->letter.handler = &recall_handler;
    if (channel->home->worker == channel->worker)
        home_handle_recall(recall);
    else
        loop_send(channel->home->worker->loop, &recall->letter);
}

/* The channel has joined: who wants the past asks for it, and goes on waiting. */
static void place(struct subscription *subscription) {
    struct channel *channel = subscription->channel;
    if (subscription->recall != NULL) {
        send_recall(channel, subscription->recall);
        return;
    }
    cursor_place_at_head(&channel->view, &subscription->cursor);
    begin(subscription, false);
}

void channel_recalled(struct recall *recall) {
    struct channel *channel = recall->channel;
    struct subscription *subscription = recall->subscription;
    unsigned reader = channel->worker->index;
    for (size_t i = 0; i < recall->count; i++)
        view_insert(&channel->view, &recall->segments[i]->views[reader]);
    if (subscription != NULL) {
        subscription->recall = NULL;
        if (recall->found)
            cursor_place_at_offset(&channel->view, &subscription->cursor, recall->offset);
        else
            cursor_place_at_head(&channel->view, &subscription->cursor);
        begin(subscription, recall->found);
    }
    memory_free(recall->segments);
    memory_free(recall);
    view_collect(&channel->view);
    channel->recalls--;
    leave_if_empty(channel);
}

static void refuse_waiting(struct channel *channel, enum error error) {
    struct list_node *node;
    while (!list_is_empty(&channel->waiting)) {
        node = channel->waiting.next;
        struct subscription *subscription = container_of(node, struct subscription, link);
        list_remove(node);
        memory_free(subscription->recall);
        subscription->recall = NULL;
        subscription->channel = NULL;
        subscription->state = SUBSCRIPTION_NONE;
        channel->subscriptions--;
        subscription_events.joined(subscription, error);
    }
}

static void channel_free(struct channel *channel) {
    struct hub_worker *worker = channel->worker;
    loop_unpost(&channel->flush);
    view_fini(&channel->view);
    map_remove(&worker->channels, &channel->node);
    counter_subtract(&worker->statistics.channels, 1);
    memory_free(channel->join);
    memory_free(channel);
    drain_check(worker);
}

void channel_joined(struct channel *channel, struct join *join) {
    channel->join = join;
    if (join->error != ERROR_NONE) {
        refuse_waiting(channel, join->error);
        channel_free(channel);
        return;
    }
    struct rendition *rendition = &join->home->renditions[channel->kind];
    channel->joined = true;
    channel->home = join->home;
    channel->log = &rendition->log;
    channel->tally = &rendition->readers[join->reader].tally;
    channel->view.first_offset = join->next_offset;
    if (join->newest != NULL)
        view_add(&channel->view, &join->newest->views[join->reader]);
    counter_set(&channel->tally->subscribers, channel->subscriptions);
    struct list_node waiting, *node;
    list_init(&waiting);
    list_splice(&waiting, &channel->waiting);
    channel->recalls++; /* stays while its subscriptions are told, whatever they do */
    while ((node = list_take_first(&waiting)) != NULL) {
        list_append(&channel->waiting, node);
        place(container_of(node, struct subscription, link));
    }
    channel->recalls--;
    leave_if_empty(channel);
}

/* Somebody may have subscribed while the channel was leaving. */
void channel_left(struct channel *channel, struct join *join) {
    channel->join = join;
    channel->leaving = false;
    channel->home = NULL;
    view_fini(&channel->view);
    if (channel->subscriptions > 0)
        send_join(channel, false);
    else
        channel_free(channel);
}

/* ---- subscribing ---------------------------------------------------------------------------- */

/* Channels of one name stand side by side, one for each rendition. */
static struct bytes make_key(char *out, struct bytes name, enum rendition_kind kind) {
    memcpy(out, name.data, name.size);
    out[name.size] = '\0';
    out[name.size + 1] = (char)kind;
    return bytes_make(out, name.size + 2);
}

static struct channel *channel_new(struct hub_worker *worker, struct bytes name,
                                   enum rendition_kind kind) {
    struct channel *channel = memory_allocate_zeroed(sizeof *channel + name.size + 2);
    if (channel == NULL)
        return NULL;
    struct bytes key = make_key(channel->name, name, kind);
    channel->join = memory_allocate_zeroed(sizeof *channel->join);
    if (channel->join == NULL || map_insert(&worker->channels, &channel->node, key) != ERROR_NONE) {
        memory_free(channel->join);
        memory_free(channel);
        return NULL;
    }
    channel->join->channel = channel;
    channel->join->reader = worker->index;
    channel->join->kind = kind;
    channel->kind = kind;
    channel->worker = worker;
    channel->flush.handler = &flush_handler;
    channel->settings = worker->hub->options.channel_settings(worker->hub->options.context, name);
    view_init(&channel->view);
    list_init(&channel->waiting);
    list_init(&channel->idle);
    list_init(&channel->busy);
    counter_add(&worker->statistics.channels, 1);
    return channel;
}

static struct recall *recall_new(struct channel *channel, struct subscription *subscription,
                                 const struct start *start) {
    struct recall *recall = memory_allocate_zeroed(sizeof *recall);
    if (recall == NULL)
        return NULL;
    recall->channel = channel;
    recall->subscription = subscription;
    recall->start = *start;
    return recall;
}

static void count_subscriptions(struct channel *channel, int change) {
    channel->subscriptions += (size_t)change;
    if (channel->joined)
        counter_set(&channel->tally->subscribers, channel->subscriptions);
}

enum error channel_subscribe(struct hub_worker *worker, struct bytes name, enum rendition_kind kind,
                             const struct start *start, struct subscription *subscription) {
    char key[CHANNEL_NAME_MAX + 2];
    struct map_node *node = map_find(&worker->channels, make_key(key, name, kind));
    bool fresh = node == NULL;
    struct channel *channel =
        fresh ? channel_new(worker, name, kind) : container_of(node, struct channel, node);
    if (channel == NULL)
        return ERROR_NO_MEMORY;
    *subscription = (struct subscription){.channel = channel, .state = SUBSCRIPTION_WAITING};
    if (start->place != PLACE_HEAD) {
        subscription->recall = recall_new(channel, subscription, start);
        if (subscription->recall == NULL) {
            subscription->channel = NULL;
            if (fresh)
                channel_free(channel);
            return ERROR_NO_MEMORY;
        }
    }
    list_append(&channel->waiting, &subscription->link);
    count_subscriptions(channel, 1);
    if (channel->joined)
        place(subscription);
    else if (fresh)
        send_join(channel, false);
    return ERROR_NONE;
}

/* What it was still due. The past that is under way comes to nobody. */
static void settle(struct subscription *subscription) {
    struct channel *channel = subscription->channel;
    if (subscription->recall != NULL) {
        subscription->recall->subscription = NULL;
        if (subscription->recall->home == NULL) /* not sent yet */
            memory_free(subscription->recall);
    } else if (channel->joined && subscription->state >= SUBSCRIPTION_IDLE) {
        uint64_t head = view_head_offset(&channel->view);
        counter_add(&channel->tally->abandoned, head - subscription_offset(subscription));
        counter_add(&channel->tally->due, head - subscription->first);
    }
}

void channel_unsubscribe(struct subscription *subscription) {
    struct channel *channel = subscription->channel;
    if (channel == NULL)
        return;
    assert(subscription->unanswered == 0);
    settle(subscription);
    list_remove(&subscription->link);
    cursor_remove(&subscription->cursor);
    memory_free(subscription->own);
    *subscription = (struct subscription){0};
    count_subscriptions(channel, -1);
    if (channel->joined)
        view_collect(&channel->view);
    leave_if_empty(channel);
}

/* ---- publishing ----------------------------------------------------------------------------- */

/* Is the client at the head, so that its new message is the next thing that its cursor meets? */
static bool stands_at_own(struct subscription *source, uint64_t offset) {
    if (source->state != SUBSCRIPTION_IDLE || source->unanswered > 0 || source->own != NULL)
        return false;
    struct bytes range = cursor_range(&source->channel->view, &source->cursor);
    return range.size > 0 && cursor_offset(&source->cursor) == offset;
}

/* Who is at the head steps over at once, and keeps nothing. */
static enum error exclude_own(struct subscription *source, uint64_t offset) {
    if (!stands_at_own(source, offset))
        return add_own(source, offset, offset + 1);
    cursor_advance(&source->cursor, cursor_distance(&source->cursor, offset + 1));
    counter_add(&source->channel->tally->own, 1);
    return ERROR_NONE;
}

void subscription_published(struct subscription *subscription, enum error error, uint64_t offset) {
    subscription->unanswered--;
    if (error == ERROR_NONE) {
        subscription->settled = offset + 1; /* answers keep the order of the publishes */
        if (!subscription->channel->settings.echo)
            error = exclude_own(subscription, offset);
    }
    subscription_events.published(subscription, error);
}

static void deliver_publish(struct letter *letter) {
    struct publish *publish = container_of(letter, struct publish, letter);
    struct bytes name = bytes_make(publish->data + publish->prefix_size, publish->name_size);
    home_handle_publish(hub_home_worker(publish->hub, name), publish);
}

static const struct letter_handler publish_handler = {"hub_publish", deliver_publish};

void subscription_begin_publish(struct subscription *subscription) {
    if (subscription->unanswered++ == 0)
        subscription->settled = view_head_offset(&subscription->channel->view);
}

static enum error send_publish(struct hub_worker *from, struct bytes name,
                               struct subscription *source, struct bytes prefix, bool binary,
                               struct bytes payload) {
    struct publish *publish =
        memory_allocate(sizeof *publish + prefix.size + name.size + payload.size);
    if (publish == NULL)
        return ERROR_NO_MEMORY;
    *publish = (struct publish){
        .letter.handler = &publish_handler,
        .hub = from->hub,
        .source = source,
        .sender = from->index,
        .binary = binary,
        .prefix_size = (uint8_t)prefix.size,
        .name_size = (uint8_t)name.size,
        .payload_size = payload.size,
    };
    uint8_t *data = publish->data;
    const struct bytes parts[] = {prefix, name, payload};
    for (size_t i = 0; i < 3; i++) {
        if (parts[i].size > 0)
            memcpy(data, parts[i].data, parts[i].size);
        data += parts[i].size;
    }
    if (source != NULL)
        subscription_begin_publish(source);
    loop_send(hub_home_worker(from->hub, name)->loop, &publish->letter);
    return ERROR_NONE;
}

enum error channel_publish(struct channel *channel, struct subscription *source,
                           struct bytes prefix, bool binary, struct bytes payload) {
    struct hub_worker *worker = channel->worker;
    struct home *home = channel->home;
    uint64_t offset;
    if (home->worker != worker)
        return send_publish(worker, bytes_of(channel->name), source, prefix, binary, payload);
    enum error error = home_append(home, prefix, binary, payload, &offset);
    if (error == ERROR_NONE && !home->settings.echo && exclude_own(source, offset) != ERROR_NONE)
        subscription_events.published(
            source, ERROR_NO_MEMORY); /* accepted, but its own exclusion is lost */
    return error;
}

enum error hub_publish(struct hub *hub, unsigned worker, struct bytes name, struct bytes payload) {
    struct hub_worker *from = &hub->workers[worker];
    struct hub_worker *to = hub_home_worker(hub, name);
    const struct bytes no_prefix = {0};
    if (!channel_name_is_valid(name))
        return ERROR_INVALID_ARGUMENT;
    if (to != from)
        return send_publish(from, name, NULL, no_prefix, false, payload);
    struct home *home;
    uint64_t offset;
    enum error error = home_find(to, name, &home);
    return error == ERROR_NONE ? home_append(home, no_prefix, false, payload, &offset) : error;
}
