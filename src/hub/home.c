#include "home.h"

#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "channel.h"
#include "presence.h"
#include "worker.h"
#include "ws/frame_encode.h"

/* ---- making and finding ---------------------------------------------------------------------- */

static struct retention retention_of(const struct home *home) {
    return (struct retention){
        .bytes = home->settings.retain_bytes,
        .messages = home->settings.retain_messages,
        .age = home->settings.retain_age,
    };
}

void home_change_retention(struct home *home) {
    for (size_t i = 0; i < RENDITION_PRESENCE; i++)
        home->renditions[i].log.retention = retention_of(home);
}

void home_init_log(const struct home *home, struct log *log) {
    const struct retention retention = retention_of(home);
    log_init(log, &retention, home->worker->hub->worker_count);
}

static struct home *home_new(struct hub_worker *worker, struct bytes name) {
    unsigned workers = worker->hub->worker_count;
    struct home *home = memory_allocate_zeroed(sizeof *home + name.size + 1);
    if (home == NULL)
        return NULL;
    home->readers =
        memory_allocate_zeroed((size_t)RENDITION_COUNT * workers * sizeof *home->readers);
    if (home->readers == NULL) {
        memory_free(home);
        return NULL;
    }
    memcpy(home->name, name.data, name.size);
    home->worker = worker;
    home->tell.handler = &home_tell_handler;
    home->settings = worker->hub->options.channel_settings(worker->hub->options.context, name);
    ring_random(worker->loop->ring, &home->epoch, sizeof home->epoch);
    for (size_t i = 0; i < RENDITION_COUNT; i++) {
        home_init_log(home, &home->renditions[i].log);
        home->renditions[i].readers = home->readers + i * workers;
    }
    home->live = 1U << RENDITION_RAW;
    list_init(&home->members);
    return home;
}

void home_count_memory(struct home *home) {
    size_t memory = 0;
    for (size_t i = 0; i < RENDITION_COUNT; i++)
        memory += home->renditions[i].log.memory;
    counter_add(&home->worker->statistics.log_bytes, memory - home->log_memory);
    home->log_memory = memory;
}

static void home_free(struct home *home) {
    struct hub_worker *worker = home->worker;
    loop_unpost(&home->tell);
    accounts_close(&worker->hub->accounts, home);
    map_remove(&worker->homes, &home->node);
    counter_subtract(&worker->statistics.log_bytes, home->log_memory);
    counter_subtract(&worker->statistics.homes, 1);
    atomic_fetch_sub(&worker->hub->channel_count, 1);
    for (size_t i = 0; i < RENDITION_COUNT; i++)
        log_fini(&home->renditions[i].log);
    key_ring_fini(&home->keys);
    memory_free(home->readers);
    memory_free(home);
}

/* Channels that the config names are always admitted. */
static bool may_make(struct hub_worker *worker, const struct home *home) {
    unsigned count = atomic_fetch_add(&worker->hub->channel_count, 1);
    if (count < worker->hub->options.max_channels || home->settings.listed)
        return true;
    atomic_fetch_sub(&worker->hub->channel_count, 1);
    counter_add(&worker->statistics.channels_over_limit, 1);
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
    accounts_open(&worker->hub->accounts, home, worker->hub->options.max_accounts);
    counter_add(&worker->statistics.homes, 1);
    *home_out = home;
    return ERROR_NONE;
}

enum error home_look_up(struct hub_worker *worker, struct bytes name, struct home **home) {
    const struct hub_options *options = &worker->hub->options;
    if (map_find(&worker->homes, name) == NULL &&
        !options->channel_settings(options->context, name).listed)
        return ERROR_NOT_FOUND;
    return home_find(worker, name, home);
}

/* ---- appending ------------------------------------------------------------------------------- */

/* Encodes for every live rendition and makes room in its log. Nothing is appended yet. */
static enum error prepare(struct home *home, const struct published *message,
                          struct encoded *encoded) {
    struct hub_worker *worker = home->worker;
    encoder_begin(&worker->encoder);
    for (unsigned live = home_live(home); live != 0; live &= live - 1) {
        enum rendition_kind kind = (enum rendition_kind)__builtin_ctz(live);
        struct rendition *rendition = &home->renditions[kind];
        bool fresh = false;
        enum error error = encoder_encode(&worker->encoder, message, kind, &encoded[kind]);
        if (error == ERROR_NONE)
            error = log_reserve(&rendition->log, encoded[kind].size, worker->loop->now, &fresh);
        if (error != ERROR_NONE)
            return error;
        if (fresh)
            home_announce(home, rendition);
    }
    return ERROR_NONE;
}

