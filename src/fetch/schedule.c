#include "fetch/schedule.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "watched.h"

enum { RETRY_SECONDS = 1 }; /* of a round that had no memory to begin and is due only once */

struct group {
    struct schedule *schedule;
    struct round round;
    struct timer timer; /* of the next round */
    struct timer pace;  /* of the next URL of this one */
    uint64_t every;
    uint64_t began;
    struct watched **members; /* in the order of the list, but for the first round */
    size_t count;
    size_t next;
    unsigned rounds; /* that have ended, up to two */
    bool running;
    bool rests; /* while it stops: until the loop has had its turn */
};

struct schedule {
    struct session *session;
    struct schedule_options options;
    struct watched *watched;
    size_t count;
    struct group *groups;
    size_t group_count;
    size_t running;
    bool stopping;
    struct timer deadline;
    struct task finish;
    void (*ended)(void *context);
    void *ended_context;
};

static struct group *group_of(struct round *round) {
    return container_of(round, struct group, round);
}

static struct loop *loop_of(const struct schedule *schedule) {
    return session_loop(schedule->session);
}

/* ---- one round of a group -------------------------------------------------------------------- */

static uint64_t wall(const struct schedule *schedule) {
    return ring_wall(loop_of(schedule)->ring);
}

static uint32_t random_of(const struct schedule *schedule) {
    uint32_t random;
    ring_random(loop_of(schedule)->ring, &random, sizeof random);
    return random;
}

/*
 * When the next URL may begin: the first ones at once, the others evenly over a part of the
 * interval, so that a long list does not come down on the network all together. One of which
 * nothing is known yet does not wait; nor does in the first round, where an earlier process may
 * have ended before its turn came, one whose interval has passed.
 */
static uint64_t time_of_next(const struct group *group) {
    const struct schedule_options *options = &group->schedule->options;
    const struct watched *watched = group->members[group->next];
    if (group->next < options->at_once || !watched->known)
        return group->began;
    double place =
        (double)(group->next - options->at_once) / (double)(group->count - options->at_once);
    uint64_t time = group->began + (uint64_t)((double)group->every * options->spread * place);
    uint64_t due = loop_of(group->schedule)->now + watched_rest(watched, wall(group->schedule));
    return group->rounds == 0 && due < time ? due : time;
}

static enum round_next wait_until(struct group *group, uint64_t time) {
    loop_start_timer(loop_of(group->schedule), &group->pace, time);
    return ROUND_LATER;
}

/* While the schedule stops, nothing waits and nothing begins: each still has its result. But a long
 * list is left in steps, between which the loop has its turn. */
static uint64_t time_of_cancel(struct group *group) {
    enum { CANCELLED_AT_ONCE = 128 };
    bool step_ends = group->next % CANCELLED_AT_ONCE == CANCELLED_AT_ONCE - 1;
    group->rests = step_ends && !group->rests;
    return loop_of(group->schedule)->now;
}

static enum round_next next(struct round *round, struct fetch_request *request) {
    struct group *group = group_of(round);
    if (group->next == group->count)
        return ROUND_END;
    bool stopping = group->schedule->stopping;
    uint64_t time = stopping ? time_of_cancel(group) : time_of_next(group);
    if (time > loop_of(group->schedule)->now || group->rests)
        return wait_until(group, time);
    struct watched *watched = group->members[group->next++];
    if (group->every > 0 && !watched_is_due(watched, wall(group->schedule)))
        return ROUND_SKIP;
    *request = watched_begin(watched, wall(group->schedule));
    return stopping ? ROUND_CANCEL : ROUND_MORE;
}

static struct watched *watched_of(struct round *round, const struct fetch_result *result) {
    return group_of(round)->members[result->index];
}

/* With what is known, and its place in the round becomes that in the whole list. */
static struct fetch_result complete(struct round *round, const struct fetch_result *result) {
    const struct watched *watched = watched_of(round, result);
    struct fetch_result whole = watched_complete(watched, result);
    whole.index = (size_t)(watched - group_of(round)->schedule->watched);
    return whole;
}

