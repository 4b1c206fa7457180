/* The world: its clock, its choices, its faults, and who runs next. */
#include "ring/sim.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "sim_internal.h"

enum {
    STEP_NANOSECONDS = 20000, /* at most, for one turn of an actor */
    LATE_NANOSECONDS = 500000 /* at most, for one that wakes at a time */
};

/* 2023-11-14T22:13:20Z: any time will do, if it is always the same. */
static const uint64_t wall_start = (uint64_t)1700000000 * SECOND;

void *sim_allocate(size_t size) {
    void *block = calloc(1, size);
    if (block == NULL)
        abort();
    return block;
}

void *sim_resize(void *block, size_t size) {
    void *resized = realloc(block, size);
    if (resized == NULL)
        abort();
    return resized;
}

/* ---- choices --------------------------------------------------------------------------------- */

/* SplitMix64: any state is a good one. */
static uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static bool take_choice(struct sim *sim, uint64_t *value) {
    if (sim->choices_left == 0)
        return false;
    sim->choices_left--;
    *value = *sim->choices++;
    return true;
}

uint64_t sim_draw(struct sim *sim, unsigned stream) {
    sim->streams[stream] += 0x9e3779b97f4a7c15;
    return mix(sim->streams[stream]);
}

/* Given choices are read a byte at a time: enough to reach every small bound evenly. */
uint64_t sim_draw_below(struct sim *sim, unsigned stream, uint64_t bound) {
    uint64_t value;
    if (bound <= 1)
        return 0;
    if (!take_choice(sim, &value))
        return sim_draw(sim, stream) % bound;
    return bound <= 256 ? value % bound : value * bound / 256;
}

uint64_t sim_random(struct sim *sim) {
    return sim_draw(sim, STREAM_SCENARIO);
}

uint64_t sim_below(struct sim *sim, uint64_t bound) {
    return sim_draw_below(sim, STREAM_SCENARIO, bound);
}

bool sim_chance(struct sim *sim, unsigned per_million) {
    return sim_draw_below(sim, STREAM_SCENARIO, 1000000) < per_million;
}

void sim_choose_from(struct sim *sim, const uint8_t *data, size_t size) {
    sim->choices = data;
    sim->choices_left = size;
}

/* ---- the trace ------------------------------------------------------------------------------- */

void sim_note(struct sim *sim, const char *what, uint64_t a, uint64_t b) {
    uint64_t word = 0xcbf29ce484222325;
    for (const char *at = what; *at != '\0'; at++)
        word = (word ^ (uint8_t)*at) * 0x100000001b3;
    sim->hash = mix(sim->hash ^ word ^ mix(sim->now ^ mix(a ^ mix(b + 1))));
    if (sim->trace != NULL)
        fprintf(sim->trace, "%12.6f %-20s %lld %lld\n", (double)sim->now / (double)SECOND, what,
                (long long)a, (long long)b);
}

uint64_t sim_trace_hash(const struct sim *sim) {
    return sim->hash;
}

void sim_trace_to(struct sim *sim, FILE *file) {
    sim->trace = file;
}

void sim_accuse(struct sim *sim, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "sim: at %.6f s: ", (double)sim->now / (double)SECOND);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

/* ---- faults ---------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    unsigned highest;
} faults[] = {
#define SIM_FAULT_ROW(constant, name, highest) {name, highest},
    SIM_FAULT_TABLE(SIM_FAULT_ROW)
#undef SIM_FAULT_ROW
};

const char *sim_fault_name(enum sim_fault fault) {
    return faults[fault].name;
}

/* Half of the kinds are off in a run; the others strike seldom, often, or very often. */
void sim_draw_faults(struct sim *sim, uint64_t without) {
    static const unsigned share[] = {1, 3, 10, 30, 100};
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        bool on = sim_below(sim, 2) == 1;
        uint64_t per_cent = share[sim_below(sim, sizeof share / sizeof *share)];
        bool kept_off = (without >> i & 1) != 0;
        sim->chances[i] = on && !kept_off ? (unsigned)(faults[i].highest * per_cent / 100) : 0;
    }
}

void sim_set_fault(struct sim *sim, enum sim_fault fault, unsigned per_million) {
    sim->chances[fault] = per_million;
}

void sim_pause_faults(struct sim *sim, bool paused) {
    sim->paused = paused;
}

void sim_stop_faults(struct sim *sim) {
    sim_note(sim, "calm", 0, 0);
    sim->calm = true;
    sim->descriptors_out_until = sim->memory_out_until = 0;
    for (struct sim_actor *actor = sim->actors; actor != NULL; actor = actor->next)
        actor->starved_until = 0;
    sim_hasten_entries(sim);
}

bool sim_strikes(struct sim *sim, enum sim_fault fault) {
    if (sim->calm || sim->paused || sim->chances[fault] == 0)
        return false;
    if (sim_draw_below(sim, STREAM_FAULTS + fault, 1000000) >= sim->chances[fault])
        return false;
    sim->struck[fault]++;
    sim_note(sim, faults[fault].name, sim->struck[fault], 0);
    return true;
}

