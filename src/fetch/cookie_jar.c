#include "cookie_jar.h"

#include <string.h>

#include "base/list.h"
#include "base/map.h"
#include "base/memory.h"
#include "cookie.h"
#include "public_suffix.h"

/* Until the session ends. */
static const int64_t NEVER = INT64_MAX;

struct cookie_jar {
    struct map domains;
    struct list_node by_use; /* all cookies, the longest unused first */
    size_t count;
    size_t secure_count;
    uint64_t created;     /* in all */
    int64_t first_expiry; /* none expires before */
};

struct domain {
    struct map_node node;
    struct list_node cookies; /* longest path first, and then oldest: as they are sent */
    size_t count;
    char name[];
};

struct kept {
    struct list_node link; /* in the domain */
    struct list_node use_link;
    struct domain *domain;
    uint64_t created; /* a number */
    int64_t expiry;
    bool host_only;
    bool is_secure;
    struct bytes name; /* views of the text */
    struct bytes value;
    struct bytes path;
    uint8_t text[];
};

/* ---- keeping and dropping -------------------------------------------------------------------- */

static struct domain *domain_find(const struct cookie_jar *jar, struct bytes name) {
    struct map_node *node = map_find(&jar->domains, name);
    return node == NULL ? NULL : container_of(node, struct domain, node);
}

