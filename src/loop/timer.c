#include "loop/timer.h"

#include <assert.h>

static void place(struct timer **link, struct timer *timer) {
    *link = timer;
    if (timer != NULL)
        timer->link = link;
}

/* Makes one heap of two; the later root becomes the first child of the earlier. */
static struct timer *merge(struct timer *a, struct timer *b) {
    if (a == NULL || b == NULL)
        return a == NULL ? b : a;
    if (b->deadline < a->deadline) {
        struct timer *earlier = b;
        b = a;
        a = earlier;
    }
    place(&b->sibling, a->child);
    place(&a->child, b);
    return a;
}

/* Merges siblings in pairs from left to right, then the pairs from right to left: this order is
 * what gives the heap its logarithmic cost. No recursion: the pairs wait in a reversed list. */
static struct timer *merge_siblings(struct timer *first) {
    struct timer *pairs = NULL;
    while (first != NULL) {
        struct timer *second = first->sibling;
        struct timer *rest = second == NULL ? NULL : second->sibling;
        first->sibling = NULL;
        if (second != NULL)
            second->sibling = NULL;
        struct timer *pair = merge(first, second);
        pair->sibling = pairs;
        pairs = pair;
        first = rest;
    }
    struct timer *root = NULL;
    while (pairs != NULL) {
        struct timer *rest = pairs->sibling;
        pairs->sibling = NULL;
        root = merge(root, pairs);
        pairs = rest;
    }
    return root;
}

void timers_start(struct timers *timers, struct timer *timer, uint64_t deadline) {
    assert(timer->link == NULL && timer->handler != NULL);
    timer->deadline = deadline;
    timer->child = NULL;
    timer->sibling = NULL;
    place(&timers->first, merge(timers->first, timer));
}

void timers_stop(struct timers *timers, struct timer *timer) {
    if (timer->link == NULL)
        return;
    place(timer->link, timer->sibling);
    timer->link = NULL;
    timer->sibling = NULL;
    struct timer *orphans = merge_siblings(timer->child);
    timer->child = NULL;
    place(&timers->first, merge(timers->first, orphans));
}

uint64_t timers_next(const struct timers *timers) {
    return timers->first == NULL ? UINT64_MAX : timers->first->deadline;
}

struct timer *timers_take_expired(struct timers *timers, uint64_t now) {
    struct timer *timer = timers->first;
    if (timer == NULL || timer->deadline > now)
        return NULL;
    timers_stop(timers, timer);
    return timer;
}
