/* The results of the fetcher: each URL one a round, printed in order, and nothing but the truth. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "names.h"
#include "world.h"

/* Results of URLs whose round began this long after the faults had ended must be good: names that
 * could not be resolved are remembered for 5 s. */
enum { SETTLED_SECONDS = 9 };

static uint64_t hash_of(struct bytes text) {
    uint64_t hash = 0xcbf29ce484222325;
    for (size_t i = 0; i < text.size; i++)
        hash = (hash ^ text.data[i]) * 0x100000001b3;
    return hash;
}

static void add(struct result_texts *texts, struct result_text text) {
    size_t count = texts->count;
    if ((count & (count + 1)) == 0) {
        struct result_text *more = realloc(texts->items, 2 * (count + 1) * sizeof *more);
        if (more == NULL)
            abort();
        texts->items = more;
    }
    texts->items[texts->count++] = text;
}

static bool contain(const struct result_texts *texts, struct result_text text) {
    for (size_t i = 0; i < texts->count; i++)
        if (texts->items[i].hash == text.hash && texts->items[i].size == text.size)
            return true;
    return false;
}

/* It may be heard before its turn to be printed has come, but printed it will be. */
void results_hear(struct world *world, struct bytes payload) {
    struct result_text text = {hash_of(payload), payload.size};
    if (contain(&world->printed, text) || contain(&world->heard, text))
        return;
    add(&world->heard, text);
    world_saw(world, SOMETIMES_HEARD_FIRST);
}

static void count_kind(struct world *world, const char *line) {
    const char *kind = strstr(line, "\"kind\":\"");
    for (size_t i = 0; kind != NULL && fetch_error_kind_at(i) != NULL; i++) {
        size_t size = strlen(fetch_error_kind_at(i));
        if (strncmp(kind + 8, fetch_error_kind_at(i), size) == 0 && kind[8 + size] == '"')
            world->tally->kinds[i]++;
    }
}

static bool has_kind(const char *line, const char *kind) {
    char words[60];
    snprintf(words, sizeof words, "\"kind\":\"%s\"", kind);
    return strstr(line, words) != NULL;
}

/* A success has the digest of the whole body, whatever happened on the way. */
static void check_success(struct world *world, const struct url_plan *plan, const char *line) {
    char digest[SHA256_HEX_SIZE], expected[SHA256_HEX_SIZE + 16];
    sha256_to_hex(plan->digest, digest);
    snprintf(expected, sizeof expected, "\"sha256\":\"%s\"", digest);
    if (!url_may_succeed(plan))
        world_fail(world, "%s cannot have been fetched", plan->text);
    else if (strstr(line, expected) == NULL)
        world_fail(world, "%s has another digest", plan->text);
    world_saw(world, SOMETIMES_FETCHED);
}

/* What became of it shows that its name was what its host's name is. */
static void note_host(struct world *world, struct url_plan *plan, const char *line) {
    bool good = strstr(line, "\"error\":null") != NULL;
    world->tally->hosts[plan->host]++;
    plan->fetched |= good;
    plan->forbidden_once |= has_kind(line, "address");
    if (good && plan->host == HOST_LATE)
        world_saw(world, SOMETIMES_DNS_LATE);
    if (good && plan->host == HOST_MANY && !world->by_proxy)
        world_saw(world, SOMETIMES_DNS_MANY);
    if (good && plan->host == HOST_CHANGING && names_changes(HOST_CHANGING) > 0)
        world_saw(world, SOMETIMES_DNS_CHANGED);
    if (plan->rebinds && plan->fetched && plan->forbidden_once)
        world_saw(world, SOMETIMES_DNS_REBOUND);
    if (plan->host == HOST_NOTHING && has_kind(line, "dns"))
        world_saw(world, SOMETIMES_DNS_EMPTY);
}

/*
 * Without memory the result still comes, in its place. It says "resources"; and when even its line
 * could not be written, nothing else.
 */
static bool is_short(const struct world *world, const char *line) {
    static const char words[] =
        ",\"error\":{\"kind\":\"resources\",\"detail\":\"out of memory\"}}\n";
    const char *behind = strchr(line, ',');
    return behind != NULL && strcmp(behind, words) == 0 && world_was_short_of_memory(world);
}

