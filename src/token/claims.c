#include "claims.h"

#include <math.h>

#include "json/document.h"

/* ---- the header ------------------------------------------------------------------------------ */

static bool algorithm_named(struct bytes name, enum token_algorithm *algorithm) {
    for (enum token_algorithm i = TOKEN_HS256; i <= TOKEN_EDDSA; i++) {
        if (!bytes_equal(name, bytes_of(token_algorithm_name(i))))
            continue;
        *algorithm = i;
        return true;
    }
    return false;
}

/* A key that stands twice could be read in two ways (RFC 7515 section 4). */
static bool is_object_of_unique_keys(const struct json_value *value) {
    if (value->type != JSON_OBJECT)
        return false;
    for (const struct json_value *member = value->first; member != NULL; member = member->next)
        if (member->repeats != NULL)
            return false;
    return true;
}

static enum error open_object(struct json_document *document, struct bytes json) {
    struct json_syntax_error problem;
    enum error error = json_document_init(document, json, &problem);
    if (error != ERROR_NONE)
        return error == ERROR_NO_MEMORY ? error : ERROR_TOKEN_INVALID;
    if (is_object_of_unique_keys(document->values))
        return ERROR_NONE;
    json_document_fini(document);
    return ERROR_TOKEN_INVALID;
}

enum error claims_read_header(struct bytes json, enum token_algorithm *algorithm) {
    struct json_document document;
    enum error error = open_object(&document, json);
    if (error != ERROR_NONE)
        return error;
    const struct json_value *name = json_member(document.values, "alg");
    if (name == NULL || name->type != JSON_STRING || !algorithm_named(name->text, algorithm) ||
        json_member(document.values, "crit") != NULL)
        error = ERROR_TOKEN_INVALID;
    json_document_fini(&document);
    return error;
}

/* ---- the claims ------------------------------------------------------------------------------ */

/* A NumericDate (RFC 7519 section 2): seconds, maybe with a fraction. */
static enum error read_date(const struct json_value *claims, const char *key, uint64_t otherwise,
                            uint64_t *seconds) {
    const struct json_value *value = json_member(claims, key);
    *seconds = otherwise;
    if (value == NULL)
        return ERROR_NONE;
    if (value->type != JSON_NUMBER || !(value->number >= 0) || value->number > 1e15)
        return ERROR_TOKEN_INVALID;
    *seconds = (uint64_t)floor(value->number);
    return ERROR_NONE;
}

static enum error judge_dates(const struct json_value *json, uint64_t now, uint64_t *expires) {
    uint64_t not_before;
    enum error error = read_date(json, "exp", TOKEN_NEVER, expires);
    if (error == ERROR_NONE)
        error = read_date(json, "nbf", 0, &not_before);
    if (error != ERROR_NONE)
        return error;
    if (*expires != TOKEN_NEVER)
        *expires += TOKEN_LEEWAY_SECONDS;
    if (now >= *expires)
        return ERROR_TOKEN_EXPIRED;
    return now + TOKEN_LEEWAY_SECONDS < not_before ? ERROR_TOKEN_NOT_YET_VALID : ERROR_NONE;
}

static bool is_text(const struct json_value *value, const char *text) {
    return value->type == JSON_STRING && bytes_equal(value->text, bytes_of(text));
}

/* One text or an array of them (RFC 7519 section 4.1.3). */
static enum error judge_audience(const struct json_value *json, const char *audience) {
    const struct json_value *value = json_member(json, "aud");
    if (audience == NULL)
        return ERROR_NONE;
    if (value == NULL)
        return ERROR_TOKEN_AUDIENCE;
    if (is_text(value, audience))
        return ERROR_NONE;
    for (const struct json_value *element = value->type == JSON_ARRAY ? value->first : NULL;
         element != NULL; element = element->next)
        if (is_text(element, audience))
            return ERROR_NONE;
    return ERROR_TOKEN_AUDIENCE;
}

static enum error read_channels(const struct json_value *json, const char *key,
                                struct token_channels *channels) {
    const struct json_value *value = json_member(json, key);
    if (value == NULL)
        return ERROR_NONE;
    if (value->type != JSON_ARRAY || value->count > TOKEN_CHANNELS_MAX)
        return ERROR_TOKEN_INVALID;
    for (const struct json_value *name = value->first; name != NULL; name = name->next) {
        if (name->type != JSON_STRING || name->text.size == 0)
            return ERROR_TOKEN_INVALID;
        enum error error = token_channels_add(channels, name->text);
        if (error != ERROR_NONE)
            return error;
    }
    return ERROR_NONE;
}

static enum error read_subject(const struct json_value *json, struct buffer *subject) {
    const struct json_value *value = json_member(json, "sub");
    if (value == NULL)
        return ERROR_NONE;
    return value->type == JSON_STRING ? buffer_append(subject, value->text.data, value->text.size)
                                      : ERROR_TOKEN_INVALID;
}

enum error claims_read(struct bytes json, const struct token_rules *rules, uint64_t now,
                       struct token_claims *claims) {
    struct json_document document;
    enum error error = open_object(&document, json);
    if (error != ERROR_NONE)
        return error;
    error = judge_dates(document.values, now, &claims->expires);
    if (error == ERROR_NONE)
        error = judge_audience(document.values, rules->audience);
    if (error == ERROR_NONE)
        error = read_subject(document.values, &claims->subject);
    if (error == ERROR_NONE)
        error = read_channels(document.values, "subscribe", &claims->subscribe);
    if (error == ERROR_NONE)
        error = read_channels(document.values, "publish", &claims->publish);
    json_document_fini(&document);
    return error;
}
