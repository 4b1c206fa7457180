/*
 * The grammar of a head: what may stand in a line, and, over llhttp, what the lines say. Private to
 * the http layer; head.c is the one file that includes llhttp.
 *
 * Each line is checked here before llhttp sees it, because its versions differ in what they let
 * pass (8.1, of Debian 12, takes bare LF and worse). llhttp then reads the whole head in one
 * piece, with every leniency off, and has to agree.
 */
#ifndef RINGCAST_HTTP_HEAD_H
#define RINGCAST_HTTP_HEAD_H

#include "base/bytes.h"
#include "base/error.h"
#include "http/fields.h"

enum head_kind { HEAD_REQUEST, HEAD_RESPONSE };

/* Views of the text that was parsed. */
struct head {
    struct bytes method; /* of a request */
    struct bytes target;
    struct bytes reason; /* of a response; may be empty */
    int status;
    int minor_version;
    size_t field_count;
};

/*
 * "METHOD target HTTP/1.x" with single blanks (RFC 9112 §3), or "HTTP/1.x 200 reason", the blank
 * before an empty reason being optional (RFC 9112 §4). ERROR_HTTP_VERSION for a request of another
 * major version, ERROR_HTTP_MALFORMED for the rest.
 */
enum error head_check_start_line(enum head_kind kind, struct bytes line);

/* "name: value": a token, the colon right behind it, no control byte (RFC 9112 §5). */
bool head_field_line_is_valid(struct bytes line);

/*
 * Parses a head: valid lines, each with its CR LF, the empty one at the end too. `fields` has room
 * for `field_count`, the number of field lines, and gets views of the text. ERROR_UNSUPPORTED for a
 * method that is not known, ERROR_HTTP_FRAMING for a length that llhttp refuses,
 * ERROR_HTTP_MALFORMED for the rest.
 */
enum error head_parse(enum head_kind kind, struct bytes text, struct http_field *fields,
                      size_t field_count, struct head *head);

#endif
