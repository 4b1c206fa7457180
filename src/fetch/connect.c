/*
 * How an attempt comes to a connection of its own: resolve, resolved, dial, dialled, and under TLS
 * connect_opened when the handshake is through.
 */
#include "fetch.h"

/* Whom to connect to. */
static const struct url *peer(const struct fetch *fetch) {
    const struct proxy *proxy = fetch->origin->proxy;
    return proxy != NULL ? &proxy->url : &fetch->hop.url;
}

void connect_opened(struct fetch *fetch) {
    fetch->result.timings.tls = attempt_step(fetch);
    attempt_connected(fetch);
}

static void dialled(void *context, int descriptor, enum error error,
                    const struct address *address) {
    struct fetch *fetch = context;
    struct attempt *attempt = &fetch->attempt;
    struct tls_detail detail = {{0}};
    attempt->dialer = NULL;
    if (error != ERROR_NONE) {
        char text[ADDRESS_TEXT_SIZE];
        address_format(address, text);
        fetch_set_error(fetch, error, "%s (%s)", error_text(error), text);
        attempt_fail_as_set(fetch);
        return;
    }
    fetch->result.timings.connect = attempt_step(fetch);
    error = connection_new(fetch, descriptor, &attempt->connection, &detail);
    if (error != ERROR_NONE && detail.text[0] != '\0') {
        fetch_set_error(fetch, error, "%s", detail.text);
        attempt_fail_as_set(fetch);
    } else if (error != ERROR_NONE) {
        attempt_fail(fetch, error);
    } else if (fetch->origin->trust == NULL) {
        attempt_connected(fetch);
    } else if (fetch->origin->proxy != NULL) {
        tunnel_begin(fetch);
    }
}

static void dial(struct fetch *fetch, const struct address *addresses, size_t count) {
    attempt_begin_phase(fetch, ATTEMPT_CONNECTING, "connecting",
                        fetch->session->options.connect_timeout);
    enum error error = dialer_new(&fetch->session->background, addresses, count, dialled, fetch,
                                  &fetch->attempt.dialer);
    if (error != ERROR_NONE)
        attempt_fail(fetch, error);
}

static void resolved(struct lookup *lookup, enum error error, const struct address *addresses,
                     size_t count) {
    struct fetch *fetch = container_of(lookup, struct fetch, attempt.lookup);
    if (error == ERROR_NONE) {
        fetch->result.timings.dns = attempt_step(fetch);
        dial(fetch, addresses, count);
    } else if (error == ERROR_TIMED_OUT) {
        attempt_time_out(fetch, "looking up the name", fetch->session->options.dns_timeout);
    } else {
        fetch_set_error(fetch, error, "%s: %.*s", error_text(error), (int)peer(fetch)->host.size,
                        (const char *)peer(fetch)->host.data);
        attempt_fail_as_set(fetch);
    }
}

void connect_begin(struct fetch *fetch) {
    attempt_begin_phase(fetch, ATTEMPT_RESOLVING, "looking up the name",
                        fetch->session->options.dns_timeout);
    const struct url *url = peer(fetch);
    enum error error = resolver_lookup(fetch->session->resolver, &fetch->attempt.lookup,
                                       url_host_name(url), url->port, resolved);
    if (error != ERROR_NONE)
        attempt_fail(fetch, error);
}

void connect_abandon(struct fetch *fetch) {
    lookup_abandon(&fetch->attempt.lookup);
    if (fetch->attempt.dialer != NULL)
        dialer_abandon(fetch->attempt.dialer);
    fetch->attempt.dialer = NULL;
}
