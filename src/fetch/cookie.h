/*
 * Set-Cookie: what one field says, and the rules of where a cookie goes, by RFC 6265bis
 * (draft-ietf-httpbis-rfc6265bis; its sections are cited). Pure: the time is an argument, and what
 * is parsed are views of the field.
 *
 * HttpOnly and SameSite say something to browsers only, and are not looked at.
 */
#ifndef RINGCAST_FETCH_COOKIE_H
#define RINGCAST_FETCH_COOKIE_H

#include "base/bytes.h"

/* Section 5.6: what is longer counts as not said. */
enum { COOKIE_PAIR_MAX = 4096, COOKIE_ATTRIBUTE_MAX = 1024, COOKIE_DAYS_MAX = 400 };

struct cookie {
    struct bytes name; /* may be empty, and so may the value; not both */
    struct bytes value;
    struct bytes domain; /* without a dot in front; as it was written; empty: none given */
    struct bytes path;   /* begins with a slash; empty: none that counts */
    bool has_path;       /* a Path was given, counting or not */
    bool is_secure;
    bool has_expiry;
    int64_t expiry; /* seconds since 1970; no more than COOKIE_DAYS_MAX from now */
};

/* Reads the value of a Set-Cookie field. False if it is to be ignored. `now` as in `expiry`. */
bool cookie_parse(struct bytes field, int64_t now, struct cookie *cookie);

/* The generous rules for dates (section 5.1.1). False when it is none. */
bool cookie_date_parse(struct bytes text, int64_t *seconds);

/* May a cookie be called so? Names that begin with __Secure- or __Host- make promises. */
bool cookie_keeps_promises(const struct cookie *cookie, bool host_only, struct bytes path);

/* The path of a cookie that names none: that of the URL up to its last slash (section 5.1.4). */
struct bytes cookie_default_path(struct bytes path);

bool cookie_path_matches(struct bytes path, struct bytes cookie_path);

/*
 * Is the host the domain, or below it (section 5.1.3)? Both in lower case. Not for addresses, which
 * have nothing below them.
 */
bool cookie_domain_matches(struct bytes host, struct bytes domain);

#endif
