/* Networks in CIDR notation, for lists of who is trusted. */
#ifndef RINGCAST_NET_NETWORK_H
#define RINGCAST_NET_NETWORK_H

#include "net/address.h"

/* A plain value. */
struct network {
    sa_family_t family; /* AF_UNIX: whoever comes over a Unix socket */
    uint8_t bits;
    uint8_t bytes[16];
};

/*
 * Reads "10.0.0.0/8", "2001:db8::/32", a single address, or "unix". False if it is none of these,
 * or has bits set behind its prefix.
 */
bool network_parse(struct bytes text, struct network *network);

/* An IPv4 address that came in IPv6's form (::ffff:1.2.3.4) is taken as IPv4. */
bool network_contains(const struct network *network, const struct address *address);

bool networks_contain(const struct network *networks, size_t count, const struct address *address);

#endif
