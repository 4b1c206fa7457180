#include "ws/close.h"

#include <stddef.h>

enum {
    FIRST_ROW = WS_CLOSE_NORMAL,
    FIRST_REGISTERED = 3000,
    FIRST_PRIVATE = 4000,
    FIRST_BEYOND = 5000,
};

struct row {
    bool on_wire;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
#define WS_CLOSE_ROW(constant, code, on_wire, name, text) \
    [(code) - FIRST_ROW] = {on_wire, name, text},
    WS_CLOSE_TABLE(WS_CLOSE_ROW)
#undef WS_CLOSE_ROW
};

static const struct row *row_of(uint16_t code) {
    size_t count = sizeof rows / sizeof *rows;
    return code >= FIRST_ROW && code - FIRST_ROW < (int)count ? &rows[code - FIRST_ROW] : NULL;
}

/* Codes without a row (RFC 6455 section 7.4.2). */
static const char *range_of(uint16_t code) {
    if (code >= FIRST_PRIVATE && code < FIRST_BEYOND)
        return "private";
    return code >= FIRST_REGISTERED && code < FIRST_PRIVATE ? "registered" : "unknown";
}

const char *ws_close_name(uint16_t code) {
    const struct row *row = row_of(code);
    return row != NULL ? row->name : range_of(code);
}

const char *ws_close_text(uint16_t code) {
    const struct row *row = row_of(code);
    return row != NULL ? row->text : range_of(code);
}

bool ws_close_code_is_valid_from_peer(uint16_t code) {
    const struct row *row = row_of(code);
    return row != NULL ? row->on_wire : code >= FIRST_REGISTERED && code < FIRST_BEYOND;
}

enum ws_close_code ws_close_code_of_error(enum error error) {
    switch (error) {
    case ERROR_NONE:
        return WS_CLOSE_NORMAL;
    case ERROR_WS_PROTOCOL:
        return WS_CLOSE_PROTOCOL_ERROR;
    case ERROR_WS_NOT_UTF8:
        return WS_CLOSE_INVALID_PAYLOAD;
    case ERROR_WS_TOO_BIG:
    case ERROR_WS_INFLATE_RATIO:
        return WS_CLOSE_TOO_BIG;
    case ERROR_WS_UNSUPPORTED_DATA:
        return WS_CLOSE_UNSUPPORTED_DATA;
    case ERROR_CANCELLED:
        return WS_CLOSE_GOING_AWAY;
    case ERROR_LIMIT_REACHED:
    case ERROR_PERMISSION_DENIED:
        return WS_CLOSE_POLICY_VIOLATION;
    default:
        return WS_CLOSE_INTERNAL_ERROR;
    }
}
