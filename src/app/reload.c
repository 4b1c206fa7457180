#include "reload.h"

#include "base/log.h"
#include "config_compare.h"
#include "scheduling.h"

static void refused(const char *why) {
    log_write(LOG_ERROR, "config", "the new config is refused, nothing is changed",
              LOG_TEXT("error", why));
}

static void differs(const char *path, bool fixed) {
    if (fixed)
        log_write(LOG_WARNING, "config", "changed, but needs a restart", LOG_TEXT("key", path));
    else
        log_write(LOG_INFO, "config", "changed", LOG_TEXT("key", path));
}

/* ---- the moment ------------------------------------------------------------------------------ */

struct change {
    struct service *service;
    struct config *next; /* then what is over of the old one; and so for these */
    struct rules rules;
    struct tls_identities *identities;
    bool schedule; /* is another one */
    struct results_change results;
};

/* What the schedule has borrowed stays where it is while that goes on. */
static void keep_urls(struct config *running, struct config *next) {
    struct config_urls urls = running->fetch.urls;
    running->fetch.urls = next->fetch.urls;
    next->fetch.urls = urls;
}

static void take_place(void *context) {
    struct change *change = context;
    struct service *service = change->service;
    struct rules rules = service->rules;
    struct tls_identities *identities = service->identities;
    enum log_level level = service->config->log.level;
    enum log_format format = service->config->log.format;
    config_adopt(service->config, change->next);
    if (change->schedule)
        results_change(&service->results, &change->results);
    else
        keep_urls(service->config, change->next);
    service->rules = change->rules;
    change->rules = rules;
    if (identities != NULL && change->identities != NULL) {
        service->identities = change->identities;
        change->identities = identities;
    }
    if (service->config->log.level != level || service->config->log.format != format)
        log_configure(service->config->log.level, service->config->log.format);
    const struct hub_options options = service_hub_options(service);
    hub_reconfigure(service->hub, &options);
}

static bool make_room(struct change *change) {
    change->schedule = !config_schedules_alike(change->service->config, change->next);
    if (!change->schedule)
        return true;
    return results_prepare(&change->service->results, &change->next->fetch.urls,
                           &change->results) == ERROR_NONE;
}

static void take_over(struct change *change) {
    struct service *service = change->service;
    config_compare(service->config, change->next, differs);
    workers_stand_still(&service->workers, take_place, change);
    log_write(LOG_INFO, "config", "reloaded");
    if (change->schedule)
        scheduling_change(service, &change->next->fetch.urls);
}

bool reload(struct service *service, struct config *next) {
    struct change change = {.service = service, .next = next};
    struct rules_detail rules;
    struct tls_detail tls;
    if (rules_init(&change.rules, &next->hub, &rules) != ERROR_NONE) {
        refused(rules.text);
        config_fini(next);
        return false;
    }
    bool good = identities_load(&next->hub.tls, &change.identities, &tls) == ERROR_NONE;
    if (!good) {
        refused(tls.text);
    } else if (!make_room(&change)) {
        refused(error_text(ERROR_NO_MEMORY));
        good = false;
    } else {
        take_over(&change);
    }
    rules_fini(&change.rules);
    tls_identities_free(change.identities);
    results_change_fini(&change.results);
    config_fini(next);
    return good;
}

/* ---- the file -------------------------------------------------------------------------------- */

void reload_file(struct service *service) {
    struct config next;
    struct config_errors errors = {0};
    enum error error = config_load(&next, service->path, &errors);
    for (size_t i = 0; i < errors.count; i++)
        refused(errors.lines[i]);
    if (error == ERROR_NONE)
        reload(service, &next);
    else if (errors.count == 0)
        refused(error_text(error));
    config_errors_fini(&errors);
}
