#include "ws/field.h"

#include <string.h>

size_t ws_fields_find(struct ws_fields fields, const char *name, struct bytes *value) {
    struct bytes wanted = bytes_of(name);
    size_t found = 0;
    for (size_t i = 0; i < fields.count; i++) {
        if (!bytes_equal_ignoring_case(fields.array[i].name, wanted))
            continue;
        if (found++ == 0 && value != NULL)
            *value = bytes_trimmed(fields.array[i].value);
    }
    return found;
}

/* Where the element at the start of `text` ends: a comma outside quotes, or the end. */
static size_t element_size(struct bytes text) {
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"')
            quoted = !quoted;
        else if (quoted && text.data[i] == '\\')
            i++;
        else if (!quoted && text.data[i] == ',')
            return i;
    }
    return text.size;
}

struct ws_list ws_list_begin(struct ws_fields fields, const char *name) {
    return (struct ws_list){.fields = fields, .name = name, .rest = bytes_of("")};
}

struct ws_list ws_list_of(struct bytes value) {
    return (struct ws_list){.name = "", .rest = value};
}

/* Goes on to the next field of the name. False if there is none. */
static bool next_field(struct ws_list *list) {
    struct bytes wanted = bytes_of(list->name);
    while (list->fields.count > 0) {
        const struct ws_field *field = list->fields.array++;
        list->fields.count--;
        if (bytes_equal_ignoring_case(field->name, wanted)) {
            list->rest = field->value;
            return true;
        }
    }
    return false;
}

bool ws_list_next(struct ws_list *list, struct bytes *element) {
    do {
        while (list->rest.size > 0) {
            size_t size = element_size(list->rest);
            *element = bytes_trimmed(bytes_make(list->rest.data, size));
            list->rest = bytes_after(list->rest, size < list->rest.size ? size + 1 : size);
            if (element->size > 0)
                return true;
        }
    } while (next_field(list));
    return false;
}

bool ws_list_has(struct ws_fields fields, const char *name, const char *token) {
    struct ws_list list = ws_list_begin(fields, name);
    struct bytes element;
    while (ws_list_next(&list, &element))
        if (bytes_equal_ignoring_case(element, bytes_of(token)))
            return true;
    return false;
}

static bool is_token_character(uint8_t character) {
    return (character >= '0' && character <= '9') || (character >= 'A' && character <= 'Z') ||
           (character >= 'a' && character <= 'z') ||
           (character != 0 && strchr("!#$%&'*+-.^_`|~", character) != NULL);
}

bool ws_is_token(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (!is_token_character(text.data[i]))
            return false;
    return text.size > 0;
}

static struct bytes take_token(struct bytes *rest) {
    size_t size = 0;
    while (size < rest->size && is_token_character(rest->data[size]))
        size++;
    struct bytes token = bytes_make(rest->data, size);
    *rest = bytes_after(*rest, size);
    return token;
}

/*
 * `"token"`: RFC 6455 section 9.1 allows quotes only around what is a token without them, so there
 * is nothing to unescape.
 */
static bool take_quoted(struct bytes *rest, struct bytes *value) {
    struct bytes after = bytes_after(*rest, 1);
    *value = take_token(&after);
    if (value->size == 0 || after.size == 0 || after.data[0] != '"')
        return false;
    *rest = bytes_after(after, 1);
    return true;
}

static bool take_value(struct bytes *rest, struct bytes *value) {
    *rest = bytes_trimmed(bytes_after(*rest, 1));
    if (rest->size > 0 && rest->data[0] == '"')
        return take_quoted(rest, value);
    *value = take_token(rest);
    return value->size > 0;
}

bool ws_parameter_next(struct bytes *rest, struct bytes *name, struct bytes *value) {
    struct bytes text = bytes_trimmed(*rest);
    if (text.size == 0)
        return false;
    *name = take_token(&text);
    *value = bytes_of("");
    if (name->size == 0)
        return false;
    text = bytes_trimmed(text);
    if (text.size > 0 && text.data[0] == '=' && !take_value(&text, value))
        return false;
    text = bytes_trimmed(text);
    if (text.size > 0 && text.data[0] != ';')
        return false;
    if (text.size > 0) {
        text = bytes_trimmed(bytes_after(text, 1));
        if (text.size == 0)
            return false; /* nothing behind the semicolon */
    }
    *rest = text;
    return true;
}

bool ws_extension_is_valid(struct bytes element) {
    struct bytes name, value;
    if (!ws_parameter_next(&element, &name, &value) || value.size > 0)
        return false;
    while (element.size > 0)
        if (!ws_parameter_next(&element, &name, &value))
            return false;
    return true;
}
