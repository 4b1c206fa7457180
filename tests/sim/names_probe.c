/*
 * What the resolver asks and what it is told, as it happens: nothing that was told is asked again
 * before its time, and everything is behind it. The linker puts these functions in front of the
 * program's own (cmake/simulation_probes.cmake).
 */
#include "names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ares_channel.h"
#include "base/clock.h"
#include "net/resolver.h"
#include "world.h"

enum error __real_resolver_lookup(struct resolver *, struct lookup *, struct bytes, uint16_t,
                                  lookup_done *);
void __real_ares_channel_query(struct ares_channel_on_loop *, const char *, ares_answer *, void *);

enum error __wrap_resolver_lookup(struct resolver *, struct lookup *, struct bytes, uint16_t,
                                  lookup_done *);
void __wrap_ares_channel_query(struct ares_channel_on_loop *, const char *, ares_answer *, void *);

/* As net/resolver.h states them. */
enum { KEPT_LEAST_SECONDS = 5, KEPT_MOST_SECONDS = 300 };

/* What was told of a name. */
struct name {
    uint64_t until; /* the end of its time; 0: it was told nothing */
    struct address first;
    unsigned changes;
};

/* A question under way. */
struct question {
    struct name *name;
    ares_answer *answer;
    void *context;
};

static struct world *world;
static struct name names[HOST_KINDS];

void names_open(struct world *of) {
    world = of;
    memset(names, 0, sizeof names);
}

void names_close(void) {
    world = NULL;
}

unsigned names_changes(unsigned host) {
    return names[host].changes;
}

static struct name *find(struct bytes text) {
    enum host_kind host;
    return world != NULL && host_find(text, &host) ? &names[host] : NULL;
}

/* ---- asking ---------------------------------------------------------------------------------- */

enum error __wrap_resolver_lookup(struct resolver *resolver, struct lookup *lookup,
                                  struct bytes text, uint16_t port, lookup_done *done) {
    const struct name *name = find(text);
    if (name != NULL && name->until > sim_now(world->sim))
        world_saw(world, SOMETIMES_DNS_KEPT);
    return __real_resolver_lookup(resolver, lookup, text, port, done);
}

static uint64_t time_of(unsigned ttl) {
    ttl = ttl < KEPT_LEAST_SECONDS ? KEPT_LEAST_SECONDS : ttl;
    return (ttl > KEPT_MOST_SECONDS ? KEPT_MOST_SECONDS : ttl) * SECOND;
}

static void learn(struct name *name, const struct address *addresses, unsigned ttl) {
    name->changes += name->until > 0 && !address_equal_host(&name->first, addresses);
    name->first = *addresses;
    name->until = sim_now(world->sim) + time_of(ttl);
}

static void answered(void *context, enum error error, const struct address *addresses, size_t count,
                     unsigned ttl) {
    struct question question = *(struct question *)context;
    free(context);
    if (world != NULL && error == ERROR_NONE)
        learn(question.name, addresses, ttl);
    question.answer(question.context, error, addresses, count, ttl);
}

void __wrap_ares_channel_query(struct ares_channel_on_loop *channel, const char *text,
                               ares_answer *answer, void *context) {
    struct name *name = find(bytes_of(text));
    if (name == NULL) {
        __real_ares_channel_query(channel, text, answer, context);
        return;
    }
    if (name->until > sim_now(world->sim))
        world_fail(world, "%s is asked for within its time", text);
    else if (name->until > 0)
        world_saw(world, SOMETIMES_DNS_ASKED_AGAIN);
    struct question *question = malloc(sizeof *question);
    if (question == NULL)
        abort();
    *question = (struct question){name, answer, context};
    __real_ares_channel_query(channel, text, answered, question);
}
