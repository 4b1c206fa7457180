/*
 * The latest result of each URL, as `GET /results` tells it. The fetcher's worker writes, and any
 * worker that is asked reads: a short lock, which nothing else waits for.
 *
 * When the URLs change, the results of those that stay (the same request) stay too. The fetches of
 * the list before may go on for a while: their results find their places in the new one.
 */
#ifndef RINGCAST_APP_RESULTS_H
#define RINGCAST_APP_RESULTS_H

#include <pthread.h>

#include "app/config.h"
#include "fetch/result.h"

struct results {
    pthread_mutex_t lock;
    const struct config_urls *urls; /* borrowed */
    struct buffer *latest;          /* JSON behind the index, one for each URL; empty: none yet */
    size_t count;                   /* of them */
    size_t *moved;                  /* from places in the list that is fetched to those here, or */
    size_t moved_count;             /* NOWHERE; NULL: it is this list */
};

/* What results_change() needs. */
struct results_change {
    struct buffer *latest; /* then the earlier ones */
    size_t count;
    size_t *moved;
};

enum error results_init(struct results *results, const struct config_urls *urls);
void results_fini(struct results *results);

/*
 * For other URLs, in three steps: room for their results, and where those that are there go; the
 * change, once the URLs that were borrowed have become those, and while nobody reads; and what is
 * over is freed. ERROR_NO_MEMORY leaves nothing to end.
 */
enum error results_prepare(const struct results *results, const struct config_urls *urls,
                           struct results_change *change);
void results_change(struct results *results, struct results_change *change);
void results_change_fini(struct results_change *change);

/* The results that come from now on are those of the new list. */
void results_settle(struct results *results);

/* Keeps a result in place of the earlier one of its URL. Want of memory keeps that one. `json` is
 * the whole object. */
void results_keep(struct results *results, const struct fetch_result *result, struct bytes json);

/* {"channels":[…],"results":[…]}: where results are published, and the latest, in the config's
 * order. */
enum error results_append(struct results *results, struct buffer *out);

#endif
