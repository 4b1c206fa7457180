#include "channel.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "presence.h"
#include "worker.h"

/* ---- what the home tells --------------------------------------------------------------------- */

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

/* All who are idle become busy at once; who has nothing to be sent after all makes itself idle. */
static void wake_idle(struct channel *channel) {
    struct list_node *node = channel->idle.next, *next;
    if (list_is_empty(&channel->idle))
        return;
    list_splice(&channel->busy, &channel->idle);
    for (; node != &channel->busy; node = next) {
        struct subscription *subscription = container_of(node, struct subscription, link);
        next = node->next;
        subscription->state = SUBSCRIPTION_BUSY;
        subscription_events.readable(subscription);
    }
}

static void flush(struct task *task) {
    struct channel *channel = container_of(task, struct channel, flush);
    if (!channel->joined)
        return;
    wake_idle(channel);
    view_collect(&channel->view);
    apply_policy(channel);
}

static const struct task_handler flush_handler = {"hub_flush", flush};

/* ---- joining and leaving the home ------------------------------------------------------------ */

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
    map_fini(&channel->members);
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

/* ---- subscribing ----------------------------------------------------------------------------- */

/* Channels of one name stand side by side, one for each rendition. */
static struct bytes make_key(char *out, struct bytes name, enum rendition_kind kind) {
    memcpy(out, name.data, name.size);
    out[name.size] = '\0';
    out[name.size + 1] = (char)kind;
    return bytes_make(out, name.size + 2);
}

/* Who watches presence is told what it missed, whatever becomes of readers of the messages. */
void channel_set(struct channel *channel, const struct channel_settings *settings) {
    channel->settings = *settings;
    if (channel->kind == RENDITION_PRESENCE)
        channel->settings.slow_reader = SLOW_READER_SKIP;
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
    const struct hub_options *options = &worker->hub->options;
    const struct channel_settings settings = options->channel_settings(options->context, name);
    channel_set(channel, &settings);
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
    presence_leave(subscription);
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
