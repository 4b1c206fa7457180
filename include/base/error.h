/*
 * The one table of errors. A function that can fail returns `enum error`; ERROR_NONE is success.
 *
 * A new error is one row here: its name, and the words that a user reads. Kernel results are
 * translated once, by error_from_errno(), where the ring hands them out; a library's own codes are
 * translated once, in the file that includes that library.
 */
#ifndef RINGCAST_BASE_ERROR_H
#define RINGCAST_BASE_ERROR_H

#define ERROR_TABLE(ROW)                                                   \
    ROW(NONE, "no error")                                                  \
    /* the machine */                                                      \
    ROW(NO_MEMORY, "out of memory")                                        \
    ROW(TOO_MANY_DESCRIPTORS, "too many open descriptors")                 \
    ROW(NO_BUFFERS, "out of network buffers")                              \
    ROW(PERMISSION_DENIED, "permission denied")                            \
    ROW(UNSUPPORTED, "not supported")                                      \
    ROW(INVALID_ARGUMENT, "invalid argument")                              \
    ROW(NOT_FOUND, "not found")                                            \
    ROW(SYSTEM, "system error")                                            \
    /* any asynchronous work */                                            \
    ROW(CANCELLED, "cancelled")                                            \
    ROW(TIMED_OUT, "timed out")                                            \
    ROW(LIMIT_REACHED, "limit reached")                                    \
    /* the network */                                                      \
    ROW(END_OF_STREAM, "connection closed by peer")                        \
    ROW(CONNECTION_REFUSED, "connection refused")                          \
    ROW(CONNECTION_RESET, "connection reset by peer")                      \
    ROW(HOST_UNREACHABLE, "host unreachable")                              \
    ROW(NETWORK_UNREACHABLE, "network unreachable")                        \
    ROW(ADDRESS_IN_USE, "address already in use")                          \
    ROW(ADDRESS_UNAVAILABLE, "address not available on this machine")      \
    ROW(ADDRESS_INVALID, "invalid address")                                \
    ROW(ADDRESS_NOT_ALLOWED, "address is not public")                      \
    /* names */                                                            \
    ROW(NAME_NOT_FOUND, "name not found")                                  \
    ROW(NAME_SERVER_FAILED, "name lookup failed")                          \
    /* URLs */                                                             \
    ROW(URL_INVALID, "invalid URL")                                        \
    ROW(URL_SCHEME, "URL scheme is neither http nor https")                \
    ROW(URL_HOST, "URL has an invalid host")                               \
    ROW(URL_PORT, "URL has an invalid port")                               \
    ROW(URL_CREDENTIALS, "URL carries a user name or password")            \
    /* TLS */                                                              \
    ROW(TLS_FAILED, "TLS error")                                           \
    ROW(TLS_UNTRUSTED, "certificate is not signed by a trusted authority") \
    ROW(TLS_SELF_SIGNED, "certificate is self-signed")                     \
    ROW(TLS_WRONG_NAME, "certificate is for another name")                 \
    ROW(TLS_WRONG_ADDRESS, "certificate is for another address")           \
    ROW(TLS_WEAK_KEY, "certificate has a weak key or signature")           \
    ROW(TLS_OLD_VERSION, "the peer has no TLS newer than 1.1")             \
    ROW(TLS_EXPIRED, "certificate has expired")                            \
    ROW(TLS_NOT_YET_VALID, "certificate is not valid yet")                 \
    ROW(TLS_PROTOCOL, "no common TLS version or cipher")                   \
    ROW(TLS_TRUNCATED, "TLS connection closed without close_notify")       \
    /* HTTP messages */                                                    \
    ROW(HTTP_MALFORMED, "malformed HTTP message")                          \
    ROW(HTTP_VERSION, "HTTP version is not 1.x")                           \
    ROW(HTTP_FRAMING, "ambiguous HTTP message length")                     \
    ROW(HTTP_LINE_TOO_LONG, "HTTP start line too long")                    \
    ROW(HTTP_HEAD_TOO_LARGE, "HTTP header too large")                      \
    ROW(HTTP_INTERIM, "too many interim HTTP responses")                   \
    ROW(HTTP_TRUNCATED, "HTTP message cut short")                          \
    ROW(HTTP_STATUS, "HTTP status is not a success")                       \
    ROW(BODY_TOO_LARGE, "body larger than the limit")                      \
    /* files */                                                            \
    ROW(SAVE_FAILED, "body could not be saved")                            \
    /* proxies */                                                          \
    ROW(PROXY_REFUSED, "the proxy refuses")                                \
    /* redirects */                                                        \
    ROW(REDIRECT_LIMIT, "too many redirects")                              \
    ROW(REDIRECT_LOOP, "redirects lead in a circle")                       \
    ROW(REDIRECT_INVALID, "redirect to what is no http or https URL")      \
    ROW(REDIRECT_PORT, "redirect to a port of another protocol")           \
    /* content codings */                                                  \
    ROW(CODING_UNKNOWN, "unknown content coding")                          \
    ROW(CODING_CORRUPT, "compressed body is corrupt")                      \
    ROW(CODING_TRUNCATED, "compressed body is cut short")                  \
    /* WebSocket: each has its close code in ws/close.h */                 \
    ROW(WS_PROTOCOL, "WebSocket protocol error")                           \
    ROW(WS_NOT_UTF8, "text message is not UTF-8")                          \
    ROW(WS_TOO_BIG, "message larger than the limit")                       \
    ROW(WS_INFLATE_RATIO, "message grows too much when it is inflated")    \
    ROW(WS_UNSUPPORTED_DATA, "message of a kind that is not accepted")     \
    ROW(WS_HANDSHAKE, "WebSocket handshake refused")                       \
    /* tokens */                                                           \
    ROW(TOKEN_INVALID, "token is not valid")                               \
    ROW(TOKEN_EXPIRED, "token has expired")                                \
    ROW(TOKEN_NOT_YET_VALID, "token is not valid yet")                     \
    ROW(TOKEN_AUDIENCE, "token is for another audience")                   \
    ROW(TOKEN_MISSING, "a token is needed")                                \
    ROW(NOT_ALLOWED, "not allowed")                                        \
    /* configuration */                                                    \
    ROW(CONFIG_INVALID, "invalid configuration")

enum error {
#define ERROR_ENUM_ROW(name, text) ERROR_##name,
    ERROR_TABLE(ERROR_ENUM_ROW)
#undef ERROR_ENUM_ROW
        ERROR_COUNT
};

/* The name of the row in lower case with dashes, for logs and JSON: "connection-refused". */
const char *error_name(enum error error);

/* The words of the row: "connection refused". */
const char *error_text(enum error error);

/* Translates a positive errno value. Unknown ones become ERROR_SYSTEM. */
enum error error_from_errno(int number);

#endif
