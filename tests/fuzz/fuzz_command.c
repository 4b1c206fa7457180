/*
 * Commands of the JSON subprotocol. The whole input is a text.
 *
 * Oracles: what is read is a flat JSON object with a type, by a plain reading of RFC 8259, and what
 * is such an object is read; its members are those that a JSON tree of the same text has.
 */
#include <string.h>

#include "command.h"
#include "fuzz.h"
#include "json_reference.h"
#include "ws_reference.h"
#include "json/document.h"

static bool is_flat(const struct json_value *object) {
    for (const struct json_value *member = object->first; member != NULL; member = member->next)
        if (member->type == JSON_ARRAY || member->type == JSON_OBJECT)
            return false;
    return true;
}

/* Of several members the last one counts. */
static const struct json_value *last_of(const struct json_value *object, const char *name,
                                        enum json_type type) {
    const struct json_value *found = NULL;
    for (const struct json_value *member = object->first; member != NULL; member = member->next)
        if (bytes_equal(member->key, bytes_of(name)) && member->type == type)
            found = member;
    return found;
}

/* Are all of them whole numbers, as they are written? */
static bool is_whole(const struct json_value *object, const char *name) {
    uint64_t value;
    for (const struct json_value *member = object->first; member != NULL; member = member->next)
        if (bytes_equal(member->key, bytes_of(name)) && member->type != JSON_STRING &&
            !bytes_to_unsigned(member->source, &value))
            return false;
    return true;
}

static bool are_whole(const struct json_value *object) {
    return is_whole(object, "id") && is_whole(object, "offset") && is_whole(object, "last") &&
           is_whole(object, "limit");
}

static void check_text(const struct json_value *object, const char *name, struct bytes read) {
    const struct json_value *member = last_of(object, name, JSON_STRING);
    FUZZ_CHECK(member == NULL ? read.size == 0 : bytes_equal(member->text, read));
}

static void check_number(const struct json_value *object, const char *name, bool there,
                         uint64_t read) {
    const struct json_value *member = last_of(object, name, JSON_NUMBER);
    uint64_t value;
    FUZZ_CHECK((member != NULL) == there);
    if (member != NULL)
        FUZZ_CHECK(bytes_to_unsigned(member->source, &value) && value == read);
}

static void check_members(const struct json_value *object, const struct command *command) {
    check_text(object, "type", command->type);
    check_text(object, "channel", command->channel);
    check_text(object, "epoch", command->epoch);
    check_text(object, "text", command->text);
    check_text(object, "base64", command->base64);
    FUZZ_CHECK(command->has_text == (last_of(object, "text", JSON_STRING) != NULL));
    FUZZ_CHECK(command->has_base64 == (last_of(object, "base64", JSON_STRING) != NULL));
    check_number(object, "id", command->has_id, command->id);
    check_number(object, "offset", command->has_offset, command->offset);
    check_number(object, "last", command->has_last, command->last);
    check_number(object, "limit", command->has_limit, command->limit);
}

/* A NUL in a string, which the tree refuses, is a character like any other here. */
static bool has_nul(struct bytes text) {
    return text.size >= 6 && memmem(text.data, text.size, "\\u0000", 6) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes text = bytes_make(data, size);
    struct command command;
    struct json_document document;
    struct json_syntax_error problem;
    if (!ref_utf8(text, true) || has_nul(text))
        return 0;
    bool read = command_read(text, &command) == NULL;
    if (read)
        FUZZ_CHECK(ref_is_json_with(text, true));
    if (json_document_init(&document, text, &problem) == ERROR_NONE) {
        const struct json_value *root = document.values;
        const struct json_value *type =
            root->type == JSON_OBJECT ? last_of(root, "type", JSON_STRING) : NULL;
        bool good = type != NULL && type->text.size > 0 && is_flat(root) && are_whole(root);
        FUZZ_CHECK(read == good);
        if (read)
            check_members(root, &command);
        json_document_fini(&document);
    }
    if (read)
        command_fini(&command);
    memory_fail_after(0, 1);
    FUZZ_CHECK(command_read(text, &command) != NULL);
    memory_fail_after(0, 0);
    return 0;
}
