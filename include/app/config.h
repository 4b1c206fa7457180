/*
 * The configuration: every setting of the service, read from a JSON file and from environment
 * variables, checked completely before anything uses it.
 *
 * It is not live: whoever reloads loads a second struct config and swaps. A struct config owns all
 * that it points to; config_fini() ends it. Loading is not thread-safe against another load; a
 * loaded config may be read from any thread.
 *
 * The struct mirrors the file: the key `hub.ping_interval` is the field `hub.ping_interval`. Adding
 * a key is one field here and one row in the table of src/app/config_keys.c.
 *
 * All durations are nanoseconds and all sizes are bytes. Texts end with a NUL.
 */
#ifndef RINGCAST_APP_CONFIG_H
#define RINGCAST_APP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bound.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/log.h"
#include "http/fields.h"
#include "net/network.h"

enum { CONFIG_AUTO = 0 };             /* a count that is given as "auto" */
#define CONFIG_SIZE_AUTO ((size_t)-1) /* and a size */

/* Fields of a request; the texts are the config's. */
struct config_headers {
    struct http_field *items;
    size_t count;
};

/* One element of fetch.urls. What the element leaves out is filled in from `fetch`. */
struct config_url {
    char *url;      /* as written; checked to be an acceptable http or https URL */
    uint64_t every; /* 0: fetched once */
    char *channel;  /* where its results are published */
    char *method;   /* NULL: GET */
    struct config_headers headers;
    char *body;        /* NULL: none */
    char *basic;       /* the value of Authorization, secret; NULL: none */
    char *bearer;      /* the same; not both */
    char *ca;          /* a PEM file of authorities to trust for this URL; NULL: those of `fetch` */
    char *certificate; /* a PEM file, shown to the server if it asks; NULL: none */
    char *key;         /* and the file of its key */
    bool insecure;     /* its certificate is not looked at */
    uint64_t request_hash; /* the same for the same request */
};

struct config_urls {
    struct config_url *entries; /* in the order of the file */
    size_t count;
};

/* Each limits one part of a fetch; whichever passes first ends it. */
struct config_fetch_timeout {
    uint64_t total;   /* the whole fetch with its redirects and retries */
    uint64_t attempt; /* one request and its response */
    uint64_t connect; /* one TCP or TLS connection */
    uint64_t dns;     /* one name */
    uint64_t read;    /* the longest silence within a response */
};

/* Which addresses that are not public may be connected to: enum private_addresses has the same. */
enum config_private_addresses {
    CONFIG_PRIVATE_ADDRESSES_CONFIGURED, /* but a redirect from a public one never leads there */
    CONFIG_PRIVATE_ADDRESSES_ALWAYS,
    CONFIG_PRIVATE_ADDRESSES_NEVER,
};

struct config_fetch {
    struct config_urls urls;
    uint64_t every;       /* for URLs that say nothing themselves; 0: fetched once */
    double jitter;        /* 0 to 1: the part of `every` that is random */
    uint64_t backoff;     /* to what `every` grows for a URL that keeps failing; 0: it does not */
    double spread;        /* 0 to 1: the part of `every` over which a long list's fetches begin */
    uint64_t max_age;     /* to what it grows for a content that says it stays; 0: it does not */
    char *state_file;     /* what is known of URLs across restarts; NULL: nothing */
    char *channel;        /* for URLs that say nothing themselves */
    unsigned concurrency; /* fetches at once */
    unsigned per_host;    /* connections at once to one host */
    unsigned redirects;   /* that one fetch follows */
    unsigned retries;     /* beyond the first attempt */
    enum config_private_addresses private_addresses;
    bool cookies;    /* what origins set is kept and sent back */
    size_t max_body; /* after decoding */
    struct config_fetch_timeout timeout;
    char *name_servers; /* "ADDRESS:PORT", with commas between them; NULL: the system's */
    char *proxy;        /* an http URL, "environment", or NULL */
    char *no_proxy;     /* who is asked directly all the same; NULL: nobody, or as there */
    char *authorities;  /* a PEM file used instead of the system's authorities, or NULL */
};

