#include "accounts.h"

#include <string.h>

#include "base/memory.h"
#include "home.h"
#include "worker.h"

struct named_account {
    struct account account;
    char name[];
};

void accounts_init(struct accounts *accounts) {
    *accounts = (struct accounts){0};
    pthread_mutex_init(&accounts->lock, NULL);
    list_init(&accounts->list);
    list_init(&accounts->others.homes);
}

void accounts_fini(struct accounts *accounts) {
    struct map_node *node;
    while ((node = map_any(&accounts->by_name)) != NULL) {
        struct account *account = container_of(node, struct account, node);
        map_remove(&accounts->by_name, node);
        memory_free(container_of(account, struct named_account, account));
    }
    map_fini(&accounts->by_name);
    pthread_mutex_destroy(&accounts->lock);
}

/* ---- homes come and go ----------------------------------------------------------------------- */

static struct account *account_new(struct accounts *accounts, struct bytes name) {
    struct named_account *named = memory_allocate_zeroed(sizeof *named + name.size + 1);
    if (named == NULL)
        return NULL;
    struct account *account = &named->account;
    memcpy(named->name, name.data, name.size);
    account->past.name = named->name;
    list_init(&account->homes);
    if (map_insert(&accounts->by_name, &account->node, bytes_of(named->name)) != ERROR_NONE) {
        memory_free(named);
        return NULL;
    }
    list_append(&accounts->list, &account->link);
    return account;
}

static struct account *account_of(struct accounts *accounts, const struct home *home,
                                  unsigned max) {
    struct map_node *node = map_find(&accounts->by_name, bytes_of(home->name));
    if (node != NULL)
        return container_of(node, struct account, node);
    if (!home->settings.listed && accounts->unlisted >= max)
        return &accounts->others;
    struct account *account = account_new(accounts, bytes_of(home->name));
    if (account == NULL)
        return &accounts->others;
    if (!home->settings.listed)
        accounts->unlisted++;
    return account;
}

void accounts_open(struct accounts *accounts, struct home *home, unsigned max) {
    pthread_mutex_lock(&accounts->lock);
    home->account = account_of(accounts, home, max);
    list_append(&home->account->homes, &home->accounted);
    pthread_mutex_unlock(&accounts->lock);
}

static void add(struct channel_totals *to, const struct channel_totals *more) {
    to->published += more->published;
    to->subscribers += more->subscribers;
    to->delivered += more->delivered;
    to->skipped += more->skipped;
    to->own += more->own;
    to->abandoned += more->abandoned;
    to->due += more->due;
}

void accounts_close(struct accounts *accounts, struct home *home) {
    struct channel_totals last = home_totals(home);
    pthread_mutex_lock(&accounts->lock);
    add(&home->account->past, &last);
    list_remove(&home->accounted);
    pthread_mutex_unlock(&accounts->lock);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* Of messages: the readers of the renditions before that of presence. */
struct channel_totals home_totals(const struct home *home) {
    struct channel_totals totals = {.name = home->name,
                                    .published = counter_read(&home->published)};
    for (unsigned i = 0; i < RENDITION_PRESENCE * home->worker->hub->worker_count; i++) {
        const struct tally *tally = &home->readers[i].tally;
        totals.subscribers += counter_read(&tally->subscribers);
        totals.delivered += counter_read(&tally->delivered);
        totals.skipped += counter_read(&tally->skipped);
        totals.own += counter_read(&tally->own);
        totals.abandoned += counter_read(&tally->abandoned);
        totals.due += counter_read(&tally->due);
    }
    return totals;
}

static struct channel_totals read_account(const struct account *account) {
    struct channel_totals totals = account->past;
    list_for_each (node, &account->homes) {
        struct channel_totals home = home_totals(container_of(node, struct home, accounted));
        add(&totals, &home);
    }
    return totals;
}

enum error hub_channel_totals(struct hub *hub, struct channel_totals **totals, size_t *count) {
    struct accounts *accounts = &hub->accounts;
    pthread_mutex_lock(&accounts->lock);
    *count = 0;
    *totals = memory_allocate((accounts->by_name.size + 1) * sizeof **totals);
    if (*totals != NULL) {
        list_for_each (node, &accounts->list)
            (*totals)[(*count)++] = read_account(container_of(node, struct account, link));
        (*totals)[(*count)++] = read_account(&accounts->others);
    }
    pthread_mutex_unlock(&accounts->lock);
    return *totals != NULL ? ERROR_NONE : ERROR_NO_MEMORY;
}
