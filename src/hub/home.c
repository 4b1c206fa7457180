#include "home.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "channel.h"
#include "worker.h"
#include "ws/frame_encode.h"

/* ---- making and finding --------------------------------------------------------------------- */

static void tell_readers(struct task *task);
static const struct task_handler tell_handler = {"hub_tell_readers", tell_readers};

static struct home *home_new(struct hub_worker *worker, struct bytes name) {
    unsigned workers = worker->hub->worker_count;
    struct home *home = memory_allocate_zeroed(sizeof *home + name.size + 1);
    if (home == NULL)
        return NULL;
    home->readers = memory_allocate_zeroed(workers * sizeof *home->readers);
    if (home->readers == NULL) {
        memory_free(home);
        return NULL;
    }
    memcpy(home->name, name.data, name.size);
    home->worker = worker;
    home->tell.handler = &tell_handler;
    home->settings = worker->hub->options.channel_settings(worker->hub->options.context, name);
    const struct retention retention = {
        .bytes = home->settings.retain_bytes,
        .messages = home->settings.retain_messages,
        .age = home->settings.retain_age,
    };
    log_init(&home->log, &retention, workers);
    return home;
}

static void count_log_memory(struct home *home, size_t before) {
    counter_add(&home->worker->statistics.log_bytes, home->log.memory - before);
}

static void home_free(struct home *home) {
    struct hub_worker *worker = home->worker;
    loop_unpost(&home->tell);
    map_remove(&worker->homes, &home->node);
    counter_subtract(&worker->statistics.log_bytes, home->log.memory);
    counter_subtract(&worker->statistics.homes, 1);
    atomic_fetch_sub(&worker->hub->channel_count, 1);
    log_fini(&home->log);
    memory_free(home->readers);
    memory_free(home);
}

/* Channels that the config names are always admitted. */
static bool may_make(struct hub_worker *worker, const struct home *home) {
    unsigned count = atomic_fetch_add(&worker->hub->channel_count, 1);
    if (count < worker->hub->options.max_channels || home->settings.listed)
        return true;
    atomic_fetch_sub(&worker->hub->channel_count, 1);
    return false;
}

enum error home_find(struct hub_worker *worker, struct bytes name, struct home **home_out) {
    struct map_node *node = map_find(&worker->homes, name);
    if (node != NULL) {
        *home_out = container_of(node, struct home, node);
        return ERROR_NONE;
    }
    struct home *home = home_new(worker, name);
    if (home == NULL)
        return ERROR_NO_MEMORY;
    enum error error = may_make(worker, home) ? ERROR_NONE : ERROR_LIMIT_REACHED;
    if (error == ERROR_NONE) {
        error = map_insert(&worker->homes, &home->node, bytes_make(home->name, name.size));
        if (error != ERROR_NONE)
            atomic_fetch_sub(&worker->hub->channel_count, 1);
    }
    if (error != ERROR_NONE) {
        memory_free(home->readers);
        memory_free(home);
        return error;
    }
    counter_add(&worker->statistics.homes, 1);
    *home_out = home;
    return ERROR_NONE;
}

/* ---- telling readers ------------------------------------------------------------------------ */

static void deliver_segment(struct letter *letter) {
    struct view_segment *at = container_of(letter, struct view_segment, letter);
    channel_add_segment(at->channel, at);
}

static const struct letter_handler segment_handler = {"hub_segment", deliver_segment};

/* The flag is cleared before the filled bytes are read, and last: the home may free the hint then.
 * The reader may be leaving, but its channel stays until the home has answered, which is behind
 * this. */
static void deliver_hint(struct letter *letter) {
    struct hint *hint = container_of(letter, struct hint, letter);
    struct channel *channel = hint->told;
    atomic_exchange(&hint->under_way, false);
    channel_head_moved(channel);
}

static const struct letter_handler hint_handler = {"hub_hint", deliver_hint};

static void announce_to(struct home *home, unsigned reader, struct segment *segment) {
    struct view_segment *at = &segment->views[reader];
    at->channel = home->readers[reader].channel;
    at->letter.handler = &segment_handler;
    segment_reference(segment);
    if (reader == home->worker->index)
        channel_add_segment(at->channel, at);
    else
        loop_send(home->worker->hub->workers[reader].loop, &at->letter);
}

static void announce(struct home *home, struct segment *segment) {
    for (unsigned i = 0; i < home->worker->hub->worker_count; i++)
        if (home->readers[i].channel != NULL)
            announce_to(home, i, segment);
}

/* The readers on other workers; this worker's channel was told at once. */
static void tell_readers(struct task *task) {
    struct home *home = container_of(task, struct home, tell);
    struct hub *hub = home->worker->hub;
    for (unsigned i = 0; i < hub->worker_count; i++) {
        struct hint *hint = &home->readers[i];
        if (i == home->worker->index || hint->channel == NULL)
            continue;
        if (atomic_exchange(&hint->under_way, true))
            continue;
        hint->told = hint->channel;
        hint->letter.handler = &hint_handler;
        loop_send(hub->workers[i].loop, &hint->letter);
    }
}

/* ---- appending ------------------------------------------------------------------------------ */

