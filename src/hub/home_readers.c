/*
 * Who reads a channel: workers join and leave each of its renditions, are told of each segment, and
 * once a turn that there is more.
 */
#include <assert.h>

#include "channel.h"
#include "home.h"
#include "presence.h"
#include "worker.h"

/* Where the log of a late rendition begins, so that its past fits in front. */
#define RENDITION_BEGINNING ((uint64_t)1 << 62)

/* ---- telling readers ------------------------------------------------------------------------- */

static void deliver_segment(struct letter *letter) {
    struct view_segment *at = container_of(letter, struct view_segment, letter);
    channel_add_segment(at->channel, at);
}

static const struct letter_handler segment_handler = {"hub_segment", deliver_segment};

/* The flag is cleared before the filled bytes are read, and last: the home may free the hint then.
 * The reader may be leaving, but its channel stays until the home has answered, which is behind
 * this. */
static void deliver_hint(struct letter *letter) {
    struct reader *reader = container_of(letter, struct reader, letter);
    struct channel *channel = reader->told;
    atomic_exchange(&reader->under_way, false);
    channel_head_moved(channel);
}

static const struct letter_handler hint_handler = {"hub_hint", deliver_hint};

static void announce_to(struct home *home, unsigned worker, struct channel *channel,
                        struct segment *segment) {
    struct view_segment *at = &segment->views[worker];
    at->channel = channel;
    at->letter.handler = &segment_handler;
    segment_reference(segment);
    if (worker == home->worker->index)
        channel_add_segment(at->channel, at);
    else
        loop_send(home->worker->hub->workers[worker].loop, &at->letter);
}

void home_announce(struct home *home, struct rendition *rendition) {
    struct segment *segment = log_newest(&rendition->log);
    for (unsigned i = 0; i < home->worker->hub->worker_count; i++)
        if (rendition->readers[i].channel != NULL)
            announce_to(home, i, rendition->readers[i].channel, segment);
}

static void tell_readers_of(struct home *home, struct rendition *rendition) {
    struct hub *hub = home->worker->hub;
    for (unsigned i = 0; i < hub->worker_count; i++) {
        struct reader *reader = &rendition->readers[i];
        if (i == home->worker->index || reader->channel == NULL)
            continue;
        if (atomic_exchange(&reader->under_way, true))
            continue;
        reader->told = reader->channel;
        reader->letter.handler = &hint_handler;
        loop_send(hub->workers[i].loop, &reader->letter);
    }
}

/* The readers on other workers; this worker's channels were told at once. */
static void tell_readers(struct task *task) {
    struct home *home = container_of(task, struct home, tell);
    for (size_t i = 0; i < RENDITION_COUNT; i++)
        if (home->renditions[i].reader_count > 0)
            tell_readers_of(home, &home->renditions[i]);
}

const struct task_handler home_tell_handler = {"hub_tell_readers", tell_readers};

void home_rendition_moved(struct home *home, struct rendition *rendition) {
    struct channel *local = rendition->readers[home->worker->index].channel;
    if (local != NULL)
        channel_head_moved(local);
    if (rendition->reader_count > (local != NULL ? 1 : 0))
        loop_post_turn_end(home->worker->loop, &home->tell);
}

void home_head_moved(struct home *home) {
    for (unsigned live = home_live(home); live != 0; live &= live - 1)
        home_rendition_moved(home, &home->renditions[__builtin_ctz(live)]);
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

/* ---- joining and leaving --------------------------------------------------------------------- */

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

/* A rendition begins at the head: what was before is encoded when somebody asks for it. */
static enum error begin_rendition(struct home *home, enum rendition_kind kind) {
    struct log *log = &home->renditions[kind].log;
    bool fresh;
    enum error error = encoder_prepare(&home->worker->encoder, kind);
    if (error != ERROR_NONE)
        return error;
    if (kind == RENDITION_PRESENCE) {
        presence_init_log(home, log);
    } else {
        home_init_log(home, log);
        log_begin_at(log, RENDITION_BEGINNING, home_history(home)->next_offset);
    }
    error =
        log_reserve(log, 1, home->worker->loop->now, &fresh); /* no reader sees it without any */
    if (error == ERROR_NONE)
        home->live |= 1U << kind;
    return error;
}

static void end_rendition(struct home *home, enum rendition_kind kind) {
    log_fini(&home->renditions[kind].log);
    home->live &= ~(1U << kind);
    home_count_memory(home);
}

static void admit_reader(struct hub_worker *worker, struct join *join) {
    struct home *home;
    join->newest = NULL;
    join->error = home_find(worker, bytes_of(join->channel->name), &home);
    if (join->error != ERROR_NONE)
        return;
    join->home = home;
    struct rendition *rendition = &home->renditions[join->kind];
    if ((home->live & 1U << join->kind) == 0)
        join->error = begin_rendition(home, join->kind);
    if (join->error != ERROR_NONE)
        return;
    rendition->readers[join->reader].channel = join->channel;
    rendition->reader_count++;
    join->next_offset = rendition->log.next_offset;
    struct segment *newest = log_newest(&rendition->log);
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
        struct rendition *rendition = &join->home->renditions[join->kind];
        rendition->readers[join->reader].channel = NULL;
        if (--rendition->reader_count == 0 && join->kind != RENDITION_RAW)
            end_rendition(join->home, join->kind);
    }
    answer_join(worker, join);
}
