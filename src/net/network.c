#include "net/network.h"

#include <string.h>

static const uint8_t *bytes_of_address(const struct address *address) {
    return address->socket.any.sa_family == AF_INET
               ? (const uint8_t *)&address->socket.v4.sin_addr
               : (const uint8_t *)&address->socket.v6.sin6_addr;
}

static bool prefix_equal(const uint8_t *a, const uint8_t *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

/* Nothing may be set behind the prefix: 10.1.0.0/8 is probably not what was meant. */
static bool is_clean(const struct network *network, unsigned most) {
    for (unsigned bit = network->bits; bit < most; bit++)
        if ((network->bytes[bit / 8] & (0x80 >> bit % 8)) != 0)
            return false;
    return true;
}

bool network_parse(struct bytes text, struct network *network) {
    struct address address;
    uint64_t bits;
    *network = (struct network){.family = AF_UNIX};
    if (bytes_equal(text, bytes_of("unix")))
        return true;
    const uint8_t *slash = text.size == 0 ? NULL : memchr(text.data, '/', text.size);
    struct bytes host = text;
    if (slash != NULL)
        host.size = (size_t)(slash - text.data);
    if (!address_parse_host(host, 0, &address))
        return false;
    network->family = address.socket.any.sa_family;
    unsigned most = network->family == AF_INET ? 32 : 128;
    bits = most;
    if (slash != NULL &&
        (!bytes_to_unsigned(bytes_after(text, host.size + 1), &bits) || bits > most))
        return false;
    network->bits = (uint8_t)bits;
    memcpy(network->bytes, bytes_of_address(&address), most / 8);
    return is_clean(network, most);
}

bool network_contains(const struct network *network, const struct address *address) {
    struct address plain = address_unmapped(address);
    if (plain.socket.any.sa_family != network->family)
        return false;
    return network->family == AF_UNIX ||
           prefix_equal(network->bytes, bytes_of_address(&plain), network->bits);
}

bool networks_contain(const struct network *networks, size_t count, const struct address *address) {
    for (size_t i = 0; i < count; i++)
        if (network_contains(&networks[i], address))
            return true;
    return false;
}
