/*
 * HTTP header fields as the WebSocket handshake needs them: looking up by name, and walking lists
 * of comma-separated elements (RFC 9110 section 5.6). Views only; nothing is allocated. This keeps
 * the layer free of the HTTP layer: the caller fills an array of name and value.
 */
#ifndef RINGCAST_WS_FIELD_H
#define RINGCAST_WS_FIELD_H

#include "base/bytes.h"

struct ws_field {
    struct bytes name, value;
};

struct ws_fields {
    const struct ws_field *array;
    size_t count;
};

/* How many fields have this name (in any case). `value`, unless NULL, becomes the first, trimmed.
 */
size_t ws_fields_find(struct ws_fields fields, const char *name, struct bytes *value);

/* All elements of all fields of one name, in order: as if the fields were one list. */
struct ws_list {
    struct ws_fields fields;
    const char *name;
    struct bytes rest; /* of the current field's value */
};

struct ws_list ws_list_begin(struct ws_fields fields, const char *name);

/* The elements of one value that is at hand. */
struct ws_list ws_list_of(struct bytes value);

/*
 * The next element, trimmed; empty ones are skipped (RFC 9110 section 5.6.1). A comma within a
 * quoted string parts nothing. False at the end.
 */
bool ws_list_next(struct ws_list *list, struct bytes *element);

/* Is `token` an element, in any case? */
bool ws_list_has(struct ws_fields fields, const char *name, const char *token);

/* A token by RFC 9110 section 5.6.2: at least one character, no separators. */
bool ws_is_token(struct bytes text);

/*
 * Takes the next part of an element such as `permessage-deflate; server_max_window_bits="10"`
 * off `rest`: first the extension's name, then each parameter. `value` is unquoted, or empty if
 * there is none. False at the end, and also on bad syntax: then `rest` is not empty.
 */
bool ws_parameter_next(struct bytes *rest, struct bytes *name, struct bytes *value);

/* Is the element a token with parameters, as RFC 6455 section 9.1 has it? */
bool ws_extension_is_valid(struct bytes element);

#endif
