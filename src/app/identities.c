#include "identities.h"

#include <stdio.h>

#include "base/memory.h"

enum error identities_load(const struct config_tls *tls, struct tls_identities **identities,
                           struct tls_detail *detail) {
    *identities = NULL;
    detail->text[0] = '\0';
    bool complete = tls->certificate != NULL && tls->key != NULL;
    if (!complete && (tls->certificate != NULL || tls->key != NULL || tls->more.count > 0)) {
        snprintf(detail->text, sizeof detail->text,
                 "hub.tls: expected \"certificate\" and \"key\", or nothing at all");
        return ERROR_CONFIG_INVALID;
    }
    if (!complete)
        return ERROR_NONE;
    size_t count = 1 + tls->more.count;
    struct tls_server_options *options = memory_allocate_zeroed(count * sizeof *options);
    if (options == NULL) {
        snprintf(detail->text, sizeof detail->text, "hub.tls: %s", error_text(ERROR_NO_MEMORY));
        return ERROR_NO_MEMORY;
    }
    options[0] = (struct tls_server_options){tls->certificate, tls->key};
    for (size_t i = 1; i < count; i++)
        options[i] = (struct tls_server_options){tls->more.entries[i - 1].certificate,
                                                 tls->more.entries[i - 1].key};
    enum error error = tls_identities_new(options, count, identities, detail);
    memory_free(options);
    return error;
}
