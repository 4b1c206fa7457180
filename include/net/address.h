/*
 * Internet addresses with their port, and the texts that name them.
 */
#ifndef RINGCAST_NET_ADDRESS_H
#define RINGCAST_NET_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/error.h"

/* IPv4 or IPv6 with a port, or the other end of a Unix socket, which has neither; a plain value. */
struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } socket;
};

/* The longest text of address_format(), with its NUL: [IPv6]:65535. */
enum { ADDRESS_TEXT_SIZE = INET6_ADDRSTRLEN + 8 };

/* How many bytes of `socket` the kernel reads. */
socklen_t address_size(const struct address *address);

struct address address_v4(const uint8_t bytes[4], uint16_t port);
struct address address_v6(const uint8_t bytes[16], uint16_t port);

/* The other end of a Unix socket; as text "unix". */
struct address address_local(void);
bool address_is_local(const struct address *address);

uint16_t address_port(const struct address *address);
void address_set_port(struct address *address, uint16_t port);

/* The IPv4 address that came in IPv6's form (::ffff:192.0.2.1); any other one as it is. */
struct address address_unmapped(const struct address *address);

/* Same family, same bytes; ports are not compared. */
bool address_equal_host(const struct address *a, const struct address *b);

/* Is it one host's: neither "any address" nor multicast nor broadcast, in IPv6's form either? */
bool address_is_one_host(const struct address *address);

/* Reads an IP literal (no brackets, no zone). False if it is none. */
bool address_parse_host(struct bytes text, uint16_t port, struct address *address);

/* Writes the IP address as the kernel prints it, without port. Returns its length. */
size_t address_format_host(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/* Writes 127.0.0.1:80 or [::1]:80. Returns its length. */
size_t address_format(const struct address *address, char text[ADDRESS_TEXT_SIZE]);

/*
 * What "HOST:PORT" in a config means to a listener: "localhost" both loopback addresses, "*" every
 * address of both families, else one IP literal (IPv6 in brackets). Writes at most 2 addresses and
 * their count. ERROR_ADDRESS_INVALID when it is none of these.
 */
enum error address_parse_listen(struct bytes text, struct address addresses[2], size_t *count);

#endif