static void append(struct log *log, const struct encoded *encoded, uint64_t now) {
    uint64_t start;
    bool fresh;
    enum error error = log_append(log, encoded->parts, encoded->count, now, &start, &fresh);
    assert(error == ERROR_NONE && !fresh);
}

/* The other renditions keep what the history keeps. */
void home_trim(struct home *home) {
    struct log *history = home_history(home);
    log_trim(history, home->worker->loop->now);
    for (unsigned live = home_live(home) & ~(1U << RENDITION_RAW); live != 0; live &= live - 1)
        log_trim_to(&home->renditions[__builtin_ctz(live)].log, history->tail_offset);
    home_count_memory(home);
}

enum error home_append(struct home *home, struct bytes prefix, bool binary, struct bytes payload,
                       uint64_t *offset) {
    struct encoded encoded[RENDITION_COUNT];
    uint64_t now = home->worker->loop->now;
    const struct published message = {
        .channel = home->name,
        .epoch = home->epoch,
        .offset = home_history(home)->next_offset,
        .prefix = prefix,
        .payload = payload,
        .binary = binary,
    };
    enum error error = prepare(home, &message, encoded);
    if (error != ERROR_NONE)
        return error;
    for (unsigned live = home_live(home); live != 0; live &= live - 1) {
        int kind = __builtin_ctz(live);
        append(&home->renditions[kind].log, &encoded[kind], now);
    }
    *offset = message.offset;
    home_trim(home);
    counter_add(&home->published, 1);
    counter_add(&home->worker->statistics.messages_published, 1);
    home_head_moved(home);
    return ERROR_NONE;
}

/* ---- publishing from other workers ----------------------------------------------------------- */

static void deliver_publish_answer(struct letter *letter) {
    struct publish *publish = container_of(letter, struct publish, letter);
    subscription_published(publish->source, publish->error, publish->offset);
    memory_free(publish);
}

static const struct letter_handler publish_answer_handler = {"hub_published",
                                                             deliver_publish_answer};

static enum error accept_publish(struct hub_worker *worker, struct publish *publish) {
    const uint8_t *data = publish->data;
    struct bytes prefix = bytes_make(data, publish->prefix_size);
    struct bytes name = bytes_make(data + prefix.size, publish->name_size);
    struct bytes payload = bytes_make(data + prefix.size + name.size, publish->payload_size);
    struct home *home;
    enum error error = home_find(worker, name, &home);
    return error == ERROR_NONE
               ? home_append(home, prefix, publish->binary, payload, &publish->offset)
               : error;
}

/* The service hears no answer, so what it says waits here until there is memory for it, in order.
 */
static void publish_waiting(struct hub_worker *worker) {
    while (!list_is_empty(&worker->unpublished)) {
        struct publish *publish = container_of(worker->unpublished.next, struct publish, link);
        if (accept_publish(worker, publish) == ERROR_NO_MEMORY)
            return;
        list_remove(&publish->link);
        memory_free(publish);
    }
}

void home_handle_publish(struct hub_worker *worker, struct publish *publish) {
    if (publish->source == NULL) {
        list_append(&worker->unpublished, &publish->link);
        publish_waiting(worker);
        return;
    }
    publish->error = accept_publish(worker, publish);
    publish->letter.handler = &publish_answer_handler;
    loop_send(worker->hub->workers[publish->sender].loop, &publish->letter);
}

/* ---- collecting ------------------------------------------------------------------------------ */

static bool hints_are_home(const struct home *home) {
    for (unsigned i = 0; i < RENDITION_COUNT * home->worker->hub->worker_count; i++)
        if (atomic_load(&home->readers[i].under_way))
            return false;
    return true;
}

/* Nobody reads it, and it holds nothing that somebody could ask for. */
static bool is_unused(struct home *home) {
    const struct log *history = home_history(home);
    for (size_t i = 0; i < RENDITION_COUNT; i++)
        if (home->renditions[i].reader_count > 0)
            return false;
    return history->tail_offset == history->next_offset;
}

static void collect(struct map_node *node, void *context) {
    struct home *home = container_of(node, struct home, node);
    (void)context;
    presence_tell_missed(home);
    home_trim(home);
    if (is_unused(home) && !home->settings.listed && hints_are_home(home))
        home_free(home);
}

void homes_collect(struct hub_worker *worker) {
    publish_waiting(worker);
    map_visit(&worker->homes, collect, NULL);
}

void homes_fini(struct hub_worker *worker) {
    struct map_node *node;
    while (!list_is_empty(&worker->unpublished)) {
        struct publish *publish = container_of(worker->unpublished.next, struct publish, link);
        list_remove(&publish->link);
        memory_free(publish);
    }
    while ((node = map_any(&worker->homes)) != NULL)
        home_free(container_of(node, struct home, node));
    map_fini(&worker->homes);
    encoder_fini(&worker->encoder);
}
