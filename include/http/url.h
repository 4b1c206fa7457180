/*
 * URLs of the schemes http and https, by the WHATWG URL standard (https://url.spec.whatwg.org/):
 * what a browser makes of a text is what this parser makes of it. Not for other schemes, and not a
 * URL builder.
 *
 * A URL is parsed once and then only read. Its parts are views into the one buffer that it owns;
 * they live until url_fini(). Everything is pure: no descriptors, no clock, no shared state.
 *
 * User name and password are kept apart from all that is printed, unless they are asked for.
 */
#ifndef RINGCAST_HTTP_URL_H
#define RINGCAST_HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bound.h"
#include "base/bytes.h"

/* The longest text that url_parse() looks at. The standard has no limit; browsers have about this.
 */
enum { URL_INPUT_MAX = BOUND(1 << 20, 256) };

enum url_scheme {
    URL_HTTP,
    URL_HTTPS,
};

enum url_host_kind {
    URL_HOST_DOMAIN,
    URL_HOST_IPV4,
    URL_HOST_IPV6,
};

/*
 * What the parts hold is ASCII, percent-encoded where the standard asks for it. `host` is a domain
 * (lower case, international names as xn--), four decimal numbers with dots, or an IPv6 address in
 * square brackets; never empty. `path` begins with a slash. `query` and `fragment` are without
 * their '?' and '#', and may be there and empty.
 */
struct url {
    enum url_scheme scheme;
    enum url_host_kind host_kind;
    uint8_t address[16]; /* of an IPv4 (4 bytes) or IPv6 host, in network order */
    uint16_t port;       /* the one to connect to, whether written or not */
    bool has_port;       /* it is written, and not the scheme's default */
    bool has_query;
    bool has_fragment;
    struct bytes username;
    struct bytes password;
    struct bytes host;
    struct bytes path;
    struct bytes query;
    struct bytes fragment;
    struct buffer text; /* owns what the views show */
};

/*
 * Parses `input` (UTF-8; what is not valid counts as U+FFFD), relative to `base` if that is not
 * NULL. Borrows both; `url` must not be `base`, and what it held before is not ended. The caller
 * ends it with url_fini(), which does nothing after an error.
 *
 * ERROR_URL_SCHEME: another scheme, or none and no base. ERROR_URL_HOST: no host, or one that
 * cannot be. ERROR_URL_PORT: not a number, or above 65535. ERROR_URL_INVALID: longer than
 * URL_INPUT_MAX. ERROR_NO_MEMORY.
 */
enum error url_parse(struct url *url, struct bytes input, const struct url *base);

void url_fini(struct url *url);

enum url_print {
    URL_WITHOUT_FRAGMENT = 1,
    URL_WITH_CREDENTIALS = 2, /* for machines only: never into a log */
};

/* Appends the URL as text; `print` is of enum url_print, or-ed, 0 for all but the credentials. */
enum error url_append_href(const struct url *url, struct buffer *out, unsigned print);

/* Appends what a request line asks for: the path, and the query if there is one. */
enum error url_append_target(const struct url *url, struct buffer *out);

/* Appends the value of the Host field: the host, and the port if it is not the default. */
enum error url_append_host_header(const struct url *url, struct buffer *out);

/* The host as a name server or a socket wants it: an IPv6 address without its brackets. A view. */
struct bytes url_host_name(const struct url *url);

/* Is there a user name or a password that is not empty? */
bool url_has_credentials(const struct url *url);

/* Same scheme, host and port: what one party answers for (RFC 6454 section 5). */
bool url_origin_equal(const struct url *a, const struct url *b);

#endif
