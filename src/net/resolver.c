#include "net/resolver.h"

#include <assert.h>
#include <string.h>

#include "ares_channel.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/memory.h"
#include "net/dialer.h"

enum {
    TTL_LEAST_SECONDS = 5,
    TTL_MOST_SECONDS = 300,
    TTL_FAILURE_SECONDS = 5,
    NAMES_MAX = 10000,
    NAME_SIZE_MAX = 255,
};

/* What is known of a name, or is being asked. */
struct entry {
    struct map_node node;
    struct list_node age;     /* in the resolver's list, oldest first; not while asked */
    struct list_node waiters; /* lookups */
    struct lookup end;        /* among them while they are told: who asks meanwhile is behind it */
    struct resolver *resolver;
    struct task deliver;
    uint64_t expires;
    bool asked;
    enum error error;
    size_t count;
    struct address addresses[DIALER_ADDRESSES_MAX];
    char name[]; /* NUL-terminated */
};

struct resolver {
    struct loop *loop;
    uint64_t timeout;
    struct ares_channel_on_loop *channel;
    struct map entries;
    struct list_node by_age;
    struct resolver_statistics statistics;
    bool closing;
    void (*closed)(void *context);
    void *closed_context;
};

/* ---- the cache ------------------------------------------------------------------------------- */

static void forget(struct entry *entry) {
    assert(list_is_empty(&entry->waiters) && !entry->asked);
    list_remove(&entry->age);
    loop_unpost(&entry->deliver);
    map_remove(&entry->resolver->entries, &entry->node);
    memory_free(entry);
}

static void forget_oldest(struct resolver *resolver) {
    list_for_each_safe (node, &resolver->by_age) {
        struct entry *entry = container_of(node, struct entry, age);
        if (resolver->entries.size < NAMES_MAX)
            return;
        if (list_is_empty(&entry->waiters))
            forget(entry);
    }
}

static void deliver(struct task *task);
static const struct task_handler deliver_handler = {"dns_answer", deliver};

static struct entry *remember(struct resolver *resolver, struct bytes name) {
    forget_oldest(resolver);
    struct entry *entry = memory_allocate_zeroed(sizeof *entry + name.size + 1);
    if (entry == NULL)
        return NULL;
    memcpy(entry->name, name.data, name.size);
    entry->resolver = entry->end.resolver = resolver;
    entry->deliver.handler = &deliver_handler;
    list_init(&entry->age);
    list_init(&entry->waiters);
    if (map_insert(&resolver->entries, &entry->node, bytes_make(entry->name, name.size)) !=
        ERROR_NONE) {
        memory_free(entry);
        return NULL;
    }
    return entry;
}

/* ---- answers --------------------------------------------------------------------------------- */

static void stop_waiting(struct lookup *lookup) {
    lookup->waiting = false;
    list_remove(&lookup->link);
    loop_stop_timer(lookup->resolver->loop, &lookup->deadline);
}

static void tell(struct lookup *lookup, const struct entry *entry) {
    struct address addresses[DIALER_ADDRESSES_MAX];
    for (size_t i = 0; i < entry->count; i++) {
        addresses[i] = entry->addresses[i];
        address_set_port(&addresses[i], lookup->port);
    }
    lookup->done(lookup, entry->error, addresses, entry->count);
}

static void deliver(struct task *task) {
    struct entry *entry = container_of(task, struct entry, deliver);
    struct list_node *node;
    list_append(&entry->waiters, &entry->end.link);
    while ((node = list_take_first(&entry->waiters)) != NULL && node != &entry->end.link) {
        struct lookup *lookup = container_of(node, struct lookup, link);
        stop_waiting(lookup);
        tell(lookup, entry);
    }
}

/* Each has its own time, whoever else waits for the name. c-ares may go on asking: a late answer is
 * for whoever asks next. */
static void nobody_answered(struct timer *timer) {
    struct lookup *lookup = container_of(timer, struct lookup, deadline);
    stop_waiting(lookup);
    lookup->done(lookup, ERROR_TIMED_OUT, NULL, 0);
}

static const struct timer_handler deadline_handler = {"dns_deadline", nobody_answered};

static uint64_t lifetime(enum error error, unsigned ttl) {
    if (error != ERROR_NONE)
        return TTL_FAILURE_SECONDS * SECOND;
    if (ttl < TTL_LEAST_SECONDS)
        return TTL_LEAST_SECONDS * SECOND;
    return (ttl > TTL_MOST_SECONDS ? TTL_MOST_SECONDS : ttl) * SECOND;
}

static void answered(void *context, enum error error, const struct address *addresses, size_t count,
                     unsigned ttl) {
    struct entry *entry = context;
    struct resolver *resolver = entry->resolver;
    entry->asked = false;
    entry->error = error;
    struct address ordered[2 * DIALER_ADDRESSES_MAX];
    if (count > sizeof ordered / sizeof *ordered)
        count = sizeof ordered / sizeof *ordered;
    if (count > 0)
        memcpy(ordered, addresses, count * sizeof *ordered);
    dialer_interleave(ordered, count);
    entry->count = count < DIALER_ADDRESSES_MAX ? count : DIALER_ADDRESSES_MAX;
    memcpy(entry->addresses, ordered, entry->count * sizeof *ordered);
    entry->expires = resolver->loop->now + lifetime(error, ttl);
    if (error != ERROR_NONE)
        counter_add(&resolver->statistics.failures, 1);
    list_append(&resolver->by_age, &entry->age);
    if (resolver->closing)
        return;
    loop_post(resolver->loop, &entry->deliver);
}

