/*
 * Who a server must be, and whether a name in its certificate says so. Pure, and without the TLS
 * library: its own matching takes a DNS name for an address, several labels for a partial wildcard,
 * and the common name for want of better.
 */
#ifndef RINGCAST_TLS_HOST_H
#define RINGCAST_TLS_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* RFC 1035, section 2.3.4: 255 octets on the wire, which are 253 characters of text. */
enum { TLS_HOST_NAME_MAX = 253 };

struct tls_host {
    size_t address_size;              /* 4 or 16; 0 for a domain name */
    uint8_t address[16];              /* in network order */
    char name[TLS_HOST_NAME_MAX + 1]; /* as text: lower case, no brackets, no trailing dot */
};

/* Reads a host as it stands in a URL. False if it is neither an address nor a domain name. */
bool tls_host_parse(struct tls_host *host, struct bytes text);

/* Does a certificate's dNSName or iPAddress name this host? (RFC 9525, section 6) */
bool tls_host_matches_name(const struct tls_host *host, struct bytes pattern);
bool tls_host_matches_address(const struct tls_host *host, struct bytes address);

#endif
