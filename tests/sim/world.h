/*
 * One run: a simulated machine with the whole service on it, its peers, what is known to be true,
 * and what was seen. Everything is drawn from the seed.
 */
#ifndef RINGCAST_TEST_SIM_WORLD_H
#define RINGCAST_TEST_SIM_WORLD_H

#include "app/config.h"
#include "client.h"
#include "digest/sha256.h"
#include "fetch/result.h"
#include "origin.h"
#include "reload.h"
#include "ring/sim.h"
#include "service.h"

enum { SIM_WORKERS_MAX = 3, URLS_MAX = 8, SIM_PROXY_HOST = 200 }; /* 203.0.113.200 */

/* Their names stand in client_frames.c. */
enum { CHANNEL_CHAT, CHANNEL_NEWS, CHANNEL_RESULTS, CHANNELS };

/* Things that must happen in some seed of a campaign, beside every fault, close reason and error.
 */
#define SOMETIMES_TABLE(ROW)                                        \
    ROW(HANDSHAKE, "a handshake was accepted")                      \
    ROW(REFUSED, "a handshake was refused")                         \
    ROW(DELIVERED, "a message was delivered")                       \
    ROW(RESULT_DELIVERED, "a result was delivered to a subscriber") \
    ROW(FETCHED, "a fetch succeeded")                               \
    ROW(REUSED, "a pooled connection was reused")                   \
    ROW(RETRIED, "a stale pooled connection was replaced")          \
    ROW(SKIPPED, "a slow reader skipped messages")                  \
    ROW(GAP, "a gap was seen and counted")                          \
    ROW(TOLD_GAP, "a slow reader was told what it missed")          \
    ROW(SHORTAGE, "accepting was paused")                           \
    ROW(BUSY, "a connection beyond the limit was told 503")         \
    ROW(TOO_FAST, "connections came too fast")                      \
    ROW(TOO_MANY, "an address had one connection too many")         \
    ROW(RELOADED, "another config took the place of the first")     \
    ROW(PROXIED, "a proxy said where a client comes from")          \
    ROW(EARLY_SUBMIT, "the submission queue was full")              \
    ROW(OVERFLOW, "the completion queue overflowed")                \
    ROW(NO_BUFFERS, "receive buffers ran out")                      \
    ROW(DNS_ANSWERED, "a name was resolved")                        \
    ROW(DNS_FAILED, "a name was not resolved")                      \
    ROW(DNS_EMPTY, "… for it has no address")                       \
    ROW(DNS_LATE, "a page was fetched whose name came late")        \
    ROW(DNS_MANY, "… of whose addresses the first are silent")      \
    ROW(DNS_CHANGED, "… whose name's address has changed")          \
    ROW(DNS_REBOUND, "… and none any more that is allowed")         \
    ROW(DNS_KEPT, "a name was known for its time to live")          \
    ROW(DNS_ASKED_AGAIN, "… and was asked for again behind it")     \
    ROW(ENDED_INSIDE, "a client's stream ended inside a message")   \
    ROW(HALF_CLOSED, "a client ended its own side, then the hub")   \
    ROW(ORIGIN_HALF_CLOSED, "… an origin, then the fetcher")        \
    ROW(DATA_BEHIND_END, "the hub got data behind its own end")     \
    ROW(STOPPED_BUSY, "the service was stopped with faults on")     \
    ROW(STOPPED_CALM, "the service was stopped in peace")           \
    ROW(SAID_GOODBYE, "a client was told 1001")                     \
    ROW(HEALTHY, "a health check was answered 200")                 \
    ROW(FRAGMENTED, "a fragmented message was delivered")           \
    ROW(SHORT_RESULT, "a result's line found no memory")            \
    ROW(HEARD_FIRST, "a result was heard before its turn")          \
    ROW(PING_ANSWERED, "a client's ping was answered")              \
    ROW(CLIENT_PINGED, "a client was pinged")                       \
    ROW(ACCOUNTED, "all of a channel's clients ended in order")     \
    ROW(PRESENCE, "a watcher was told who is there")                \
    ROW(JOINED, "… who has come")                                   \
    ROW(LEFT, "… who has gone")                                     \
    ROW(PRESENCE_SKIPPED, "… that it had missed some of it")        \
    ROW(GZIP_EVENTS, "events came as gzip")                         \
    ROW(TLS_OPENED, "the hub's TLS was entered")                    \
    ROW(TLS_REFUSED, "a handshake with the hub's TLS failed")       \
    ROW(TLS_RESUMED, "… was resumed by a ticket")                   \
    ROW(TLS_UNAWARE, "who spoke plain HTTP to it was told")         \
    ROW(TLS_TOO_OLD, "an old TLS got an alert")                     \
    ROW(TLS_BABBLE, "a handshake that is none got an alert")        \
    ROW(TLS_FALSIFIED, "falsified ciphertext got an alert")

enum sometimes {
#define SOMETIMES_ENUM_ROW(constant, text) SOMETIMES_##constant,
    SOMETIMES_TABLE(SOMETIMES_ENUM_ROW)
#undef SOMETIMES_ENUM_ROW
        SOMETIMES_COUNT
};

