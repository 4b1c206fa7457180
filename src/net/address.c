#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

socklen_t address_size(const struct address *address) {
    return address->socket.any.sa_family == AF_INET6 ? sizeof address->socket.v6
                                                     : sizeof address->socket.v4;
}

struct address address_v4(const uint8_t bytes[4], uint16_t port) {
    struct address address = {0};
    address.socket.v4.sin_family = AF_INET;
    address.socket.v4.sin_port = htons(port);
    memcpy(&address.socket.v4.sin_addr, bytes, 4);
    return address;
}

struct address address_v6(const uint8_t bytes[16], uint16_t port) {
    struct address address = {0};
    address.socket.v6.sin6_family = AF_INET6;
    address.socket.v6.sin6_port = htons(port);
    memcpy(&address.socket.v6.sin6_addr, bytes, 16);
    return address;
}

struct address address_local(void) {
    return (struct address){.socket.any.sa_family = AF_UNIX};
}

bool address_is_local(const struct address *address) {
    return address->socket.any.sa_family == AF_UNIX;
}

static bool is_v6(const struct address *address) {
    return address->socket.any.sa_family == AF_INET6;
}

uint16_t address_port(const struct address *address) {
    return ntohs(is_v6(address) ? address->socket.v6.sin6_port : address->socket.v4.sin_port);
}

void address_set_port(struct address *address, uint16_t port) {
    if (is_v6(address))
        address->socket.v6.sin6_port = htons(port);
    else
        address->socket.v4.sin_port = htons(port);
}

struct address address_unmapped(const struct address *address) {
    static const uint8_t mapped[12] = {[10] = 0xFF, [11] = 0xFF};
    const uint8_t *bytes = address->socket.v6.sin6_addr.s6_addr;
    if (address->socket.any.sa_family != AF_INET6 || memcmp(bytes, mapped, sizeof mapped) != 0)
        return *address;
    return address_v4(bytes + sizeof mapped, address_port(address));
}

bool address_equal_host(const struct address *a, const struct address *b) {
    if (a->socket.any.sa_family != b->socket.any.sa_family)
        return false;
    return is_v6(a) ? memcmp(&a->socket.v6.sin6_addr, &b->socket.v6.sin6_addr, 16) == 0
                    : memcmp(&a->socket.v4.sin_addr, &b->socket.v4.sin_addr, 4) == 0;
}

static bool is_one_v4(const struct in_addr *host) {
    uint32_t bits = ntohl(host->s_addr);
    return bits != INADDR_ANY && bits != INADDR_BROADCAST && !IN_MULTICAST(bits);
}

bool address_is_one_host(const struct address *address) {
    const struct address host = address_unmapped(address);
    if (!is_v6(&host))
        return is_one_v4(&host.socket.v4.sin_addr);
    return !IN6_IS_ADDR_UNSPECIFIED(&host.socket.v6.sin6_addr) &&
           !IN6_IS_ADDR_MULTICAST(&host.socket.v6.sin6_addr);
}

bool address_parse_host(struct bytes text, uint16_t port, struct address *address) {
    char literal[INET6_ADDRSTRLEN];
    uint8_t bytes[16];
    if (text.size == 0 || text.size >= sizeof literal || memchr(text.data, '\0', text.size) != NULL)
        return false;
    memcpy(literal, text.data, text.size);
    literal[text.size] = '\0';
    if (inet_pton(AF_INET, literal, bytes) == 1)
        *address = address_v4(bytes, port);
    else if (inet_pton(AF_INET6, literal, bytes) == 1)
        *address = address_v6(bytes, port);
    else
        return false;
    return true;
}

size_t address_format_host(const struct address *address, char text[ADDRESS_TEXT_SIZE]) {
    const void *bytes = is_v6(address) ? (const void *)&address->socket.v6.sin6_addr
                                       : (const void *)&address->socket.v4.sin_addr;
    if (address_is_local(address))
        return (size_t)snprintf(text, ADDRESS_TEXT_SIZE, "unix");
    inet_ntop(address->socket.any.sa_family, bytes, text, ADDRESS_TEXT_SIZE);
    return strlen(text);
}

size_t address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]) {
    char host[ADDRESS_TEXT_SIZE];
    if (address_is_local(address))
        return address_format_host(address, text);
    address_format_host(address, host);
    int size = snprintf(text, ADDRESS_TEXT_SIZE, is_v6(address) ? "[%.45s]:%u" : "%.45s:%u", host,
                        address_port(address));
    return (size_t)size;
}

/* Splits at the last colon; the port must be 0 to 65535. */
static bool split_port(struct bytes text, struct bytes *host, uint16_t *port) {
    const uint8_t *colon = text.size == 0 ? NULL : memrchr(text.data, ':', text.size);
    uint64_t number;
    if (colon == NULL)
        return false;
    host->data = text.data;
    host->size = (size_t)(colon - text.data);
    if (!bytes_to_unsigned(bytes_after(text, host->size + 1), &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

enum error address_parse_listen(struct bytes text, struct address addresses[2], size_t *count) {
    static const uint8_t any[16] = {0}, loopback4[4] = {127, 0, 0, 1}, loopback6[16] = {[15] = 1};
    struct bytes host;
    uint16_t port;
    if (!split_port(text, &host, &port))
        return ERROR_ADDRESS_INVALID;
    *count = 2;
    if (bytes_equal(host, bytes_of("localhost"))) {
        addresses[0] = address_v4(loopback4, port);
        addresses[1] = address_v6(loopback6, port);
        return ERROR_NONE;
    }
    if (bytes_equal(host, bytes_of("*"))) {
        addresses[0] = address_v4(any, port);
        addresses[1] = address_v6(any, port);
        return ERROR_NONE;
    }
    *count = 1;
    bool bracketed = host.size > 2 && host.data[0] == '[' && host.data[host.size - 1] == ']';
    if (bracketed)
        host = (struct bytes){host.data + 1, host.size - 2};
    if (!address_parse_host(host, port, &addresses[0]) || is_v6(&addresses[0]) != bracketed)
        return ERROR_ADDRESS_INVALID;
    return ERROR_NONE;
}
