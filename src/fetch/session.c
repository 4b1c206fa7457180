#include <assert.h>
#include <string.h>

#include "base/memory.h"
#include "fetch.h"

/* ---- origins --------------------------------------------------------------------------------- */

static enum error origin_key(const struct url *url, const struct trust *trust, struct buffer *key) {
    buffer_clear(key);
    enum error error = buffer_append(key, url->host.data, url->host.size);
    if (error == ERROR_NONE)
        error = buffer_append_byte(key, ' ');
    if (error == ERROR_NONE)
        error = buffer_append_unsigned(key, url->port);
    return error == ERROR_NONE && trust != NULL ? buffer_format(key, " tls %u", trust->number)
                                                : error;
}

static void pause_over(struct timer *timer);

static const struct timer_handler pause_handler = {"fetch_origin_pause", pause_over};

static struct origin *origin_new(struct session *session, const struct url *url,
                                 struct trust *trust, struct bytes key) {
    struct origin *origin = memory_allocate_zeroed(sizeof *origin + key.size);
    if (origin == NULL)
        return NULL;
    memcpy(origin->key, key.data, key.size);
    origin->session = session;
    origin->trust = trust;
    origin->proxy = proxies_find(&session->proxies, url);
    origin->pause.handler = &pause_handler;
    list_init(&origin->waiting);
    list_init(&origin->idle);
    list_init(&origin->ready);
    if (map_insert(&session->origins, &origin->node, bytes_make(origin->key, key.size)) !=
        ERROR_NONE) {
        memory_free(origin);
        return NULL;
    }
    return origin;
}

/* A client's certificate is for the URL's own origin, as other credentials are. */
static struct trust *trust_for(struct session *session, const struct fetch *fetch) {
    struct tls_client_options options = fetch->request.tls;
    if (fetch->hop.foreign)
        options.certificate_file = options.key_file = NULL;
    return trust_of(session, &options);
}

/* The origin that a fetch's URL belongs to, or NULL for want of memory. */
static struct origin *origin_of(struct session *session, const struct fetch *fetch) {
    struct trust *trust = NULL;
    if (fetch->hop.url.scheme == URL_HTTPS) {
        trust = trust_for(session, fetch);
        if (trust == NULL)
            return NULL;
    }
    struct buffer *key = &session->scratch;
    if (origin_key(&fetch->hop.url, trust, key) != ERROR_NONE)
        return NULL;
    struct map_node *node = map_find(&session->origins, buffer_bytes(key));
    return node != NULL ? container_of(node, struct origin, node)
                        : origin_new(session, &fetch->hop.url, trust, buffer_bytes(key));
}

void origin_collect(struct origin *origin) {
    if (origin->active > 0 || origin->connection_count > 0 || !list_is_empty(&origin->waiting) ||
        timer_is_started(&origin->pause))
        return;
    list_remove(&origin->ready);
    tls_session_free(origin->tls_session);
    map_remove(&origin->session->origins, &origin->node);
    memory_free(origin);
}

/* ---- slots ----------------------------------------------------------------------------------- */

static void set_active(struct session *session, unsigned active) {
    session->active = active;
    counter_set(&session->statistics.active, active);
}

static bool is_wanted(const struct session *session) {
    return !list_is_empty(&session->returning) || !list_is_empty(&session->ready);
}

static void dispatch_if_wanted(struct session *session) {
    if (session->active < session->options.concurrency && is_wanted(session))
        loop_post(session->loop, &session->dispatch);
}

static void note_readiness(struct origin *origin) {
    struct session *session = origin->session;
    bool may_start = !list_is_empty(&origin->waiting) && !timer_is_started(&origin->pause) &&
                     origin->active < session->options.per_host;
    if (may_start && !list_is_linked(&origin->ready))
        list_append(&session->ready, &origin->ready);
    else if (!may_start)
        list_remove(&origin->ready);
    dispatch_if_wanted(session);
}

/* Origins take turns, so that a long queue for one does not hold up another. */
static void begin_next(struct session *session) {
    struct origin *origin = container_of(list_take_first(&session->ready), struct origin, ready);
    struct fetch *fetch = container_of(list_take_first(&origin->waiting), struct fetch, link);
    set_active(session, session->active + 1);
    origin->active++;
    note_readiness(origin);
    fetch_begin(fetch);
}

static void return_next(struct session *session) {
    set_active(session, session->active + 1);
    fetch_slot_returned(container_of(list_take_first(&session->returning), struct fetch, link));
}

static void dispatch(struct task *task) {
    struct session *session = container_of(task, struct session, dispatch);
    while (session->active < session->options.concurrency && is_wanted(session)) {
        if (list_is_empty(&session->returning))
            begin_next(session);
        else
            return_next(session);
    }
}

static const struct task_handler dispatch_handler = {"fetch_dispatch", dispatch};

