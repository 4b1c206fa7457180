/*
 * The fields of an HTTP head ("Name: value" lines), and the small grammars inside their values:
 * comma lists, tokens, media types (RFC 9110 §5 and §8.3).
 *
 * Everything here is a view of memory that the caller owns: a parser's head, usually. Nothing
 * allocates, and nothing fails but by saying "not there".
 */
#ifndef RINGCAST_HTTP_FIELDS_H
#define RINGCAST_HTTP_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/* One field line. The value has no blanks at its ends; the name is as it was sent. */
struct http_field {
    struct bytes name;
    struct bytes value;
};

/* A view of all fields of a head, in the order of their lines. */
struct http_fields {
    const struct http_field *items;
    size_t count;
};

/* The value of the first field called `name` (ignoring case). False if there is none. */
bool http_fields_find(struct http_fields fields, const char *name, struct bytes *value);

/* How many fields are called `name`. */
size_t http_fields_count(struct http_fields fields, const char *name);

/* Whether `token` (ignoring case) is an element of the comma list in any field called `name`. */
bool http_fields_has_token(struct http_fields fields, const char *name, const char *token);

/*
 * Takes the next element off a comma list (RFC 9110 §5.6.1): without blanks around it, empty ones
 * skipped, a comma inside a quoted string being none. False at the end of the list.
 */
bool http_list_next(struct bytes *list, struct bytes *element);

/* The comma lists of all fields of one name, read as one list (RFC 9110 §5.3). */
struct http_fields_list {
    struct http_fields fields; /* those not looked at yet */
    struct bytes name;
    struct bytes rest; /* of the current field's value */
};

/* At the beginning of the list. `name` is borrowed as long as the list is read. */
struct http_fields_list http_fields_list_begin(struct http_fields fields, const char *name);

/* Takes the next element off it, as http_list_next() does. False at the end. */
bool http_fields_list_next(struct http_fields_list *list, struct bytes *element);

/* Whether `text` is a token (RFC 9110 §5.6.2); an empty text is none. */
bool http_is_token(struct bytes text);

/*
 * Takes the next parameter off a list of `; name=value` (RFC 9110 §5.6.6). A quoted value keeps its
 * quotes; a parameter without `=` has an empty value. What is no parameter is skipped. False at
 * the end.
 */
bool http_parameter_next(struct bytes *parameters, struct bytes *name, struct bytes *value);

/* "text/html; charset=utf-8" in its parts; `parameters` starts at the first semicolon. */
struct http_media_type {
    struct bytes type;
    struct bytes subtype;
    struct bytes parameters;
};

/* False unless the text starts with `type/subtype`. */
bool http_media_type_parse(struct bytes text, struct http_media_type *media_type);

/*
 * Copies the value of the first parameter called `name`, its quotes and escapes undone, and a NUL
 * behind it. False if there is none, if its quotes are not closed, or if it needs more than
 * `capacity` bytes.
 */
bool http_media_type_parameter(const struct http_media_type *media_type, const char *name,
                               char *value, size_t capacity);

#endif
