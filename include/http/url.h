/*
 * URLs by the WHATWG URL standard, for the schemes http and https.
 *
 * A struct url owns one block of text; its parts are views of it. Parsing takes what people type
 * (white space around it, back slashes, international names, dotted numbers in any base) and gives
 * the one form that is compared, resolved and sent. Pure: no descriptors, no clock.
 */
#ifndef RINGCAST_HTTP_URL_H
#define RINGCAST_HTTP_URL_H

#include "base/bytes.h"

enum url_scheme { URL_HTTP, URL_HTTPS };

enum url_host_kind { URL_DOMAIN, URL_IPV4, URL_IPV6 };

/* All texts are ASCII, percent-encoded where the standard says so. */
struct url {
    enum url_scheme scheme;
    enum url_host_kind host_kind;
    uint16_t port;           /* in effect: 80 or 443 when none is given */
    bool has_query, has_fragment;
    struct bytes username, password;
    struct bytes host;       /* a domain, 127.0.0.1, or [::1] */
    struct bytes path;       /* begins with / */
    struct bytes query;      /* without ? */
    struct bytes fragment;   /* without # */
    struct buffer text;      /* what the views point into */
};

/*
 * Parses `input` (UTF-8), relative to `base` if that is not NULL, as for a redirect. On success the
 * caller owns `url`, until url_fini(); on an error there is nothing to end.
 *
 * ERROR_URL_SCHEME: another scheme, or none and no base. ERROR_URL_HOST, ERROR_URL_PORT,
 * ERROR_NO_MEMORY.
 */
enum error url_parse(struct url *url, struct bytes input, const struct url *base);

void url_fini(struct url *url);

/* Is there a user name or a password? */
bool url_has_credentials(const struct url *url);

/* Same scheme, host and port? */
bool url_same_origin(const struct url *a, const struct url *b);

enum url_parts {
    URL_WHOLE,
    URL_WITHOUT_FRAGMENT,    /* nor user name and password: for logs and results */
};

/* Appends the URL's text. */
enum error url_append_href(const struct url *url, struct buffer *out, enum url_parts parts);

/* Appends what stands in a request line: the path and ?query. */
enum error url_append_target(const struct url *url, struct buffer *out);

/* Appends the value of a Host field: the port only where it is not the scheme's own. */
enum error url_append_host_header(const struct url *url, struct buffer *out);

/* The host as a name to look up or to check a certificate against: without brackets. A view. */
struct bytes url_host_name(const struct url *url);

#endif
