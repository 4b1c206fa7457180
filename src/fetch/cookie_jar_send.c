/* Getting cookies: which ones a request carries, and in which order (RFC 6265bis section 5.8.3). */
#include <string.h>

#include "cookie_store.h"

/* A name of 253 letters has no more labels than this; one that is longer has no cookies above. */
enum { LABELS_MAX = 128 };

/* The domains that apply, each at its next cookie that does. */
struct choice {
    struct cookie_jar *jar;
    const struct cookie_party *party;
    int64_t now;
    const struct cookie_domain *domains[LABELS_MAX];
    struct list_node *next[LABELS_MAX];
    size_t count;
};

static bool applies(const struct choice *choice, const struct kept_cookie *kept) {
    const struct url *url = choice->party->url;
    return (!kept->host_only || bytes_equal(kept->domain->node.key, url->host)) &&
           (!kept->is_secure || choice->party->is_secure) && kept->expiry > choice->now &&
           cookie_path_matches(url->path, kept->path);
}

static void skip(struct choice *choice, size_t at) {
    const struct list_node *end = &choice->domains[at]->cookies;
    while (choice->next[at] != end &&
           !applies(choice, container_of(choice->next[at], struct kept_cookie, link)))
        choice->next[at] = choice->next[at]->next;
}

static void consider(struct choice *choice, struct bytes name) {
    const struct cookie_domain *domain = cookie_domain_find(choice->jar, name);
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
static struct kept_cookie *take_next(struct choice *choice) {
    struct kept_cookie *best = NULL;
    size_t from = 0;
    for (size_t i = 0; i < choice->count; i++) {
        if (choice->next[i] == &choice->domains[i]->cookies)
            continue;
        struct kept_cookie *kept = container_of(choice->next[i], struct kept_cookie, link);
        if (best == NULL || cookie_goes_before(kept, best)) {
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
static enum error append_pair(struct buffer *out, const struct kept_cookie *kept, bool first) {
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
    struct kept_cookie *kept;
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
