/*
 * A round: fetches a list of URLs and hands out their results in the order of the list, each as
 * soon as those before it are there.
 *
 * URLs are pulled from the list as fetches end, so that memory depends on how many are under way
 * and not on the length of the list. With fail-fast the first failure cancels the rest, which are
 * awaited and handed out as cancelled.
 */
#ifndef RINGCAST_FETCH_ROUND_H
#define RINGCAST_FETCH_ROUND_H

#include "fetch/session.h"

struct round;

struct round_events {
    /* The next URL, or NULL at the end of the list; lent until the next call. */
    const char *(*next_url)(struct round *round);
    /* A result, in the order of the list; lent until the call returns. */
    void (*result)(struct round *round, const struct fetch_result *result);
    /* All results are out. The round's memory is its owner's again. */
    void (*ended)(struct round *round);
};

struct round {
    const struct round_events *events;
    struct session *session;
    struct scope scope;
    struct fetch_result *window; /* results that wait for those before them, by index */
    bool *arrived;
    size_t window_size;
    size_t started; /* URLs pulled */
    size_t handed_out;
    size_t failed;
    bool exhausted; /* the list is at its end */
    bool pulling;
    bool has_cause;
    size_t cause; /* with fail-fast: the index whose failure cancelled the rest */
};

/* How many URLs may be under way or wait for their turn: `window`. ERROR_NO_MEMORY starts nothing.
 */
enum error round_start(struct round *round, struct session *session, enum scope_policy policy,
                       size_t window, const struct round_events *events);

/* Cancels what is under way; URLs that were not pulled yet are handed out as cancelled too. */
void round_cancel(struct round *round);

#endif
