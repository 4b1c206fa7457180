#include "fetcher.h"

#include "base/limits.h"

/* Enough for every origin's queue to be seen while some wait for slow ones. */
enum { WINDOW_LEAST = 1024, WINDOW_PER_SLOT = 4 };

struct session_options fetcher_options(const struct config *config) {
    const struct config_fetch *fetch = &config->fetch;
    return (struct session_options){
        .concurrency = fetch->concurrency,
        .per_host = fetch->per_host,
        .redirects = fetch->redirects,
        .retries = fetch->retries,
        .max_body = fetch->max_body,
        .inline_below = config->hash.inline_below,
        .total_timeout = fetch->timeout.total,
        .attempt_timeout = fetch->timeout.attempt,
        .connect_timeout = fetch->timeout.connect,
        .dns_timeout = fetch->timeout.dns,
        .read_timeout = fetch->timeout.read,
        .authorities = fetch->authorities,
    };
}

struct fetch_request fetcher_request(const struct config_url *url) {
    return (struct fetch_request){
        .url = url->url,
        .method = bytes_of(url->method != NULL ? url->method : ""),
        .fields = {url->headers.items, url->headers.count},
        .body = bytes_of(url->body != NULL ? url->body : ""),
        .authorization = url->basic != NULL ? url->basic : url->bearer,
        .tls = {.authority_file = url->ca,
                .certificate_file = url->certificate,
                .key_file = url->key,
                .accept_any_certificate = url->insecure},
    };
}

unsigned fetcher_threads(const struct config *config) {
    if (config->hash.threads != CONFIG_AUTO)
        return config->hash.threads;
    unsigned processors = limits_processors();
    return processors > 1 ? processors - 1 : 1;
}

size_t fetcher_window(const struct config *config) {
    size_t window = (size_t)config->fetch.concurrency * WINDOW_PER_SLOT;
    return window < WINDOW_LEAST ? WINDOW_LEAST : window;
}
