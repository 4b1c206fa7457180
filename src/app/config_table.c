#include "config_table.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "config_nearest.h"

enum { KNOWN_KEYS_MAX = 512 };

static enum error read_members(struct config_reader *reader, const struct config_table *table,
                               struct bytes group, const struct json_value *object, void *base);

static void *field_of(const struct config_key *key, void *base) {
    return (char *)base + key->offset;
}

/*
 * The next part of a row's path below `group` ("hub.", or empty for the top): "listen" of the row
 * "hub.listen". False if the row stands elsewhere.
 */
static bool part_below(const struct config_key *key, struct bytes group, struct bytes *part) {
    struct bytes path = bytes_of(key->path);
    if (path.size <= group.size || !bytes_equal(bytes_make(path.data, group.size), group))
        return false;
    *part = bytes_after(path, group.size);
    const uint8_t *dot = memchr(part->data, '.', part->size);
    if (dot != NULL)
        part->size = (size_t)(dot - part->data);
    return true;
}

/* `"a", "b"`: the parts below `group`, each once. */
static void list_parts(const struct config_table *table, struct bytes group, char *out,
                       size_t size) {
    struct bytes part, previous = {0};
    size_t used = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (!part_below(&table->keys[i], group, &part) || bytes_equal(part, previous))
            continue;
        int length = snprintf(out + used, size - used, "%s\"%.*s\"", used > 0 ? ", " : "",
                              (int)part.size, (const char *)part.data);
        used += (size_t)length;
        assert(used < size);
        previous = part;
    }
}

static enum error report_unknown_key(struct config_reader *reader, const struct config_table *table,
                                     struct bytes group, const struct json_value *member) {
    struct nearest nearest = nearest_to(member->key);
    struct bytes part;
    for (size_t i = 0; i < table->count; i++)
        if (part_below(&table->keys[i], group, &part))
            nearest_consider(&nearest, part);
    if (nearest.best.size > 0)
        return config_report(reader, member->key_line, "unknown key; did you mean \"%.*s\"?",
                             (int)nearest.best.size, (const char *)nearest.best.data);
    char known[KNOWN_KEYS_MAX];
    list_parts(table, group, known, sizeof known);
    return config_report(reader, member->key_line, "unknown key; known here: %s", known);
}

/* A row's path ends with `part`, or goes on below it: then the member is a group of keys. */
static enum error read_known(struct config_reader *reader, const struct config_table *table,
                             const struct config_key *key, struct bytes part,
                             const struct json_value *member, void *base) {
    const char *end = (const char *)part.data + part.size;
    if (*end == '\0')
        return key->type->read(reader, key, member, field_of(key, base));
    if (member->type != JSON_OBJECT)
        return config_refuse(reader, member, "an object");
    struct bytes group = bytes_make(key->path, (size_t)(end + 1 - key->path));
    return read_members(reader, table, group, member, base);
}

static enum error read_member(struct config_reader *reader, const struct config_table *table,
                              struct bytes group, const struct json_value *member, void *base) {
    struct bytes part;
    for (size_t i = 0; i < table->count; i++)
        if (part_below(&table->keys[i], group, &part) && bytes_equal(part, member->key))
            return read_known(reader, table, &table->keys[i], part, member, base);
    return report_unknown_key(reader, table, group, member);
}

/* The depth of the recursion is that of the table's paths. */
static enum error read_members(struct config_reader *reader, const struct config_table *table,
                               struct bytes group, const struct json_value *object, void *base) {
    enum error error = ERROR_NONE;
    size_t path_size = reader->path.size;
    for (const struct json_value *member = object->first; member != NULL && error == ERROR_NONE;
         member = member->next) {
        bool is_new;
        error = config_enter_member(reader, member, &is_new);
        if (error == ERROR_NONE && is_new)
            error = read_member(reader, table, group, member, base);
        config_path_leave(reader, path_size);
    }
    return error;
}

enum error config_enter_member(struct config_reader *reader, const struct json_value *member,
                               bool *is_new) {
    *is_new = member->repeats == NULL;
    enum error error = config_path_enter_key(reader, member->key);
    if (error == ERROR_NONE && !*is_new)
        error = config_report(reader, member->key_line, "given twice, first on line %u",
                              (unsigned)member->repeats->key_line);
    return error;
}

enum error config_table_read(struct config_reader *reader, const struct config_table *table,
                             const struct json_value *object, void *base) {
    if (object->type != JSON_OBJECT)
        return config_refuse(reader, object, "an object");
    return read_members(reader, table, bytes_of(""), object, base);
}

static bool is_digits(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    return text.size > 0;
}

/* "[::1]:80" is not. */
static bool is_list(struct bytes text) {
    return text.size > 1 && text.data[0] == '[' && text.data[text.size - 1] == ']';
}

static enum error read_as_text(struct config_reader *reader, const struct config_key *key,
                               struct bytes text, void *base) {
    struct json_value value = {.type = JSON_STRING, .text = text};
    if (!utf8_is_valid(text))
        return config_refuse(reader, &value, "UTF-8");
    return key->type->read(reader, key, &value, field_of(key, base));
}

/* What is no JSON, and was not meant to be a list, is refused better by the type: `many` is no
 * integer from 1 to 10000, whatever JSON may say about it. */
static enum error read_as_json(struct config_reader *reader, const struct config_key *key,
                               struct bytes text, void *base) {
    struct json_document document;
    struct json_syntax_error problem;
    enum error error = json_document_init(&document, text, &problem);
    if (error == ERROR_CONFIG_INVALID)
        return text.size > 0 && (text.data[0] == '[' || text.data[0] == '{')
                   ? config_report_syntax(reader, &problem)
                   : read_as_text(reader, key, text, base);
    if (error != ERROR_NONE)
        return error;
    error = key->type->read(reader, key, document.values, field_of(key, base));
    json_document_fini(&document);
    return error;
}

enum error config_key_read_text(struct config_reader *reader, const struct config_key *key,
                                struct bytes text, void *base) {
    if (text.size > JSON_TEXT_MAX)
        return config_report(reader, 0, "larger than 16MiB");
    enum config_form form = key->type->form;
    if (form == CONFIG_FORM_JSON || (form == CONFIG_FORM_TEXT_OR_INTEGER && is_digits(text)) ||
        (form == CONFIG_FORM_TEXT_OR_LIST && is_list(text)))
        return read_as_json(reader, key, text, base);
    return read_as_text(reader, key, text, base);
}

enum error config_table_set_defaults(const struct config_table *table, void *base) {
    struct config_errors errors = {0};
    struct config_reader reader = {.errors = &errors, .source = "default"};
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < table->count && error == ERROR_NONE; i++)
        if (table->keys[i].default_text != NULL)
            error = config_key_read_text(&reader, &table->keys[i],
                                         bytes_of(table->keys[i].default_text), base);
    assert(errors.count == 0); /* a row whose default breaks its own rule */
    config_reader_fini(&reader);
    return error;
}

void config_table_release(const struct config_table *table, void *base) {
    for (size_t i = 0; i < table->count; i++)
        if (table->keys[i].type->release != NULL)
            table->keys[i].type->release(field_of(&table->keys[i], base));
}