/* ---- names that need no server --------------------------------------------------------------- */

static bool ends_with(struct bytes name, const char *ending) {
    struct bytes tail = bytes_of(ending);
    return name.size >= tail.size &&
           bytes_equal_ignoring_case(bytes_after(name, name.size - tail.size), tail);
}

/* RFC 6761 section 6.3: localhost and all names below it are the loopback addresses. */
static bool is_localhost(struct bytes name) {
    if (name.size > 0 && name.data[name.size - 1] == '.')
        name.size--;
    return bytes_equal_ignoring_case(name, bytes_of("localhost")) || ends_with(name, ".localhost");
}

static bool known_without_asking(struct bytes name, struct address *addresses, size_t *count) {
    static const uint8_t loopback4[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};
    if (address_parse_host(name, 0, &addresses[0])) {
        *count = 1;
        return true;
    }
    if (!is_localhost(name))
        return false;
    addresses[0] = address_v4(loopback4, 0);
    addresses[1] = address_v6(loopback6, 0);
    *count = 2;
    return true;
}

/* ---- lookups --------------------------------------------------------------------------------- */

static void start_deadline(struct lookup *lookup) {
    struct resolver *resolver = lookup->resolver;
    lookup->deadline.handler = &deadline_handler;
    loop_start_timer(resolver->loop, &lookup->deadline, resolver->loop->now + resolver->timeout);
}

static void ask(struct entry *entry) {
    struct resolver *resolver = entry->resolver;
    list_remove(&entry->age);
    counter_add(&resolver->statistics.queries, 1);
    entry->asked = true;
    ares_channel_query(resolver->channel, entry->name, answered, entry);
}

static void wait_for(struct entry *entry, struct lookup *lookup) {
    lookup->waiting = true;
    list_append(&entry->waiters, &lookup->link);
    struct resolver *resolver = entry->resolver;
    if (entry->asked) {
        start_deadline(lookup);
        return;
    }
    if (entry->expires > resolver->loop->now) {
        counter_add(&resolver->statistics.cache_hits, 1);
        loop_post(resolver->loop, &entry->deliver);
        return;
    }
    if (known_without_asking(bytes_of(entry->name), entry->addresses, &entry->count)) {
        entry->error = ERROR_NONE;
        entry->expires = resolver->loop->now + TTL_MOST_SECONDS * SECOND;
        list_remove(&entry->age);
        list_append(&resolver->by_age, &entry->age);
        loop_post(resolver->loop, &entry->deliver);
        return;
    }
    start_deadline(lookup);
    ask(entry);
}

enum error resolver_lookup(struct resolver *resolver, struct lookup *lookup, struct bytes name,
                           uint16_t port, lookup_done *done) {
    *lookup = (struct lookup){.done = done, .port = port, .resolver = resolver};
    list_init(&lookup->link);
    if (name.size > NAME_SIZE_MAX)
        return ERROR_NAME_NOT_FOUND;
    struct map_node *node = map_find(&resolver->entries, name);
    struct entry *entry =
        node != NULL ? container_of(node, struct entry, node) : remember(resolver, name);
    if (entry == NULL)
        return ERROR_NO_MEMORY;
    wait_for(entry, lookup);
    return ERROR_NONE;
}

void lookup_abandon(struct lookup *lookup) {
    if (lookup->waiting)
        stop_waiting(lookup);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

enum error resolver_new(struct loop *loop, uint64_t timeout, const char *servers,
                        struct resolver **resolver_out) {
    struct resolver *resolver = memory_allocate_zeroed(sizeof *resolver);
    if (resolver == NULL)
        return ERROR_NO_MEMORY;
    resolver->loop = loop;
    resolver->timeout = timeout;
    list_init(&resolver->by_age);
    enum error error = ares_channel_new(loop, timeout, servers, &resolver->channel);
    if (error != ERROR_NONE) {
        memory_free(resolver);
        return error;
    }
    *resolver_out = resolver;
    return ERROR_NONE;
}

static void abandon_waiters(struct map_node *node, void *context) {
    struct entry *entry = container_of(node, struct entry, node);
    struct list_node *waiter;
    (void)context;
    while ((waiter = list_take_first(&entry->waiters)) != NULL)
        stop_waiting(container_of(waiter, struct lookup, link));
}

static void forget_node(struct map_node *node, void *context) {
    (void)context;
    forget(container_of(node, struct entry, node));
}

static void channel_closed(void *context) {
    struct resolver *resolver = context;
    void (*closed)(void *) = resolver->closed;
    void *closed_context = resolver->closed_context;
    map_visit(&resolver->entries, forget_node, NULL);
    map_fini(&resolver->entries);
    memory_free(resolver);
    closed(closed_context);
}

void resolver_close(struct resolver *resolver, void (*closed)(void *context), void *context) {
    resolver->closing = true;
    resolver->closed = closed;
    resolver->closed_context = context;
    ares_channel_close(resolver->channel, channel_closed, resolver);
    /* the entries stay until then: one of them may be telling its answer right now */
    map_visit(&resolver->entries, abandon_waiters, NULL);
}

const struct resolver_statistics *resolver_statistics(const struct resolver *resolver) {
    return &resolver->statistics;
}