static void head_moved(struct home *home) {
    struct channel *local = home->readers[home->worker->index].channel;
    if (local != NULL)
        channel_head_moved(local);
    if (home->reader_count > (local != NULL ? 1 : 0))
        loop_post_turn_end(home->worker->loop, &home->tell);
}

enum error home_append(struct home *home, struct bytes prefix, bool binary, struct bytes payload,
                       uint64_t *start, uint64_t *end) {
    uint8_t header[FRAME_PLAIN_HEADER_MAX];
    size_t header_size = frame_encode_data_header(header, binary ? FRAME_BINARY : FRAME_TEXT, 0,
                                                  prefix.size + payload.size);
    const struct bytes parts[] = {bytes_make(header, header_size), prefix, payload};
    uint64_t now = home->worker->loop->now;
    size_t memory = home->log.memory;
    bool fresh;
    enum error error = log_append(&home->log, parts, 3, now, start, &fresh);
    if (error != ERROR_NONE)
        return error;
    *end = home->log.head;
    log_trim(&home->log, now);
    count_log_memory(home, memory);
    counter_add(&home->worker->statistics.messages_published, 1);
    if (fresh)
        announce(home, log_newest(&home->log));
    head_moved(home);
    return ERROR_NONE;
}

/* ---- requests of other workers -------------------------------------------------------------- */

static void deliver_join_answer(struct letter *letter) {
    struct join *join = container_of(letter, struct join, letter);
    if (join->leave)
        channel_left(join->channel, join);
    else
        channel_joined(join->channel, join);
}

static const struct letter_handler join_answer_handler = {"hub_joined", deliver_join_answer};

static void answer_join(struct hub_worker *worker, struct join *join) {
    join->letter.handler = &join_answer_handler;
    if (join->reader == worker->index)
        deliver_join_answer(&join->letter);
    else
        loop_send(worker->hub->workers[join->reader].loop, &join->letter);
}

static void admit_reader(struct hub_worker *worker, struct join *join) {
    struct home *home;
    join->newest = NULL;
    join->error = home_find(worker, bytes_of(join->channel->name), &home);
    if (join->error != ERROR_NONE)
        return;
    join->home = home;
    home->readers[join->reader].channel = join->channel;
    home->reader_count++;
    struct segment *newest = log_newest(&home->log);
    if (newest != NULL) {
        /* a place that an earlier stay of this reader has used is free again: it has left */
        newest->views[join->reader].channel = join->channel;
        segment_reference(newest);
        join->newest = newest;
    }
}

void home_handle_join(struct hub_worker *worker, struct join *join) {
    if (!join->leave) {
        admit_reader(worker, join);
    } else {
        join->home->readers[join->reader].channel = NULL;
        join->home->reader_count--;
    }
    answer_join(worker, join);
}

static void deliver_publish_answer(struct letter *letter) {
    struct publish *publish = container_of(letter, struct publish, letter);
    if (publish->source != NULL)
        subscription_published(publish->source, publish->error, publish->start, publish->end);
    memory_free(publish);
}

static const struct letter_handler publish_answer_handler = {"hub_published",
                                                             deliver_publish_answer};

void home_handle_publish(struct hub_worker *worker, struct publish *publish) {
    const uint8_t *data = publish->data;
    struct bytes prefix = bytes_make(data, publish->prefix_size);
    struct bytes name = bytes_make(data + prefix.size, publish->name_size);
    struct bytes payload = bytes_make(data + prefix.size + name.size, publish->payload_size);
    struct home *home;
    publish->error = home_find(worker, name, &home);
    if (publish->error == ERROR_NONE)
        publish->error =
            home_append(home, prefix, publish->binary, payload, &publish->start, &publish->end);
    publish->letter.handler = &publish_answer_handler;
    if (publish->source == NULL)
        deliver_publish_answer(&publish->letter);
    else
        loop_send(worker->hub->workers[publish->sender].loop, &publish->letter);
}

/* ---- collecting ----------------------------------------------------------------------------- */

static bool hints_are_home(const struct home *home) {
    for (unsigned i = 0; i < home->worker->hub->worker_count; i++)
        if (atomic_load(&home->readers[i].under_way))
            return false;
    return true;
}

static void collect(struct map_node *node, void *context) {
    struct home *home = container_of(node, struct home, node);
    (void)context;
    size_t memory = home->log.memory;
    log_trim(&home->log, home->worker->loop->now);
    count_log_memory(home, memory);
    bool empty = home->log.tail_offset == home->log.next_offset;
    if (empty && home->reader_count == 0 && !home->settings.listed && hints_are_home(home))
        home_free(home);
}

void homes_collect(struct hub_worker *worker) {
    map_visit(&worker->homes, collect, NULL);
}

static void tell(struct map_node *node, void *context) {
    (void)context;
    struct home *home = container_of(node, struct home, node);
    loop_unpost(&home->tell);
    tell_readers(&home->tell);
}

void homes_tell(struct hub_worker *worker) {
    map_visit(&worker->homes, tell, NULL);
}

void homes_fini(struct hub_worker *worker) {
    struct map_node *node;
    while ((node = map_any(&worker->homes)) != NULL)
        home_free(container_of(node, struct home, node));
    map_fini(&worker->homes);
}
