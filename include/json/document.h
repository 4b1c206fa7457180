/*
 * A JSON text as a tree. text.h checks it, cJSON decodes it, and here each value is joined
 * with the place where it stands.
 *
 * The document owns its values; their `source` is a view of the text, which must outlive it.
 */
#ifndef RINGCAST_JSON_DOCUMENT_H
#define RINGCAST_JSON_DOCUMENT_H

#include "base/bytes.h"
#include "json/text.h"

enum json_type { JSON_NULL, JSON_BOOLEAN, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
    enum json_type type;
    bool boolean;
    uint32_t line;
    uint32_t key_line;
    size_t count;                   /* of elements or members */
    const struct json_value *first; /* of an array or an object; NULL when it is empty */
    const struct json_value *next;  /* in the same array or object */
    const struct json_value
        *repeats; /* an earlier member of the same object with this key, or NULL */
    double number;
    struct bytes key;    /* decoded, in an object */
    struct bytes text;   /* a string, decoded */
    struct bytes source; /* as written; quotes and brackets included */
};

struct cJSON;

struct json_document {
    struct json_value *values; /* the root comes first */
    struct cJSON *tree;
};

/*
 * Reads a text of at most JSON_TEXT_MAX bytes. ERROR_CONFIG_INVALID: `problem` is filled. After a
 * failure there is nothing to end.
 */
enum error json_document_init(struct json_document *document, struct bytes text,
                              struct json_syntax_error *problem);

/* The member of an object with that key, or NULL; of several the first. */
const struct json_value *json_member(const struct json_value *object, const char *key);

void json_document_fini(struct json_document *document);

#endif
