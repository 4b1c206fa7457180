/*
 * The latest result of each URL, as `GET /results` tells it. The fetcher's worker writes, and any
 * worker that is asked reads: a short lock, which nothing else waits for.
 */
#ifndef RINGCAST_APP_RESULTS_H
#define RINGCAST_APP_RESULTS_H

#include <pthread.h>

#include "app/config.h"
#include "fetch/result.h"

struct results {
    pthread_mutex_t lock;
    const struct config_urls *urls; /* borrowed */
    struct buffer *latest;          /* JSON, one for each URL; empty: none yet */
    size_t count;                   /* of them */
};

enum error results_init(struct results *results, const struct config_urls *urls);
void results_fini(struct results *results);

/*
 * For other URLs: room for their results, or NULL. With results_change() it is used, once the URLs
 * that were borrowed have become those, and while nobody reads; what there was is freed.
 */
struct buffer *results_make_room(const struct config_urls *urls);
void results_change(struct results *results, struct buffer **room);

/* Keeps a result in place of the earlier one of its URL. Want of memory keeps that one. */
void results_keep(struct results *results, const struct fetch_result *result, struct bytes json);

/* {"channels":[…],"results":[…]}: where results are published, and the latest, in the config's
 * order. */
enum error results_append(struct results *results, struct buffer *out);

#endif
