/* The accounts of the channels, see hub/channel_totals.h: homes open and close them. */
#ifndef RINGCAST_HUB_ACCOUNTS_H
#define RINGCAST_HUB_ACCOUNTS_H

#include <pthread.h>

#include "base/list.h"
#include "base/map.h"
#include "hub/channel_totals.h"

struct home;

struct account {
    struct map_node node;       /* by name */
    struct list_node link;      /* among all, in the order in which they came */
    struct list_node homes;     /* whose numbers count, beside `past` */
    struct channel_totals past; /* of homes that have gone */
};

/*
 * All accounts of a hub. The lock is taken when a home comes or goes, and to read: what is counted
 * in between is counted in the home, by whom it concerns. Fields are private.
 */
struct accounts {
    pthread_mutex_t lock;
    struct map by_name;
    struct list_node list;
    unsigned unlisted; /* accounts of channels that the config does not name */
    struct account others;
};

void accounts_init(struct accounts *accounts);
void accounts_fini(struct accounts *accounts);

/*
 * A home counts from now on. It has an account of its own if it is listed, if there was one before,
 * or if there are fewer than `max` unlisted ones; want of memory means that it has none.
 */
void accounts_open(struct accounts *accounts, struct home *home, unsigned max);

/* The home is about to go. */
void accounts_close(struct accounts *accounts, struct home *home);

/* A home's own numbers so far; the name is its. */
struct channel_totals home_totals(const struct home *home);

#endif