uint64_t sim_amount(struct sim *sim, enum sim_fault fault, uint64_t most) {
    uint64_t reach = most >> sim_draw_below(sim, STREAM_FAULTS + fault, 12);
    return 1 + sim_draw_below(sim, STREAM_FAULTS + fault, reach);
}

bool sim_allocation_fails(struct sim *sim) {
    if (!sim->inside || sim->paused)
        return false;
    if (sim->now < sim->memory_out_until)
        return true;
    if (sim_strikes(sim, SIM_FAULT_MEMORY_OUT)) {
        sim->memory_out_until = sim->now + sim_amount(sim, SIM_FAULT_MEMORY_OUT, 2 * SECOND);
        return true;
    }
    return sim_strikes(sim, SIM_FAULT_NO_MEMORY);
}

uint64_t sim_fault_count(const struct sim *sim, enum sim_fault fault) {
    return sim->struck[fault];
}

void sim_fail_operation(struct sim *sim, uint64_t nth, int number) {
    sim->fail_nth = nth;
    sim->fail_number = number;
}

uint64_t sim_operations(const struct sim *sim) {
    return sim->operations;
}

enum operation_kind sim_operation_kind(const struct sim *sim, uint64_t nth) {
    assert(nth < sim->operations && nth < KINDS_KEPT);
    return (enum operation_kind)sim->operation_kinds[nth];
}

/* ---- events: a heap, the earliest at the root ------------------------------------------------ */

static bool is_before(const struct sim_event *a, const struct sim_event *b) {
    return a->time != b->time ? a->time < b->time : a->serial < b->serial;
}

