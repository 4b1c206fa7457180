/* The ClientHello (RFC 8446 section 4.1.2) as far as its server_name extension (RFC 6066). */
#include <string.h>

#include "tls/identities.h"

enum {
    RECORD_HEAD = 5,
    RECORD_MAX = 16384,
    HANDSHAKE_RECORD = 22,
    CLIENT_HELLO = 1,
    SERVER_NAME = 0,
    HOST_NAME = 0,
};

/* A cursor that answers zeros and remembers when it was led beyond the end. */
struct reader {
    struct bytes rest;
    bool failed;
};

static struct bytes take(struct reader *reader, size_t size) {
    if (size > reader->rest.size) {
        reader->failed = true;
        return (struct bytes){0};
    }
    struct bytes taken = bytes_make(reader->rest.data, size);
    reader->rest = bytes_after(reader->rest, size);
    return taken;
}

static size_t take_number(struct reader *reader, size_t size) {
    struct bytes bytes = take(reader, size);
    size_t number = 0;
    for (size_t i = 0; i < bytes.size; i++)
        number = number << 8 | bytes.data[i];
    return number;
}

/* What stands behind a length of `size` bytes. */
static struct bytes take_vector(struct reader *reader, size_t size) {
    return take(reader, take_number(reader, size));
}

static struct bytes name_of_extension(struct bytes extension) {
    struct reader list = {.rest = extension};
    struct reader names = {.rest = take_vector(&list, 2)};
    while (names.rest.size > 0 && !names.failed) {
        size_t kind = take_number(&names, 1);
        struct bytes name = take_vector(&names, 2);
        if (kind == HOST_NAME && !names.failed)
            return name;
    }
    return (struct bytes){0};
}

/* Version, random, session, suites, compression; then the extensions. */
static struct bytes name_of_hello(struct bytes hello) {
    struct reader reader = {.rest = hello};
    take(&reader, 2 + 32);
    take_vector(&reader, 1);
    take_vector(&reader, 2);
    take_vector(&reader, 1);
    struct reader extensions = {.rest = take_vector(&reader, 2)};
    if (reader.failed)
        return (struct bytes){0};
    while (extensions.rest.size > 0 && !extensions.failed) {
        size_t kind = take_number(&extensions, 2);
        struct bytes extension = take_vector(&extensions, 2);
        if (kind == SERVER_NAME && !extensions.failed)
            return name_of_extension(extension);
    }
    return (struct bytes){0};
}

/* A ClientHello may be cut into several records, and then names nothing here: clients do not. */
enum tls_hello tls_hello_read(struct bytes input, struct bytes *name) {
    *name = (struct bytes){0};
    if (input.size == 0)
        return TLS_HELLO_NEEDS_MORE;
    if (input.data[0] != HANDSHAKE_RECORD)
        return TLS_HELLO_NOT_TLS;
    if (input.size < RECORD_HEAD)
        return TLS_HELLO_NEEDS_MORE;
    struct reader record = {.rest = bytes_after(input, 3)};
    size_t size = take_number(&record, 2);
    if (size > RECORD_MAX)
        return TLS_HELLO_READ; /* the library refuses it, and says so to the peer */
    if (record.rest.size < size)
        return TLS_HELLO_NEEDS_MORE;
    struct reader message = {.rest = bytes_make(record.rest.data, size)};
    if (take_number(&message, 1) == CLIENT_HELLO)
        *name = name_of_hello(take_vector(&message, 3));
    return TLS_HELLO_READ;
}