struct config_hash {
    unsigned threads;    /* or CONFIG_AUTO */
    size_t inline_below; /* smaller bodies are hashed on the loop; 0: none; or CONFIG_SIZE_AUTO */
};

enum config_slow_reader {
    CONFIG_SLOW_READER_CLOSE,  /* a reader that falls out of the log is closed */
    CONFIG_SLOW_READER_SKIP,   /* it goes on at the oldest retained message and is told */
    CONFIG_SLOW_READER_LATEST, /* it gets the newest message only */
};

/* Of a channel: what the hub does, or one of those, in their order. */
enum config_channel_slow_reader { CONFIG_CHANNEL_SLOW_READER_HUB };

/* All but the first: 0 is no limit. */
struct config_hub_limits {
    unsigned connections; /* in all; or CONFIG_AUTO: from the descriptor limit */
    unsigned per_address; /* connections from one IPv4 address or IPv6 /64 */
    unsigned accepts_per_second;
    unsigned messages_per_second; /* of one connection, as those below */
    size_t bytes_per_second;
    unsigned controls_per_second; /* control frames */
    size_t frame;                 /* bytes of one data frame */
    unsigned inflate_ratio;       /* of a compressed message */
    unsigned headers;             /* fields of a request */
    size_t header_bytes;          /* a request's whole head */
    unsigned channel_name;        /* bytes */
    unsigned channels;            /* in all, beside those that the config names */
    unsigned subscriptions;       /* of one connection */
};

enum config_right {
    CONFIG_RIGHT_ANYONE,
    CONFIG_RIGHT_TOKEN,   /* only clients whose token allows it */
    CONFIG_RIGHT_SERVICE, /* only the service itself */
};

/* Whichever is passed first drops the oldest messages. */
struct config_retain {
    size_t bytes;
    unsigned messages;
    uint64_t age;
};

struct config_channel {
    char *name;    /* or "*": every channel that is not named */
    bool prefix;   /* does "[address] " stand before each message? */
    bool echo;     /* does a message come back to its sender too, without a prefix? */
    bool presence; /* is it known who is in it? */
    enum config_channel_slow_reader slow_reader;
    enum config_right publish;
    enum config_right subscribe;
    struct config_retain retain;
};

struct config_channels {
    struct config_channel *entries; /* sorted by name; "chat" and "*" are always there */
    size_t count;
};

/* What becomes of a request without the field Origin. */
enum config_missing_origin { CONFIG_ORIGIN_ALLOW, CONFIG_ORIGIN_REFUSE };

/* One text, or several. */
struct config_texts {
    char **entries;
    size_t count;
};

/* Files hold what is secret; a file that is not given is NULL. */
struct config_auth {
    bool anonymous;        /* may a client come without a token? */
    char *jwt_secret_file; /* of HS256 */
    struct config_texts jwt_public_key_files;
    char *jwt_audience; /* NULL: any */
    char *tokens_file;  /* static tokens, one a line */
};

/* Where the hub listens, and how connections begin there. */
struct config_listen {
    /* "HOST:PORT", HOST being localhost, an IPv4 address, an [IPv6 address] or *, or "unix:/PATH"
     */
    char *address;
    bool proxy_protocol; /* connections come from trusted proxies, and begin with a PROXY header */
    bool plain;          /* without TLS, although hub.tls is given */
};

struct config_listens {
    struct config_listen *entries;
    size_t count;
};

/* A certificate with its key, as files. */
struct config_identity {
    char *certificate;
    char *key;
};

struct config_identities {
    struct config_identity *entries;
    size_t count;
};

struct config_tls {
    char *certificate; /* NULL: no TLS. For clients that name no host, or none of the others' */
    char *key;
    struct config_identities more;
};

struct config_networks {
    struct network *entries;
    size_t count;
};

