#include "proxy_header.h"

#include <string.h>

static const char text_start[] = "PROXY ";
static const uint8_t binary_start[] = {0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D,
                                       0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A};

enum {
    TEXT_MAX = 107, /* the longest line of version 1, with its CR LF */
    BINARY_HEAD = 16,
    V4_SIZE = 12,
    V6_SIZE = 36,
};

/* Is it `start`, or could it still become that? */
static bool may_start_with(struct bytes input, const void *start, size_t size) {
    return memcmp(input.data, start, input.size < size ? input.size : size) == 0;
}

static uint16_t big_endian(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* ---- version 1: PROXY TCP4 192.0.2.1 192.0.2.2 56324 443 ------------------------------------- */

/* What stands before the next space, which is dropped; all if there is none. True: there is one. */
static bool take_word(struct bytes *line, struct bytes *word) {
    const uint8_t *space = line->size == 0 ? NULL : memchr(line->data, ' ', line->size);
    size_t size = space == NULL ? line->size : (size_t)(space - line->data);
    *word = bytes_make(line->data, size);
    *line = bytes_after(*line, space == NULL ? size : size + 1);
    return space != NULL;
}

static bool is_port(struct bytes text, uint16_t *port) {
    uint64_t number;
    if (!bytes_to_unsigned(text, &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static enum proxy_header_answer read_words(struct bytes line, struct address *address) {
    struct bytes protocol, words[4];
    struct address source, target;
    uint16_t ports[2];
    bool more = take_word(&line, &protocol);
    if (bytes_equal(protocol, bytes_of("UNKNOWN")))
        return PROXY_HEADER_NAMELESS;
    sa_family_t family = bytes_equal(protocol, bytes_of("TCP4")) ? AF_INET : AF_INET6;
    if (family == AF_INET6 && !bytes_equal(protocol, bytes_of("TCP6")))
        return PROXY_HEADER_BAD;
    for (size_t i = 0; i < 4; i++) {
        if (!more)
            return PROXY_HEADER_BAD;
        more = take_word(&line, &words[i]);
    }
    if (more || !is_port(words[2], &ports[0]) || !is_port(words[3], &ports[1]) ||
        !address_parse_host(words[0], ports[0], &source) ||
        !address_parse_host(words[1], ports[1], &target) || source.socket.any.sa_family != family ||
        target.socket.any.sa_family != family)
        return PROXY_HEADER_BAD;
    *address = source;
    return PROXY_HEADER_READ;
}

static enum proxy_header_answer read_text(struct bytes input, size_t *size,
                                          struct address *address) {
    size_t most = input.size < TEXT_MAX ? input.size : TEXT_MAX;
    const uint8_t *end = memmem(input.data, most, "\r\n", 2);
    if (end == NULL)
        return most < TEXT_MAX ? PROXY_HEADER_NEEDS_MORE : PROXY_HEADER_BAD;
    struct bytes line = bytes_make(input.data, (size_t)(end - input.data));
    *size = line.size + 2;
    return read_words(bytes_after(line, sizeof text_start - 1), address);
}

/* ---- version 2 ------------------------------------------------------------------------------- */

/* `family` is the byte behind version and command: address family and transport. */
static enum proxy_header_answer read_addresses(uint8_t family, struct bytes body,
                                               struct address *address) {
    enum { TCP_OVER_V4 = 0x11, TCP_OVER_V6 = 0x21, FAMILIES = 4, TRANSPORTS = 3 };
    if (family >> 4 >= FAMILIES || (family & 0x0F) >= TRANSPORTS)
        return PROXY_HEADER_BAD;
    if (family != TCP_OVER_V4 && family != TCP_OVER_V6)
        return PROXY_HEADER_NAMELESS;
    if (body.size < (family == TCP_OVER_V4 ? V4_SIZE : V6_SIZE))
        return PROXY_HEADER_BAD;
    *address = family == TCP_OVER_V4 ? address_v4(body.data, big_endian(body.data + 8))
                                     : address_v6(body.data, big_endian(body.data + 32));
    return PROXY_HEADER_READ;
}

static enum proxy_header_answer read_binary(struct bytes input, size_t *size,
                                            struct address *address) {
    enum { VERSION = 0x20, LOCAL = 0, PROXY = 1 };
    if (input.size < BINARY_HEAD)
        return PROXY_HEADER_NEEDS_MORE;
    uint8_t command = input.data[12] & 0x0F;
    size_t body_size = big_endian(input.data + 14);
    if ((input.data[12] & 0xF0) != VERSION || command > PROXY ||
        body_size > PROXY_HEADER_MAX - BINARY_HEAD)
        return PROXY_HEADER_BAD;
    *size = BINARY_HEAD + body_size;
    if (input.size < *size)
        return PROXY_HEADER_NEEDS_MORE;
    struct bytes body = bytes_make(input.data + BINARY_HEAD, body_size);
    return command == LOCAL ? PROXY_HEADER_NAMELESS : read_addresses(input.data[13], body, address);
}

enum proxy_header_answer proxy_header_read(struct bytes input, size_t *size,
                                           struct address *address) {
    if (input.size == 0)
        return PROXY_HEADER_NEEDS_MORE;
    if (may_start_with(input, binary_start, sizeof binary_start))
        return read_binary(input, size, address);
    if (!may_start_with(input, text_start, sizeof text_start - 1))
        return PROXY_HEADER_BAD;
    return read_text(input, size, address);
}
