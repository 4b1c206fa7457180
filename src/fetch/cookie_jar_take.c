/* Setting cookies: what a response says, and where that is kept (RFC 6265bis section 5.7). */
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "cookie_store.h"
#include "public_suffix.h"

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
    return text.size > 0 && utf8_is_ascii(text) && text.data[0] != '.' &&
           text.data[text.size - 1] != '.';
}

static struct bytes lower(struct bytes text, char *out) {
    for (size_t i = 0; i < text.size; i++)
        out[i] = (char)bytes_lower(text.data[i]);
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
        const struct kept_cookie *kept = container_of(node, struct kept_cookie, use_link);
        struct bytes domain = kept->domain->node.key;
        if (kept->is_secure && bytes_equal(kept->name, setting->cookie.name) &&
            (cookie_domain_matches(domain, setting->domain) ||
             cookie_domain_matches(setting->domain, domain)) &&
            cookie_path_matches(setting->path, kept->path))
            return true;
    }
    return false;
}

static struct kept_cookie *find(const struct cookie_jar *jar, const struct setting *setting) {
    const struct cookie_domain *domain = cookie_domain_find(jar, setting->domain);
    if (domain == NULL)
        return NULL;
    list_for_each (node, &domain->cookies) {
        struct kept_cookie *kept = container_of(node, struct kept_cookie, link);
        if (kept->host_only == setting->host_only &&
            bytes_equal(kept->name, setting->cookie.name) && bytes_equal(kept->path, setting->path))
            return kept;
    }
    return NULL;
}

static struct bytes add_text(struct kept_cookie *kept, size_t *at, struct bytes text) {
    uint8_t *place = kept->text + *at;
    if (text.size > 0)
        memcpy(place, text.data, text.size);
    *at += text.size;
    return bytes_make(place, text.size);
}

static struct kept_cookie *kept_new(const struct setting *setting) {
    const struct cookie *cookie = &setting->cookie;
    size_t size = cookie->name.size + cookie->value.size + setting->path.size, at = 0;
    struct kept_cookie *kept = memory_allocate_zeroed(sizeof *kept + size);
    if (kept == NULL)
        return NULL;
    kept->expiry = cookie->has_expiry ? cookie->expiry : COOKIE_NEVER;
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
    struct kept_cookie *old = find(jar, setting);
    struct kept_cookie *kept = kept_new(setting);
    if (kept == NULL)
        return ERROR_NO_MEMORY;
    *changed |= old == NULL || !bytes_equal(old->value, kept->value);
    kept->created = old != NULL ? old->created : jar->created++;
    if (old != NULL)
        cookie_drop(jar, old);
    else
        cookie_make_room(jar, setting->domain);
    struct cookie_domain *domain = cookie_domain_of(jar, setting->domain);
    if (domain == NULL) {
        memory_free(kept);
        return ERROR_NO_MEMORY;
    }
    cookie_file(jar, domain, kept);
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
    struct kept_cookie *old = find(jar, &setting);
    if (old != NULL) {
        cookie_drop(jar, old);
        *changed = true;
    }
    return ERROR_NONE;
}

enum error cookie_jar_take(struct cookie_jar *jar, const struct cookie_party *party,
                           struct http_fields fields, int64_t now, bool *changed) {
    enum error error = ERROR_NONE;
    unsigned taken = 0;
    *changed = false;
    cookie_drop_expired(jar, now);
    for (size_t i = 0; i < fields.count && taken < COOKIES_SET_MAX && error == ERROR_NONE; i++) {
        if (!bytes_equal_ignoring_case(fields.items[i].name, bytes_of("set-cookie")))
            continue;
        taken++;
        error = take_one(jar, party, fields.items[i].value, now, changed);
    }
    return error;
}
