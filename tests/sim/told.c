/*
 * Whether the changes of URLs were told: what the channel's history says of a URL last is what was
 * printed of it last, also where a message could not be published for want of memory.
 */
#include <stdlib.h>
#include <string.h>

#include "home.h"
#include "worker.h"
#include "world.h"

static uint64_t hash_of(uint64_t hash, struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ text.data[i]) * 0x100000001b3;
    return hash;
}

/* From where one text begins to where the next one does; empty if they are not there. */
static struct bytes between(struct bytes line, const char *from, const char *to) {
    const uint8_t *start = memmem(line.data, line.size, from, strlen(from));
    if (start == NULL)
        return (struct bytes){0};
    struct bytes rest = bytes_after(line, (size_t)(start - line.data));
    const uint8_t *end = memmem(rest.data, rest.size, to, strlen(to));
    return end == NULL ? (struct bytes){0} : bytes_make(rest.data, (size_t)(end - rest.data));
}

/* Status, title, digest, and the error's kind: what makes two results different. */
uint64_t result_substance(struct bytes line) {
    struct bytes content = between(line, ",\"status\":", ",\"bytes\":");
    uint64_t hash = hash_of(0xcbf29ce484222325, between(line, "\"kind\":", ",\"detail\""));
    return content.size == 0 ? 0 : hash_of(hash, content);
}

static struct home *find_home(const struct world *world) {
    for (unsigned i = 0; i < world->worker_count; i++) {
        struct map_node *node =
            map_find(&world->service.hub->workers[i].homes, bytes_of("results"));
        if (node != NULL)
            return container_of(node, struct home, node);
    }
    return NULL;
}

static void read_history(struct home *home, uint64_t told[URLS_MAX]) {
    static const char start[] = "{\"index\":";
    const struct log *history = home_history(home);
    for (uint64_t i = history->tail_offset; i < history->next_offset; i++) {
        struct bytes payload = home_message(home, i).payload;
        unsigned long index = URLS_MAX;
        if (payload.size > sizeof start)
            index = strtoul((const char *)payload.data + sizeof start - 1, NULL, 10);
        if (index < URLS_MAX)
            told[index] = result_substance(payload);
    }
}

bool results_are_told(const struct world *world) {
    uint64_t told[URLS_MAX] = {0};
    struct home *home = find_home(world);
    if (home != NULL)
        read_history(home, told);
    bool all_is_there = home == NULL || home_history(home)->tail_offset == 0;
    for (size_t i = 0; i < world->url_count; i++) {
        bool known = world->urls[i].substance != 0 && (told[i] != 0 || all_is_there);
        if (known && told[i] != world->urls[i].substance)
            return false;
    }
    return true;
}
