/*
 * Every key of the configuration. A row is
 *
 *     KEY(path, type, default, range),
 *
 * where the path is that of the key in the file and of the field in struct config: they are the
 * same. The type is one of config_type_... (config_table.h), the default is written as an
 * environment variable would be, and the range is RANGE, ZERO_OR_RANGE, CHOICES or ANY. That
 * row gives the key its reading, its default, its environment variable, its errors and its
 * suggestions.
 */
#include "base/clock.h"
#include "config_compare.h"
#include "config_table.h"

/* Does a field have the C type that the row's type writes? A wrong row does not compile. */
#define HAS_TYPE(structure, field, wanted) \
    __builtin_types_compatible_p(__typeof__(((structure *)NULL)->field), wanted)
#define FITS_count(structure, field)         HAS_TYPE(structure, field, unsigned)
#define FITS_count_or_auto(structure, field) HAS_TYPE(structure, field, unsigned)
#define FITS_number(structure, field)        HAS_TYPE(structure, field, double)
#define FITS_duration(structure, field)      HAS_TYPE(structure, field, uint64_t)
#define FITS_size(structure, field)          HAS_TYPE(structure, field, size_t)
#define FITS_size_or_auto(structure, field)  HAS_TYPE(structure, field, size_t)
#define FITS_choice(structure, field)        (sizeof((structure *)NULL)->field == sizeof(unsigned))
#define FITS_flag(structure, field)          HAS_TYPE(structure, field, bool)
#define FITS_channel_name(structure, field)  HAS_TYPE(structure, field, char *)
#define FITS_listen(structure, field)        HAS_TYPE(structure, field, char *)
#define FITS_file(structure, field)          HAS_TYPE(structure, field, char *)
#define FITS_url(structure, field)           HAS_TYPE(structure, field, char *)
#define FITS_method(structure, field)        HAS_TYPE(structure, field, char *)
#define FITS_proxy(structure, field)         HAS_TYPE(structure, field, char *)
#define FITS_name_servers(structure, field)  HAS_TYPE(structure, field, char *)
#define FITS_text(structure, field)          HAS_TYPE(structure, field, char *)
#define FITS_basic(structure, field)         HAS_TYPE(structure, field, char *)
#define FITS_bearer(structure, field)        HAS_TYPE(structure, field, char *)
#define FITS_headers(structure, field)       HAS_TYPE(structure, field, struct config_headers)
#define FITS_listens(structure, field)       HAS_TYPE(structure, field, struct config_listens)
#define FITS_identities(structure, field)    HAS_TYPE(structure, field, struct config_identities)
#define FITS_networks(structure, field)      HAS_TYPE(structure, field, struct config_networks)
#define FITS_files(structure, field)         HAS_TYPE(structure, field, struct config_texts)
#define FITS_origins(structure, field)       HAS_TYPE(structure, field, struct config_texts)
#define FITS_word(structure, field)          HAS_TYPE(structure, field, char *)
#define FITS_urls(structure, field)          HAS_TYPE(structure, field, struct config_urls)
#define FITS_channels(structure, field)      HAS_TYPE(structure, field, struct config_channels)

/* An enum is one of the first two. */
#define EQUAL(structure, field)                            \
    _Generic(((structure *)NULL)->field,                   \
        unsigned: config_equal_unsigned,                   \
        int: config_equal_unsigned,                        \
        uint64_t: config_equal_long,                       \
        double: config_equal_number,                       \
        bool: config_equal_flag,                           \
        char *: config_equal_text,                         \
        struct config_texts: config_equal_texts,           \
        struct config_headers: config_equal_headers,       \
        struct config_listens: config_equal_listens,       \
        struct config_networks: config_equal_networks,     \
        struct config_identities: config_equal_identities, \
        struct config_urls: config_equal_urls,             \
        struct config_channels: config_equal_channels)

