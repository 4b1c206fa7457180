/*
 * From the config's URLs to results: the schedule is started with what is known of them, and what
 * it says is kept, and published when it has changed, at once; and printed in the list's order.
 *
 * Other URLs by a reload: no round of the old schedule begins any more; when those under way are
 * over, or have been cancelled, the new schedule starts, with what the old one knew of URLs that
 * are still there.
 */
#include "scheduling.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "config_lists.h"
#include "fetcher.h"
#include "output.h"

enum {
    GRACE_SECONDS = 2, /* of fetches under way, when other URLs are to be fetched */
    AGAIN_SECONDS = 1, /* until that is tried again for which there was no memory */
};

/* ---- results: kept, published when changed, and printed in their turn ------------------------ */

static void complain_of_result(const struct fetch_result *result, enum error error) {
    log_write(LOG_ERROR, "service", "a result could not be published", LOG_TEXT("url", result->url),
              LOG_TEXT("error", error_text(error)));
}

/* Without memory the line still comes, and says only whose it is. */
static void print_short(const struct service *service, const struct fetch_result *result) {
    char line[256];
    int size =
        service->config->log.format == LOG_FORMAT_JSON
            ? snprintf(line, sizeof line,
                       "{\"index\":%zu,\"error\":{\"kind\":\"resources\",\"detail\":\"%s\"}}\n",
                       result->index, error_text(ERROR_NO_MEMORY))
            : snprintf(line, sizeof line, "❌ URL number %zu: %s\n", result->index + 1,
                       error_text(ERROR_NO_MEMORY));
    output_write(bytes_make(line, (size_t)size));
}

static void print_result(void *context, const struct schedule_entry *entry,
                         const struct fetch_result *result) {
    const struct service *service = context;
    struct buffer line = {0};
    (void)entry;
    enum error error = service->config->log.format == LOG_FORMAT_JSON
                           ? fetch_result_append_json(result, &line)
                           : fetch_result_append_text(result, &line);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&line, '\n');
    if (error == ERROR_NONE)
        output_write(buffer_bytes(&line));
    else
        print_short(service, result);
    buffer_fini(&line);
}

static void recall_from_schedule(const void *context, size_t index,
                                 struct schedule_memory *memory) {
    schedule_recall(context, index, memory);
}

/* The schedule, and the URLs that it is of: they stay where they are as long as it does. */
static struct state_source source_of(const struct service *service) {
    const struct config_urls *urls =
        service->leaving.count > 0 ? &service->leaving : &service->config->fetch.urls;
    return (struct state_source){.urls = urls->entries,
                                 .count = urls->count,
                                 .recall = recall_from_schedule,
                                 .context = service->schedule};
}

/* The first round's first result may come before the schedule is there. */
static void save_now_and_then(struct service *service) {
    const struct state_source source = source_of(service);
    if (service->schedule != NULL)
        state_file_save_now_and_then(&service->state, &source);
}

/* Kept for who asks, and published when it has changed. */
static bool result_came(void *context, const struct schedule_entry *entry,
                        const struct fetch_result *result, bool changed) {
    struct service *service = context;
    struct buffer json = {0};
    enum error error = fetch_result_append_json(result, &json);
    if (error == ERROR_NONE)
        results_keep(&service->results, result, buffer_bytes(&json));
    if (error == ERROR_NONE && changed)
        error = hub_publish(service->hub, 0, bytes_of(entry->context), buffer_bytes(&json));
    if (error != ERROR_NONE)
        complain_of_result(result, error);
    else
        save_now_and_then(service);
    buffer_fini(&json);
    return error == ERROR_NONE;
}

static void round_ended(void *context, size_t fetched, size_t failed) {
    struct service *service = context;
    const struct state_source source = source_of(service);
    state_file_save(&service->state, &source);
    log_write(LOG_INFO, "fetch", "round ended", LOG_NUMBER("fetched", fetched),
              LOG_NUMBER("failed", failed));
}

static const struct schedule_events schedule_events = {result_came, print_result, round_ended};

