#include "session_internal.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

/* ---- origins -------------------------------------------------------------------------------- */

static enum error origin_key(const struct url *url, struct buffer *key) {
    enum error error = buffer_append_text(key, url->scheme == URL_HTTPS ? "https " : "http ");
    if (error == ERROR_NONE)
        error = buffer_append(key, url->host.data, url->host.size);
    return error == ERROR_NONE ? buffer_format(key, " %u", url->port) : error;
}

static struct origin *origin_new(struct session *session, struct bytes key) {
    struct origin *origin = memory_allocate_zeroed(sizeof *origin + key.size);
    if (origin == NULL)
        return NULL;
    memcpy(origin->key, key.data, key.size);
    origin->session = session;
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

static struct origin *origin_of(struct session *session, const struct url *url) {
    struct buffer key = {0};
    struct origin *origin = NULL;
    if (origin_key(url, &key) == ERROR_NONE) {
        struct map_node *node = map_find(&session->origins, buffer_bytes(&key));
        origin = node != NULL ? container_of(node, struct origin, node)
                              : origin_new(session, buffer_bytes(&key));
    }
    buffer_fini(&key);
    return origin;
}

void origin_collect(struct origin *origin) {
    if (origin->active > 0 || origin->connection_count > 0 || !list_is_empty(&origin->waiting))
        return;
    list_remove(&origin->ready);
    tls_session_free(origin->tls_session);
    map_remove(&origin->session->origins, &origin->node);
    memory_free(origin);
}

/* ---- slots ---------------------------------------------------------------------------------- */

static void note_readiness(struct origin *origin) {
    struct session *session = origin->session;
    bool may_start = !list_is_empty(&origin->waiting) && origin->active < session->options.per_host;
    if (may_start && !list_is_linked(&origin->ready))
        list_append(&session->ready, &origin->ready);
    else if (!may_start)
        list_remove(&origin->ready);
    if (!list_is_empty(&session->ready) && session->active < session->options.concurrency)
        loop_post(session->loop, &session->dispatch);
}

/* Origins take turns, so that a long queue for one does not hold up another. */
static void dispatch(struct task *task) {
    struct session *session = container_of(task, struct session, dispatch);
    while (session->active < session->options.concurrency && !list_is_empty(&session->ready)) {
        struct origin *origin =
            container_of(list_take_first(&session->ready), struct origin, ready);
        struct fetch *fetch = container_of(list_take_first(&origin->waiting), struct fetch, link);
        session->active++;
        origin->active++;
        counter_set(&session->statistics.active, session->active);
        note_readiness(origin);
        fetch_begin(fetch);
    }
}

static const struct task_handler dispatch_handler = {"fetch_dispatch", dispatch};

enum error session_queue(struct session *session, struct fetch *fetch) {
    fetch->origin = origin_of(session, &fetch->url);
    if (fetch->origin == NULL)
        return ERROR_NO_MEMORY;
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

void session_release(struct origin *origin) {
    struct session *session = origin->session;
    assert(session->active > 0 && origin->active > 0);
    session->active--;
    origin->active--;
    counter_set(&session->statistics.active, session->active);
    note_readiness(origin);
    origin_collect(origin);
}

/* ---- TLS ------------------------------------------------------------------------------------ */

enum error session_tls(struct session *session, struct tls_context **context,
                       struct tls_detail *detail) {
    enum error error = ERROR_NONE;
    if (session->tls == NULL) {
        const struct tls_client_options options = {.authority_file = session->options.authorities};
        error = tls_context_new_client(&options, &session->tls, detail);
    }
    *context = session->tls;
    return error;
}

/* ---- life cycle ----------------------------------------------------------------------------- */

static void finish_close(void *context) {
    struct session *session = context;
    void (*closed)(void *) = session->closed;
    void *closed_context = session->closed_context;
    tls_context_free(session->tls);
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
    enum error error = resolver_new(loop, options->dns_timeout, NULL, &session->resolver);
    if (error != ERROR_NONE) {
        memory_free(session);
        return error;
    }
    pool_port_init(&session->port, pool, loop);
    scope_init(&session->background, loop, NULL, SCOPE_COLLECT, background_ended);
    list_init(&session->ready);
    list_init(&session->idle);
    session->dispatch.handler = &dispatch_handler;
    *session_out = session;
    return ERROR_NONE;
}

void session_close(struct session *session, void (*closed)(void *context), void *context) {
    session->closed = closed;
    session->closed_context = context;
    scope_cancel(&session->background);
    scope_join(&session->background);
}

const struct session_statistics *session_statistics(const struct session *session) {
    return &session->statistics;
}

struct loop *session_loop(const struct session *session) {
    return session->loop;
}
