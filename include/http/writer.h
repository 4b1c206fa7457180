/*
 * Writes the heads of requests and responses, and knows the status codes. Each function appends to
 * a buffer; if it fails, the buffer's content is as it was. What would break a line out of its
 * place (CR, LF, NUL or another control byte in a value, a blank in a target) is
 * ERROR_INVALID_ARGUMENT, so that nothing from a config, a redirect or a peer can add a field.
 */
#ifndef RINGCAST_HTTP_WRITER_H
#define RINGCAST_HTTP_WRITER_H

#include "base/bytes.h"
#include "base/error.h"
#include "http/fields.h"

/* The status codes of RFC 9110 §15 and RFC 6585, with their usual reasons. */
#define HTTP_STATUS_TABLE(ROW)                                               \
    ROW(100, CONTINUE, "Continue")                                           \
    ROW(101, SWITCHING_PROTOCOLS, "Switching Protocols")                     \
    ROW(103, EARLY_HINTS, "Early Hints")                                     \
    ROW(200, OK, "OK")                                                       \
    ROW(201, CREATED, "Created")                                             \
    ROW(202, ACCEPTED, "Accepted")                                           \
    ROW(203, NON_AUTHORITATIVE, "Non-Authoritative Information")             \
    ROW(204, NO_CONTENT, "No Content")                                       \
    ROW(205, RESET_CONTENT, "Reset Content")                                 \
    ROW(206, PARTIAL_CONTENT, "Partial Content")                             \
    ROW(300, MULTIPLE_CHOICES, "Multiple Choices")                           \
    ROW(301, MOVED_PERMANENTLY, "Moved Permanently")                         \
    ROW(302, FOUND, "Found")                                                 \
    ROW(303, SEE_OTHER, "See Other")                                         \
    ROW(304, NOT_MODIFIED, "Not Modified")                                   \
    ROW(307, TEMPORARY_REDIRECT, "Temporary Redirect")                       \
    ROW(308, PERMANENT_REDIRECT, "Permanent Redirect")                       \
    ROW(400, BAD_REQUEST, "Bad Request")                                     \
    ROW(401, UNAUTHORIZED, "Unauthorized")                                   \
    ROW(403, FORBIDDEN, "Forbidden")                                         \
    ROW(404, NOT_FOUND, "Not Found")                                         \
    ROW(405, METHOD_NOT_ALLOWED, "Method Not Allowed")                       \
    ROW(406, NOT_ACCEPTABLE, "Not Acceptable")                               \
    ROW(407, PROXY_AUTHENTICATION_REQUIRED, "Proxy Authentication Required") \
    ROW(408, REQUEST_TIMEOUT, "Request Timeout")                             \
    ROW(409, CONFLICT, "Conflict")                                           \
    ROW(410, GONE, "Gone")                                                   \
    ROW(411, LENGTH_REQUIRED, "Length Required")                             \
    ROW(412, PRECONDITION_FAILED, "Precondition Failed")                     \
    ROW(413, CONTENT_TOO_LARGE, "Content Too Large")                         \
    ROW(414, URI_TOO_LONG, "URI Too Long")                                   \
    ROW(415, UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")               \
    ROW(416, RANGE_NOT_SATISFIABLE, "Range Not Satisfiable")                 \
    ROW(417, EXPECTATION_FAILED, "Expectation Failed")                       \
    ROW(421, MISDIRECTED_REQUEST, "Misdirected Request")                     \
    ROW(422, UNPROCESSABLE_CONTENT, "Unprocessable Content")                 \
    ROW(425, TOO_EARLY, "Too Early")                                         \
    ROW(426, UPGRADE_REQUIRED, "Upgrade Required")                           \
    ROW(428, PRECONDITION_REQUIRED, "Precondition Required")                 \
    ROW(429, TOO_MANY_REQUESTS, "Too Many Requests")                         \
    ROW(431, FIELDS_TOO_LARGE, "Request Header Fields Too Large")            \
    ROW(500, INTERNAL_SERVER_ERROR, "Internal Server Error")                 \
    ROW(501, NOT_IMPLEMENTED, "Not Implemented")                             \
    ROW(502, BAD_GATEWAY, "Bad Gateway")                                     \
    ROW(503, SERVICE_UNAVAILABLE, "Service Unavailable")                     \
    ROW(504, GATEWAY_TIMEOUT, "Gateway Timeout")                             \
    ROW(505, VERSION_NOT_SUPPORTED, "HTTP Version Not Supported")

enum http_status {
#define HTTP_STATUS_ENUM_ROW(code, name, text) HTTP_STATUS_##name = (code),
    HTTP_STATUS_TABLE(HTTP_STATUS_ENUM_ROW)
#undef HTTP_STATUS_ENUM_ROW
};

/* The usual reason of a status code; "" for one that is not in the table. */
const char *http_status_text(int status);

/* The head of a request. Its views are borrowed for the call. */
struct http_request_head {
    struct bytes method;
    struct bytes target;       /* origin form: "/path?query" */
    struct bytes host;         /* "example.org" or "example.org:8080" */
    struct http_fields fields; /* after Host, in this order */
    int64_t content_length;    /* negative: no Content-Length */
};

enum error http_write_request(struct buffer *out, const struct http_request_head *head);

/* The head of a response. Its views are borrowed for the call. */
struct http_response_head {
    int status;                /* 100 to 999 */
    int64_t date;              /* seconds since 1970; 0: no Date */
    const char *connection;    /* "close", "keep-alive", "Upgrade"; NULL: no Connection */
    struct bytes content_type; /* empty: no Content-Type */
    int64_t content_length;    /* negative: no Content-Length; must be so for 1xx and 204 */
    struct http_fields fields; /* after these, in this order */
};

enum error http_write_response(struct buffer *out, const struct http_response_head *head);

/* One field line, "name: value" and CR LF. */
enum error http_write_field(struct buffer *out, struct bytes name, struct bytes value);

#endif