static void add_event(struct sim *sim, struct sim_event event) {
    if (sim->event_count == sim->event_capacity) {
        sim->event_capacity = sim->event_capacity == 0 ? 64 : 2 * sim->event_capacity;
        sim->events = sim_resize(sim->events, sim->event_capacity * sizeof event);
    }
    size_t at = sim->event_count++;
    while (at > 0 && is_before(&event, &sim->events[(at - 1) / 2])) {
        sim->events[at] = sim->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    sim->events[at] = event;
}

static struct sim_event take_event(struct sim *sim) {
    struct sim_event first = sim->events[0];
    struct sim_event moved = sim->events[--sim->event_count];
    size_t at = 0, child;
    while ((child = 2 * at + 1) < sim->event_count) {
        if (child + 1 < sim->event_count && is_before(&sim->events[child + 1], &sim->events[child]))
            child++;
        if (!is_before(&sim->events[child], &moved))
            break;
        sim->events[at] = sim->events[child];
        at = child;
    }
    sim->events[at] = moved;
    return first;
}

void sim_at(struct sim *sim, uint64_t time,
            void (*run)(struct sim *sim, void *subject, uint64_t detail), void *subject,
            uint64_t detail) {
    add_event(sim, (struct sim_event){time, sim->next_serial++, run, subject, detail, false});
}

void sim_at_owned(struct sim *sim, uint64_t time,
                  void (*run)(struct sim *sim, void *subject, uint64_t detail), void *subject) {
    add_event(sim, (struct sim_event){time, sim->next_serial++, run, subject, 0, true});
}

void sim_hasten(struct sim *sim, void (*run)(struct sim *sim, void *subject, uint64_t detail)) {
    size_t count = sim->event_count;
    struct sim_event *events = sim->events;
    sim->events = NULL;
    sim->event_count = sim->event_capacity = 0;
    for (size_t i = 0; i < count; i++) {
        if (events[i].run == run && events[i].time > sim->now)
            events[i].time = sim->now;
        add_event(sim, events[i]);
    }
    free(events);
}

static void set_inside(struct sim *sim, bool inside) {
    sim->inside = inside;
    if (sim->watch != NULL)
        sim->watch(sim->watch_context, inside);
}

void sim_watch_inside(struct sim *sim, void (*watch)(void *context, bool inside), void *context) {
    sim->watch = watch;
    sim->watch_context = context;
}

struct closure {
    void (*run)(void *context);
    void *context;
    bool inside; /* it belongs to the program under test */
};

static void run_closure(struct sim *sim, void *subject, uint64_t detail) {
    (void)detail;
    const struct closure *closure = subject;
    if (closure->inside)
        set_inside(sim, true);
    closure->run(closure->context);
    if (closure->inside)
        set_inside(sim, false);
}

static void run_after(struct sim *sim, uint64_t delay, const struct closure *what) {
    struct closure *closure = sim_allocate(sizeof *closure);
    *closure = *what;
    sim_at_owned(sim, sim->now + delay, run_closure, closure);
}

void sim_after(struct sim *sim, uint64_t delay, void (*run)(void *context), void *context) {
    run_after(sim, delay, &(struct closure){run, context, false});
}

void sim_work(struct sim *sim, void (*run)(void *context), void *context) {
    uint64_t delay = sim_draw_below(sim, STREAM_ORDER, 300 * MICROSECOND);
    if (sim_strikes(sim, SIM_FAULT_WORK_SLOW))
        delay += sim_amount(sim, SIM_FAULT_WORK_SLOW, 10 * SECOND);
    sim_note(sim, "work", delay, 0);
    run_after(sim, delay, &(struct closure){run, context, true});
}

/* ---- moving ---------------------------------------------------------------------------------- */

void sim_add_actor(struct sim *sim, struct sim_actor *actor) {
    struct sim_actor **end = &sim->actors;
    while (*end != NULL)
        end = &(*end)->next;
    *end = actor;
    actor->next = NULL;
    actor->starved_until = 0;
    sim->actor_count++;
}

void sim_remove_actor(struct sim *sim, struct sim_actor *actor) {
    struct sim_actor **link = &sim->actors;
    while (*link != actor)
        link = &(*link)->next;
    *link = actor->next;
    sim->actor_count--;
}

/* When it should run next: now or earlier, or later. */
static uint64_t time_of(const struct sim *sim, struct sim_actor *actor) {
    bool ready = actor->ring != NULL && sim_has_work(actor->ring);
    uint64_t time = ready ? sim->now : actor->deadline(actor);
    return time < actor->starved_until ? actor->starved_until : time;
}

static void run_actor(struct sim *sim, struct sim_actor *actor, uint64_t index) {
    sim_note(sim, actor->name, index, 0);
    if (sim_strikes(sim, SIM_FAULT_STALL))
        sim->now += sim_amount(sim, SIM_FAULT_STALL, 10 * SECOND);
    if (sim_strikes(sim, SIM_FAULT_STARVED))
        actor->starved_until = sim->now + sim_amount(sim, SIM_FAULT_STARVED, SECOND);
    set_inside(sim, true);
    actor->run(actor);
    set_inside(sim, false);
    sim->now += 1 + sim_draw_below(sim, STREAM_ORDER, STEP_NANOSECONDS);
}

/* Any of those who are ready; false: none is. */
static bool run_ready_actor(struct sim *sim, uint64_t *next) {
    struct sim_actor *chosen = NULL;
    uint64_t index = 0, chosen_index = 0, ready = 0;
    for (struct sim_actor *actor = sim->actors; actor != NULL; actor = actor->next, index++) {
        uint64_t time = time_of(sim, actor);
        if (time > sim->now) {
            *next = time < *next ? time : *next;
        } else if (sim_draw_below(sim, STREAM_ORDER, ++ready) == 0) {
            chosen = actor;
            chosen_index = index;
        }
    }
    if (chosen != NULL)
        run_actor(sim, chosen, chosen_index);
    return chosen != NULL;
}

static void run_any_actor(struct sim *sim) {
    uint64_t index = sim_draw_below(sim, STREAM_ORDER, sim->actor_count);
    struct sim_actor *actor = sim->actors;
    for (uint64_t i = 0; i < index; i++)
        actor = actor->next;
    run_actor(sim, actor, index);
}

static void let_time_pass(struct sim *sim, uint64_t until) {
    sim->now = until + sim_draw_below(sim, STREAM_ORDER, LATE_NANOSECONDS);
    if (sim_strikes(sim, SIM_FAULT_WALL_JUMP)) {
        int64_t jump = (int64_t)sim_amount(sim, SIM_FAULT_WALL_JUMP, HOUR);
        sim->wall_offset += sim->struck[SIM_FAULT_WALL_JUMP] % 2 == 0 ? jump : -jump;
    }
}

bool sim_step(struct sim *sim) {
    uint64_t next = UINT64_MAX;
    if (sim->event_count > 0 && sim->events[0].time <= sim->now) {
        struct sim_event event = take_event(sim);
        event.run(sim, event.subject, event.detail);
        if (event.owned)
            free(event.subject);
        return true;
    }
    if (run_ready_actor(sim, &next))
        return true;
    if (sim->event_count > 0 && sim->events[0].time < next)
        next = sim->events[0].time;
    if (next == UINT64_MAX)
        return false;
    if (sim->actor_count > 0 && sim_strikes(sim, SIM_FAULT_SPURIOUS_TURN))
        run_any_actor(sim);
    else
        let_time_pass(sim, next);
    return true;
}

uint64_t sim_now(const struct sim *sim) {
    return sim->now;
}

uint64_t sim_wall(const struct sim *sim) {
    return wall_start + sim->now + (uint64_t)sim->wall_offset;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

struct sim *sim_new(uint64_t seed) {
    struct sim *sim = sim_allocate(sizeof *sim);
    sim->now = SECOND;
    sim->fail_nth = UINT64_MAX;
    sim->next_port = 32768;
    for (size_t i = 0; i < sizeof sim->streams / sizeof *sim->streams; i++)
        sim->streams[i] = mix(seed * 0x100000001b3 + mix(i + 1));
    list_init(&sim->sockets);
    return sim;
}

void sim_free(struct sim *sim) {
    if (sim->ring_count > 0)
        sim_accuse(sim, "%llu rings are not freed", (unsigned long long)sim->ring_count);
    for (size_t i = 0; i < sim->event_count; i++)
        if (sim->events[i].owned)
            free(sim->events[i].subject);
    free(sim->events);
    sim_free_network(sim);
    sim_free_entries(sim);
    free(sim->operation_kinds);
    free(sim);
}
