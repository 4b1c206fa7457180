#include "fetch/result.h"

#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "milliseconds.h"

void fetch_result_fini(struct fetch_result *result) {
    memory_free(result->url);
    memory_free(result->final_url);
    memory_free(result->title);
    memory_free(result->saved);
    memory_free(result->etag);
    memory_free(result->last_modified);
    *result = (struct fetch_result){0};
}

/* ---- kinds of error -------------------------------------------------------------------------- */

static const char *const kinds[] = {
    "url",
    "dns",
    "address",
    "connect",
    "tls",
    "tls_unknown_root",
    "tls_self_signed",
    "tls_wrong_name",
    "tls_wrong_address",
    "tls_expired",
    "tls_not_yet_valid",
    "tls_weak_key",
    "tls_old_protocol",
    "tls_truncated",
    "timeout",
    "protocol",
    "truncated",
    "too_large",
    "encoding",
    "http_status",
    "redirect",
    "proxy",
    "save",
    "cancelled",
    "resources",
    NULL,
};

const char *fetch_error_kind_at(size_t index) {
    return kinds[index];
}

const char *fetch_error_kind(enum error error) {
    switch (error) {
    case ERROR_URL_INVALID:
    case ERROR_URL_SCHEME:
    case ERROR_URL_HOST:
    case ERROR_URL_PORT:
    case ERROR_URL_CREDENTIALS:
        return "url";
    case ERROR_NAME_NOT_FOUND:
    case ERROR_NAME_SERVER_FAILED:
        return "dns";
    case ERROR_ADDRESS_NOT_ALLOWED:
        return "address";
    case ERROR_TLS_FAILED:
    case ERROR_TLS_PROTOCOL:
        return "tls";
    case ERROR_TLS_UNTRUSTED:
        return "tls_unknown_root";
    case ERROR_TLS_SELF_SIGNED:
        return "tls_self_signed";
    case ERROR_TLS_WRONG_NAME:
        return "tls_wrong_name";
    case ERROR_TLS_WRONG_ADDRESS:
        return "tls_wrong_address";
    case ERROR_TLS_EXPIRED:
        return "tls_expired";
    case ERROR_TLS_NOT_YET_VALID:
        return "tls_not_yet_valid";
    case ERROR_TLS_WEAK_KEY:
        return "tls_weak_key";
    case ERROR_TLS_OLD_VERSION:
        return "tls_old_protocol";
    case ERROR_TLS_TRUNCATED:
        return "tls_truncated";
    case ERROR_TIMED_OUT:
        return "timeout";
    case ERROR_HTTP_MALFORMED:
    case ERROR_HTTP_FRAMING:
    case ERROR_HTTP_LINE_TOO_LONG:
    case ERROR_HTTP_HEAD_TOO_LARGE:
    case ERROR_HTTP_INTERIM:
        return "protocol";
    case ERROR_HTTP_TRUNCATED:
    case ERROR_END_OF_STREAM:
        return "truncated";
    case ERROR_BODY_TOO_LARGE:
        return "too_large";
    case ERROR_CODING_UNKNOWN:
    case ERROR_CODING_CORRUPT:
    case ERROR_CODING_TRUNCATED:
        return "encoding";
    case ERROR_HTTP_STATUS:
        return "http_status";
    case ERROR_REDIRECT_LIMIT:
    case ERROR_REDIRECT_LOOP:
    case ERROR_REDIRECT_INVALID:
    case ERROR_REDIRECT_PORT:
        return "redirect";
    case ERROR_PROXY_REFUSED:
        return "proxy";
    case ERROR_SAVE_FAILED:
        return "save";
    case ERROR_CANCELLED:
        return "cancelled";
    case ERROR_NO_MEMORY:
    case ERROR_TOO_MANY_DESCRIPTORS:
    case ERROR_NO_BUFFERS:
        return "resources";
    default:
        return "connect";
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static enum error append_member(struct buffer *out, const char *key, const char *text) {
    enum error error = buffer_append_text(out, key);
    if (error != ERROR_NONE)
        return error;
    return text == NULL ? buffer_append_text(out, "null") : json_append_string(out, bytes_of(text));
}

static enum error append_number(struct buffer *out, const char *key, uint64_t number) {
    enum error error = buffer_append_text(out, key);
    return error == ERROR_NONE ? buffer_append_unsigned(out, number) : error;
}

static enum error append_flag(struct buffer *out, const char *key, bool flag) {
    enum error error = buffer_append_text(out, key);
    return error == ERROR_NONE ? buffer_append_text(out, flag ? "true" : "false") : error;
}

static enum error append_digest(struct buffer *out, const struct fetch_result *result) {
    char hex[SHA256_HEX_SIZE];
    sha256_to_hex(result->digest, hex);
    return append_member(out, ",\"sha256\":", result->has_digest ? hex : NULL);
}

static enum error append_error(struct buffer *out, const struct fetch_result *result) {
    if (result->error == ERROR_NONE)
        return buffer_append_text(out, ",\"error\":null");
    enum error error = append_member(out, ",\"error\":{\"kind\":", fetch_error_kind(result->error));
    if (error == ERROR_NONE)
        error = append_member(out, ",\"detail\":", result->detail);
    return error == ERROR_NONE ? buffer_append_text(out, "}") : error;
}

static enum error append_status(struct buffer *out, int status) {
    return status == 0 ? buffer_append_text(out, ",\"status\":null")
                       : append_number(out, ",\"status\":", (unsigned)status);
}

static enum error append_time(struct buffer *out, const char *key, uint64_t time) {
    if (time == FETCH_NO_TIME)
        return append_member(out, key, NULL);
    enum error error = buffer_append_text(out, key);
    return error == ERROR_NONE ? milliseconds_append(out, time) : error;
}

static enum error append_timings(struct buffer *out, const struct fetch_timings *timings) {
    enum error error = append_time(out, ",\"timings\":{\"dns\":", timings->dns);
    if (error == ERROR_NONE)
        error = append_time(out, ",\"connect\":", timings->connect);
    if (error == ERROR_NONE)
        error = append_time(out, ",\"tls\":", timings->tls);
    if (error == ERROR_NONE)
        error = append_time(out, ",\"ttfb\":", timings->ttfb);
    if (error == ERROR_NONE)
        error = append_time(out, ",\"total\":", timings->total);
    return error == ERROR_NONE ? buffer_append_byte(out, '}') : error;
}

static enum error append_warnings(struct buffer *out, const struct fetch_result *result) {
    if (result->unverified && result->downgraded)
        return buffer_append_text(out, ",\"warnings\":[\"unverified\",\"downgraded\"]");
    if (result->unverified)
        return buffer_append_text(out, ",\"warnings\":[\"unverified\"]");
    return buffer_append_text(out, result->downgraded ? ",\"warnings\":[\"downgraded\"]"
                                                      : ",\"warnings\":[]");
}

static enum error append_version(struct buffer *out, const struct fetch_result *result) {
    if (result->status == 0)
        return buffer_append_text(out, ",\"http\":null");
    enum error error = append_number(out, ",\"http\":\"1.", (unsigned)result->http_minor);
    return error == ERROR_NONE ? buffer_append_byte(out, '"') : error;
}

/* How it came about, behind what it is. */
static enum error append_story(struct buffer *out, const struct fetch_result *result) {
    enum error error = append_version(out, result);
    if (error == ERROR_NONE)
        error = append_number(out, ",\"wire_bytes\":", result->wire_bytes);
    if (error == ERROR_NONE)
        error = append_number(out, ",\"attempts\":", result->attempts);
    if (error == ERROR_NONE)
        error = append_number(out, ",\"redirects\":", result->redirects);
    if (error == ERROR_NONE)
        error = append_flag(out, ",\"reused\":", result->reused);
    if (error == ERROR_NONE)
        error = append_flag(out, ",\"unchanged\":", result->unchanged);
    if (error == ERROR_NONE)
        error = append_warnings(out, result);
    return error == ERROR_NONE ? append_timings(out, &result->timings) : error;
}

enum error fetch_result_append_json(const struct fetch_result *result, struct buffer *out) {
    enum error error = append_number(out, "{\"index\":", result->index);
    if (error == ERROR_NONE)
        error = append_member(out, ",\"url\":", result->url);
    if (error == ERROR_NONE)
        error = append_member(out, ",\"final_url\":", result->final_url);
    if (error == ERROR_NONE)
        error = append_status(out, result->status);
    if (error == ERROR_NONE)
        error = append_member(out, ",\"title\":", result->title);
    if (error == ERROR_NONE)
        error = append_digest(out, result);
    if (error == ERROR_NONE)
        error = append_number(out, ",\"bytes\":", result->bytes);
    if (error == ERROR_NONE)
        error = append_time(out, ",\"ms\":", result->timings.total);
    if (error == ERROR_NONE)
        error = append_error(out, result);
    if (error == ERROR_NONE)
        error = append_story(out, result);
    if (error == ERROR_NONE && result->saved != NULL)
        error = append_member(out, ",\"saved\":", result->saved);
    return error == ERROR_NONE ? buffer_append_byte(out, '}') : error;
}

/* ---- text ------------------------------------------------------------------------------------ */

/* A title comes from a stranger: control characters must not reach a terminal. */
static enum error append_visible(struct buffer *out, const char *text) {
    enum error error = ERROR_NONE;
    for (const uint8_t *at = (const uint8_t *)text; *at != '\0' && error == ERROR_NONE; at++) {
        bool control = *at < 0x20 || *at == 0x7F || (*at == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0);
        error = buffer_append_byte(out, control ? '?' : *at);
        if (control && *at == 0xC2)
            at++;
    }
    return error;
}

enum error fetch_result_append_text(const struct fetch_result *result, struct buffer *out) {
    bool well = result->error == ERROR_NONE;
    const char *what =
        well ? (result->title != NULL ? result->title : "(no title)") : result->detail;
    enum error error = buffer_append_text(out, well ? "✅ " : "❌ ");
    if (error == ERROR_NONE)
        error = append_visible(out, result->url);
    if (error == ERROR_NONE)
        error = buffer_append_text(out, well ? " → " : ": ");
    return error == ERROR_NONE ? append_visible(out, what) : error;
}

/* ---- comparing ------------------------------------------------------------------------------- */

static bool same_text(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool fetch_result_equal(const struct fetch_result *a, const struct fetch_result *b) {
    return a->status == b->status && a->error == b->error && same_text(a->title, b->title) &&
           a->has_digest == b->has_digest &&
           (!a->has_digest || memcmp(a->digest, b->digest, SHA256_SIZE) == 0);
}
