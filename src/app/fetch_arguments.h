/* The arguments of `ringcast fetch`. */
#ifndef RINGCAST_APP_FETCH_ARGUMENTS_H
#define RINGCAST_APP_FETCH_ARGUMENTS_H

#include "app/config.h"
#include "fetch/request.h"

enum fetch_format { FETCH_FORMAT_TEXT, FETCH_FORMAT_JSON, FETCH_FORMAT_CSV };

struct fetch_count {
    bool given;
    unsigned value;
};

struct fetch_arguments {
    const char *config;
    const char *resume;
    const char *save; /* a folder */
    enum fetch_format format;
    bool fail_fast;
    bool unordered;
    bool cookies;
    struct fetch_count concurrency, per_host, retries, redirects;
    const char *proxy; /* NULL: not given, likewise the next */
    const char *no_proxy;
    uint64_t timeout; /* nanoseconds; 0: not given */
    struct http_field fields[FETCH_FIELDS_MAX];
    struct fetch_request request; /* what is the same for every URL */
    struct buffer body;
    char *authorization;
    const char *const *urls; /* what stands behind the options */
    int url_count;
};

/* False after a complaint. fetch_arguments_fini() either way. */
bool fetch_arguments_parse(struct fetch_arguments *parsed, int count, char **arguments);

/* Puts limits and proxies that were given in the place of the config's. False: out of memory. */
bool fetch_arguments_apply(const struct fetch_arguments *parsed, struct config_fetch *config);

void fetch_arguments_fini(struct fetch_arguments *parsed);

#endif