static struct domain *domain_of(struct cookie_jar *jar, struct bytes name) {
    struct domain *domain = domain_find(jar, name);
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

static void domain_collect(struct cookie_jar *jar, struct domain *domain) {
    if (domain->count > 0)
        return;
    map_remove(&jar->domains, &domain->node);
    memory_free(domain);
}

static void drop(struct cookie_jar *jar, struct kept *kept) {
    struct domain *domain = kept->domain;
    list_remove(&kept->link);
    list_remove(&kept->use_link);
    jar->count--;
    jar->secure_count -= kept->is_secure;
    domain->count--;
    memory_free(kept);
    domain_collect(jar, domain);
}

static bool goes_before(const struct kept *a, const struct kept *b) {
    return a->path.size != b->path.size ? a->path.size > b->path.size : a->created < b->created;
}

static void file(struct cookie_jar *jar, struct domain *domain, struct kept *kept) {
    struct list_node *place = domain->cookies.next;
    while (place != &domain->cookies && goes_before(container_of(place, struct kept, link), kept))
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

static void drop_expired(struct cookie_jar *jar, int64_t now) {
    if (now < jar->first_expiry)
        return;
    jar->first_expiry = NEVER;
    list_for_each_safe (node, &jar->by_use) {
        struct kept *kept = container_of(node, struct kept, use_link);
        if (kept->expiry <= now)
            drop(jar, kept);
        else if (kept->expiry < jar->first_expiry)
            jar->first_expiry = kept->expiry;
    }
}

/* The longest unused cookie of the domain; but secure ones go last (section 5.7). */
static struct kept *least_needed(struct cookie_jar *jar, const struct domain *domain) {
    struct kept *secure = NULL;
    list_for_each (node, &jar->by_use) {
        struct kept *kept = container_of(node, struct kept, use_link);
        if (kept->domain != domain)
            continue;
        if (!kept->is_secure)
            return kept;
        if (secure == NULL)
            secure = kept;
    }
    return secure;
}

/* Before one more is filed, since the new one must stay. */
static void make_room(struct cookie_jar *jar, struct bytes domain_name) {
    struct domain *domain = domain_find(jar, domain_name);
    if (domain != NULL && domain->count >= COOKIES_OF_DOMAIN_MAX)
        drop(jar, least_needed(jar, domain));
    else if (jar->count >= COOKIES_MAX)
        drop(jar, container_of(jar->by_use.next, struct kept, use_link));
}

/* ---- setting --------------------------------------------------------------------------------- */

/* A cookie, and where it is to be filed. */
struct setting {
    struct cookie cookie;
    struct bytes domain;
    struct bytes path;
    bool host_only;
    char lower[COOKIE_ATTRIBUTE_MAX]; /* what `domain` shows, unless it is the host */
};

/* Who is asked by an address has no domain above; nor has a name that is not one at its ends. */
static bool is_domain(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= 0x80)
            return false;
    return text.size > 0 && text.data[0] != '.' && text.data[text.size - 1] != '.';
}

static struct bytes lower(struct bytes text, char *out) {
    for (size_t i = 0; i < text.size; i++)
        out[i] =
            (char)(text.data[i] >= 'A' && text.data[i] <= 'Z' ? text.data[i] | 0x20 : text.data[i]);
    return bytes_make(out, text.size);
}

/* Section 5.7, steps 8 to 11. False: the cookie is for somebody else. */
static bool set_domain(struct setting *setting, const struct url *url) {
    struct bytes given = lower(setting->cookie.domain, setting->lower);
    setting->host_only = true;
    setting->domain = url->host;
    if (given.size == 0)
        return true;
    bool is_host = bytes_equal(given, url->host);
    if (url->host_kind != URL_HOST_DOMAIN)
        return is_host;
    if (!is_domain(given))
        return false;
    if (public_suffix_is(given))
        return is_host;
    if (!cookie_domain_matches(url->host, given))
        return false;
    setting->host_only = false;
    setting->domain = given;
    return true;
}

/* Who could not be told from an impostor must not take the place of a secure cookie (step 17). */
static bool covers_secure(const struct cookie_jar *jar, const struct setting *setting) {
    if (jar->secure_count == 0)
        return false;
    list_for_each (node, &jar->by_use) {
        const struct kept *kept = container_of(node, struct kept, use_link);
        struct bytes domain = kept->domain->node.key;
        if (kept->is_secure && bytes_equal(kept->name, setting->cookie.name) &&
            (cookie_domain_matches(domain, setting->domain) ||
             cookie_domain_matches(setting->domain, domain)) &&
            cookie_path_matches(setting->path, kept->path))
            return true;
    }
    return false;
}

static struct kept *find(const struct cookie_jar *jar, const struct setting *setting) {
    const struct domain *domain = domain_find(jar, setting->domain);
    if (domain == NULL)
        return NULL;
    list_for_each (node, &domain->cookies) {
        struct kept *kept = container_of(node, struct kept, link);
        if (kept->host_only == setting->host_only &&
            bytes_equal(kept->name, setting->cookie.name) && bytes_equal(kept->path, setting->path))
            return kept;
    }
    return NULL;
}

static struct bytes add_text(struct kept *kept, size_t *at, struct bytes text) {
    uint8_t *place = kept->text + *at;
    if (text.size > 0)
        memcpy(place, text.data, text.size);
    *at += text.size;
    return bytes_make(place, text.size);
}

static struct kept *kept_new(const struct setting *setting) {
    const struct cookie *cookie = &setting->cookie;
    size_t size = cookie->name.size + cookie->value.size + setting->path.size, at = 0;
    struct kept *kept = memory_allocate_zeroed(sizeof *kept + size);
    if (kept == NULL)
        return NULL;
    kept->expiry = cookie->has_expiry ? cookie->expiry : NEVER;
    kept->host_only = setting->host_only;
    kept->is_secure = cookie->is_secure;
    kept->name = add_text(kept, &at, cookie->name);
    kept->value = add_text(kept, &at, cookie->value);
    kept->path = add_text(kept, &at, setting->path);
    list_init(&kept->link);
    list_init(&kept->use_link);
    return kept;
}

/* One that takes the place of another keeps its age, and so its place among those sent. */
static enum error keep(struct cookie_jar *jar, const struct setting *setting, bool *changed) {
    struct kept *old = find(jar, setting);
    struct kept *kept = kept_new(setting);
    if (kept == NULL)
        return ERROR_NO_MEMORY;
    *changed |= old == NULL || !bytes_equal(old->value, kept->value);
    kept->created = old != NULL ? old->created : jar->created++;
    if (old != NULL)
        drop(jar, old);
    else
        make_room(jar, setting->domain);
    struct domain *domain = domain_of(jar, setting->domain);
    if (domain == NULL) {
        memory_free(kept);
        return ERROR_NO_MEMORY;
    }
    file(jar, domain, kept);
    return ERROR_NONE;
}

static enum error take_one(struct cookie_jar *jar, const struct cookie_party *party,
                           struct bytes field, int64_t now, bool *changed) {
    struct setting setting;
    if (!cookie_parse(field, now, &setting.cookie) || !set_domain(&setting, party->url))
        return ERROR_NONE;
    setting.path =
        setting.cookie.path.size > 0 ? setting.cookie.path : cookie_default_path(party->url->path);
    if (setting.path.size > COOKIE_ATTRIBUTE_MAX || /* no Path, and a very long URL */
        (setting.cookie.is_secure && !party->is_secure) ||
        !cookie_keeps_promises(&setting.cookie, setting.host_only, setting.path) ||
        (!party->is_secure && covers_secure(jar, &setting)))
        return ERROR_NONE;
    if (!setting.cookie.has_expiry || setting.cookie.expiry > now)
        return keep(jar, &setting, changed);
    struct kept *old = find(jar, &setting);
    if (old != NULL) {
        drop(jar, old);
        *changed = true;
    }
    return ERROR_NONE;
}

enum error cookie_jar_take(struct cookie_jar *jar, const struct cookie_party *party,
                           struct http_fields fields, int64_t now, bool *changed) {
    enum error error = ERROR_NONE;
    unsigned taken = 0;
    *changed = false;
    drop_expired(jar, now);
    for (size_t i = 0; i < fields.count && taken < COOKIES_SET_MAX && error == ERROR_NONE; i++) {
        if (!bytes_equal_ignoring_case(fields.items[i].name, bytes_of("set-cookie")))
            continue;
        taken++;
        error = take_one(jar, party, fields.items[i].value, now, changed);
    }
    return error;
}

/* ---- getting --------------------------------------------------------------------------------- */

/* A name of 253 letters has no more labels than this; one that is longer has no cookies above. */
enum { LABELS_MAX = 128 };

/* The domains that apply, each at its next cookie that does. */
struct choice {
    struct cookie_jar *jar;
    const struct cookie_party *party;
    int64_t now;
    const struct domain *domains[LABELS_MAX];
    struct list_node *next[LABELS_MAX];
    size_t count;
};

static bool applies(const struct choice *choice, const struct kept *kept) {
    const struct url *url = choice->party->url;
    return (!kept->host_only || bytes_equal(kept->domain->node.key, url->host)) &&
           (!kept->is_secure || choice->party->is_secure) && kept->expiry > choice->now &&
           cookie_path_matches(url->path, kept->path);
}

static void skip(struct choice *choice, size_t at) {
    const struct list_node *end = &choice->domains[at]->cookies;
    while (choice->next[at] != end &&
           !applies(choice, container_of(choice->next[at], struct kept, link)))
        choice->next[at] = choice->next[at]->next;
}

static void consider(struct choice *choice, struct bytes name) {
    const struct domain *domain = domain_find(choice->jar, name);
    if (domain == NULL)
        return;
    choice->domains[choice->count] = domain;
    choice->next[choice->count] = domain->cookies.next;
    skip(choice, choice->count++);
}

static void consider_all(struct choice *choice) {
    struct bytes name = choice->party->url->host;
    consider(choice, name);
    while (choice->party->url->host_kind == URL_HOST_DOMAIN && choice->count < LABELS_MAX) {
        const uint8_t *dot = memchr(name.data, '.', name.size);
        if (dot == NULL)
            return;
        name = bytes_after(name, (size_t)(dot - name.data) + 1);
        if (name.size == 0)
            return;
        consider(choice, name);
    }
}

/* The next cookie of all domains, or NULL. */
static struct kept *take_next(struct choice *choice) {
    struct kept *best = NULL;
    size_t from = 0;
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->next[i] == &choice->domains[i]->cookies)
            continue;
        struct kept *kept = container_of(choice->next[i], struct kept, link);
        if (best == NULL || goes_before(kept, best)) {
            best = kept;
            from = i;
        }
    }
    if (best != NULL) {
        choice->next[from] = choice->next[from]->next;
        skip(choice, from);
    }
    return best;
}

