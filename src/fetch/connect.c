/*
 * How an attempt comes to a connection of its own: resolve, resolved, dial, dialled, and under TLS
 * connect_opened when the handshake is through.
 */
#include <string.h>

#include "base/clock.h"
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
    } else {
        attempt->address = attempt->connection->address = *address;
        if (fetch->origin->trust == NULL)
            attempt_connected(fetch);
        else if (fetch->origin->proxy != NULL)
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

/* Behind a proxy only an address that stands in the URL itself can be judged: the proxy, which was
 * configured, looks the names up and connects. */
bool connect_is_allowed(struct fetch *fetch) {
    struct address literal;
    if (fetch->origin->proxy == NULL ||
        !address_parse_host(url_host_name(&fetch->hop.url), 0, &literal))
        return true;
    return address_policy_allows(&fetch->policy, &literal);
}

/* Judged here, where the addresses are that will be connected to: whatever the name was, and
 * however its answer changes from one time to the next. */
static void dial_allowed(struct fetch *fetch, const struct address *addresses, size_t count) {
    struct address allowed[DIALER_ADDRESSES_MAX];
    char text[ADDRESS_TEXT_SIZE];
    if (count > DIALER_ADDRESSES_MAX)
        count = DIALER_ADDRESSES_MAX;
    memcpy(allowed, addresses, count * sizeof *allowed);
    size_t kept = fetch->origin->proxy != NULL
                      ? count
                      : address_policy_filter(&fetch->policy, allowed, count);
    if (kept > 0) {
        dial(fetch, allowed, kept);
        return;
    }
    address_format_host(&addresses[0], text);
    fetch_set_error(fetch, ERROR_ADDRESS_NOT_ALLOWED, "%s: %s is %s",
                    error_text(ERROR_ADDRESS_NOT_ALLOWED), text,
                    address_kind_name(address_kind(&addresses[0])));
    attempt_fail_as_set(fetch);
}

/* ---- the name -------------------------------------------------------------------------------- */

/* An answer that comes sooner is worth no change of hands. */
enum { LEND_AFTER_MILLISECONDS = 250 };

/* Names that nobody answers for would hold up all others, if each kept its slot while it waits. */
void connect_name_is_slow(struct fetch *fetch) {
    if (fetch->has_lent || fetch->attempt.lent_before)
        return;
    fetch->has_lent = fetch->attempt.lent_before = true;
    session_lend(fetch);
}

/* Has it a slot to dial with? If not, connect_go_on() follows; of that wait the attempt's time
 * takes no notice. */
static bool has_slot(struct fetch *fetch) {
    if (fetch->has_lent && !session_reclaim(fetch)) {
        attempt_stop_timers(fetch);
        return false;
    }
    fetch->has_lent = false;
    return true;
}

static void note_time(struct fetch *fetch) {
    uint64_t took = attempt_step(fetch), *time = &fetch->result.timings.dns;
    if (*time == FETCH_NO_TIME) /* or it is known already, and was only asked for again */
        *time = took;
}

static void resolved(struct lookup *lookup, enum error error, const struct address *addresses,
                     size_t count) {
    struct fetch *fetch = container_of(lookup, struct fetch, attempt.lookup);
    if (error == ERROR_NONE) {
        note_time(fetch);
        if (has_slot(fetch))
            dial_allowed(fetch, addresses, count);
    } else if (error == ERROR_TIMED_OUT) {
        attempt_time_out(fetch, "looking up the name", fetch->session->options.dns_timeout);
    } else {
        fetch_set_error(fetch, error, "%s: %.*s", error_text(error), (int)peer(fetch)->host.size,
                        (const char *)peer(fetch)->host.data);
        attempt_fail_as_set(fetch);
    }
}

void connect_begin(struct fetch *fetch) {
    struct loop *loop = fetch_loop(fetch);
    attempt_begin_phase(fetch, ATTEMPT_RESOLVING, "looking up the name",
                        fetch->session->options.dns_timeout);
    uint64_t slow = loop->now + LEND_AFTER_MILLISECONDS * MILLISECOND;
    if (slow < fetch->attempt.phase.deadline)
        loop_start_timer(loop, &fetch->attempt.phase, slow);
    const struct url *url = peer(fetch);
    enum error error = resolver_lookup(fetch->session->resolver, &fetch->attempt.lookup,
                                       url_host_name(url), url->port, resolved);
    if (error != ERROR_NONE)
        attempt_fail(fetch, error);
}

/* The answer may still be there, in the resolver's cache; if not, the slot is kept while the name
 * is asked for again: an answer that is gone as soon as it came would never be used. */
void connect_go_on(struct fetch *fetch) {
    attempt_begin_limit(fetch);
    connect_begin(fetch);
}

void connect_abandon(struct fetch *fetch) {
    lookup_abandon(&fetch->attempt.lookup);
    if (fetch->attempt.dialer != NULL)
        dialer_abandon(fetch->attempt.dialer);
    fetch->attempt.dialer = NULL;
}
