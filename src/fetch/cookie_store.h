/*
 * What the files of the cookie jar share: how cookies are kept.
 *
 *   cookie_jar.c       keeping, dropping, bounds
 *   cookie_jar_take.c  which cookies of a response are kept, and where
 *   cookie_jar_send.c  which ones go along with a request, and in which order
 */
#ifndef RINGCAST_FETCH_COOKIE_STORE_H
#define RINGCAST_FETCH_COOKIE_STORE_H

#include "base/list.h"
#include "base/map.h"
#include "cookie.h"
#include "cookie_jar.h"

/* The expiry of a cookie that stays until the session ends. */
#define COOKIE_NEVER INT64_MAX

struct cookie_jar {
    struct map domains;
    struct list_node by_use; /* all cookies, the longest unused first */
    size_t count;
    size_t secure_count;
    uint64_t created;     /* in all */
    int64_t first_expiry; /* none expires before */
};

struct cookie_domain {
    struct map_node node;
    struct list_node cookies; /* longest path first, and then oldest: as they are sent */
    size_t count;
    char name[];
};

struct kept_cookie {
    struct list_node link; /* in the domain */
    struct list_node use_link;
    struct cookie_domain *domain;
    uint64_t created; /* a number */
    int64_t expiry;
    bool host_only;
    bool is_secure;
    struct bytes name; /* views of the text */
    struct bytes value;
    struct bytes path;
    uint8_t text[];
};

/* The domain of that name, or NULL; the second makes it, and NULL means no memory. */
struct cookie_domain *cookie_domain_find(const struct cookie_jar *jar, struct bytes name);
struct cookie_domain *cookie_domain_of(struct cookie_jar *jar, struct bytes name);

/* Is `a` sent before `b`? */
bool cookie_goes_before(const struct kept_cookie *a, const struct kept_cookie *b);

/* Takes it, which is in no list: it is kept in the domain. */
void cookie_file(struct cookie_jar *jar, struct cookie_domain *domain, struct kept_cookie *kept);

/* Frees it, and its domain with the last one there. */
void cookie_drop(struct cookie_jar *jar, struct kept_cookie *kept);

void cookie_drop_expired(struct cookie_jar *jar, int64_t now);

/* Drops what must give way to one more in that domain. Before it is filed, since it must stay. */
void cookie_make_room(struct cookie_jar *jar, struct bytes domain_name);

#endif
