#include "hop.h"

#include <string.h>

#include "bad_port.h"
#include "base/map.h"
#include "http/writer.h"

/* Fields that tell nothing about who asks. All others may be secrets: an API key has no fixed name.
 */
static const char *const harmless[] = {"accept",       "accept-language",  "user-agent",
                                       "content-type", "content-language", "cache-control",
                                       "dnt",          "pragma",           NULL};

/* They describe the body, and go with it. */
static const char *const of_body[] = {"content-type",     "content-language",    "content-encoding",
                                      "content-location", "content-disposition", NULL};

static bool is_one_of(struct bytes name, const char *const *names) {
    while (*names != NULL && !bytes_equal_ignoring_case(name, bytes_of(*names)))
        names++;
    return *names != NULL;
}

/* ---- circles --------------------------------------------------------------------------------- */

static enum error mark_seen(struct hop *hop, bool *repeated) {
    struct buffer text = {0};
    enum error error = buffer_append(&text, hop->method.data, hop->method.size);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&text, ' ');
    if (error == ERROR_NONE)
        error = url_append_href(&hop->url, &text, URL_WITHOUT_FRAGMENT);
    uint64_t hash = error == ERROR_NONE ? map_hash(buffer_bytes(&text)) : 0;
    buffer_fini(&text);
    *repeated = false;
    for (size_t at = 0; at < hop->seen.size; at += sizeof hash)
        *repeated |= memcmp(hop->seen.data + at, &hash, sizeof hash) == 0;
    return error == ERROR_NONE ? buffer_append(&hop->seen, &hash, sizeof hash) : error;
}

/* ---- the way --------------------------------------------------------------------------------- */

enum error hop_init(struct hop *hop, const struct fetch_request *request) {
    *hop = (struct hop){.method = request->method.size > 0 ? request->method : bytes_of("GET"),
                        .has_body = request->body.size > 0};
    enum error error = url_parse(&hop->url, bytes_of(request->url), NULL);
    hop->has_url = error == ERROR_NONE;
    return error == ERROR_NONE && url_has_credentials(&hop->url) ? ERROR_URL_CREDENTIALS : error;
}

void hop_fini(struct hop *hop) {
    if (hop->has_url)
        url_fini(&hop->url);
    hop->has_url = false;
    buffer_fini(&hop->seen);
}

bool hop_is_redirect(int status) {
    return status == HTTP_STATUS_MOVED_PERMANENTLY || status == HTTP_STATUS_FOUND ||
           status == HTTP_STATUS_SEE_OTHER || status == HTTP_STATUS_TEMPORARY_REDIRECT ||
           status == HTTP_STATUS_PERMANENT_REDIRECT;
}

/* RFC 9110 §15.4: what browsers made of 301 and 302 has become the rule. */
static bool becomes_get(const struct hop *hop, int status) {
    if (status == HTTP_STATUS_SEE_OTHER)
        return !bytes_equal(hop->method, bytes_of("HEAD"));
    return (status == HTTP_STATUS_MOVED_PERMANENTLY || status == HTTP_STATUS_FOUND) &&
           bytes_equal(hop->method, bytes_of("POST"));
}

static void step(struct hop *hop, int status, const struct url *url) {
    hop->foreign |= !url_origin_equal(&hop->url, url);
    hop->downgraded |= hop->url.scheme == URL_HTTPS && url->scheme == URL_HTTP;
    if (becomes_get(hop, status)) {
        hop->method = bytes_of("GET");
        hop->has_body = false;
    }
    url_fini(&hop->url);
    hop->url = *url;
    hop->count++;
}

/* Whoever runs a page cannot make a mail server or a database read what is asked. */
static bool leads_astray(const struct hop *hop, const struct url *url) {
    return port_is_bad(url->port) && !url_origin_equal(&hop->url, url);
}

enum error hop_follow(struct hop *hop, int status, struct bytes location, unsigned limit,
                      bool may_repeat) {
    bool repeated = false;
    struct url url;
    if (hop->count >= limit)
        return ERROR_REDIRECT_LIMIT;
    enum error error = hop->count == 0 ? mark_seen(hop, &repeated) : ERROR_NONE;
    if (error == ERROR_NONE)
        error = url_parse(&url, location, &hop->url);
    if (error != ERROR_NONE)
        return error == ERROR_NO_MEMORY ? error : ERROR_REDIRECT_INVALID;
    if (leads_astray(hop, &url)) {
        url_fini(&url);
        return ERROR_REDIRECT_PORT;
    }
    step(hop, status, &url);
    error = mark_seen(hop, &repeated);
    return error == ERROR_NONE && repeated && !may_repeat ? ERROR_REDIRECT_LOOP : error;
}

bool hop_carries(const struct hop *hop, struct bytes field_name) {
    if (is_one_of(field_name, of_body))
        return hop->has_body;
    return !hop->foreign || is_one_of(field_name, harmless);
}
