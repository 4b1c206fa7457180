#include "state_line.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/memory.h"
#include "json/document.h"

/* ---- writing --------------------------------------------------------------------------------- */

static enum error append_text(struct buffer *out, const char *key, const char *value) {
    if (value == NULL)
        return ERROR_NONE;
    enum error error = buffer_append_text(out, key);
    return error == ERROR_NONE ? json_append_string(out, bytes_of(value)) : error;
}

static enum error append_known(struct buffer *out, const struct schedule_memory *memory) {
    char hex[SHA256_HEX_SIZE];
    if (!memory->known)
        return ERROR_NONE;
    enum error error = buffer_format(out, ",\"status\":%d", memory->status);
    if (error == ERROR_NONE)
        error = append_text(out, ",\"error\":", error_name(memory->error));
    if (error == ERROR_NONE)
        error = append_text(out, ",\"title\":", memory->title);
    if (memory->digest == NULL || error != ERROR_NONE)
        return error;
    sha256_to_hex(memory->digest, hex);
    return append_text(out, ",\"sha256\":", hex);
}

static enum error append_validators(struct buffer *out, const struct schedule_memory *memory) {
    const struct fetch_validators *validators = &memory->validators;
    if (validators->url == NULL)
        return ERROR_NONE;
    enum error error = append_text(out, ",\"content_url\":", validators->url);
    if (error == ERROR_NONE)
        error = append_text(out, ",\"etag\":", validators->etag);
    if (error == ERROR_NONE)
        error = append_text(out, ",\"last_modified\":", validators->last_modified);
    return error == ERROR_NONE
               ? buffer_format(out, ",\"content_time\":%lld", (long long)memory->full_time)
               : error;
}

enum error state_line_append(struct buffer *out, const struct config_url *url,
                             const struct schedule_memory *memory) {
    enum error error =
        buffer_format(out, "{\"request\":\"%016llx\"", (unsigned long long)url->request_hash);
    if (error == ERROR_NONE)
        error = append_text(out, ",\"url\":", url->url);
    if (error == ERROR_NONE)
        error = append_known(out, memory);
    if (error == ERROR_NONE)
        error = append_validators(out, memory);
    if (error == ERROR_NONE && memory->asked_time > 0)
        error = buffer_format(out, ",\"asked_time\":%lld", (long long)memory->asked_time);
    if (error == ERROR_NONE && memory->failures > 0)
        error = buffer_format(out, ",\"failures\":%u", memory->failures);
    if (error == ERROR_NONE && memory->due > 0)
        error = buffer_format(out, ",\"due\":%lld", (long long)memory->due);
    return error == ERROR_NONE ? buffer_append_text(out, "}\n") : error;
}

/* ---- reading --------------------------------------------------------------------------------- */

void state_memory_fini(struct state_memory *memory) {
    memory_free((char *)(uintptr_t)memory->memory.title);
    memory_free((char *)(uintptr_t)memory->memory.validators.url);
    memory_free((char *)(uintptr_t)memory->memory.validators.etag);
    memory_free((char *)(uintptr_t)memory->memory.validators.last_modified);
    *memory = (struct state_memory){0};
}

/* The text of a member, empty if there is none. */
static struct bytes text_of(const struct json_value *line, const char *key) {
    const struct json_value *value = json_member(line, key);
    return value != NULL && value->type == JSON_STRING ? value->text : bytes_make(NULL, 0);
}

static int64_t number_of(const struct json_value *line, const char *key, int64_t most) {
    const struct json_value *value = json_member(line, key);
    if (value == NULL || value->type != JSON_NUMBER || !(value->number >= 0) ||
        value->number > (double)most)
        return 0;
    return (int64_t)value->number;
}

/* A copy, or NULL when there is no such member. A NUL in it would end it early. */
static bool copy_member(const struct json_value *line, const char *key, const char **copy) {
    const struct json_value *value = json_member(line, key);
    if (value == NULL || value->type != JSON_STRING)
        return true;
    *copy = memory_copy_text((const char *)value->text.data, value->text.size);
    return *copy != NULL;
}

static int hex_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9'   ? byte - '0'
           : byte >= 'a' && byte <= 'f' ? byte - 'a' + 10
                                        : -1;
}

static bool read_hex(struct bytes text, uint8_t *out, size_t size) {
    if (text.size != 2 * size)
        return false;
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text.data[2 * i]), low = hex_digit(text.data[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* Names of errors outlast their numbers. */
static bool read_error(struct bytes name, enum error *error) {
    for (int i = 0; i < ERROR_COUNT; i++) {
        *error = (enum error)i;
        if (bytes_equal(name, bytes_of(error_name(*error))))
            return true;
    }
    *error = ERROR_NONE;
    return false;
}

static bool read_request(const struct json_value *line, uint64_t *hash) {
    uint8_t bytes[sizeof *hash];
    if (!read_hex(text_of(line, "request"), bytes, sizeof bytes))
        return false;
    *hash = 0;
    for (size_t i = 0; i < sizeof bytes; i++)
        *hash = *hash << 8 | bytes[i];
    return true;
}

enum { FAILURES_MOST = 1000000, STATUS_MOST = 999 };
static const int64_t TIME_MOST = (int64_t)1 << 40;

static enum error read_members(const struct json_value *line, struct state_memory *memory) {
    struct schedule_memory *known = &memory->memory;
    known->known = read_error(text_of(line, "error"), &known->error);
    known->status = (int)number_of(line, "status", STATUS_MOST);
    if (read_hex(text_of(line, "sha256"), memory->digest, SHA256_SIZE))
        known->digest = memory->digest;
    known->full_time = number_of(line, "content_time", TIME_MOST);
    known->asked_time = number_of(line, "asked_time", TIME_MOST);
    known->failures = (unsigned)number_of(line, "failures", FAILURES_MOST);
    known->due = number_of(line, "due", TIME_MOST);
    bool copied = copy_member(line, "title", &known->title) &&
                  copy_member(line, "content_url", &known->validators.url) &&
                  copy_member(line, "etag", &known->validators.etag) &&
                  copy_member(line, "last_modified", &known->validators.last_modified);
    memory->found = copied;
    return copied ? ERROR_NONE : ERROR_NO_MEMORY;
}

enum error state_line_read(struct bytes line, uint64_t *hash, struct state_memory *memory) {
    struct json_document document;
    struct json_syntax_error problem;
    *memory = (struct state_memory){0};
    if (line.size > JSON_TEXT_MAX)
        return ERROR_CONFIG_INVALID;
    enum error error = json_document_init(&document, line, &problem);
    if (error != ERROR_NONE)
        return error;
    const struct json_value *root = document.values;
    error = root->type == JSON_OBJECT && read_request(root, hash) ? read_members(root, memory)
                                                                  : ERROR_CONFIG_INVALID;
    json_document_fini(&document);
    if (error != ERROR_NONE)
        state_memory_fini(memory);
    return error;
}
