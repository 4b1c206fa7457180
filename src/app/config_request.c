/* The types of what a request says: method, fields, body, credentials. */
#include <string.h>

#include "base/memory.h"
#include "config_table.h"
#include "credentials.h"
#include "fetch/request.h"
#include "http/url.h"
#include "http/writer.h"

/* ---- method and body ------------------------------------------------------------------------- */

static enum error read_method(struct config_reader *reader, const struct config_key *key,
                              const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_STRING || !fetch_method_is_allowed(value->text))
        return config_refuse(reader, value, "a method such as \"POST\", but CONNECT and TRACE");
    return config_set_text(field, value->text);
}

static enum error read_text(struct config_reader *reader, const struct config_key *key,
                            const struct json_value *value, void *field) {
    (void)key;
    if (value->type != JSON_STRING)
        return config_refuse(reader, value, "a text");
    return config_set_text(field, value->text);
}

/* There may be a password in it, so it is never shown. */
static enum error read_proxy(struct config_reader *reader, const struct config_key *key,
                             const struct json_value *value, void *field) {
    static const char expected[] = "expected an http URL, or \"environment\"";
    struct url url;
    (void)key;
    if (value->type != JSON_STRING)
        return config_report(reader, value->line, expected);
    if (bytes_equal(value->text, bytes_of("environment")))
        return config_set_text(field, value->text);
    enum error error = url_parse(&url, value->text, NULL);
    if (error == ERROR_NO_MEMORY)
        return error;
    bool accepted = error == ERROR_NONE && url.scheme == URL_HTTP;
    url_fini(&url);
    return accepted ? config_set_text(field, value->text)
                    : config_report(reader, value->line, expected);
}

/* ---- fields ---------------------------------------------------------------------------------- */

static void free_view(struct bytes view) {
    memory_free((void *)(uintptr_t)view.data);
}

static void release_headers(void *field) {
    struct config_headers *headers = field;
    for (size_t i = 0; i < headers->count; i++) {
        free_view(headers->items[i].name);
        free_view(headers->items[i].value);
    }
    memory_free(headers->items);
    *headers = (struct config_headers){0};
}

static bool copy_view(struct bytes *view) {
    char *copy = memory_copy_text((const char *)view->data, view->size);
    *view = bytes_make(copy, view->size);
    return copy != NULL;
}

static enum error add_header(struct config_headers *headers, struct bytes name,
                             struct bytes value) {
    struct http_field *item = &headers->items[headers->count++];
    bool named = copy_view(&name), valued = copy_view(&value);
    *item = (struct http_field){name, value};
    return named && valued ? ERROR_NONE : ERROR_NO_MEMORY;
}

/* Would it be one line and nothing else? */
static enum error try_header(const struct json_value *member) {
    struct buffer line = {0};
    enum error error = member->type == JSON_STRING && fetch_field_is_allowed(member->key)
                           ? http_write_field(&line, member->key, member->text)
                           : ERROR_INVALID_ARGUMENT;
    buffer_fini(&line);
    return error;
}

/* The value may be a secret, so it is not shown. */
static enum error read_header(struct config_reader *reader, const struct json_value *member,
                              struct config_headers *headers) {
    enum error error = try_header(member);
    if (error == ERROR_INVALID_ARGUMENT)
        return config_report(reader, member->line,
                             "expected a field that may be set, and its value in one line");
    return error == ERROR_NONE ? add_header(headers, member->key, member->text) : error;
}

static enum error read_headers(struct config_reader *reader, const struct config_key *key,
                               const struct json_value *value, void *field) {
    (void)key;
    struct config_headers *headers = field;
    if (value->type != JSON_OBJECT || value->count > FETCH_FIELDS_MAX)
        return config_refuse(reader, value, "an object of at most 64 fields, each a text");
    release_headers(field);
    headers->items = memory_allocate_zeroed((value->count + 1) * sizeof *headers->items);
    enum error error = headers->items == NULL ? ERROR_NO_MEMORY : ERROR_NONE;
    size_t path_size = reader->path.size;
    for (const struct json_value *member = value->first; member != NULL && error == ERROR_NONE;
         member = member->next) {
        bool is_new;
        error = config_enter_member(reader, member, &is_new);
        if (error == ERROR_NONE && is_new)
            error = read_header(reader, member, headers);
        config_path_leave(reader, path_size);
    }
    return error;
}

/* ---- credentials ----------------------------------------------------------------------------- */

static bool is_file_reference(const struct json_value *value) {
    return value->type == JSON_OBJECT && value->count == 1 &&
           bytes_equal(value->first->key, bytes_of("file")) && value->first->type == JSON_STRING;
}

/* The secret is the value, or stands in the first line of the file {"file": NAME}. */
static enum error read_secret(struct config_reader *reader, const struct json_value *value,
                              struct buffer *secret) {
    if (value->type == JSON_STRING)
        return buffer_append(secret, value->text.data, value->text.size);
    if (!is_file_reference(value))
        return ERROR_INVALID_ARGUMENT;
    char *path = NULL;
    enum error error = config_type_file.read(reader, NULL, value->first, &path);
    if (error == ERROR_NONE)
        error = path == NULL ? ERROR_INVALID_ARGUMENT : credentials_read(path, secret);
    memory_free(path);
    return error;
}

static enum error read_credentials(struct config_reader *reader, const struct json_value *value,
                                   void *field, const char *expected,
                                   enum error (*make)(struct bytes secret, char **value)) {
    struct buffer secret = {0};
    char *made = NULL;
    enum error error = read_secret(reader, value, &secret);
    if (error == ERROR_NONE)
        error = make(buffer_bytes(&secret), &made);
    buffer_fini(&secret);
    if (error == ERROR_NONE) {
        config_release_text(field);
        *(char **)field = made;
        return ERROR_NONE;
    }
    if (error == ERROR_NO_MEMORY)
        return error;
    return error == ERROR_INVALID_ARGUMENT
               ? config_report(reader, value->line, "expected %s, or {\"file\": NAME} with that",
                               expected)
               : config_report(reader, value->line, "the file cannot be read: %s",
                               error_text(error));
}

static enum error read_basic(struct config_reader *reader, const struct config_key *key,
                             const struct json_value *value, void *field) {
    (void)key;
    return read_credentials(reader, value, field, "\"USER:PASSWORD\"", credentials_basic);
}

static enum error read_bearer(struct config_reader *reader, const struct config_key *key,
                              const struct json_value *value, void *field) {
    (void)key;
    return read_credentials(reader, value, field, "a token", credentials_bearer);
}

const struct config_type config_type_method = {read_method, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_text = {read_text, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_proxy = {read_proxy, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_headers = {read_headers, release_headers, CONFIG_FORM_JSON};
const struct config_type config_type_basic = {read_basic, config_release_text, CONFIG_FORM_TEXT};
const struct config_type config_type_bearer = {read_bearer, config_release_text, CONFIG_FORM_TEXT};
