/*
 * The schedule: fetches a list of URLs in rounds, again and again, and says what changed.
 *
 * URLs with the same interval form a group. A group is fetched in one round; the next begins one
 * interval, give or take the jitter, after the last began, or when that has ended if it took
 * longer: a URL is never fetched twice at once. A long list is spread over a part of the interval.
 * Each result comes the moment its fetch ends, and once more in its turn: in the order of the list,
 * but for the first round.
 *
 * A content that came with validators is asked for with them the next time. Where the origin says
 * that it is unchanged, the result has the title and the digest of the content that we have.
 *
 * A URL that fails again and again is left out of rounds: from its second failure in a row on it
 * waits twice, four times … the interval, or as long as it asked for itself (Retry-After).
 *
 * A content that says how long it will stay as it is (Cache-Control: max-age) may be left alone for
 * so long, too.
 *
 * What is known of the URLs can be had, to be given to another schedule in another process. Its
 * first rounds begin with those that have waited longest, and let nobody wait longer than its
 * interval: each has its turn, however soon the next process follows.
 */
#ifndef RINGCAST_FETCH_SCHEDULE_H
#define RINGCAST_FETCH_SCHEDULE_H

#include "fetch/round.h"

struct schedule;

/* What is known of a URL between its rounds. Borrows its texts. */
struct schedule_memory {
    unsigned failures; /* in a row */
    bool known;        /* the next four were seen */
    int status;
    enum error error;
    const char *title; /* NULL: none */
    const uint8_t *digest;
    struct fetch_validators validators; /* its URL NULL: none */
    int64_t full_time;                  /* wall clock, seconds: when the content came */
    int64_t asked_time;                 /* wall clock, seconds: when its last fetch began */
    int64_t due;                        /* wall clock, seconds: not to be fetched before */
};

struct schedule_entry {
    struct fetch_request request;
    uint64_t every;                       /* nanoseconds; 0: once */
    void *context;                        /* the user's */
    const struct schedule_memory *memory; /* of an earlier process; NULL: none */
};

struct schedule_events {
    /* A result, at once; `changed` says that status, title, digest or error differ from the last
     * round's, or that it is the first. Lent until the call returns. False: the change could not be
     * told; then the next round's result is a change again. Not for ERROR_CANCELLED, which says
     * nothing about the URL. */
    bool (*result)(void *context, const struct schedule_entry *entry,
                   const struct fetch_result *result, bool changed);
    /* The same result, or that it was cancelled, behind those before it in the round; one that two
     * windows of others would have to wait for comes late instead. */
    void (*turn)(void *context, const struct schedule_entry *entry,
                 const struct fetch_result *result);
    /* A round is over. */
    void (*round_ended)(void *context, size_t fetched, size_t failed);
};

struct schedule_options {
    double jitter;    /* 0 to 1: the part of the interval that is random */
    double spread;    /* 0 to 1: the part of the interval over which a round's URLs begin */
    size_t at_once;   /* … but for so many, which begin at once */
    uint64_t backoff; /* nanoseconds that a URL that keeps failing waits at most; 0: it does not */
    uint64_t max_age; /* … that a success may ask for (Cache-Control); 0: none */
    size_t window; /* URLs of a round that may be under way; twice as many with those that wait for
                      their turn */
    const struct schedule_events *events;
    void *context;
};

/*
 * Starts the first rounds. `entries` are copied, what they show is borrowed until the schedule has
 * ended, but for their memories, which are copied too.
 */
enum error schedule_new(struct session *session, const struct schedule_entry *entries, size_t count,
                        const struct schedule_options *options, struct schedule **schedule);

/* What is known of entry `index` now: a view until the loop goes on. */
void schedule_recall(const struct schedule *schedule, size_t index, struct schedule_memory *memory);

/*
 * No round begins any more. Those under way go on until `deadline` (the loop's time) and are then
 * cancelled; their results still come. `ended` runs when all are over; in it the schedule can still
 * be asked what it knows, and behind it it is gone. Asked again, the last call holds.
 */
void schedule_stop(struct schedule *schedule, uint64_t deadline, void (*ended)(void *context),
                   void *context);

#endif
