/*
 * The fetcher's other side: name servers and HTTP origins, as models. What an origin answers to a
 * URL is in its path, so that it is known what must become of the URL when the network is calm.
 */
#ifndef RINGCAST_TEST_SIM_ORIGIN_H
#define RINGCAST_TEST_SIM_ORIGIN_H

#include "digest/sha256.h"
#include "link.h"

struct world;

/* ROW(constant, may it succeed, must it in a calm network) */
#define PAGE_TABLE(ROW)                                                     \
    ROW(LENGTH, true, true)                                                 \
    ROW(CHUNKED, true, true)                                                \
    ROW(UNTIL_CLOSE, true, true) /* under TLS with close_notify */          \
    ROW(ABRUPT, true, false)     /* the same without */                     \
    ROW(INTERIM, true, true)     /* 103 before the answer */                \
    ROW(EMPTY, true, true)                                                  \
    ROW(MOVED, true, true)       /* 302 to a page */                        \
    ROW(LAST, true, true)        /* Connection: close */                    \
    ROW(STALE, true, true)       /* keeps alive, and closes all the same */ \
    ROW(EXTRA, true, false)      /* bytes behind the answer */              \
    ROW(TRICKLE, true, false)    /* a few bytes at a time */                \
    ROW(CIRCLE, false, false)    /* 302 to itself */                        \
    ROW(MISSING, false, false)   /* 404 */                                  \
    ROW(TRUNCATED, false, false) /* ends before its length */               \
    ROW(CUT_CHUNK, false, false) /* ends inside a chunk */                  \
    ROW(RESET, false, false)     /* reset at a random byte */               \
    ROW(MISCODED, false, false)  /* what it says is gzip is not */          \
    ROW(GARBAGE, false, false)                                              \
    ROW(TWO_LENGTHS, false, false) /* Content-Length and chunked */         \
    ROW(LARGE, false, false)       /* more than max_body */                 \
    ROW(HUGE_HEAD, false, false)                                            \
    ROW(SILENT, false, false)   /* never answers */                         \
    ROW(HANGS_UP, false, false) /* closes when asked */

enum page_kind {
#define PAGE_ENUM_ROW(name, may, must) PAGE_##name,
    PAGE_TABLE(PAGE_ENUM_ROW)
#undef PAGE_ENUM_ROW
        PAGE_KINDS
};

/* ROW(constant, can it be resolved) */
#define HOST_TABLE(ROW)                                                                \
    ROW(GOOD, true)                                                                    \
    ROW(MANY, true)      /* seven addresses: two silent, four dead */                  \
    ROW(CHANGING, true)  /* another one each time */                                   \
    ROW(LATE, true)      /* is asked for twice before the answer comes */              \
    ROW(SIX, true)       /* IPv6 too */                                                \
    ROW(NOWHERE, false)  /* no such name */                                            \
    ROW(BROKEN, false)   /* the server fails */                                        \
    ROW(NOTHING, false)  /* no addresses */                                            \
    ROW(NONSENSE, false) /* an answer that is none */                                  \
    ROW(QUIET, false)    /* no answer */                                               \
    /* only for https: the certificate is for another name, too old, too new, of an */ \
    /* authority that is not trusted, its own; there is no TLS at all; the key is */   \
    /* weak, there is no new TLS; and an address that the certificate is not for */    \
    ROW(WRONG, false)                                                                  \
    ROW(EXPIRED, false)                                                                \
    ROW(FUTURE, false)                                                                 \
    ROW(UNKNOWN, false)                                                                \
    ROW(SELF, false)                                                                   \
    ROW(PLAIN, false)                                                                  \
    ROW(WEAK, false)                                                                   \
    ROW(OLD, false)                                                                    \
    ROW(ADDRESS, false)

enum host_kind {
#define HOST_ENUM_ROW(name, can) HOST_##name,
    HOST_TABLE(HOST_ENUM_ROW)
#undef HOST_ENUM_ROW
        HOST_KINDS
};

enum { URL_TEXT = 80, LIVE_ADDRESSES = 3 };

/* 192.0.2.0, and what is no address of documentation, which all others are. */
enum { SIM_ORIGINS_HOST = (int)0xc0000200, SIM_PUBLIC_HOST = 0x0b000001 };

/* The last bytes of the addresses of those who only speak https, in order, and of who says nothing.
 */
enum {
    HOST_WRONG_BYTE = 11,
    HOST_ADDRESS_BYTE = HOST_WRONG_BYTE + HOST_ADDRESS - HOST_WRONG,
    HOST_SILENT_BYTE = 101,
};

struct url_plan {
    char text[URL_TEXT];
    enum page_kind page;
    enum host_kind host;
    bool secure;                  /* https */
    bool refused;                 /* … behind a proxy that opens no way to it */
    bool forbidden;               /* its address is none that may be fetched from */
    bool rebinds;                 /* … or not always */
    bool fetched, forbidden_once; /* what has become of it so far */
    unsigned number;
    uint8_t digest[SHA256_SIZE]; /* of the whole body */
    uint64_t substance;          /* of what was printed last; 0: nothing, or not enough */
};

/* One connection of an origin. */
struct visit {
    struct link link; /* the first field */
    struct world *world;
    struct visit *next;
    bool hangs_up; /* when all is sent */
    bool abrupt;   /* … and under TLS without a word */
    bool said_goodbye;
    bool half_closes; /* hangs up its own side only */
    bool half_closed;
    const char *puzzled; /* what it answers to TLS, if it speaks none, or not ours */
};

/* Where origins answer, and as whom. */
struct origin_port {
    struct world *world;
    const char *certificate; /* NULL: plain */
    const char *puzzled;
    bool forbidden; /* nobody may come here */
};

/* An answer of the name server that waits. */
struct late_answer {
    struct sim *sim;
    struct sockaddr_in to;
    size_t size;
    uint8_t data[64];
};

enum { PORTS_MAX = 26, LATE_ANSWERS_MAX = 64 };

struct origins {
    struct visit *visits;
    struct origin_port ports[PORTS_MAX];
    size_t port_count;
    /* of the name server */
    unsigned answers; /* … for a name that changes */
    struct late_answer late[LATE_ANSWERS_MAX];
    unsigned late_count;
};

/* The host whose name this text begins with. */
bool host_find(struct bytes text, enum host_kind *host);

/* Draws the URL `number`. */
void url_plan_draw(struct url_plan *plan, struct world *world, unsigned number);

/* Must it succeed, once the network is calm? May it ever? */
bool url_must_succeed(const struct url_plan *plan);
bool url_may_succeed(const struct url_plan *plan);

/* Starts all of them: the name server at 192.0.2.53, the origins at 192.0.2.1 and on. */
void origins_start(struct world *world);
/* What an origin with something wrong has for a certificate: the name of one of tests/data/tls; or
 * none, and what it is puzzled by. */
const char *host_certificate(enum host_kind host);
const char *host_puzzled(enum host_kind host);

/* Lets the origins answer at one more address, as this host; as the good one with TLS if `secure`,
 * or without. */
void origins_listen(struct world *world, const struct sockaddr *address, enum host_kind host,
                    bool secure);

/* Closes all visits. Their memory may go when the world has ended: who rests is told later. */
void origins_close(struct origins *origins);
void origins_free(struct origins *origins);

/* ---- forward.c: the proxy, in worlds that have one ------------------------------------------- */

const char *forward_url(void);
void forward_start(struct world *world);

/* The path that is asked for, without its first slash; NULL: the request is answered already. */
const char *forward_take(struct visit *visit, const char *request);

#endif
