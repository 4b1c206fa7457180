/*
 * Cookies. Byte 0: which allocation fails (0: none). Then lines: "SHP…" with three bytes of
 * choice (which host, which path, https or not, and whether to set or to get), and behind them a
 * Set-Cookie field.
 *
 * Oracles: a jar that is a plain list gives the same answer, as long as no bound is met; what is
 * parsed lies within the field; what is sent can be written into a head.
 */
#include "cookie.h"
#include "cookie_jar.h"
#include "fuzz.h"
#include "http/writer.h"
#include "public_suffix.h"

static const char *const hosts[] = {"example.org",     "www.example.org", "a.www.example.org",
                                    "badexample.org",  "example.co.uk",   "co.uk",
                                    "127.0.0.1",       "[::1]",           "localhost",
                                    "x.example.co.uk", "example.org.",    "github.io"};
static const char *const paths[] = {"/", "/a", "/a/", "/a/b", "/a/b/c", "/ab"};

enum {
    HOSTS = sizeof hosts / sizeof *hosts,
    PATHS = sizeof paths / sizeof *paths,
    LISTED_MAX = 64,
    TEXT_MAX = 600,
};

/* ---- the plain list -------------------------------------------------------------------------- */

struct listed {
    char name[TEXT_MAX], value[TEXT_MAX], domain[TEXT_MAX], path[TEXT_MAX];
    bool host_only, secure, dead;
    int64_t expiry;
};

static struct listed list[LISTED_MAX];
static size_t listed_count;
static bool judged; /* no bound was met */

static void copy(char *out, struct bytes text) {
    size_t size = text.size < TEXT_MAX - 1 ? text.size : TEXT_MAX - 1;
    judged &= size == text.size;
    if (size > 0)
        memcpy(out, text.data, size);
    out[size] = '\0';
}

static bool is_below(const char *host, const char *domain) {
    size_t host_size = strlen(host), size = strlen(domain);
    return size > 0 && host_size >= size && strcmp(host + host_size - size, domain) == 0 &&
           (host_size == size || host[host_size - size - 1] == '.');
}

static bool is_under(const char *path, const char *above) {
    size_t size = strlen(above);
    return strncmp(path, above, size) == 0 &&
           (path[size] == '\0' || path[size] == '/' || above[size - 1] == '/');
}

/* What the new one may not do to those that are there. */
static bool disturbs(const struct listed *new) {
    for (size_t i = 0; i < listed_count; i++)
        if (!list[i].dead && list[i].secure && strcmp(list[i].name, new->name) == 0 &&
            (is_below(list[i].domain, new->domain) || is_below(new->domain, list[i].domain)) &&
            is_under(new->path, list[i].path))
            return true;
    return false;
}

