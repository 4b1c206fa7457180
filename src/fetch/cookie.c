#include "cookie.h"

#include <string.h>

static const int64_t DAY_SECONDS = 24 * (int64_t)3600;

/* Takes off what stands before the separator, and the separator. */
static struct bytes take_until(struct bytes *rest, uint8_t separator) {
    const uint8_t *end = rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    size_t size = end == NULL ? rest->size : (size_t)(end - rest->data);
    struct bytes taken = bytes_make(rest->data, size);
    *rest = bytes_after(*rest, end == NULL ? size : size + 1);
    return taken;
}

/* Controls but the tab: a cookie with one is ignored as a whole. */
static bool has_control(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7F)
            return true;
    return false;
}

/* ---- attributes ------------------------------------------------------------------------------ */

static void limit_expiry(struct cookie *cookie, int64_t now) {
    if (cookie->expiry > now + COOKIE_DAYS_MAX * DAY_SECONDS)
        cookie->expiry = now + COOKIE_DAYS_MAX * DAY_SECONDS;
    cookie->has_expiry = true;
}

/* Seconds from now; nothing or less means at once. False when it is no number. */
static bool take_max_age(struct cookie *cookie, struct bytes value, int64_t now) {
    bool negative = value.size > 0 && value.data[0] == '-';
    struct bytes digits = negative ? bytes_after(value, 1) : value;
    uint64_t seconds = 0;
    for (size_t i = 0; i < digits.size; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
        if (seconds < UINT32_MAX) /* beyond what is kept anyway */
            seconds = seconds * 10 + (digits.data[i] - '0');
    }
    if (value.size == 0)
        return false;
    cookie->expiry = negative || seconds == 0 ? INT64_MIN : now + (int64_t)seconds;
    limit_expiry(cookie, now);
    return true;
}

static void take_domain(struct cookie *cookie, struct bytes value) {
    cookie->domain = value.size > 0 && value.data[0] == '.' ? bytes_after(value, 1) : value;
}

static void take_path(struct cookie *cookie, struct bytes value) {
    bool counts = value.size > 0 && value.data[0] == '/';
    cookie->has_path = true;
    cookie->path = counts ? value : bytes_make(NULL, 0);
}

/* Of attributes that are given twice the last one counts; Max-Age goes before Expires. */
static void take_attributes(struct cookie *cookie, struct bytes rest, int64_t now) {
    bool has_max_age = false;
    while (rest.size > 0) {
        struct bytes value = take_until(&rest, ';');
        struct bytes name = bytes_trimmed(take_until(&value, '='));
        value = bytes_trimmed(value);
        if (value.size > COOKIE_ATTRIBUTE_MAX)
            continue;
        if (bytes_equal_ignoring_case(name, bytes_of("max-age"))) {
            has_max_age |= take_max_age(cookie, value, now);
        } else if (bytes_equal_ignoring_case(name, bytes_of("expires"))) {
            if (!has_max_age && cookie_date_parse(value, &cookie->expiry))
                limit_expiry(cookie, now);
        } else if (bytes_equal_ignoring_case(name, bytes_of("domain"))) {
            take_domain(cookie, value);
        } else if (bytes_equal_ignoring_case(name, bytes_of("path"))) {
            take_path(cookie, value);
        } else if (bytes_equal_ignoring_case(name, bytes_of("secure"))) {
            cookie->is_secure = true;
        }
    }
}

/* ---- the field ------------------------------------------------------------------------------- */

bool cookie_parse(struct bytes field, int64_t now, struct cookie *cookie) {
    *cookie = (struct cookie){0};
    if (has_control(field))
        return false;
    struct bytes pair = take_until(&field, ';');
    if (pair.size > 0 && memchr(pair.data, '=', pair.size) != NULL)
        cookie->name = bytes_trimmed(take_until(&pair, '='));
    cookie->value = bytes_trimmed(pair);
    size_t size = cookie->name.size + cookie->value.size;
    if (size == 0 || size > COOKIE_PAIR_MAX)
        return false;
    take_attributes(cookie, field, now);
    return true;
}

/* ---- promises -------------------------------------------------------------------------------- */

static bool begins_with(struct bytes text, const char *prefix) {
    size_t size = strlen(prefix);
    return text.size >= size &&
           bytes_equal_ignoring_case(bytes_make(text.data, size), bytes_make(prefix, size));
}

/* Section 5.7, steps 20 to 22. Without a name, a server would take the value for one. */
bool cookie_keeps_promises(const struct cookie *cookie, bool host_only, struct bytes path) {
    if (cookie->name.size == 0)
        return !begins_with(cookie->value, "__Secure-") && !begins_with(cookie->value, "__Host-");
    if (begins_with(cookie->name, "__Secure-"))
        return cookie->is_secure;
    if (begins_with(cookie->name, "__Host-"))
        return cookie->is_secure && host_only && cookie->has_path &&
               bytes_equal(path, bytes_of("/"));
    return true;
}

/* ---- where it goes --------------------------------------------------------------------------- */

struct bytes cookie_default_path(struct bytes path) {
    size_t size = path.size;
    while (size > 0 && path.data[size - 1] != '/')
        size--;
    return size <= 1 || path.data[0] != '/' ? bytes_of("/") : bytes_make(path.data, size - 1);
}

bool cookie_path_matches(struct bytes path, struct bytes cookie_path) {
    size_t size = cookie_path.size;
    if (size == 0 || path.size < size || memcmp(path.data, cookie_path.data, size) != 0)
        return false;
    return path.size == size || cookie_path.data[size - 1] == '/' || path.data[size] == '/';
}

bool cookie_domain_matches(struct bytes host, struct bytes domain) {
    if (domain.size == 0 || host.size < domain.size)
        return false;
    struct bytes end = bytes_after(host, host.size - domain.size);
    return bytes_equal(end, domain) &&
           (host.size == domain.size || host.data[host.size - domain.size - 1] == '.');
}