/* A cancelled fetch says nothing about the URL: what was known before holds. */
static void take_result(struct round *round, const struct fetch_result *result) {
    struct schedule *schedule = group_of(round)->schedule;
    const struct schedule_options *options = &schedule->options;
    struct watched *watched = watched_of(round, result);
    if (result->error == ERROR_CANCELLED)
        return;
    const struct fetch_result whole = complete(round, result);
    watched_note_end(watched, result, options, wall(schedule), random_of(schedule));
    bool changed = watched_take(watched, result, wall(schedule));
    if (!options->events->result(options->context, &watched->entry, &whole, changed))
        watched_was_not_told(watched);
}

/* No fetch of this URL has ended since: what is known of it is what was known then. */
static void give_turn(struct round *round, const struct fetch_result *result) {
    const struct schedule_options *options = &group_of(round)->schedule->options;
    const struct fetch_result whole = complete(round, result);
    options->events->turn(options->context, &watched_of(round, result)->entry, &whole);
}

static void finish_if_over(struct schedule *schedule) {
    if (schedule->stopping && schedule->running == 0)
        loop_post(loop_of(schedule), &schedule->finish);
}

/* When the next round begins: an interval after the last began, spread by the jitter. */
static uint64_t next_time(const struct group *group) {
    const struct schedule *schedule = group->schedule;
    struct loop *loop = loop_of(schedule);
    double factor = 1 + schedule->options.jitter * (2.0 * random_of(schedule) / UINT32_MAX - 1);
    uint64_t time = group->began + (uint64_t)((double)group->every * factor);
    return time > loop->now ? time : loop->now;
}

static void round_ended(struct round *round) {
    struct group *group = group_of(round);
    struct schedule *schedule = group->schedule;
    group->running = false;
    group->rounds += group->rounds < 2;
    schedule->running--;
    schedule->options.events->round_ended(schedule->options.context, round->done, round->failed);
    if (group->every > 0 && !schedule->stopping)
        loop_start_timer(loop_of(schedule), &group->timer, next_time(group));
    finish_if_over(schedule);
}

static const struct round_events round_events = {next, take_result, give_turn, round_ended};

static int in_list_order(const void *a, const void *b) {
    const struct watched *first = *(struct watched *const *)a;
    const struct watched *second = *(struct watched *const *)b;
    return (first > second) - (first < second);
}

/* Of which nothing is known, that comes before all. */
static int longest_ago_first(const void *a, const void *b) {
    const struct watched *first = *(struct watched *const *)a;
    const struct watched *second = *(struct watched *const *)b;
    uint64_t first_asked = first->known ? first->asked : 0;
    uint64_t second_asked = second->known ? second->asked : 0;
    return first_asked != second_asked ? (first_asked < second_asked ? -1 : 1)
                                       : in_list_order(a, b);
}

static void arrange(struct group *group) {
    if (group->rounds < 2)
        qsort(group->members, group->count, sizeof *group->members,
              group->rounds == 0 ? longest_ago_first : in_list_order);
}

static void begin_round(struct group *group) {
    struct schedule *schedule = group->schedule;
    arrange(group);
    group->next = 0;
    group->began = loop_of(schedule)->now;
    const struct round_options options = {
        .policy = SCOPE_COLLECT, .window = schedule->options.window, .overtaking = true};
    enum error error = round_start(&group->round, schedule->session, &options, &round_events);
    if (error != ERROR_NONE) {
        /* no memory now; later there may be */
        loop_start_timer(loop_of(schedule), &group->timer,
                         group->every > 0 ? next_time(group)
                                          : group->began + RETRY_SECONDS * SECOND);
        return;
    }
    group->running = true;
    schedule->running++;
}

static void time_came(struct timer *timer) {
    begin_round(container_of(timer, struct group, timer));
}

static void go_on(struct timer *timer) {
    round_go_on(&container_of(timer, struct group, pace)->round);
}

static const struct timer_handler timer_handler = {"fetch_schedule", time_came};
static const struct timer_handler pace_handler = {"fetch_pace", go_on};

/* ---- stopping -------------------------------------------------------------------------------- */

