#include "results.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "url_places.h"

static const size_t NOWHERE = SIZE_MAX;

static struct buffer *make_room(const struct config_urls *urls) {
    return memory_allocate_zeroed((urls->count + 1) * sizeof(struct buffer));
}

enum error results_init(struct results *results, const struct config_urls *urls) {
    results->urls = urls;
    results->latest = make_room(urls);
    if (results->latest == NULL)
        return ERROR_NO_MEMORY;
    results->count = urls->count;
    pthread_mutex_init(&results->lock, NULL);
    return ERROR_NONE;
}

static void free_latest(struct buffer *latest, size_t count) {
    for (size_t i = 0; latest != NULL && i < count; i++)
        buffer_fini(&latest[i]);
    memory_free(latest);
}

void results_fini(struct results *results) {
    if (results->latest == NULL)
        return;
    results_settle(results);
    free_latest(results->latest, results->count);
    results->latest = NULL;
    pthread_mutex_destroy(&results->lock);
}

/* ---- other URLs ------------------------------------------------------------------------------ */

/* Where each URL of one list is in another. */
static enum error find_moved(const struct config_urls *from, const struct config_urls *to,
                             size_t *moved) {
    struct url_places places;
    enum error error = url_places_init(&places, to);
    if (error != ERROR_NONE)
        return error;
    for (size_t i = 0; i < from->count; i++)
        if (!url_places_claim(&places, from->entries[i].request_hash, &moved[i]))
            moved[i] = NOWHERE;
    url_places_fini(&places);
    return ERROR_NONE;
}

enum error results_prepare(const struct results *results, const struct config_urls *urls,
                           struct results_change *change) {
    *change = (struct results_change){.count = urls->count};
    change->latest = make_room(urls);
    change->moved = memory_allocate((results->count + 1) * sizeof *change->moved);
    if (change->latest != NULL && change->moved != NULL &&
        find_moved(results->urls, urls, change->moved) == ERROR_NONE)
        return ERROR_NONE;
    results_change_fini(change);
    return ERROR_NO_MEMORY;
}

/* What is fetched is still the list before the last, or the last. */
static void follow(struct results *results, size_t **moved) {
    if (results->moved == NULL) {
        results->moved = *moved;
        results->moved_count = results->count;
        *moved = NULL;
        return;
    }
    for (size_t i = 0; i < results->moved_count; i++)
        if (results->moved[i] != NOWHERE)
            results->moved[i] = (*moved)[results->moved[i]];
}

void results_change(struct results *results, struct results_change *change) {
    struct buffer *earlier = results->latest;
    size_t earlier_count = results->count;
    for (size_t i = 0; i < earlier_count; i++)
        if (change->moved[i] != NOWHERE) {
            change->latest[change->moved[i]] = earlier[i];
            earlier[i] = (struct buffer){0};
        }
    follow(results, &change->moved);
    results->latest = change->latest;
    results->count = change->count;
    change->latest = earlier;
    change->count = earlier_count;
}

void results_change_fini(struct results_change *change) {
    free_latest(change->latest, change->count);
    memory_free(change->moved);
    *change = (struct results_change){0};
}

void results_settle(struct results *results) {
    memory_free(results->moved);
    results->moved = NULL;
    results->moved_count = 0;
}

/* ---- results --------------------------------------------------------------------------------- */

static size_t place_of(const struct results *results, size_t index) {
    if (results->moved == NULL)
        return index < results->count ? index : NOWHERE;
    return index < results->moved_count ? results->moved[index] : NOWHERE;
}

/* Its place in the list may change, so that is left out: it comes first. */
static struct bytes behind_index(struct bytes json) {
    const uint8_t *comma = memchr(json.data, ',', json.size);
    assert(comma != NULL);
    return bytes_after(json, (size_t)(comma - json.data));
}

void results_keep(struct results *results, const struct fetch_result *result, struct bytes json) {
    size_t place = place_of(results, result->index);
    struct bytes rest = behind_index(json);
    struct buffer copy = {0};
    if (place == NOWHERE || buffer_append(&copy, rest.data, rest.size) != ERROR_NONE)
        return;
    pthread_mutex_lock(&results->lock);
    struct buffer earlier = results->latest[place];
    results->latest[place] = copy;
    pthread_mutex_unlock(&results->lock);
    buffer_fini(&earlier);
}

/* Did an earlier URL have this channel too? */
static bool is_repeated(const struct config_urls *urls, size_t index) {
    for (size_t i = 0; i < index; i++)
        if (strcmp(urls->entries[i].channel, urls->entries[index].channel) == 0)
            return true;
    return false;
}

static enum error append_channels(const struct config_urls *urls, struct buffer *out) {
    enum error error = ERROR_NONE;
    const char *separator = "";
    for (size_t i = 0; i < urls->count && error == ERROR_NONE; i++) {
        if (is_repeated(urls, i))
            continue;
        error = buffer_format(out, "%s\"%s\"", separator, urls->entries[i].channel);
        separator = ",";
    }
    return error;
}

static enum error append_latest(const struct results *results, struct buffer *out) {
    enum error error = ERROR_NONE;
    const char *separator = "";
    for (size_t i = 0; i < results->count && error == ERROR_NONE; i++) {
        const struct buffer *latest = &results->latest[i];
        if (latest->size == 0)
            continue;
        error = buffer_format(out, "%s{\"index\":%zu", separator, i);
        if (error == ERROR_NONE)
            error = buffer_append(out, latest->data, latest->size);
        separator = ",";
    }
    return error;
}

enum error results_append(struct results *results, struct buffer *out) {
    enum error error = buffer_append_text(out, "{\"channels\":[");
    if (error == ERROR_NONE)
        error = append_channels(results->urls, out);
    if (error == ERROR_NONE)
        error = buffer_append_text(out, "],\"results\":[");
    if (error == ERROR_NONE) {
        pthread_mutex_lock(&results->lock);
        error = append_latest(results, out);
        pthread_mutex_unlock(&results->lock);
    }
    return error == ERROR_NONE ? buffer_append_text(out, "]}\n") : error;
}