static enum error start_schedule_with(struct service *service,
                                      const struct state_memory *memories) {
    const struct config_fetch *fetch = &service->config->fetch;
    const struct schedule_options options = {
        .jitter = fetch->jitter,
        .spread = fetch->spread,
        .at_once = fetch->concurrency,
        .backoff = fetch->backoff,
        .max_age = fetch->max_age,
        .window = fetcher_window(service->config),
        .events = &schedule_events,
        .context = service,
    };
    struct schedule_entry *entries = memory_allocate(fetch->urls.count * sizeof *entries);
    if (entries == NULL)
        return ERROR_NO_MEMORY;
    for (size_t i = 0; i < fetch->urls.count; i++)
        entries[i] =
            (struct schedule_entry){.request = fetcher_request(&fetch->urls.entries[i]),
                                    .every = fetch->urls.entries[i].every,
                                    .context = fetch->urls.entries[i].channel,
                                    .memory = memories[i].found ? &memories[i].memory : NULL};
    enum error error =
        schedule_new(service->session, entries, fetch->urls.count, &options, &service->schedule);
    memory_free(entries);
    return error;
}

/* What a schedule before has known, or else what the state file says. */
static enum error recall(const struct service *service, struct state_memory *memories) {
    const struct config_urls *urls = &service->config->fetch.urls;
    return service->known.size > 0 ? state_text_read(buffer_bytes(&service->known), urls, memories)
                                   : state_file_load(&service->state, urls, memories);
}

/* What there is of a state file that cannot be read must not keep a service that runs from
 * fetching: it does without. At the start somebody is there to mend it. */
static enum error recall_if_possible(const struct service *service, struct state_memory *memories) {
    enum error error = recall(service, memories);
    if (error == ERROR_NONE || error == ERROR_NO_MEMORY)
        return error;
    log_write(LOG_WARNING, "service", "what was known of the URLs cannot be read",
              LOG_TEXT("error", error_text(error)));
    return ERROR_NONE;
}

static enum error start(struct service *service,
                        enum error (*remember)(const struct service *, struct state_memory *)) {
    const struct config_urls *urls = &service->config->fetch.urls;
    if (urls->count == 0)
        return ERROR_NONE;
    struct state_memory *memories = memory_allocate_zeroed(urls->count * sizeof *memories);
    if (memories == NULL)
        return ERROR_NO_MEMORY;
    enum error error = remember(service, memories);
    if (error == ERROR_NONE)
        error = start_schedule_with(service, memories);
    for (size_t i = 0; i < urls->count; i++)
        state_memory_fini(&memories[i]);
    memory_free(memories);
    if (error == ERROR_NONE)
        buffer_fini(&service->known);
    return error;
}

enum error scheduling_start(struct service *service) {
    return start(service, recall);
}

/* ---- other URLs ------------------------------------------------------------------------------ */

static void start_others(struct service *service);

/* There may be memory now. */
static void try_again(struct timer *timer) {
    start_others(container_of(timer, struct service, schedule_again));
}

static const struct timer_handler try_again_handler = {"schedule_again", try_again};

/* From here on, results are those of the config's URLs. */
static void start_others(struct service *service) {
    struct loop *loop = service->workers.loops[0];
    results_settle(&service->results);
    enum error error = start(service, recall_if_possible);
    loop_stop_timer(loop, &service->schedule_again);
    if (error == ERROR_NONE)
        return;
    log_write(LOG_ERROR, "service", "cannot start fetching", LOG_TEXT("error", error_text(error)));
    service->schedule_again.handler = &try_again_handler;
    loop_start_timer(loop, &service->schedule_again, loop->now + AGAIN_SECONDS * SECOND);
}

/* What the last schedule knows goes to the next, as it would by way of the file; without memory
 * for that it is what the file says. */
static void last_ended(void *context) {
    struct service *service = context;
    const struct state_source source = source_of(service);
    state_file_settle(&service->state);
    buffer_clear(&service->known);
    if (state_text_append(&service->known, &source) != ERROR_NONE)
        buffer_fini(&service->known);
    service->schedule = NULL;
    config_urls_release(&service->leaving);
    start_others(service);
}

void scheduling_change(struct service *service, struct config_urls *old) {
    uint64_t now = service->workers.loops[0]->now;
    if (service->leaving.count > 0)
        return; /* the old ones have never begun */
    if (service->schedule == NULL) {
        start_others(service);
        return;
    }
    service->leaving = *old;
    *old = (struct config_urls){0};
    schedule_stop(service->schedule, now + GRACE_SECONDS * SECOND, last_ended, service);
}
