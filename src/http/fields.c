#include "http/fields.h"

#include "characters.h"

bool http_fields_find(struct http_fields fields, const char *name, struct bytes *value) {
    struct bytes wanted = bytes_of(name);
    for (size_t i = 0; i < fields.count; i++)
        if (bytes_equal_ignoring_case(fields.items[i].name, wanted)) {
            *value = fields.items[i].value;
            return true;
        }
    return false;
}

size_t http_fields_count(struct http_fields fields, const char *name) {
    struct bytes wanted = bytes_of(name);
    size_t count = 0;
    for (size_t i = 0; i < fields.count; i++)
        count += bytes_equal_ignoring_case(fields.items[i].name, wanted);
    return count;
}

bool http_fields_has_token(struct http_fields fields, const char *name, const char *token) {
    struct http_fields_list list = http_fields_list_begin(fields, name);
    struct bytes wanted = bytes_of(token), element;
    while (http_fields_list_next(&list, &element))
        if (bytes_equal_ignoring_case(element, wanted))
            return true;
    return false;
}

/* Where the first `separator` outside a quoted string stands, or the text's size. */
static size_t find_separator(struct bytes text, uint8_t separator) {
    bool quoted = false;
    for (size_t i = 0; i < text.size; i++) {
        if (!quoted && text.data[i] == separator)
            return i;
        if (text.data[i] == '"')
            quoted = !quoted;
        else if (quoted && text.data[i] == '\\')
            i++;
    }
    return text.size;
}

/* Takes the text up to the separator, without blanks around it, and drops the separator. */
static struct bytes take_part(struct bytes *text, uint8_t separator) {
    size_t size = find_separator(*text, separator);
    struct bytes part = bytes_trimmed(bytes_make(text->data, size));
    *text = bytes_after(*text, size < text->size ? size + 1 : size);
    return part;
}

bool http_list_next(struct bytes *list, struct bytes *element) {
    while (list->size > 0) {
        *element = take_part(list, ',');
        if (element->size > 0)
            return true;
    }
    return false;
}

struct http_fields_list http_fields_list_begin(struct http_fields fields, const char *name) {
    return (struct http_fields_list){.fields = fields, .name = bytes_of(name)};
}

/* Goes on to the next field of the name. False if there is none. */
static bool next_field(struct http_fields_list *list) {
    while (list->fields.count > 0) {
        const struct http_field *field = list->fields.items++;
        list->fields.count--;
        if (bytes_equal_ignoring_case(field->name, list->name)) {
            list->rest = field->value;
            return true;
        }
    }
    return false;
}

bool http_fields_list_next(struct http_fields_list *list, struct bytes *element) {
    do {
        if (http_list_next(&list->rest, element))
            return true;
    } while (next_field(list));
    return false;
}

bool http_is_token(struct bytes text) {
    return text.size > 0 && characters_are(text, CHARACTER_TOKEN);
}

bool http_parameter_next(struct bytes *parameters, struct bytes *name, struct bytes *value) {
    while (parameters->size > 0) {
        *value = take_part(parameters, ';');
        *name = take_part(value, '=');
        *value = bytes_trimmed(*value);
        if (http_is_token(*name))
            return true;
    }
    return false;
}

bool http_media_type_parse(struct bytes text, struct http_media_type *media_type) {
    if (text.size == 0)
        return false;
    struct bytes rest = text;
    struct bytes essence = take_part(&rest, ';');
    media_type->parameters = bytes_after(text, find_separator(text, ';'));
    media_type->type = take_part(&essence, '/');
    media_type->subtype = essence;
    return http_is_token(media_type->type) && http_is_token(media_type->subtype);
}

/* Copies a token, or the inside of a quoted string. False if the quotes are not closed. */
static bool copy_value(struct bytes text, char *value, size_t capacity) {
    bool quoted = text.size > 0 && text.data[0] == '"', closed = !quoted;
    size_t size = 0;
    for (size_t i = quoted; i < text.size; i++) {
        if (quoted && text.data[i] == '"') {
            closed = i + 1 == text.size;
            break;
        }
        if (quoted && text.data[i] == '\\' && ++i == text.size)
            break;
        if (size + 1 >= capacity)
            return false;
        value[size++] = (char)text.data[i];
    }
    if (size < capacity)
        value[size] = '\0';
    return closed && size < capacity;
}

bool http_media_type_parameter(const struct http_media_type *media_type, const char *name,
                               char *value, size_t capacity) {
    struct bytes rest = media_type->parameters, wanted = bytes_of(name), found, text;
    while (http_parameter_next(&rest, &found, &text))
        if (bytes_equal_ignoring_case(found, wanted))
            return copy_value(text, value, capacity);
    return false;
}
