#include "reload.h"

#include "base/log.h"
#include "config_compare.h"
#include "hub_settings.h"

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
};

static void take_place(void *context) {
    struct change *change = context;
    struct service *service = change->service;
    struct rules rules = service->rules;
    struct tls_identities *identities = service->identities;
    enum log_level level = service->config->log.level;
    enum log_format format = service->config->log.format;
    config_adopt(service->config, change->next);
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
    if (good) {
        config_compare(service->config, next, differs);
        workers_stand_still(&service->workers, take_place, &change);
        log_write(LOG_INFO, "config", "reloaded");
    } else {
        refused(tls.text);
    }
    rules_fini(&change.rules);
    tls_identities_free(change.identities);
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