/* What a campaign has seen in all its seeds. */
struct sightings {
    uint64_t clients[CLIENT_KINDS]; /* that have done what their kind does */
    uint64_t pages[PAGE_KINDS];     /* that were answered */
    uint64_t hosts[HOST_KINDS];     /* of which there was a result */
    uint64_t cuts[CUT_AT_EVERY_BYTE];
    uint64_t faults[SIM_FAULT_COUNT];
    uint64_t reasons[CLOSE_REASON_COUNT];
    uint64_t kinds[FETCH_KINDS_MAX];
    uint64_t sometimes[SOMETIMES_COUNT];
    uint64_t operations;
    uint64_t virtual_seconds;
};

struct sim_loop {
    struct sim_actor actor;
    struct loop loop;
    uint64_t sleeps_until; /* as it was when its last turn ended: later mail needs a wake-up */
};

/* Results of the service as JSON. */
struct result_text {
    uint64_t hash;
    size_t size;
};

struct result_texts {
    struct result_text *items;
    size_t count;
};

struct world {
    struct sim *sim;
    uint64_t seed;
    struct sightings *tally;
    struct config config;
    char config_text[8192];
    unsigned worker_count;
    struct sim_loop loops[SIM_WORKERS_MAX];
    struct pool *pool;
    struct service service;
    struct task stop;
    bool stopped;
    bool calm;                  /* faults are off */
    bool secure;                /* some URLs are https, which costs much of a run's time */
    bool under_tls;             /* the hub is, which costs as much */
    struct tls_session *ticket; /* to come back to it with; NULL: none yet */
    bool by_proxy;              /* the fetcher asks one for everything, which may refuse https */
    bool proxy_refuses;
    bool strict;    /* no origin has an address that may be fetched from */
    bool redirects; /* one of the URLs is one */
    bool crowded;   /* fewer connections are allowed than there are clients */
    bool presence;  /* who is in the channels is known */
    bool proxied;   /* the hub's clients come through a proxy */
    uint64_t asked_to_stop;
    /* the hub's clients */
    struct client clients[CLIENTS_MAX];
    size_t client_count;
    /* the fetcher's URLs and origins */
    struct url_plan urls[URLS_MAX];
    size_t url_count;
    size_t next_index;  /* of the result that must come next */
    size_t rounds;      /* that have ended */
    size_t calm_rounds; /* in which every page that can be fetched must have been */
    size_t calm_rounds_wanted;
    uint64_t round_ended;
    uint64_t calm_since;
    struct result_texts printed;
    struct result_texts heard; /* by clients, and not printed yet then */
    struct origins origins;
    char why[80]; /* it is not well */
    /* memory of the program under test, in bytes: now, when it had started, of the hub's logs */
    bool running;
    size_t bytes, bytes_before, start_bytes, log_bytes;
    /* the verdict */
    bool failed;
    char failure[400];
};

struct verdict {
    bool failed;
    char failure[400];
    uint64_t hash;
    uint64_t struck[SIM_FAULT_COUNT];
};

/* world_config.c */
enum {
    WORLD_STOP_SECONDS = 8, /* shutdown_timeout */
    /* A redirect waits once more for a slot, and others may keep theirs for three attempts each. */
    WORLD_LONG_TOTAL_SECONDS = 8 * 3 * 5,
};
void world_write_config(struct world *world, struct buffer *text);

/* Runs a seed. Bit n of `without` keeps fault n off. `trace` may be NULL. */
void world_run(uint64_t seed, uint64_t without, FILE *trace, struct sightings *tally,
               struct verdict *verdict);

/* Runs from now on read their choices from these bytes, which are borrowed, before they draw any:
 * for fuzzing. See sim_choose_from(). */
void world_choose_from(const uint8_t *data, size_t size);

/* The first failure counts. */
void world_fail(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void world_saw(struct world *world, enum sometimes what) {
    world->tally->sometimes[what]++;
}

/* Has an allocation failed in this run? Or was there a shortage of anything? */
bool world_was_short_of_memory(const struct world *world);
bool world_may_be_short(const struct world *world);

/* results.c: the service's standard output, and what must be true of it. */
bool results_take(void *context, struct bytes text);
void results_check_end(struct world *world);
void results_free(struct world *world);

/* A client got this as a result. */
void results_hear(struct world *world, struct bytes payload);

/* each_turn.c: for sim_watch_inside(). */
void each_turn_check(void *context, bool inside);

/* told.c: what makes a printed result, or a published one, different from others; 0: it says
 * nothing. And: is what was published last of each URL what was printed last? */
uint64_t result_substance(struct bytes line);
bool results_are_told(const struct world *world);

/* seen.c: the fetcher's, before it ends; and everything else. */
void seen_in_session(struct world *world);
void seen_in_run(struct world *world);

/* accounts.c: when all clients have gone. */
void accounts_check(struct world *world);

#endif
