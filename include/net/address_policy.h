/*
 * Which addresses a client may connect to: what keeps a stranger's redirect, or a stranger's name
 * server, from making us talk to machines that only we can reach.
 *
 * Addresses are judged by value, and as what they are when they are connected to: not the host of a
 * URL is asked about, but each address that it led to, and a pooled connection's own. So there is
 * nothing to race, and nothing that a name could hide.
 *
 * A flow of hops keeps one struct address_policy:
 *
 *     struct address_policy policy = {.rule = …};          a URL that was configured or typed
 *     count = address_policy_filter(&policy, addresses, count)   before each dial; 0: refused
 *     address_policy_allows(&policy, &address)             before a pooled connection is taken
 *     address_policy_note(&policy, &address)               at a redirect: who sent it
 *
 * Pure: plain values, no allocation, any thread.
 */
#ifndef RINGCAST_NET_ADDRESS_POLICY_H
#define RINGCAST_NET_ADDRESS_POLICY_H

#include "net/address.h"

/* What an address is for, by IANA's registries of special-purpose addresses (RFC 6890). */
enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_LOOPBACK,    /* 127.0.0.0/8, ::1 */
    ADDRESS_PRIVATE,     /* 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7, fec0::/10 */
    ADDRESS_LINK_LOCAL,  /* 169.254.0.0/16, fe80::/10: cloud metadata is there */
    ADDRESS_SHARED,      /* 100.64.0.0/10, behind a carrier's NAT (RFC 6598) */
    ADDRESS_UNSPECIFIED, /* 0.0.0.0/8, ::, which Linux takes as itself */
    ADDRESS_MULTICAST,   /* 224.0.0.0/4, ff00::/8 */
    ADDRESS_EMBEDDING,   /* another address is inside: v4-mapped, 6to4, Teredo … */
    ADDRESS_RESERVED,    /* documentation, benchmarks, broadcast, whatever is not assigned */
};

/*
 * A NAT64 address (64:ff9b::/96, RFC 6052) is what the IPv4 address inside it is: in a network
 * without IPv4, all the public IPv4 hosts have such a one.
 */
enum address_kind address_kind(const struct address *address);

/* For messages: "loopback", "link-local" … */
const char *address_kind_name(enum address_kind kind);

/* The setting `fetch.private_addresses`. */
enum private_addresses {
    PRIVATE_ADDRESSES_CONFIGURED, /* a configured or typed URL may lead to any address, and be
                                     redirected from a private one to any; but once a hop was
                                     answered from outside, only to public ones */
    PRIVATE_ADDRESSES_ALWAYS,
    PRIVATE_ADDRESSES_NEVER, /* public ones only, from the first hop on */
};

/* `{.rule = …}` is the beginning of a flow. */
struct address_policy {
    enum private_addresses rule;
    bool outside; /* a hop was answered by a machine that is not surely one of ours */
};

bool address_policy_allows(const struct address_policy *policy, const struct address *address);

/* Drops the addresses that are not allowed, keeps the order, and returns how many are left. */
size_t address_policy_filter(const struct address_policy *policy, struct address *addresses,
                             size_t count);

/* A redirect was sent by the machine at `address`. What comes after an outsider stays outside. */
void address_policy_note(struct address_policy *policy, const struct address *address);

#endif
