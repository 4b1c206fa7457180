#include "results.h"

#include <string.h>

#include "base/memory.h"

struct buffer *results_make_room(const struct config_urls *urls) {
    return memory_allocate_zeroed((urls->count + 1) * sizeof(struct buffer));
}

enum error results_init(struct results *results, const struct config_urls *urls) {
    results->urls = urls;
    results->latest = results_make_room(urls);
    if (results->latest == NULL)
        return ERROR_NO_MEMORY;
    results->count = urls->count;
    pthread_mutex_init(&results->lock, NULL);
    return ERROR_NONE;
}

static void free_latest(struct results *results) {
    for (size_t i = 0; i < results->count; i++)
        buffer_fini(&results->latest[i]);
    memory_free(results->latest);
    results->latest = NULL;
}

void results_fini(struct results *results) {
    if (results->latest == NULL)
        return;
    free_latest(results);
    pthread_mutex_destroy(&results->lock);
}

void results_change(struct results *results, struct buffer **room) {
    free_latest(results);
    results->latest = *room;
    results->count = results->urls->count;
    *room = NULL;
}

void results_keep(struct results *results, const struct fetch_result *result, struct bytes json) {
    struct buffer copy = {0};
    if (result->index >= results->count || buffer_append(&copy, json.data, json.size) != ERROR_NONE)
        return;
    pthread_mutex_lock(&results->lock);
    struct buffer earlier = results->latest[result->index];
    results->latest[result->index] = copy;
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
        error = buffer_append_text(out, separator);
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