static void schedule_free(struct schedule *schedule) {
    for (size_t i = 0; schedule->groups != NULL && i < schedule->group_count; i++)
        memory_free(schedule->groups[i].members);
    for (size_t i = 0; schedule->watched != NULL && i < schedule->count; i++)
        watched_fini(&schedule->watched[i]);
    memory_free(schedule->groups);
    memory_free(schedule->watched);
    memory_free(schedule);
}

static void finish(struct task *task) {
    struct schedule *schedule = container_of(task, struct schedule, finish);
    void (*ended)(void *) = schedule->ended;
    void *context = schedule->ended_context;
    loop_stop_timer(loop_of(schedule), &schedule->deadline);
    ended(context);
    schedule_free(schedule);
}

static void deadline_passed(struct timer *timer) {
    struct schedule *schedule = container_of(timer, struct schedule, deadline);
    for (size_t i = 0; i < schedule->group_count; i++)
        if (schedule->groups[i].running)
            round_cancel(&schedule->groups[i].round);
}

static const struct task_handler finish_handler = {"fetch_schedule_end", finish};
static const struct timer_handler deadline_handler = {"fetch_schedule_deadline", deadline_passed};

static void stop_waiting(struct group *group) {
    struct loop *loop = loop_of(group->schedule);
    loop_stop_timer(loop, &group->timer);
    if (!timer_is_started(&group->pace))
        return;
    loop_stop_timer(loop, &group->pace);
    round_go_on(&group->round);
}

void schedule_stop(struct schedule *schedule, uint64_t deadline, void (*ended)(void *context),
                   void *context) {
    schedule->stopping = true;
    schedule->ended = ended;
    schedule->ended_context = context;
    loop_start_timer(loop_of(schedule), &schedule->deadline, deadline);
    for (size_t i = 0; i < schedule->group_count; i++)
        stop_waiting(&schedule->groups[i]);
    finish_if_over(schedule);
}

/* ---- making ---------------------------------------------------------------------------------- */

static struct group *group_for(struct schedule *schedule, uint64_t every) {
    for (size_t i = 0; i < schedule->group_count; i++)
        if (schedule->groups[i].every == every)
            return &schedule->groups[i];
    struct group *group = &schedule->groups[schedule->group_count++];
    group->schedule = schedule;
    group->every = every;
    group->timer.handler = &timer_handler;
    group->pace.handler = &pace_handler;
    group->members = memory_allocate(schedule->count * sizeof *group->members);
    return group;
}

static enum error form_groups(struct schedule *schedule, const struct schedule_entry *entries) {
    for (size_t i = 0; i < schedule->count; i++) {
        if (!watched_init(&schedule->watched[i], &entries[i], &schedule->options, wall(schedule)))
            return ERROR_NO_MEMORY;
        struct group *group = group_for(schedule, entries[i].every);
        if (group->members == NULL)
            return ERROR_NO_MEMORY;
        group->members[group->count++] = &schedule->watched[i];
    }
    return ERROR_NONE;
}

enum error schedule_new(struct session *session, const struct schedule_entry *entries, size_t count,
                        const struct schedule_options *options, struct schedule **schedule_out) {
    struct schedule *schedule = memory_allocate_zeroed(sizeof *schedule);
    if (schedule == NULL)
        return ERROR_NO_MEMORY;
    schedule->session = session;
    schedule->options = *options;
    schedule->count = count;
    schedule->finish.handler = &finish_handler;
    schedule->deadline.handler = &deadline_handler;
    schedule->watched = memory_allocate_zeroed((count + 1) * sizeof *schedule->watched);
    schedule->groups = memory_allocate_zeroed((count + 1) * sizeof *schedule->groups);
    if (schedule->watched == NULL || schedule->groups == NULL ||
        form_groups(schedule, entries) != ERROR_NONE) {
        schedule_free(schedule);
        return ERROR_NO_MEMORY;
    }
    for (size_t i = 0; i < schedule->group_count; i++)
        begin_round(&schedule->groups[i]);
    *schedule_out = schedule;
    return ERROR_NONE;
}

void schedule_recall(const struct schedule *schedule, size_t index,
                     struct schedule_memory *memory) {
    watched_recall(&schedule->watched[index], memory);
}
