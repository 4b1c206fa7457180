/*
 * A round: fetches a list of URLs and hands out their results in the order of the list, each as
 * soon as those before it are there; who wants them sooner is shown each when it arrives.
 *
 * URLs are pulled from the list as fetches end, so that memory depends on how many are under way
 * and not on the length of the list. With fail-fast the first failure cancels the rest, which are
 * awaited and handed out as cancelled.
 */
#ifndef RINGCAST_FETCH_ROUND_H
#define RINGCAST_FETCH_ROUND_H

#include "fetch/session.h"

struct round;

enum round_next {
    ROUND_MORE,
    ROUND_SKIP,   /* this place in the list is taken, and has no result */
    ROUND_CANCEL, /* this one is not begun; its result is that it was cancelled */
    ROUND_LATER,
    ROUND_END,
};

struct round_options {
    enum scope_policy policy; /* SCOPE_FAIL_FAST: the first failure cancels the rest */
    size_t window;            /* URLs that may be under way or wait for those before them */
    bool unordered;           /* results come as the fetches end */
    bool overtaking; /* no more results than that wait for one before them: that one comes late */
};

struct round_events {
    /*
     * The next request, into one that is all zeros. Its URL is lent until the next call, the rest
     * until its result. With ROUND_LATER there is none yet: round_go_on() asks again.
     */
    enum round_next (*next)(struct round *round, struct fetch_request *request);
    /* A result the moment it is there, in no order; lent as below. NULL: not wanted. */
    void (*arrived)(struct round *round, const struct fetch_result *result);
    /* A result, in the order of the list unless that is not wanted; lent until the call returns. */
    void (*result)(struct round *round, const struct fetch_result *result);
    /* All results are out. The round's memory is its owner's again. */
    void (*ended)(struct round *round);
};

struct round {
    const struct round_events *events;
    struct session *session;
    struct scope scope;
    struct round_options options;
    size_t slots;                /* of the next two */
    struct fetch_result *window; /* results that wait for those before them, by index */
    uint8_t *places;             /* … and what has become of each */
    size_t started;              /* URLs pulled */
    size_t turn;                 /* whose result is handed out next, where there is an order */
    size_t under_way;
    size_t failed;     /* of those that are handed out */
    size_t done;       /* fetches that have ended, handed out or not */
    size_t done_badly; /* … in failure */
    bool exhausted;    /* the list is at its end */
    bool pulling;
    bool has_cause;
    size_t cause; /* with fail-fast: the index whose failure cancelled the rest */
};

/* ERROR_NO_MEMORY starts nothing. */
enum error round_start(struct round *round, struct session *session,
                       const struct round_options *options, const struct round_events *events);

/* There may be more requests now. Not before round_start() has returned, nor after `ended`. */
void round_go_on(struct round *round);

/* Cancels what is under way; URLs that were not pulled yet are handed out as cancelled too. */
void round_cancel(struct round *round);

#endif
