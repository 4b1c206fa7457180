#include "cookie_jar.h"

#include <string.h>

#include "base/memory.h"
#include "cookie_store.h"
#include "public_suffix.h"

/* ---- keeping and dropping -------------------------------------------------------------------- */

struct cookie_domain *cookie_domain_find(const struct cookie_jar *jar, struct bytes name) {
    struct map_node *node = map_find(&jar->domains, name);
    return node == NULL ? NULL : container_of(node, struct cookie_domain, node);
}

struct cookie_domain *cookie_domain_of(struct cookie_jar *jar, struct bytes name) {
    struct cookie_domain *domain = cookie_domain_find(jar, name);
    if (domain != NULL)
        return domain;
    domain = memory_allocate_zeroed(sizeof *domain + name.size);
    if (domain == NULL)
        return NULL;
    memcpy(domain->name, name.data, name.size);
    list_init(&domain->cookies);
    if (map_insert(&jar->domains, &domain->node, bytes_make(domain->name, name.size)) == ERROR_NONE)
        return domain;
    memory_free(domain);
    return NULL;
}

static void domain_collect(struct cookie_jar *jar, struct cookie_domain *domain) {
    if (domain->count > 0)
        return;
    map_remove(&jar->domains, &domain->node);
    memory_free(domain);
}

void cookie_drop(struct cookie_jar *jar, struct kept_cookie *kept) {
    struct cookie_domain *domain = kept->domain;
    list_remove(&kept->link);
    list_remove(&kept->use_link);
    jar->count--;
    jar->secure_count -= kept->is_secure;
    domain->count--;
    memory_free(kept);
    domain_collect(jar, domain);
}

bool cookie_goes_before(const struct kept_cookie *a, const struct kept_cookie *b) {
    return a->path.size != b->path.size ? a->path.size > b->path.size : a->created < b->created;
}

void cookie_file(struct cookie_jar *jar, struct cookie_domain *domain, struct kept_cookie *kept) {
    struct list_node *place = domain->cookies.next;
    while (place != &domain->cookies &&
           cookie_goes_before(container_of(place, struct kept_cookie, link), kept))
        place = place->next;
    kept->domain = domain;
    list_insert_before(place, &kept->link);
    list_append(&jar->by_use, &kept->use_link);
    jar->count++;
    jar->secure_count += kept->is_secure;
    domain->count++;
    if (kept->expiry < jar->first_expiry)
        jar->first_expiry = kept->expiry;
}

/* ---- bounds ---------------------------------------------------------------------------------- */

void cookie_drop_expired(struct cookie_jar *jar, int64_t now) {
    if (now < jar->first_expiry)
        return;
    jar->first_expiry = COOKIE_NEVER;
    list_for_each_safe (node, &jar->by_use) {
        struct kept_cookie *kept = container_of(node, struct kept_cookie, use_link);
        if (kept->expiry <= now)
            cookie_drop(jar, kept);
        else if (kept->expiry < jar->first_expiry)
            jar->first_expiry = kept->expiry;
    }
}

/* The longest unused cookie of the domain; but secure ones go last (section 5.7). */
static struct kept_cookie *least_needed(struct cookie_jar *jar,
                                        const struct cookie_domain *domain) {
    struct kept_cookie *secure = NULL;
    list_for_each (node, &jar->by_use) {
        struct kept_cookie *kept = container_of(node, struct kept_cookie, use_link);
        if (kept->domain != domain)
            continue;
        if (!kept->is_secure)
            return kept;
        if (secure == NULL)
            secure = kept;
    }
    return secure;
}

void cookie_make_room(struct cookie_jar *jar, struct bytes domain_name) {
    struct cookie_domain *domain = cookie_domain_find(jar, domain_name);
    if (domain != NULL && domain->count >= COOKIES_OF_DOMAIN_MAX)
        cookie_drop(jar, least_needed(jar, domain));
    else if (jar->count >= COOKIES_MAX)
        cookie_drop(jar, container_of(jar->by_use.next, struct kept_cookie, use_link));
}

/* ---- life cycle ------------------------------------------------------------------------------ */

size_t cookie_jar_size(const struct cookie_jar *jar) {
    return jar->count;
}

enum error cookie_jar_new(struct cookie_jar **jar_out) {
    if (!public_suffix_is_known())
        return ERROR_UNSUPPORTED;
    struct cookie_jar *jar = memory_allocate_zeroed(sizeof *jar);
    if (jar == NULL)
        return ERROR_NO_MEMORY;
    list_init(&jar->by_use);
    jar->first_expiry = COOKIE_NEVER;
    *jar_out = jar;
    return ERROR_NONE;
}

void cookie_jar_free(struct cookie_jar *jar) {
    if (jar == NULL)
        return;
    while (jar->count > 0)
        cookie_drop(jar, container_of(jar->by_use.next, struct kept_cookie, use_link));
    map_fini(&jar->domains);
    memory_free(jar);
}
