/*
 * A URL of the schedule and what is known of it between its rounds: what its last fetch said, the
 * validators of its content, and how often it has failed in a row. Pure: times are arguments, wall
 * clock in nanoseconds, which may jump.
 */
#ifndef RINGCAST_FETCH_WATCHED_H
#define RINGCAST_FETCH_WATCHED_H

#include "fetch/schedule.h"

struct watched {
    struct schedule_entry entry;
    struct fetch_result last;           /* its URL, and its validators' texts, are not kept here */
    bool known;                         /* it was fetched, and what came of it was told */
    struct fetch_validators validators; /* of the last content; its texts are owned */
    uint64_t full_time;                 /* when that came */
    uint64_t asks;                      /* when the fetch under way began */
    uint64_t asked;                     /* … the last one that has ended; 0: none has */
    unsigned failures;                  /* in a row */
    uint64_t due;                       /* not to be fetched before */
    uint64_t delay;                     /* … from when that was said */
};

/* With what the entry remembers. False for want of memory; watched_fini() either way. */
bool watched_init(struct watched *watched, const struct schedule_entry *entry,
                  const struct schedule_options *options, uint64_t now);

void watched_fini(struct watched *watched);

bool watched_is_due(const struct watched *watched, uint64_t now);

/* For how long it has its last fetch's interval still before it. */
uint64_t watched_rest(const struct watched *watched, uint64_t now);

/* The entry's request, with the validators that we have: its fetch begins. */
struct fetch_request watched_begin(struct watched *watched, uint64_t now);

/* Counts failures in a row, and says when it is due again. */
void watched_note_end(struct watched *watched, const struct fetch_result *result,
                      const struct schedule_options *options, uint64_t now, uint32_t random);

/* The result; a 304 with what it says: that the content is the one we have. A view of both. */
struct fetch_result watched_complete(const struct watched *watched,
                                     const struct fetch_result *result);

/* Keeps what is compared next time. Is it another result than the last? */
bool watched_take(struct watched *watched, const struct fetch_result *result, uint64_t now);

/* Nobody heard of what was taken: the next round fetches it, and then it is a change again. */
void watched_was_not_told(struct watched *watched);

void watched_recall(const struct watched *watched, struct schedule_memory *memory);

#endif
