/*
 * The session: fetches URLs concurrently over pooled keep-alive connections, on one loop.
 *
 * Limits hold in all and per origin (scheme, host, port). A fetch that must wait holds no slot, so
 * one slow origin with many URLs does not keep others from theirs; nor does one whose name nobody
 * answers for. Connections that have served their response whole and in order are kept for the next
 * fetch of the same origin.
 *
 * A fetch is a member of the scope that it is started in; cancelling it gives a result too.
 */
#ifndef RINGCAST_FETCH_SESSION_H
#define RINGCAST_FETCH_SESSION_H

#include "base/counter.h"
#include "fetch/request.h"
#include "fetch/result.h"
#include "loop/pool.h"
#include "loop/scope.h"
#include "net/address_policy.h"

struct session;
struct fetch;

/* All times in nanoseconds. */
struct session_options {
    unsigned concurrency; /* fetches that hold a connection, in all */
    unsigned per_host;    /* and of one origin */
    unsigned redirects;   /* that one fetch follows */
    unsigned retries;     /* beyond the first attempt */
    enum private_addresses private_addresses;
    uint64_t max_body;        /* bytes */
    uint64_t inline_below;    /* bodies announced smaller are hashed on the loop; UINT64_MAX: all */
    uint64_t total_timeout;   /* of a fetch, from when it first gets a slot */
    uint64_t attempt_timeout; /* of one request with its response */
    uint64_t connect_timeout; /* of connecting, TLS included */
    uint64_t dns_timeout;
    uint64_t read_timeout;    /* of the silence while a response is awaited or arrives */
    const char *name_servers; /* as for resolver_new(); NULL: the system's */
    const char *http_proxy;   /* "http://[USER:PASSWORD@]HOST:PORT" for URLs of http; NULL: none */
    const char *https_proxy;  /* the same for URLs of https */
    const char *no_proxy;     /* who is asked directly all the same, see src/fetch/proxy.h */
    bool cookies;             /* keep what origins set, and send it back */
    const char *authorities;  /* PEM file instead of the system's; NULL: the system's */
};

enum { FETCH_KINDS_MAX = 32 };

struct session_statistics {
    struct counter fetches; /* ended, well or not */
    struct counter succeeded;
    struct counter failed[FETCH_KINDS_MAX]; /* by fetch_error_kind_at() */
    struct counter active;                  /* now */
    struct counter connections;             /* opened */
    struct counter reused;                  /* fetches over a pooled connection */
    struct counter retried;                 /* a pooled connection had gone stale */
    struct counter retries;                 /* attempts made again after a failure */
    struct counter redirects;               /* that were followed */
    struct counter pauses;                  /* of origins that asked for one */
    struct counter idle;                    /* connections in the pool, now */
    struct counter body_bytes;
    struct histogram duration;
};

/* What happens at the end of a fetch: the result is the callee's (fetch_result_fini()). */
typedef void fetch_done(void *context, struct fetch_result *result);

/*
 * A session on `loop` that hashes on `pool`; both are borrowed. ERROR_URL_…: a proxy is no http
 * URL. ERROR_UNSUPPORTED: cookies without a list of public suffixes.
 */
enum error session_new(struct loop *loop, struct pool *pool, const struct session_options *options,
                       struct session **session);

/*
 * Lets no further fetch begin: those that have not are cancelled, and so is every new one. Those
 * that have begun go on, over redirects and retries too.
 */
void session_stop(struct session *session);

/* Ends an idle session: closes its connections, then `closed` runs and the session is gone. */
void session_close(struct session *session, void (*closed)(void *context), void *context);

/*
 * Fetches what is requested, as result number `index`. `done` runs once, later, never before this
 * function has returned, whatever happens; the fetch leaves `scope` right behind it, with the
 * result's error. ERROR_CANCELLED when the scope is cancelled or the session stopped, and
 * ERROR_NO_MEMORY: then `done` will not run.
 *
 * The struct, the URL and the path to save to are copied; everything else that the request shows is
 * borrowed until `done`.
 */
enum error session_fetch(struct session *session, struct scope *scope,
                         const struct fetch_request *request, size_t index, fetch_done *done,
                         void *context);

struct loop *session_loop(const struct session *session);

const struct session_statistics *session_statistics(const struct session *session);

#endif
