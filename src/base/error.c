#include "base/error.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>

enum { NAME_SIZE = 32 };

static const char *const upper_names[] = {
#define ERROR_NAME_ROW(name, text) #name,
    ERROR_TABLE(ERROR_NAME_ROW)
#undef ERROR_NAME_ROW
};

static const char *const texts[] = {
#define ERROR_TEXT_ROW(name, text) text,
    ERROR_TABLE(ERROR_TEXT_ROW)
#undef ERROR_TEXT_ROW
};

static char names[ERROR_COUNT][NAME_SIZE];
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static void spell_names(void) {
    for (size_t row = 0; row < ERROR_COUNT; row++) {
        const char *upper = upper_names[row];
        for (size_t i = 0; upper[i] != '\0' && i < NAME_SIZE - 1; i++)
            names[row][i] = upper[i] == '_' ? '-' : (char)tolower((unsigned char)upper[i]);
    }
}

const char *error_name(enum error error) {
    assert(error < ERROR_COUNT);
    pthread_once(&names_once, spell_names);
    return names[error];
}

const char *error_text(enum error error) {
    assert(error < ERROR_COUNT);
    return texts[error];
}

enum error error_from_errno(int number) {
    switch (number) {
    case 0:
        return ERROR_NONE;
    case ENOMEM:
        return ERROR_NO_MEMORY;
    case EMFILE:
    case ENFILE:
        return ERROR_TOO_MANY_DESCRIPTORS;
    case ENOBUFS:
        return ERROR_NO_BUFFERS;
    case EPERM:
    case EACCES:
        return ERROR_PERMISSION_DENIED;
    case ENOSYS:
    case EOPNOTSUPP:
    case EAFNOSUPPORT:
        return ERROR_UNSUPPORTED;
    case EINVAL:
        return ERROR_INVALID_ARGUMENT;
    case ENOENT:
        return ERROR_NOT_FOUND;
    case ECANCELED:
        return ERROR_CANCELLED;
    case ETIMEDOUT:
    case ETIME:
        return ERROR_TIMED_OUT;
    case ECONNREFUSED:
        return ERROR_CONNECTION_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return ERROR_CONNECTION_RESET;
    case EHOSTUNREACH:
        return ERROR_HOST_UNREACHABLE;
    case ENETUNREACH:
        return ERROR_NETWORK_UNREACHABLE;
    case EADDRINUSE:
        return ERROR_ADDRESS_IN_USE;
    case EADDRNOTAVAIL:
        return ERROR_ADDRESS_UNAVAILABLE;
    default:
        return ERROR_SYSTEM;
    }
}
