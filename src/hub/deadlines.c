/* A slot holds the deadlines of one tick, and of those that are whole turns of the wheel later. */
#include "deadlines.h"

#include <assert.h>

/* Of one callback: what else is due follows in the loop's next turn, behind who waits meanwhile. */
enum { BATCH = 256 };

static struct list_node *slot_of(struct deadlines *deadlines, uint64_t tick) {
    return &deadlines->slots[tick % DEADLINE_SLOTS];
}

static uint64_t *word_of(struct deadlines *deadlines, uint64_t tick) {
    return &deadlines->occupied[tick % DEADLINE_SLOTS / 64];
}

static uint64_t bit_of(uint64_t tick) {
    return (uint64_t)1 << tick % 64;
}

/* The next tick with something in its slot; UINT64_MAX if there is none. */
static uint64_t next_occupied(struct deadlines *deadlines) {
    uint64_t tick = deadlines->tick;
    while (tick < deadlines->tick + DEADLINE_SLOTS) {
        uint64_t rest = *word_of(deadlines, tick) >> tick % 64;
        if (rest != 0)
            return tick + (unsigned)__builtin_ctzll(rest);
        tick += 64 - tick % 64;
    }
    return UINT64_MAX;
}

static void wait_for(struct deadlines *deadlines, uint64_t tick) {
    deadlines->next = tick;
    if (tick != UINT64_MAX)
        loop_start_timer(deadlines->loop, &deadlines->timer, tick * DEADLINE_TICK);
}

static void put(struct deadlines *deadlines, struct deadline *deadline, uint64_t tick) {
    *word_of(deadlines, tick) |= bit_of(tick);
    list_append(slot_of(deadlines, tick), &deadline->link);
}

/* Takes what is due out of a slot, one by one: a callback may set and clear others in it. */
static void empty_slot(struct deadlines *deadlines, uint64_t tick, uint64_t now, unsigned *left) {
    struct list_node due, *node;
    list_init(&due);
    list_splice(&due, slot_of(deadlines, tick));
    *word_of(deadlines, tick) &= ~bit_of(tick);
    while (*left > 0 && (node = list_take_first(&due)) != NULL) {
        struct deadline *deadline = container_of(node, struct deadline, link);
        if (deadline->at > now) {
            put(deadlines, deadline, tick);
        } else {
            (*left)--;
            deadlines->passed(deadline);
        }
    }
    if (list_is_empty(&due))
        return;
    list_splice(slot_of(deadlines, tick), &due);
    *word_of(deadlines, tick) |= bit_of(tick);
}

/* The clock may have jumped by more than a turn of the wheel: then each slot is emptied once. */
static void look(struct timer *timer) {
    struct deadlines *deadlines = container_of(timer, struct deadlines, timer);
    uint64_t now = deadlines->loop->now;
    uint64_t last = now / DEADLINE_TICK;
    unsigned left = BATCH;
    if (last >= deadlines->tick + DEADLINE_SLOTS)
        deadlines->tick = last - DEADLINE_SLOTS + 1;
    while (deadlines->tick <= last) {
        empty_slot(deadlines, deadlines->tick, now, &left);
        if (left == 0) {
            wait_for(deadlines, deadlines->tick);
            return;
        }
        deadlines->tick++;
    }
    wait_for(deadlines, next_occupied(deadlines));
}

static const struct timer_handler look_handler = {"hub_deadlines", look};

void deadlines_init(struct deadlines *deadlines, struct loop *loop,
                    void (*passed)(struct deadline *deadline)) {
    *deadlines = (struct deadlines){
        .loop = loop, .passed = passed, .timer.handler = &look_handler, .next = UINT64_MAX};
    for (size_t i = 0; i < DEADLINE_SLOTS; i++)
        list_init(&deadlines->slots[i]);
}

void deadlines_fini(struct deadlines *deadlines) {
    for (size_t i = 0; i < DEADLINE_SLOTS; i++)
        assert(list_is_empty(&deadlines->slots[i]));
    loop_stop_timer(deadlines->loop, &deadlines->timer);
}

void deadline_set(struct deadlines *deadlines, struct deadline *deadline, uint64_t at) {
    uint64_t first = deadlines->loop->now / DEADLINE_TICK + 1; /* what is before may be over */
    uint64_t tick = at / DEADLINE_TICK + (at % DEADLINE_TICK > 0 ? 1 : 0);
    if (tick < first)
        tick = first;
    if (deadlines->next == UINT64_MAX)
        deadlines->tick = first; /* nothing is in any slot */
    deadline_clear(deadline);
    deadline->at = at;
    put(deadlines, deadline, tick);
    if (tick < deadlines->next)
        wait_for(deadlines, tick);
}
