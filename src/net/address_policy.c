#include "net/address_policy.h"

#include <string.h>

/* A block of addresses: the first `length` bits of `bytes`. */
struct block {
    uint8_t bytes[16];
    uint8_t length;
    uint8_t kind; /* enum address_kind */
};

/* The first block that holds the address counts. */
static const struct block blocks_v4[] = {
    {{0}, 8, ADDRESS_UNSPECIFIED},
    {{10}, 8, ADDRESS_PRIVATE},
    {{100, 64}, 10, ADDRESS_SHARED},
    {{127}, 8, ADDRESS_LOOPBACK},
    {{169, 254}, 16, ADDRESS_LINK_LOCAL},
    {{172, 16}, 12, ADDRESS_PRIVATE},
    {{192, 0, 0}, 24, ADDRESS_RESERVED},    /* protocol assignments, RFC 6890 */
    {{192, 0, 2}, 24, ADDRESS_RESERVED},    /* documentation, RFC 5737 */
    {{192, 88, 99}, 24, ADDRESS_EMBEDDING}, /* the former 6to4 relays, RFC 7526 */
    {{192, 168}, 16, ADDRESS_PRIVATE},
    {{198, 18}, 15, ADDRESS_RESERVED},      /* benchmarks, RFC 2544 */
    {{198, 51, 100}, 24, ADDRESS_RESERVED}, /* documentation */
    {{203, 0, 113}, 24, ADDRESS_RESERVED},  /* documentation */
    {{224}, 4, ADDRESS_MULTICAST},
    {{240}, 4, ADDRESS_RESERVED}, /* and the broadcast address */
};

static const struct block blocks_v6[] = {
    {{0}, 128, ADDRESS_UNSPECIFIED},
    {{[15] = 1}, 128, ADDRESS_LOOPBACK},
    {{[10] = 0xFF, 0xFF}, 96, ADDRESS_EMBEDDING}, /* v4-mapped, RFC 4291 section 2.5.5.2 */
    {{[8] = 0xFF, 0xFF}, 96, ADDRESS_EMBEDDING},  /* v4-translated, RFC 2765 */
    {{0}, 96, ADDRESS_EMBEDDING},                 /* v4-compatible, deprecated */
    {{0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01}, 48, ADDRESS_EMBEDDING}, /* local NAT64, RFC 8215 */
    {{0x20, 0x01, 0x00, 0x00}, 32, ADDRESS_EMBEDDING},             /* Teredo, RFC 4380 */
    {{0x20, 0x01}, 23, ADDRESS_RESERVED},                          /* protocol assignments */
    {{0x20, 0x01, 0x0D, 0xB8}, 32, ADDRESS_RESERVED},              /* documentation, RFC 3849 */
    {{0x20, 0x02}, 16, ADDRESS_EMBEDDING},                         /* 6to4, RFC 3056 */
    {{0x3F, 0xFF}, 20, ADDRESS_RESERVED},                          /* documentation, RFC 9637 */
    {{0x20}, 3, ADDRESS_PUBLIC},  /* all that is assigned as global unicast */
    {{0xFC}, 7, ADDRESS_PRIVATE}, /* unique local, RFC 4193 */
    {{0xFE, 0x80}, 10, ADDRESS_LINK_LOCAL},
    {{0xFE, 0xC0}, 10, ADDRESS_PRIVATE}, /* site-local, deprecated */
    {{0xFF}, 8, ADDRESS_MULTICAST},
};

enum { NAT64_PREFIX_SIZE = 12 };
static const uint8_t nat64_prefix[NAT64_PREFIX_SIZE] = {0x00, 0x64, 0xFF, 0x9B};

static bool holds(const struct block *block, const uint8_t *bytes) {
    size_t whole = block->length / 8;
    unsigned rest = block->length % 8;
    if (memcmp(block->bytes, bytes, whole) != 0)
        return false;
    return rest == 0 || (block->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

static enum address_kind find(const struct block *blocks, size_t count, const uint8_t *bytes,
                              enum address_kind otherwise) {
    for (size_t i = 0; i < count; i++)
        if (holds(&blocks[i], bytes))
            return blocks[i].kind;
    return otherwise;
}

static enum address_kind kind_v4(const uint8_t *bytes) {
    return find(blocks_v4, sizeof blocks_v4 / sizeof *blocks_v4, bytes, ADDRESS_PUBLIC);
}

static enum address_kind kind_v6(const uint8_t *bytes) {
    if (memcmp(bytes, nat64_prefix, NAT64_PREFIX_SIZE) == 0)
        return kind_v4(bytes + NAT64_PREFIX_SIZE);
    return find(blocks_v6, sizeof blocks_v6 / sizeof *blocks_v6, bytes, ADDRESS_RESERVED);
}

enum address_kind address_kind(const struct address *address) {
    if (address->socket.any.sa_family == AF_INET6)
        return kind_v6(address->socket.v6.sin6_addr.s6_addr);
    return kind_v4((const uint8_t *)&address->socket.v4.sin_addr);
}

const char *address_kind_name(enum address_kind kind) {
    static const char *const names[] = {
        [ADDRESS_PUBLIC] = "public",       [ADDRESS_LOOPBACK] = "loopback",
        [ADDRESS_PRIVATE] = "private",     [ADDRESS_LINK_LOCAL] = "link-local",
        [ADDRESS_SHARED] = "shared",       [ADDRESS_UNSPECIFIED] = "unspecified",
        [ADDRESS_MULTICAST] = "multicast", [ADDRESS_EMBEDDING] = "translated",
        [ADDRESS_RESERVED] = "reserved",
    };
    return names[kind];
}

bool address_policy_allows(const struct address_policy *policy, const struct address *address) {
    if (policy->rule == PRIVATE_ADDRESSES_ALWAYS)
        return true;
    if (policy->rule == PRIVATE_ADDRESSES_CONFIGURED && !policy->outside)
        return true;
    return address_kind(address) == ADDRESS_PUBLIC;
}

size_t address_policy_filter(const struct address_policy *policy, struct address *addresses,
                             size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (address_policy_allows(policy, &addresses[i]))
            addresses[kept++] = addresses[i];
    return kept;
}

/* Only these are surely machines of our own side. An address with another one inside may be anyone,
 * so it is trusted neither as a target nor as a source. */
static bool is_inside(enum address_kind kind) {
    return kind == ADDRESS_LOOPBACK || kind == ADDRESS_PRIVATE || kind == ADDRESS_LINK_LOCAL ||
           kind == ADDRESS_SHARED || kind == ADDRESS_UNSPECIFIED;
}

void address_policy_note(struct address_policy *policy, const struct address *address) {
    if (!is_inside(address_kind(address)))
        policy->outside = true;
}