enum error session_queue(struct session *session, struct fetch *fetch, bool first) {
    fetch->origin = origin_of(session, fetch);
    if (fetch->origin == NULL)
        return ERROR_NO_MEMORY;
    if (first)
        list_prepend(&fetch->origin->waiting, &fetch->link);
    else
        list_append(&fetch->origin->waiting, &fetch->link);
    note_readiness(fetch->origin);
    return ERROR_NONE;
}

void session_unqueue(struct fetch *fetch) {
    struct origin *origin = fetch->origin;
    list_remove(&fetch->link);
    fetch->origin = NULL;
    note_readiness(origin);
    origin_collect(origin);
}

void session_release(struct origin *origin, bool lent) {
    struct session *session = origin->session;
    assert((lent || session->active > 0) && origin->active > 0);
    if (!lent)
        set_active(session, session->active - 1);
    origin->active--;
    note_readiness(origin);
    origin_collect(origin);
}

void session_lend(struct fetch *fetch) {
    struct session *session = fetch->session;
    set_active(session, session->active - 1);
    dispatch_if_wanted(session);
}

bool session_reclaim(struct fetch *fetch) {
    struct session *session = fetch->session;
    bool is_next = list_is_empty(&session->returning);
    if (is_next && session->active < session->options.concurrency) {
        set_active(session, session->active + 1);
        return true;
    }
    list_append(&session->returning, &fetch->link);
    return false;
}

/* ---- pauses ---------------------------------------------------------------------------------- */

static void pause_over(struct timer *timer) {
    struct origin *origin = container_of(timer, struct origin, pause);
    note_readiness(origin);
    origin_collect(origin);
}

/* A longer pause that is under way already is not cut short. */
void origin_pause(struct origin *origin, uint64_t delay) {
    struct loop *loop = origin->session->loop;
    uint64_t until = loop->now + delay;
    if (!timer_is_started(&origin->pause) || origin->pause.deadline < until)
        loop_start_timer(loop, &origin->pause, until);
    note_readiness(origin);
}

static void end_pause(struct map_node *node, void *context) {
    struct origin *origin = container_of(node, struct origin, node);
    (void)context;
    loop_stop_timer(origin->session->loop, &origin->pause);
    origin_collect(origin);
}

/* ---- life cycle ------------------------------------------------------------------------------ */

static void finish_close(void *context) {
    struct session *session = context;
    void (*closed)(void *) = session->closed;
    void *closed_context = session->closed_context;
    trust_free_all(session);
    cookie_jar_free(session->jar);
    proxies_fini(&session->proxies);
    buffer_fini(&session->scratch);
    memory_free(session);
    closed(closed_context);
}

static void background_ended(struct scope *scope) {
    struct session *session = container_of(scope, struct session, background);
    scope_fini(scope);
    loop_unpost(&session->dispatch);
    assert(session->origins.size == 0 && session->active == 0);
    map_fini(&session->origins);
    resolver_close(session->resolver, finish_close, session);
}

enum error session_new(struct loop *loop, struct pool *pool, const struct session_options *options,
                       struct session **session_out) {
    struct session *session = memory_allocate_zeroed(sizeof *session);
    if (session == NULL)
        return ERROR_NO_MEMORY;
    session->loop = loop;
    session->options = *options;
    enum error error = proxies_init(&session->proxies, options->http_proxy, options->https_proxy,
                                    options->no_proxy);
    if (error == ERROR_NONE && options->cookies)
        error = cookie_jar_new(&session->jar);
    if (error == ERROR_NONE)
        error = resolver_new(loop, options->dns_timeout, options->name_servers, &session->resolver);
    if (error != ERROR_NONE) {
        cookie_jar_free(session->jar);
        proxies_fini(&session->proxies);
        memory_free(session);
        return error;
    }
    pool_port_init(&session->port, pool, loop);
    scope_init(&session->background, loop, NULL, SCOPE_COLLECT, background_ended);
    list_init(&session->ready);
    list_init(&session->returning);
    list_init(&session->idle);
    list_init(&session->trusts);
    session->dispatch.handler = &dispatch_handler;
    *session_out = session;
    return ERROR_NONE;
}

static void cancel_waiting(struct map_node *node, void *context) {
    struct origin *origin = container_of(node, struct origin, node);
    (void)context;
    origin->active++; /* so that it stays until its list has been gone through */
    list_for_each_safe (link, &origin->waiting) {
        fetch_cancel_unbegun(container_of(link, struct fetch, link));
    }
    origin->active--;
    note_readiness(origin);
    origin_collect(origin);
}

void session_stop(struct session *session) {
    session->stopped = true;
    map_visit(&session->origins, cancel_waiting, NULL);
}

void session_close(struct session *session, void (*closed)(void *context), void *context) {
    session->closed = closed;
    session->closed_context = context;
    map_visit(&session->origins, end_pause, NULL);
    scope_cancel(&session->background);
    scope_join(&session->background);
}

const struct session_statistics *session_statistics(const struct session *session) {
    return &session->statistics;
}

struct loop *session_loop(const struct session *session) {
    return session->loop;
}