#define ROW(structure, field, type_name, text, ...)                           \
    {.path = #field,                                                          \
     .type = &config_type_##type_name,                                        \
     .default_text = (text),                                                  \
     .offset = offsetof(structure, field) +                                   \
               0 * sizeof(char[FITS_##type_name(structure, field) ? 1 : -1]), \
     .size = sizeof(((structure *)NULL)->field),                              \
     .equal = EQUAL(structure, field),                                        \
     __VA_ARGS__}
#define KEY(...)         ROW(struct config, __VA_ARGS__)
#define URL_KEY(...)     ROW(struct config_url, __VA_ARGS__)
#define CHANNEL_KEY(...) ROW(struct config_channel, __VA_ARGS__)
#define LISTEN_KEY(...)  ROW(struct config_listen, __VA_ARGS__)
#define TLS_KEY(...)     ROW(struct config_identity, __VA_ARGS__)

#define ANY
#define RANGE(low, high)         .minimum = (low), .maximum = (high)
#define ZERO_OR_RANGE(low, high) .or_zero = true, RANGE(low, high)
#define CHOICES(...)                   \
    .choices = (const char *const[]) { \
        __VA_ARGS__, NULL              \
    }

#define MS  MILLISECOND
#define DAY ((uint64_t)24 * HOUR)
#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define TIB (1024 * GIB)

/* clang-format off */
static const struct config_key keys[] = {
    KEY(workers,                 count_or_auto, "auto",           RANGE(1, 64)),
    KEY(shutdown_timeout,        duration,      "8s",             RANGE(100 * MS, HOUR)),
    KEY(drain,                   duration,      "0s",             RANGE(0, HOUR)),

    KEY(fetch.urls,              urls,          "[]",             ANY),
    KEY(fetch.every,             duration,      "5m",             ZERO_OR_RANGE(SECOND, 365 * DAY)),
    KEY(fetch.jitter,            number,        "0.1",            RANGE(0, 1)),
    KEY(fetch.spread,            number,        "0.5",            RANGE(0, 1)),
    KEY(fetch.max_age,           duration,      "0",              ZERO_OR_RANGE(SECOND, 365 * DAY)),
    KEY(fetch.backoff,           duration,      "24h",            ZERO_OR_RANGE(SECOND, 365 * DAY)),
    KEY(fetch.state_file,        file,          NULL,             ANY),
    KEY(fetch.channel,           channel_name,  "results",        ANY),
    KEY(fetch.concurrency,       count,         "100",            RANGE(1, 10000)),
    KEY(fetch.per_host,          count,         "6",              RANGE(1, 10000)),
    KEY(fetch.redirects,         count,         "10",             RANGE(0, 50)),
    KEY(fetch.retries,           count,         "2",              RANGE(0, 10)),
    KEY(fetch.private_addresses, choice,        "configured",
        CHOICES("configured", "always", "never")),
    KEY(fetch.cookies,           flag,          "false",          ANY),
    KEY(fetch.max_body,          size,          "32MiB",          RANGE(1, TIB)),
    KEY(fetch.timeout.total,     duration,      "60s",            RANGE(10 * MS, HOUR)),
    KEY(fetch.timeout.attempt,   duration,      "30s",            RANGE(10 * MS, HOUR)),
    KEY(fetch.timeout.connect,   duration,      "10s",            RANGE(10 * MS, HOUR)),
    KEY(fetch.timeout.dns,       duration,      "5s",             RANGE(10 * MS, HOUR)),
    KEY(fetch.timeout.read,      duration,      "15s",            RANGE(10 * MS, HOUR)),
    KEY(fetch.name_servers,      name_servers,  NULL,             RANGE(1, 8)),
    KEY(fetch.proxy,             proxy,         NULL,             ANY),
    KEY(fetch.no_proxy,          text,          NULL,             ANY),
    KEY(fetch.authorities,       file,          NULL,             ANY),

    KEY(hash.threads,            count_or_auto, "auto",           RANGE(1, 64)),
    KEY(hash.inline_below,       size_or_auto,  "auto",           RANGE(0, GIB)),

    KEY(hub.listen,              listens,       "localhost:8765", RANGE(1, 8)),
    KEY(hub.trusted_proxies,     networks,      "[]",             RANGE(0, 1000)),
    KEY(hub.tls.certificate,     file,          NULL,             ANY),
    KEY(hub.tls.key,             file,          NULL,             ANY),
    KEY(hub.tls.more,            identities,    "[]",             RANGE(0, 100)),
    KEY(hub.max_message,         size,          "1MiB",           RANGE(1, 256 * MIB)),
    KEY(hub.compression,         flag,          "true",           ANY),
    KEY(hub.handshake_timeout,   duration,      "10s",            RANGE(10 * MS, HOUR)),
    KEY(hub.ping_interval,       duration,      "20s",            ZERO_OR_RANGE(10 * MS, HOUR)),
    KEY(hub.ping_timeout,        duration,      "20s",            RANGE(10 * MS, HOUR)),
    KEY(hub.close_timeout,       duration,      "10s",            RANGE(10 * MS, HOUR)),
    KEY(hub.slow_reader,         choice,        "close",
        CHOICES("close", "skip", "latest")),
    KEY(hub.progress_timeout,    duration,      "30s",            ZERO_OR_RANGE(10 * MS, HOUR)),
    KEY(hub.origins,             origins,       "*",              RANGE(0, 1000)),
    KEY(hub.missing_origin,      choice,        "allow",          CHOICES("allow", "refuse")),
    KEY(hub.auth.anonymous,      flag,          "true",           ANY),
    KEY(hub.auth.jwt_secret_file, file,         NULL,             ANY),
    KEY(hub.auth.jwt_public_key_files, files,   NULL,             RANGE(0, 16)),
    KEY(hub.auth.jwt_audience,   word,          NULL,             ANY),
    KEY(hub.auth.tokens_file,    file,          NULL,             ANY),
    KEY(hub.limits.connections,  count_or_auto, "auto",           RANGE(1, 10000000)),
    KEY(hub.limits.per_address,  count,         "0",              RANGE(0, 10000000)),
    KEY(hub.limits.accepts_per_second, count,   "0",              RANGE(0, 1000000)),
    KEY(hub.limits.messages_per_second, count,  "0",              RANGE(0, 1000000)),
    KEY(hub.limits.bytes_per_second, size,      "0",              ZERO_OR_RANGE(KIB, 4 * GIB)),
    KEY(hub.limits.controls_per_second, count,  "1000",           RANGE(0, 1000000)),
    KEY(hub.limits.frame,        size,          "0",              ZERO_OR_RANGE(1, 256 * MIB)),
    KEY(hub.limits.inflate_ratio, count,        "200",            ZERO_OR_RANGE(10, 10000)),
    KEY(hub.limits.headers,      count,         "128",            RANGE(16, 10000)),
    KEY(hub.limits.header_bytes, size,          "16KiB",          RANGE(KIB, MIB)),
    KEY(hub.limits.channel_name, count,         "255",            RANGE(1, 255)),
    KEY(hub.limits.channels,     count,         "10000",          RANGE(1, 10000000)),
    KEY(hub.limits.subscriptions, count,        "128",            RANGE(1, 100000)),
    KEY(hub.channels,            channels,      "{}",             ANY),

    KEY(admin.listen,            listen,        "localhost:9465", ANY),
    KEY(admin.channel_metrics,   count,         "100",            RANGE(0, 10000)),
    KEY(ring.backend,            choice,        "auto",           CHOICES("auto", "io_uring")),
    KEY(log.level,               choice,        "info",
        CHOICES("error", "warning", "info", "debug")),
    KEY(log.format,              choice,        "text",           CHOICES("text", "json")),
};

/* An element of hub.listen. */
static const struct config_key listen_keys[] = {
    LISTEN_KEY(address,          listen,        NULL,             ANY),
    LISTEN_KEY(proxy_protocol,   flag,          "false",          ANY),
    LISTEN_KEY(plain,            flag,          "false",          ANY),
};

/* An element of hub.tls.more. */
static const struct config_key identity_keys[] = {
    TLS_KEY(certificate,         file,          NULL,             ANY),
    TLS_KEY(key,                 file,          NULL,             ANY),
};

/* An element of fetch.urls. What has no default here comes from `fetch`. */
static const struct config_key url_keys[] = {
    URL_KEY(url,                 url,           NULL,             ANY),
    URL_KEY(every,               duration,      NULL,             ZERO_OR_RANGE(SECOND, 365 * DAY)),
    URL_KEY(channel,             channel_name,  NULL,             ANY),
    URL_KEY(method,              method,        NULL,             ANY),
    URL_KEY(headers,             headers,       NULL,             ANY),
    URL_KEY(body,                text,          NULL,             ANY),
    URL_KEY(basic,               basic,         NULL,             ANY),
    URL_KEY(bearer,              bearer,        NULL,             ANY),
    URL_KEY(ca,                  file,          NULL,             ANY),
    URL_KEY(certificate,         file,          NULL,             ANY),
    URL_KEY(key,                 file,          NULL,             ANY),
    URL_KEY(insecure,            flag,          NULL,             ANY),
};

/* An entry of hub.channels. */
static const struct config_key channel_keys[] = {
    CHANNEL_KEY(prefix,          flag,          "false",          ANY),
    CHANNEL_KEY(echo,            flag,          "false",          ANY),
    CHANNEL_KEY(presence,        flag,          "false",          ANY),
    CHANNEL_KEY(slow_reader,     choice,        "hub",
        CHOICES("hub", "close", "skip", "latest")),
    CHANNEL_KEY(publish,         choice,        "token",
        CHOICES("anyone", "token", "service")),
    CHANNEL_KEY(subscribe,       choice,        "anyone",
        CHOICES("anyone", "token", "service")),
    CHANNEL_KEY(retain.bytes,    size,          "16MiB",          RANGE(64 * KIB, TIB)),
    CHANNEL_KEY(retain.messages, count,         "10000",          RANGE(1, 1000000000)),
    CHANNEL_KEY(retain.age,      duration,      "1h",             RANGE(MS, 365 * DAY)),
};
/* clang-format on */

#define COUNT(array) (sizeof(array) / sizeof *(array))

const struct config_table config_keys = {keys, COUNT(keys)};
const struct config_table config_listen_keys = {listen_keys, COUNT(listen_keys)};
const struct config_table config_identity_keys = {identity_keys, COUNT(identity_keys)};
const struct config_table config_url_keys = {url_keys, COUNT(url_keys)};
const struct config_table config_channel_keys = {channel_keys, COUNT(channel_keys)};
