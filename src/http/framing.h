/*
 * Where a body ends: RFC 9112 §6 and §7, as pure functions. Stricter than llhttp, on purpose: every
 * length that two readers could understand in two ways is refused. Private to the http layer.
 */
#ifndef RINGCAST_HTTP_FRAMING_H
#define RINGCAST_HTTP_FRAMING_H

#include "base/bytes.h"
#include "base/error.h"
#include "head.h"
#include "http/fields.h"

enum framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_UNTIL_CLOSE };

/*
 * What the fields of a head say about the length. `*content_length` is what Content-Length says, or
 * -1. FRAMING_NONE only for a request without either field. ERROR_HTTP_FRAMING if it is not clear.
 */
enum error framing_decide(enum head_kind kind, int minor_version, struct http_fields fields,
                          enum framing *framing, int64_t *content_length);

/*
 * Reads a chunk's first line (RFC 9112 §7.1): hexadecimal digits, 16 at most, then nothing or an
 * extension, whose size is told. False if it is anything else.
 */
bool framing_parse_chunk_line(struct bytes line, uint64_t *size, size_t *extension_size);

#endif
