/* What a request says: the fields that were asked for, and ours where those are silent. */
#include <string.h>

#include "base/clock.h"
#include "fetch.h"
#include "http/writer.h"

#define USER_AGENT "ringcast/" RINGCAST_VERSION
#define ACCEPT     "text/html,application/xhtml+xml,*/*;q=0.8"

enum { OWN_FIELDS_MAX = 8 };

/* Written by ourselves alone: framing, the connection, and whom the message is for. */
static const char *const reserved[] = {
    "host",    "content-length", "transfer-encoding",   "connection", "keep-alive", "upgrade", "te",
    "trailer", "expect",         "proxy-authorization", NULL};

bool fetch_field_is_allowed(struct bytes name) {
    for (size_t i = 0; reserved[i] != NULL; i++)
        if (bytes_equal_ignoring_case(name, bytes_of(reserved[i])))
            return false;
    return http_is_token(name);
}

bool fetch_method_is_allowed(struct bytes method) {
    return http_is_token(method) && !bytes_equal_ignoring_case(method, bytes_of("CONNECT")) &&
           !bytes_equal_ignoring_case(method, bytes_of("TRACE"));
}

/* ---- fields ---------------------------------------------------------------------------------- */

struct head {
    const struct fetch *fetch;
    struct http_field fields[FETCH_FIELDS_MAX + OWN_FIELDS_MAX];
    size_t count;
};

static void add(struct head *head, const char *name, struct bytes value) {
    head->fields[head->count++] = (struct http_field){bytes_of(name), value};
}

static bool carries(const struct fetch *fetch, const char *name) {
    struct bytes value;
    return http_fields_find(fetch->request.fields, name, &value) &&
           hop_carries(&fetch->hop, bytes_of(name));
}

/* What the request asks for on this hop, without its Authorization when that is given apart. */
static void add_requested(struct head *head) {
    const struct fetch_request *request = &head->fetch->request;
    for (size_t i = 0; i < request->fields.count && i < FETCH_FIELDS_MAX; i++) {
        const struct http_field *field = &request->fields.items[i];
        bool replaced = request->authorization != NULL &&
                        bytes_equal_ignoring_case(field->name, bytes_of("authorization"));
        if (!replaced && hop_carries(&head->fetch->hop, field->name))
            head->fields[head->count++] = *field;
    }
}

static void add_default(struct head *head, const char *name, const char *value) {
    struct bytes requested;
    if (!http_fields_find(head->fetch->request.fields, name, &requested))
        add(head, name, bytes_of(value));
}

/* Validators are for one URL; a redirect may have led away from it, or to it. Conditions that the
 * request itself makes go in place of ours: they are not about the content that we have. */
bool head_has_validators(const struct fetch *fetch) {
    const struct fetch_validators *validators = fetch->request.validators;
    return validators != NULL && strcmp(validators->url, fetch->result.final_url) == 0 &&
           !carries(fetch, "if-none-match") && !carries(fetch, "if-modified-since");
}

static void add_validators(struct head *head) {
    const struct fetch_validators *validators = head->fetch->request.validators;
    if (!head_has_validators(head->fetch))
        return;
    if (validators->etag != NULL)
        add(head, "If-None-Match", bytes_of(validators->etag));
    if (validators->last_modified != NULL)
        add(head, "If-Modified-Since", bytes_of(validators->last_modified));
}

/* A proxy must be told whose the path is (RFC 9112 §3.2.2); a tunnel has led past it. */
static bool asks_proxy(const struct fetch *fetch) {
    return fetch->origin->proxy != NULL && fetch->origin->trust == NULL;
}

static void add_all(struct head *head, struct bytes cookies) {
    const struct fetch *fetch = head->fetch;
    add_default(head, "User-Agent", USER_AGENT);
    add_default(head, "Accept", ACCEPT);
    add_default(head, "Accept-Encoding", CODINGS_ACCEPTED);
    if (fetch->request.authorization != NULL && !fetch->hop.foreign)
        add(head, "Authorization", bytes_of(fetch->request.authorization));
    if (asks_proxy(fetch) && fetch->origin->proxy->authorization != NULL)
        add(head, "Proxy-Authorization", bytes_of(fetch->origin->proxy->authorization));
    if (cookies.size > 0)
        add(head, "Cookie", cookies);
    add_validators(head);
    add_requested(head);
}

/* ---- the head -------------------------------------------------------------------------------- */

/* A method that means something for its body says so when there is none (RFC 9110 §8.6). */
static int64_t content_length(const struct fetch *fetch, struct bytes body) {
    struct bytes method = fetch->hop.method;
    bool expects_body = bytes_equal(method, bytes_of("POST")) ||
                        bytes_equal(method, bytes_of("PUT")) ||
                        bytes_equal(method, bytes_of("PATCH"));
    return body.size > 0 || expects_body ? (int64_t)body.size : -1;
}

static enum error append_target(const struct fetch *fetch, struct buffer *out) {
    return asks_proxy(fetch) ? url_append_href(&fetch->hop.url, out, URL_WITHOUT_FRAGMENT)
                             : url_append_target(&fetch->hop.url, out);
}

/* Cookies that the request itself names go in place of those in the jar. */
static enum error append_cookies(const struct fetch *fetch, struct buffer *out) {
    const struct cookie_party party = attempt_party(fetch);
    if (fetch->session->jar == NULL || carries(fetch, "cookie"))
        return ERROR_NONE;
    return cookie_jar_append(fetch->session->jar, &party,
                             (int64_t)(ring_wall(fetch_loop(fetch)->ring) / SECOND), out);
}

enum error head_write(struct fetch *fetch, struct buffer *out) {
    struct buffer *scratch = &fetch->session->scratch;
    struct bytes body = fetch->hop.has_body ? fetch->request.body : bytes_make(NULL, 0);
    struct head head = {.fetch = fetch};
    buffer_clear(scratch);
    enum error error = append_target(fetch, scratch);
    size_t target_size = scratch->size;
    if (error == ERROR_NONE)
        error = url_append_host_header(&fetch->hop.url, scratch);
    size_t host_size = scratch->size - target_size;
    if (error == ERROR_NONE)
        error = append_cookies(fetch, scratch);
    if (error != ERROR_NONE)
        return error;
    add_all(&head, bytes_after(buffer_bytes(scratch), target_size + host_size));
    const struct http_request_head written = {
        .method = fetch->hop.method,
        .target = bytes_make(scratch->data, target_size),
        .host = bytes_make(scratch->data + target_size, host_size),
        .fields = {head.fields, head.count},
        .content_length = content_length(fetch, body),
    };
    error = http_write_request(out, &written);
    return error == ERROR_NONE && body.size > 0 ? buffer_append(out, body.data, body.size) : error;
}
