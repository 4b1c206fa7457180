#include "extension.h"

#include "http/fields.h"

/* Parts `text` at the first separator, which may be missing: then nothing is behind it. */
static bool split(struct bytes text, uint8_t separator, struct bytes *before,
                  struct bytes *behind) {
    size_t size = 0;
    while (size < text.size && text.data[size] != separator)
        size++;
    bool found = size < text.size;
    *before = bytes_trimmed(bytes_make(text.data, size));
    *behind = bytes_trimmed(bytes_after(text, found ? size + 1 : size));
    return found;
}

/* A token may be quoted, its characters behind backslashes or not (RFC 9110 section 5.6.4). */
static bool value_is_valid(struct bytes value) {
    if (value.size < 3 || value.data[0] != '"' || value.data[value.size - 1] != '"')
        return http_is_token(value);
    for (size_t i = 1; i < value.size - 1; i++) {
        i += value.data[i] == '\\';
        if (!http_is_token(bytes_make(value.data + i, 1)))
            return false;
    }
    return true;
}

static bool parameter_is_valid(struct bytes parameter) {
    struct bytes name, value;
    bool has_value = split(parameter, '=', &name, &value);
    return http_is_token(name) && (!has_value || value_is_valid(value));
}

/* A semicolon within quotes parts too: what it breaks was no token, and is refused either way. */
bool ws_extension_is_valid(struct bytes element) {
    struct bytes name, parameter;
    bool more = split(element, ';', &name, &element);
    bool valid = http_is_token(name);
    while (valid && more) {
        more = split(element, ';', &parameter, &element);
        valid = parameter_is_valid(parameter);
    }
    return valid;
}

struct bytes ws_extension_name(struct bytes element) {
    struct bytes name, parameters;
    split(element, ';', &name, &parameters);
    return name;
}

bool ws_extension_parameter_next(struct bytes *element, struct ws_extension_parameter *parameter) {
    struct bytes before, text;
    if (!split(*element, ';', &before, element))
        return false;
    struct bytes behind;
    split(*element, ';', &text, &behind);
    parameter->has_value = split(text, '=', &parameter->name, &parameter->value);
    return true;
}
