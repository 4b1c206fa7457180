#include "hub/access.h"

#include <string.h>

#include "base/memory.h"
#include "base/pattern.h"
#include "hub/hub.h"

struct grant {
    struct token_claims claims;
};

/* ---- origins --------------------------------------------------------------------------------- */

static bool is_admitted(const struct access *access, struct bytes origin) {
    for (size_t i = 0; i < access->origin_count; i++) {
        struct bytes pattern = bytes_of(access->origins[i]);
        if (bytes_equal(pattern, bytes_of("*")) || pattern_matches(pattern, origin, ":/"))
            return true;
    }
    return false;
}

/* RFC 6454 section 7: one field at most. */
bool access_admits_origin(const struct access *access, struct http_fields fields) {
    struct bytes origin;
    if (access == NULL)
        return true;
    if (!http_fields_find(fields, "Origin", &origin))
        return access->missing_origin;
    return http_fields_count(fields, "Origin") == 1 && is_admitted(access, origin);
}

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool starts_with(struct bytes text, const char *start, struct bytes *rest) {
    struct bytes prefix = bytes_of(start);
    if (text.size < prefix.size ||
        !bytes_equal_ignoring_case(bytes_make(text.data, prefix.size), prefix))
        return false;
    *rest = bytes_after(text, prefix.size);
    return true;
}

/* The value of `token` in the query. Tokens need no percent encoding: see is_token_character(). */
static bool token_of_query(struct bytes target, struct bytes *token) {
    const uint8_t *query = memchr(target.data, '?', target.size);
    if (query == NULL)
        return false;
    struct bytes rest = bytes_after(target, (size_t)(query - target.data) + 1);
    while (rest.size > 0) {
        const uint8_t *end = memchr(rest.data, '&', rest.size);
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
        struct bytes parameter = bytes_make(rest.data, size);
        if (parameter.size >= 6 && memcmp(parameter.data, "token=", 6) == 0) {
            *token = bytes_after(parameter, 6);
            return true;
        }
        rest = bytes_after(rest, size < rest.size ? size + 1 : size);
    }
    return false;
}

/* Two proofs of different things would leave open which of them counts. */
static enum error token_of(const struct http_request *request, struct bytes *token) {
    struct bytes field, query;
    bool in_field = http_fields_find(request->fields, "Authorization", &field);
    bool in_query = token_of_query(request->target, &query);
    *token = (struct bytes){0};
    if (in_field && (http_fields_count(request->fields, "Authorization") > 1 || in_query ||
                     !starts_with(field, "Bearer ", token)))
        return ERROR_TOKEN_INVALID;
    if (in_query)
        *token = query;
    return in_field || in_query ? ERROR_NONE : ERROR_TOKEN_MISSING;
}

/* All are compared, whichever fits: the time says nothing about where. */
static const struct access_token *find_static(const struct access *access, struct bytes token) {
    const struct access_token *found = NULL;
    for (size_t i = 0; i < access->token_count; i++)
        if (token_secrets_equal(buffer_bytes(&access->tokens[i].text), token))
            found = &access->tokens[i];
    return found;
}

static enum error claims_of_static(const struct access_token *token, struct token_claims *claims) {
    *claims = (struct token_claims){.expires = TOKEN_NEVER};
    struct bytes patterns = buffer_bytes(&token->publish.patterns);
    return buffer_append(&claims->publish.patterns, patterns.data, patterns.size);
}

enum error access_identify_token(const struct access *access, struct bytes token, uint64_t now,
                                 struct grant **grant_out) {
    *grant_out = NULL;
    if (access == NULL)
        return ERROR_NONE;
    struct grant *grant = memory_allocate_zeroed(sizeof *grant);
    if (grant == NULL)
        return ERROR_NO_MEMORY;
    const struct access_token *known = find_static(access, token);
    enum error error = known != NULL ? claims_of_static(known, &grant->claims)
                                     : token_verify(token, &access->rules, now, &grant->claims);
    if (error == ERROR_NONE)
        *grant_out = grant;
    else
        grant_free(grant);
    return error;
}

enum error access_identify(const struct access *access, const struct http_request *request,
                           uint64_t now, struct grant **grant) {
    struct bytes token;
    *grant = NULL;
    if (access == NULL)
        return ERROR_NONE;
    enum error error = token_of(request, &token);
    if (error == ERROR_TOKEN_MISSING)
        return access->anonymous ? ERROR_NONE : error;
    return error == ERROR_NONE ? access_identify_token(access, token, now, grant) : error;
}

/* ---- rights ---------------------------------------------------------------------------------- */

static enum error judge(enum access_right right, const struct grant *grant,
                        const struct token_channels *channels, struct bytes channel, uint64_t now) {
    if (now >= grant_expires(grant))
        return ERROR_TOKEN_EXPIRED;
    if (right == ACCESS_ANYONE)
        return ERROR_NONE;
    if (right == ACCESS_SERVICE)
        return ERROR_NOT_ALLOWED;
    if (grant == NULL)
        return ERROR_TOKEN_MISSING;
    return token_channels_have(channels, channel) ? ERROR_NONE : ERROR_NOT_ALLOWED;
}

enum error access_may_publish(const struct grant *grant, const struct channel_settings *settings,
                              struct bytes channel, uint64_t now) {
    return judge(settings->publish, grant, grant == NULL ? NULL : &grant->claims.publish, channel,
                 now);
}

enum error access_may_subscribe(const struct grant *grant, const struct channel_settings *settings,
                                struct bytes channel, uint64_t now) {
    return judge(settings->subscribe, grant, grant == NULL ? NULL : &grant->claims.subscribe,
                 channel, now);
}

struct http_field access_challenge(enum error error) {
    return (struct http_field){
        bytes_of("WWW-Authenticate"),
        bytes_of(error == ERROR_TOKEN_MISSING
                     ? "Bearer realm=\"ringcast\""
                     : "Bearer realm=\"ringcast\", error=\"invalid_token\""),
    };
}

void access_refuse(struct http_connection *connection, enum error error) {
    bool forbidden = error == ERROR_NOT_ALLOWED;
    const struct http_field challenge = access_challenge(error);
    int status = forbidden ? HTTP_STATUS_FORBIDDEN : HTTP_STATUS_UNAUTHORIZED;
    struct buffer text = {0};
    const struct http_response_head head = {
        .status = status,
        .content_type = bytes_of("text/plain; charset=utf-8"),
        .fields = {&challenge, forbidden ? 0 : 1},
    };
    buffer_format(&text, "%d %s: %s\n", status, http_status_text(status), error_text(error));
    http_connection_respond(connection, &head, buffer_bytes(&text), true);
    buffer_fini(&text);
}

/* ---- grants ---------------------------------------------------------------------------------- */

struct bytes grant_subject(const struct grant *grant) {
    return grant == NULL ? (struct bytes){0} : buffer_bytes(&grant->claims.subject);
}

uint64_t grant_expires(const struct grant *grant) {
    return grant == NULL ? TOKEN_NEVER : grant->claims.expires;
}

void grant_free(struct grant *grant) {
    if (grant == NULL)
        return;
    token_claims_fini(&grant->claims);
    memory_free(grant);
}