/* Section 5.8.3: without a name there is no "=" either. */
static enum error append_pair(struct buffer *out, const struct kept *kept, bool first) {
    enum error error = first ? ERROR_NONE : buffer_append(out, "; ", 2);
    if (error == ERROR_NONE && kept->name.size > 0) {
        error = buffer_append(out, kept->name.data, kept->name.size);
        if (error == ERROR_NONE)
            error = buffer_append_byte(out, '=');
    }
    return error == ERROR_NONE ? buffer_append(out, kept->value.data, kept->value.size) : error;
}

enum error cookie_jar_append(struct cookie_jar *jar, const struct cookie_party *party, int64_t now,
                             struct buffer *out) {
    size_t begin = out->size;
    unsigned sent = 0;
    struct kept *kept;
    if (jar->count == 0)
        return ERROR_NONE;
    struct choice choice = {.jar = jar, .party = party, .now = now};
    consider_all(&choice);
    while (sent < COOKIES_SENT_MAX && (kept = take_next(&choice)) != NULL) {
        size_t size = kept->name.size + kept->value.size + sizeof "; =" - 1;
        if (out->size - begin + size > COOKIES_SENT_BYTES)
            continue;
        enum error error = append_pair(out, kept, sent++ == 0);
        if (error != ERROR_NONE)
            return error;
        list_remove(&kept->use_link);
        list_append(&jar->by_use, &kept->use_link);
    }
    return ERROR_NONE;
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
    jar->first_expiry = NEVER;
    *jar_out = jar;
    return ERROR_NONE;
}

void cookie_jar_free(struct cookie_jar *jar) {
    if (jar == NULL)
        return;
    while (jar->count > 0)
        drop(jar, container_of(jar->by_use.next, struct kept, use_link));
    map_fini(&jar->domains);
    memory_free(jar);
}
