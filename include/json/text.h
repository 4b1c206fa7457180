/*
 * Strict JSON as text (RFC 8259): is it valid, and where does each value stand? It builds no tree;
 * that is document.h. Beyond the RFC's grammar it refuses what later steps could not carry:
 * a byte order mark, text that is not UTF-8, NUL characters, halves of surrogate pairs, and more
 * than the limits below (RFC 8259 section 9 allows such limits).
 */
#ifndef RINGCAST_JSON_TEXT_H
#define RINGCAST_JSON_TEXT_H

#include "base/bound.h"
#include "base/bytes.h"

enum {
    JSON_TEXT_MAX = 16 * 1024 * 1024, /* bytes of a text */
    JSON_DEPTH_MAX = BOUND(32, 6),    /* objects and arrays within each other */
    JSON_NUMBER_MAX = BOUND(63, 12),  /* characters of a number: what cJSON can take */
};

/* Where a value stands in the text. Lines count from 1. */
struct json_place {
    uint32_t offset;
    uint32_t size;
    uint32_t line;
    uint32_t key_line; /* of the value's key; outside of objects, the value's own line */
};

/* What stood where, and what should have. Columns count characters from 1. */
struct json_syntax_error {
    size_t line;
    size_t column;
    char found[64];
    const char *expected; /* constant text */
};

/*
 * Scans a whole text of at most JSON_TEXT_MAX bytes. Appends one struct json_place for each value
 * to `places`, containers before what they contain. ERROR_CONFIG_INVALID: `problem` is filled.
 */
enum error json_text_scan(struct bytes text, struct buffer *places,
                          struct json_syntax_error *problem);

#endif