/* The URL's own text was what there was no memory for. */
static bool is_nameless(const struct world *world, const char *line) {
    return strstr(line, ",\"url\":\"\",") != NULL &&
           strstr(line, "\"error\":{\"kind\":\"resources\"") != NULL &&
           world_was_short_of_memory(world);
}

/* Why a URL whose host has something wrong must fail in peace; NULL: it need not say. */
static const char *kind_in_peace(const struct world *world, const struct url_plan *plan) {
    static const char *const kinds[] = {
        "tls_wrong_name",   "tls_expired",      "tls_not_yet_valid",
        "tls_unknown_root", "tls_self_signed",  "tls",
        "tls_weak_key",     "tls_old_protocol", "tls_wrong_address"};
    if (plan->forbidden)
        return "address";
    if (plan->refused)
        return "proxy";
    if (plan->host >= HOST_WRONG)
        return kinds[plan->host - HOST_WRONG];
    if (world->by_proxy)
        return NULL; /* which looks the names up */
    if (plan->host == HOST_NOWHERE || plan->host == HOST_NOTHING)
        return "dns";
    return plan->host == HOST_QUIET ? "timeout" : NULL; /* others are tried again */
}

static void check_line(struct world *world, struct url_plan *plan, const char *line) {
    bool settled = world->calm && !world->asked_to_stop &&
                   world->round_ended > world->calm_since + SETTLED_SECONDS * SECOND;
    if (is_short(world, line))
        world_saw(world, SOMETIMES_SHORT_RESULT);
    else if (strstr(line, plan->text) == NULL && !is_nameless(world, line))
        world_fail(world, "a result names another URL than %s", plan->text);
    else if (strstr(line, "\"error\":null") != NULL)
        check_success(world, plan, line);
    else if (strstr(line, "\"sha256\":\"") != NULL)
        world_fail(world, "%s failed, and has a digest", plan->text);
    else if (settled && url_must_succeed(plan))
        world_fail(world, "%s failed in peace: %.300s", plan->text, line);
    else if (settled && kind_in_peace(world, plan) != NULL &&
             !has_kind(line, kind_in_peace(world, plan)))
        world_fail(world, "%s failed for another reason: %.300s", plan->text, line);
    else if (strstr(line, "\"kind\":\"resources\"") != NULL && !world_may_be_short(world))
        world_fail(world, "%s failed without a shortage: %.300s", plan->text, line);
    count_kind(world, line);
    note_host(world, plan, line);
}

static void end_round(struct world *world) {
    bool settled = world->calm && world->round_ended > world->calm_since + SETTLED_SECONDS * SECOND;
    world->next_index = 0;
    world->rounds++;
    world->calm_rounds += settled;
    world->round_ended = sim_now(world->sim);
}

bool results_take(void *context, struct bytes text) {
    struct world *world = context;
    char line[2048];
    size_t size = text.size < sizeof line ? text.size : sizeof line - 1;
    memcpy(line, text.data, size);
    line[size] = '\0';
    if (line[0] != '{')
        return true;
    const char *index = strstr(line, "\"index\":");
    if (index == NULL || strtoul(index + 8, NULL, 10) != world->next_index) {
        world_fail(world, "result %zu was to come, and came: %.100s", world->next_index, line);
        return true;
    }
    sim_note(world->sim, "printed", world->next_index, strstr(line, "\"error\":null") != NULL);
    check_line(world, &world->urls[world->next_index], line);
    add(&world->printed,
        (struct result_text){hash_of(bytes_make(text.data, text.size - 1)), text.size - 1});
    world->urls[world->next_index].substance = result_substance(bytes_of(line));
    if (++world->next_index == world->url_count)
        end_round(world);
    return true;
}

void results_check_end(struct world *world) {
    if (world->next_index != 0)
        world_fail(world, "the last round ended with %zu of %zu results", world->next_index,
                   world->url_count);
    for (size_t i = 0; i < world->heard.count; i++)
        if (!contain(&world->printed, world->heard.items[i]) && !world_was_short_of_memory(world))
            world_fail(world, "a client got a result that was never printed");
}

void results_free(struct world *world) {
    free(world->printed.items);
    free(world->heard.items);
}
