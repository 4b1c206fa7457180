#include "fetcher.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Enough for every origin's queue to be seen while some wait for slow ones. */
enum { WINDOW_LEAST = 1024, WINDOW_PER_SLOT = 4 };

/* HTTP_PROXY in upper case is not read: a web server that runs programs sets it to what a client
 * sends. */
static const char *variable(const char *lower, const char *upper) {
    const char *value = getenv(lower);
    return value != NULL || upper == NULL ? value : getenv(upper);
}

static void set_proxies(struct session_options *options, const struct config_fetch *fetch) {
    if (fetch->proxy == NULL)
        return;
    options->http_proxy = options->https_proxy = fetch->proxy;
    options->no_proxy = fetch->no_proxy;
    if (strcmp(fetch->proxy, "environment") != 0)
        return;
    options->http_proxy = variable("http_proxy", NULL);
    options->https_proxy = variable("https_proxy", "HTTPS_PROXY");
    if (options->no_proxy == NULL)
        options->no_proxy = variable("no_proxy", "NO_PROXY");
}

static_assert((int)CONFIG_PRIVATE_ADDRESSES_CONFIGURED == (int)PRIVATE_ADDRESSES_CONFIGURED &&
                  (int)CONFIG_PRIVATE_ADDRESSES_ALWAYS == (int)PRIVATE_ADDRESSES_ALWAYS &&
                  (int)CONFIG_PRIVATE_ADDRESSES_NEVER == (int)PRIVATE_ADDRESSES_NEVER,
              "the config's words are the session's");

/*
 * Handing a small body over costs more than hashing it (perf/offload.c). Where one processor runs
 * everything, handing over never pays: then bodies are hashed as they arrive, piece by piece.
 */
static uint64_t inline_below(const struct config *config) {
    if (config->hash.inline_below != CONFIG_SIZE_AUTO)
        return config->hash.inline_below;
    bool alone = config->hash.threads == CONFIG_AUTO && limits_processors() == 1;
    return alone ? UINT64_MAX : 4096;
}

struct session_options fetcher_options(const struct config *config) {
    const struct config_fetch *fetch = &config->fetch;
    struct session_options options = {
        .concurrency = fetch->concurrency,
        .per_host = fetch->per_host,
        .redirects = fetch->redirects,
        .retries = fetch->retries,
        .private_addresses = (enum private_addresses)fetch->private_addresses,
        .cookies = fetch->cookies,
        .max_body = fetch->max_body,
        .inline_below = inline_below(config),
        .total_timeout = fetch->timeout.total,
        .attempt_timeout = fetch->timeout.attempt,
        .connect_timeout = fetch->timeout.connect,
        .dns_timeout = fetch->timeout.dns,
        .read_timeout = fetch->timeout.read,
        .name_servers = fetch->name_servers,
        .authorities = fetch->authorities,
    };
    set_proxies(&options, fetch);
    return options;
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
