/*
 * The cookie jar: what origins have set, and what of it goes along with a request (RFC 6265bis,
 * sections 5.7 and 5.8). In memory only. Pure: knows no connection, and the time is an argument
 * (seconds since 1970).
 *
 * Cookies are filed under their domain; a request asks for those of its host and of each domain
 * above. Bounds hold for each domain, for all, for one response and for one request; what is least
 * recently used goes first.
 */
#ifndef RINGCAST_FETCH_COOKIE_JAR_H
#define RINGCAST_FETCH_COOKIE_JAR_H

#include "base/bound.h"
#include "http/fields.h"
#include "http/url.h"

enum {
    COOKIES_MAX = BOUND(3000, 24),
    COOKIES_OF_DOMAIN_MAX = BOUND(180, 8),
    COOKIES_SET_MAX = BOUND(50, 6),         /* by one response; further ones are ignored */
    COOKIES_SENT_MAX = BOUND(150, 7),       /* with one request */
    COOKIES_SENT_BYTES = BOUND(8190, 2000), /* of the field's value */
};

struct cookie_jar;

/* Who sets or gets cookies. */
struct cookie_party {
    const struct url *url;
    bool is_secure; /* https, and the certificate was verified */
};

/* An empty jar. ERROR_UNSUPPORTED: there is no list of public suffixes. ERROR_NO_MEMORY. */
enum error cookie_jar_new(struct cookie_jar **jar);

void cookie_jar_free(struct cookie_jar *jar);

/*
 * Takes what the Set-Cookie fields of a response say. `*changed`: another request of the same may
 * now be a different one. On ERROR_NO_MEMORY some of it was taken.
 */
enum error cookie_jar_take(struct cookie_jar *jar, const struct cookie_party *party,
                           struct http_fields fields, int64_t now, bool *changed);

/* Appends the value of the Cookie field for a request; nothing if there is none. */
enum error cookie_jar_append(struct cookie_jar *jar, const struct cookie_party *party, int64_t now,
                             struct buffer *out);

/* How many it has, expired ones that nobody has met yet among them. */
size_t cookie_jar_size(const struct cookie_jar *jar);

#endif