static bool has_prefix(const char *text, const char *prefix) {
    return strncasecmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_allowed(const struct listed *new, const struct cookie *cookie, bool https) {
    if (new->secure && !https)
        return false;
    if (new->name[0] == '\0' &&
        (has_prefix(new->value, "__host-") || has_prefix(new->value, "__secure-")))
        return false;
    if (has_prefix(new->name, "__secure-") && !new->secure)
        return false;
    if (has_prefix(new->name, "__host-") &&
        (!new->secure || !new->host_only || !cookie->has_path || strcmp(new->path, "/") != 0))
        return false;
    return https || !disturbs(new);
}

/* Whose it is. False: it is ignored. */
static bool choose_domain(struct listed *new, const char *host, bool is_address,
                          const struct cookie *cookie) {
    char given[TEXT_MAX];
    copy(given, cookie->domain);
    for (char *letter = given; *letter != '\0'; letter++)
        if (*letter >= 'A' && *letter <= 'Z')
            *letter += 'a' - 'A';
    copy(new->domain, bytes_of(host));
    new->host_only = true;
    if (given[0] == '\0')
        return true;
    if (is_address)
        return strcmp(given, host) == 0;
    if (given[0] == '.' || given[strlen(given) - 1] == '.')
        return false;
    for (const char *letter = given; *letter != '\0'; letter++)
        if ((unsigned char)*letter >= 0x80)
            return false;
    if (public_suffix_is(bytes_of(given)))
        return strcmp(given, host) == 0;
    if (!is_below(host, given))
        return false;
    new->host_only = false;
    memcpy(new->domain, given, sizeof given);
    return true;
}

static void choose_path(struct listed *new, const char *path, const struct cookie *cookie) {
    if (cookie->path.size > 0) {
        copy(new->path, cookie->path);
        return;
    }
    const char *end = strrchr(path, '/');
    copy(new->path, end == path ? bytes_of("/") : bytes_make(path, (size_t)(end - path)));
}

static void list_add(const struct listed *new, int64_t now) {
    size_t at = 0;
    while (at < listed_count &&
           (list[at].dead || list[at].host_only != new->host_only ||
            strcmp(list[at].name, new->name) != 0 || strcmp(list[at].path, new->path) != 0 ||
            strcmp(list[at].domain, new->domain) != 0))
        at++;
    if (new->expiry <= now) {
        if (at < listed_count)
            list[at].dead = true;
        return;
    }
    if (at == LISTED_MAX) {
        judged = false;
        return;
    }
    list[at] = *new;
    if (at == listed_count)
        listed_count++;
}

static void list_set(const char *host, bool is_address, const char *path, bool https,
                     struct bytes field, int64_t now) {
    struct listed new = {.expiry = INT64_MAX};
    struct cookie cookie;
    for (size_t i = 0; i < listed_count; i++)
        list[i].dead |= list[i].expiry <= now;
    if (!cookie_parse(field, now, &cookie) || !choose_domain(&new, host, is_address, &cookie))
        return;
    copy(new.name, cookie.name);
    copy(new.value, cookie.value);
    choose_path(&new, path, &cookie);
    new.secure = cookie.is_secure;
    if (cookie.has_expiry)
        new.expiry = cookie.expiry;
    if (is_allowed(&new, &cookie, https))
        list_add(&new, now);
}

static bool is_sent(const struct listed *item, const char *host, const char *path, bool https,
                    int64_t now) {
    return !item->dead && item->expiry > now && (!item->secure || https) &&
           is_under(path, item->path) &&
           (item->host_only ? strcmp(host, item->domain) == 0 : is_below(host, item->domain));
}

/* In the order of their paths' length, which is at most that of the path, and of their making. */
static void list_get(const char *host, const char *path, bool https, int64_t now, char *out) {
    char *end = out;
    for (size_t size = strlen(path) + 1; size-- > 0;) {
        for (size_t i = 0; i < listed_count; i++) {
            const struct listed *item = &list[i];
            if (!is_sent(item, host, path, https, now) || strlen(item->path) != size)
                continue;
            end += sprintf(end, "%s%s%s%s", end == out ? "" : "; ", item->name,
                           item->name[0] == '\0' ? "" : "=", item->value);
        }
    }
    *end = '\0';
}

/* ---- one step -------------------------------------------------------------------------------- */

struct step {
    const char *host, *path;
    bool is_address, https;
    const struct url *url;
};

static void check_field(struct bytes field, int64_t now) {
    struct cookie cookie;
    if (!cookie_parse(field, now, &cookie))
        return;
    const struct bytes parts[] = {cookie.name, cookie.value, cookie.domain, cookie.path};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        FUZZ_CHECK(parts[i].size == 0 ||
                   (parts[i].data >= field.data &&
                    parts[i].data + parts[i].size <= field.data + field.size));
    FUZZ_CHECK(cookie.name.size + cookie.value.size > 0);
    FUZZ_CHECK(!cookie.has_expiry || cookie.expiry <= now + COOKIE_DAYS_MAX * 86400);
}

/* Only as it would come out of a head: no controls but the tab, no blanks at its ends. */
static bool is_field_value(struct bytes field) {
    for (size_t i = 0; i < field.size; i++)
        if (field.data[i] == '\r' || field.data[i] == '\n' || field.data[i] == '\0')
            return false;
    return true;
}

static void set(struct cookie_jar *jar, const struct step *step, struct bytes field, int64_t now,
                size_t failing) {
    const struct cookie_party party = {step->url, step->https};
    const struct http_field item = {bytes_of("Set-Cookie"), field};
    bool changed;
    check_field(field, now);
    if (failing > 0)
        memory_fail_after(failing - 1, 1);
    enum error error = cookie_jar_take(jar, &party, (struct http_fields){&item, 1}, now, &changed);
    bool failed = memory_failures() > 0;
    memory_fail_after(0, 0);
    FUZZ_CHECK(error == ERROR_NONE || (failed && error == ERROR_NO_MEMORY));
    judged &= error == ERROR_NONE;
    list_set(step->host, step->is_address, step->path, step->https, field, now);
}

static void get(struct cookie_jar *jar, const struct step *step, int64_t now) {
    static char expected[LISTED_MAX * 2 * TEXT_MAX];
    const struct cookie_party party = {step->url, step->https};
    struct buffer sent = {0}, line = {0};
    FUZZ_CHECK(cookie_jar_append(jar, &party, now, &sent) == ERROR_NONE);
    FUZZ_CHECK(sent.size <= COOKIES_SENT_BYTES);
    FUZZ_CHECK(http_write_field(&line, bytes_of("Cookie"), buffer_bytes(&sent)) == ERROR_NONE);
    list_get(step->host, step->path, step->https, now, expected);
    size_t least =
        COOKIES_SENT_MAX < COOKIES_OF_DOMAIN_MAX ? COOKIES_SENT_MAX : COOKIES_OF_DOMAIN_MAX;
    if (listed_count >= least || strlen(expected) > COOKIES_SENT_BYTES)
        judged = false;
    if (judged)
        FUZZ_CHECK(bytes_equal(buffer_bytes(&sent), bytes_of(expected)));
    buffer_fini(&sent);
    buffer_fini(&line);
}

/* Made once, and kept for all inputs. */
static const struct url *url_of(size_t host, size_t path, bool https) {
    static struct url urls[HOSTS][PATHS][2];
    static bool made[HOSTS][PATHS][2];
    struct url *url = &urls[host][path][https];
    struct buffer text = {0};
    if (made[host][path][https])
        return url;
    FUZZ_CHECK(buffer_format(&text, "%s://%s%s", https ? "https" : "http", hosts[host],
                             paths[path]) == ERROR_NONE);
    FUZZ_CHECK(url_parse(url, buffer_bytes(&text), NULL) == ERROR_NONE);
    buffer_fini(&text);
    made[host][path][https] = true;
    return url;
}

static void begin_step(struct step *step, uint8_t host, uint8_t path) {
    step->host = hosts[host % HOSTS];
    step->path = paths[path % PATHS];
    step->is_address = step->host[0] == '[' || step->host[0] == '1';
    step->https = (path & 0x80) != 0;
    step->url = url_of(host % HOSTS, path % PATHS, step->https);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    struct cookie_jar *jar;
    unsigned failing = fuzz_take(&input);
    int64_t now = 1764000000;
    listed_count = 0;
    judged = true;
    for (size_t host = 0; host < HOSTS; host++) {
        for (size_t path = 0; path < PATHS; path++) {
            url_of(host, path, false);
            url_of(host, path, true);
        }
    }
    size_t blocks = memory_live_blocks();
    FUZZ_CHECK(cookie_jar_new(&jar) == ERROR_NONE);
    while (input.size > 0) {
        struct bytes line = fuzz_take_until(&input, '\n');
        uint8_t host = fuzz_take(&line), path = fuzz_take(&line), later = fuzz_take(&line);
        struct step step;
        now += later;
        begin_step(&step, host, path);
        if (line.size > 0 && is_field_value(line))
            set(jar, &step, line, now, failing);
        get(jar, &step, now);
    }
    cookie_jar_free(jar);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
