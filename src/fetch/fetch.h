/*
 * One fetch: the memory of the whole flow, from the URL to the result, and what its files call of
 * each other.
 *
 *   fetch.c             the fetch as a whole: queued, tried, redirected, tried again, ended
 *   attempt.c           one request and its response, over one connection
 *   attempt_response.c  … what is made of the response
 *   connect.c           how an attempt comes to its connection
 *   tunnel.c            … through a proxy
 *   head.c              what the request says
 */
#ifndef RINGCAST_FETCH_FETCH_H
#define RINGCAST_FETCH_FETCH_H

#include "body.h"
#include "hop.h"
#include "net/dialer.h"
#include "session_internal.h"

enum fetch_state {
    FETCH_QUEUED,  /* waits for a slot of its origin */
    FETCH_TRYING,  /* an attempt is under way */
    FETCH_PAUSING, /* until the next attempt */
    FETCH_ENDING,
};

enum attempt_state {
    ATTEMPT_IDLE,
    ATTEMPT_RESOLVING,
    ATTEMPT_CONNECTING,
    ATTEMPT_AWAITING, /* the request is being sent, or the head awaited */
    ATTEMPT_READING,
    ATTEMPT_HASHING,
    ATTEMPT_STOPPING, /* given up; the pool still has a piece of the body */
};

/* One request with its response: everything that starts anew with the next. */
struct attempt {
    uint8_t state; /* enum attempt_state */
    bool replaced; /* a stale connection, by a fresh one */
    bool body_begun;
    bool has_retry_after;
    bool lent_before;       /* the session's slot: not again */
    uint64_t retry_after;   /* nanoseconds that the origin asked for */
    struct buffer location; /* where a redirect leads; empty: the response is none */
    struct lookup lookup;
    struct dialer *dialer; /* NULL: not dialling */
    struct fetch_connection *connection;
    struct address address; /* that it is, or was, connected to */
    bool by_proxy;          /* that is the proxy's, and the origin's is not known */
    struct body body;
    struct timer limit;
    struct timer phase;
    const char *phase_name; /* what the phase timer watches */
    uint64_t phase_began;   /* or the last byte came */
    uint64_t phase_limit;
    uint64_t step_began; /* of what is measured now */
};

struct fetch {
    struct session *session;
    struct scope_member member;
    struct fetch_request request; /* its URL is the result's */
    char *save_to;                /* the request's */
    struct hop hop;
    struct address_policy policy; /* where the hops may lead */
    struct origin *origin;        /* while queued, and while it has a slot */
    struct list_node link;        /* waiting at its origin, or for the slot that it has lent */
    struct attempt attempt;
    struct timer total;
    struct timer pause;
    struct task finish;
    uint64_t started; /* 0: it has not got a slot yet */
    uint8_t state;    /* enum fetch_state */
    bool has_lent;    /* the session's slot, while its origin's name does not answer */
    bool jar_changed; /* by a response on its way: what was asked before may be answered anew */
    fetch_done *done;
    void *context;
    struct fetch_result result;
};

/* ---- fetch.c --------------------------------------------------------------------------------- */

/* Cancels it if it has not begun. */
void fetch_cancel_unbegun(struct fetch *fetch);

/* It has a slot. */
void fetch_begin(struct fetch *fetch);

/* It has the slot again that it had lent. */
void fetch_slot_returned(struct fetch *fetch);

/* The attempt has wholly ended; how is in the result, the slot is given back. */
void fetch_attempt_over(struct fetch *fetch);

void fetch_release_slot(struct fetch *fetch);

/* Leaves its origin alone for a while, as the last response asked. While it has its slot. */
void fetch_pause_origin(struct fetch *fetch);

void fetch_set_error(struct fetch *fetch, enum error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline struct loop *fetch_loop(const struct fetch *fetch) {
    return fetch->session->loop;
}

/* ---- attempt.c ------------------------------------------------------------------------------- */

void attempt_init(struct fetch *fetch);

void attempt_begin(struct fetch *fetch);

/*
 * Gives up whatever is under way. True: nothing is left to wait for; false: fetch_attempt_over()
 * follows.
 */
bool attempt_stop(struct fetch *fetch);

/* Ends the attempt with the error in the result, or with this one and its own words. */
void attempt_fail(struct fetch *fetch, enum error error);
void attempt_fail_as_set(struct fetch *fetch);
void attempt_time_out(struct fetch *fetch, const char *what, uint64_t limit);

/* From now on the phase timer watches this. */
void attempt_begin_phase(struct fetch *fetch, enum attempt_state state, const char *name,
                         uint64_t limit);

/* Nothing is under way any more, but what was done for the body. */
void attempt_over(struct fetch *fetch);

/* All of its time is before it. */
void attempt_begin_limit(struct fetch *fetch);

void attempt_stop_timers(struct fetch *fetch);

/* What the connection may be trusted with, for the cookie jar. */
struct cookie_party attempt_party(const struct fetch *fetch);

/* What the last step took: nanoseconds since this was called last, or since the phase began. */
uint64_t attempt_step(struct fetch *fetch);

/* There is a connection: the request can go. */
void attempt_connected(struct fetch *fetch);

/* What the connection tells (attempt_received() is in attempt_response.c). */
void attempt_sent(struct fetch *fetch, size_t size, enum error error);
void attempt_received(struct fetch *fetch, struct bytes data);
void attempt_ended(struct fetch *fetch, enum error error);

/* ---- attempt_response.c ---------------------------------------------------------------------- */

/* The response is whole; `kept` says that the connection may carry another request. */
void attempt_complete(struct fetch *fetch, bool kept);

/* ---- connect.c ------------------------------------------------------------------------------- */

/* False if the URL itself, asked through a proxy, leads to an address that is not allowed. */
bool connect_is_allowed(struct fetch *fetch);

/* Looks the name up, dials, shakes hands: attempt_connected() or attempt_fail() follows. */
void connect_begin(struct fetch *fetch);

/* The name's answer is long in coming: the slot is lent to others meanwhile. */
void connect_name_is_slow(struct fetch *fetch);

/* It has its slot again. */
void connect_go_on(struct fetch *fetch);

void connect_opened(struct fetch *fetch);

/* Gives up what connect_begin() began. */
void connect_abandon(struct fetch *fetch);

/* ---- tunnel.c -------------------------------------------------------------------------------- */

/* Asks the proxy that the connection leads to for the way on: connect_opened() or attempt_fail()
 * follows. */
void tunnel_begin(struct fetch *fetch);

void tunnel_sent(struct fetch *fetch, size_t size, enum error error);
void tunnel_received(struct fetch *fetch, struct bytes data);

/* ---- head.c ---------------------------------------------------------------------------------- */

/* Do its validators go along on this step of its way? */
bool head_has_validators(const struct fetch *fetch);

/* Writes the request's head and body. */
enum error head_write(struct fetch *fetch, struct buffer *out);

#endif
