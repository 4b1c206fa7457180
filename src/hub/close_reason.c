#include "hub/close_reason.h"

#include <assert.h>

static const struct close_reason_row rows[] = {
#define CLOSE_REASON_DATA_ROW(constant, name, code, is_error, text) {name, text, code, is_error},
    CLOSE_REASON_TABLE(CLOSE_REASON_DATA_ROW)
#undef CLOSE_REASON_DATA_ROW
};

const struct close_reason_row *close_reason_row(enum close_reason reason) {
    assert(reason < CLOSE_REASON_COUNT);
    return &rows[reason];
}

enum close_reason close_reason_of_error(enum error error) {
    switch (error) {
    case ERROR_WS_PROTOCOL:
        return CLOSE_REASON_PROTOCOL;
    case ERROR_WS_NOT_UTF8:
        return CLOSE_REASON_NOT_UTF8;
    case ERROR_WS_TOO_BIG:
    case ERROR_WS_INFLATE_RATIO:
        return CLOSE_REASON_TOO_BIG;
    case ERROR_NO_MEMORY:
        return CLOSE_REASON_NO_MEMORY;
    default:
        return CLOSE_REASON_CONNECTION_LOST;
    }
}