struct config_hub {
    struct config_listens listen;
    struct config_networks trusted_proxies;
    struct config_tls tls;
    size_t max_message;
    bool compression; /* permessage-deflate, where a client offers it */
    uint64_t handshake_timeout;
    uint64_t ping_interval; /* 0: no pings */
    uint64_t ping_timeout;
    uint64_t close_timeout;
    enum config_slow_reader slow_reader;
    uint64_t progress_timeout;   /* 0: a reader may take nothing for ever */
    struct config_texts origins; /* patterns */
    enum config_missing_origin missing_origin;
    struct config_auth auth;
    struct config_hub_limits limits;
    struct config_channels channels;
};

struct config_admin {
    char *listen;             /* as hub.listen.address */
    unsigned channel_metrics; /* channels, of those that the config does not name */
};

enum config_ring_backend { CONFIG_RING_AUTO, CONFIG_RING_IO_URING };

struct config_ring {
    enum config_ring_backend backend;
};

struct config_log {
    enum log_level level;
    enum log_format format;
};

struct config {
    unsigned workers;          /* rings, or CONFIG_AUTO */
    uint64_t shutdown_timeout; /* from the signal to the exit */
    uint64_t drain;            /* over which clients are closed at shutdown; 0: all at once */
    struct config_fetch fetch;
    struct config_hash hash;
    struct config_hub hub;
    struct config_admin admin;
    struct config_ring ring;
    struct config_log log;
};

enum { CONFIG_ERRORS_MAX = BOUND(100, 4) };

/*
 * What is wrong, a line each, without line ends, in the order of the file and then of the
 * environment. `{0}` is an empty one; config_errors_fini() ends it.
 *
 *     config.json:3: hub.lisen: unknown key; did you mean "listen"?
 *     config.json:12: hub.ping_interval: found "20", expected a duration such as "20s"
 *     config.json:14:7: found '}', expected a value
 *     RINGCAST_WORKERS: workers: found 65, expected "auto" or an integer from 1 to 64
 */
struct config_errors {
    char *lines[CONFIG_ERRORS_MAX];
    size_t count;   /* lines that are there */
    size_t omitted; /* how many more there were */
};

void config_errors_fini(struct config_errors *errors);

/* Fills `config`, whatever it held, with the defaults. ERROR_NO_MEMORY leaves an empty one. */
enum error config_init_defaults(struct config *config);

/*
 * Fills `config`, whatever it held, from the defaults, then the file at `path` (NULL: no file),
 * then the process's environment. A file name in the config is relative to the folder of `path`.
 *
 * On failure `config` is empty and `errors` has at least one line, except for ERROR_NO_MEMORY. What
 * opening or reading the file gave (ERROR_NOT_FOUND, ERROR_PERMISSION_DENIED ...) is passed on; all
 * else is ERROR_CONFIG_INVALID. Every error that can be found is reported, not only the first.
 *
 * Environment: any key that holds a value (not a group of keys) can be set by RINGCAST_ and its
 * path in upper case with `_` for `.`, so `fetch.per_host` by RINGCAST_FETCH_PER_HOST. The variable
 * takes the place of what the file says. Texts stand there as they are, everything else as JSON. A
 * RINGCAST_ variable that names no key is an error.
 */
enum error config_load(struct config *config, const char *path, struct config_errors *errors);

/*
 * The same from a text; `name` stands in the error lines and tells the folder. `environment` is a
 * NULL-terminated array of "NAME=value", or NULL for none.
 */
enum error config_load_text(struct config *config, const char *name, struct bytes text,
                            char *const *environment, struct config_errors *errors);

/* Frees what it owns and leaves it empty; harmless for an empty one. */
void config_fini(struct config *config);

/*
 * The settings of the channel `name`: its own entry, else the one of "*". Borrowed from the config.
 * An entry of the file changes the keys that it names; the others keep the built-in defaults (those
 * of "chat", or those of "*" for any other name), whatever the file says about "*".
 */
const struct config_channel *config_channel(const struct config *config, struct bytes name);

#endif
