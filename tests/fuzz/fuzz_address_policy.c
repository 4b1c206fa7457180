/*
 * Which addresses may be connected to. Byte 0: the rule. Then lines, each an address: as text, or
 * behind an "=" as 8 or 32 hexadecimal digits.
 *
 * Oracles: a list of IANA's blocks, written as text and read by the C library, says the same of
 * each; a text means the address that the C library reads in it; an address with another one inside
 * is never public unless the one inside is; the filter keeps what is allowed, in order; and once
 * somebody outside has answered, nothing but public addresses is. A place to listen at is read as
 * the C library reads it, and every address with its port is one.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "net/address_policy.h"

static const struct {
    const char *block;
    unsigned bits;
    enum address_kind kind;
} registry[] = {
    {"0.0.0.0", 8, ADDRESS_UNSPECIFIED},     {"10.0.0.0", 8, ADDRESS_PRIVATE},
    {"100.64.0.0", 10, ADDRESS_SHARED},      {"127.0.0.0", 8, ADDRESS_LOOPBACK},
    {"169.254.0.0", 16, ADDRESS_LINK_LOCAL}, {"172.16.0.0", 12, ADDRESS_PRIVATE},
    {"192.0.0.0", 24, ADDRESS_RESERVED},     {"192.0.2.0", 24, ADDRESS_RESERVED},
    {"192.88.99.0", 24, ADDRESS_EMBEDDING},  {"192.168.0.0", 16, ADDRESS_PRIVATE},
    {"198.18.0.0", 15, ADDRESS_RESERVED},    {"198.51.100.0", 24, ADDRESS_RESERVED},
    {"203.0.113.0", 24, ADDRESS_RESERVED},   {"224.0.0.0", 4, ADDRESS_MULTICAST},
    {"240.0.0.0", 4, ADDRESS_RESERVED},      {"::", 128, ADDRESS_UNSPECIFIED},
    {"::1", 128, ADDRESS_LOOPBACK},          {"::ffff:0:0", 96, ADDRESS_EMBEDDING},
    {"::ffff:0:0:0", 96, ADDRESS_EMBEDDING}, {"::", 96, ADDRESS_EMBEDDING},
    {"64:ff9b:1::", 48, ADDRESS_EMBEDDING},  {"2001::", 32, ADDRESS_EMBEDDING},
    {"2001::", 23, ADDRESS_RESERVED},        {"2001:db8::", 32, ADDRESS_RESERVED},
    {"2002::", 16, ADDRESS_EMBEDDING},       {"3fff::", 20, ADDRESS_RESERVED},
    {"2000::", 3, ADDRESS_PUBLIC},           {"fc00::", 7, ADDRESS_PRIVATE},
    {"fe80::", 10, ADDRESS_LINK_LOCAL},      {"fec0::", 10, ADDRESS_PRIVATE},
    {"ff00::", 8, ADDRESS_MULTICAST},
};

/* The same blocks as bytes, read once. */
static const uint8_t *block_of(size_t row, int *family) {
    static struct {
        int family;
        uint8_t bytes[16];
    } blocks[sizeof registry / sizeof *registry];
    if (blocks[row].family == 0) {
        blocks[row].family = strchr(registry[row].block, ':') != NULL ? AF_INET6 : AF_INET;
        FUZZ_CHECK(inet_pton(blocks[row].family, registry[row].block, blocks[row].bytes) == 1);
    }
    *family = blocks[row].family;
    return blocks[row].bytes;
}

static bool bit_of(const uint8_t *bytes, unsigned bit) {
    return (bytes[bit / 8] & 0x80U >> bit % 8) != 0;
}

static bool is_in(const uint8_t *bytes, const uint8_t *block, unsigned bits) {
    for (unsigned bit = 0; bit < bits; bit++)
        if (bit_of(bytes, bit) != bit_of(block, bit))
            return false;
    return true;
}

static enum address_kind ref_kind(int family, const uint8_t *bytes) {
    static const uint8_t translated[12] = {0x00, 0x64, 0xFF, 0x9B}; /* 64:ff9b::/96 */
    if (family == AF_INET6 && is_in(bytes, translated, 96))
        return ref_kind(AF_INET, bytes + 12);
    for (size_t i = 0; i < sizeof registry / sizeof *registry; i++) {
        int of_block;
        const uint8_t *block = block_of(i, &of_block);
        if (of_block == family && is_in(bytes, block, registry[i].bits))
            return registry[i].kind;
    }
    return family == AF_INET ? ADDRESS_PUBLIC : ADDRESS_RESERVED;
}

/* ---- one line -------------------------------------------------------------------------------- */

static bool read_digits(struct bytes digits, struct address *address) {
    uint8_t bytes[16];
    if (digits.size != 8 && digits.size != 32)
        return false;
    for (size_t i = 0; i < digits.size / 2; i++) {
        char pair[3] = {(char)digits.data[2 * i], (char)digits.data[2 * i + 1], '\0'};
        char *end;
        bytes[i] = (uint8_t)strtoul(pair, &end, 16);
        if (end != pair + 2)
            return false;
    }
    *address = digits.size == 8 ? address_v4(bytes, 80) : address_v6(bytes, 80);
    return true;
}

static int family_of(const struct address *address) {
    return address->socket.any.sa_family;
}

static const uint8_t *bytes_in(const struct address *address) {
    return family_of(address) == AF_INET ? (const uint8_t *)&address->socket.v4.sin_addr
                                         : address->socket.v6.sin6_addr.s6_addr;
}

static bool read_text(struct bytes line, struct address *address) {
    char text[64];
    uint8_t expected[16];
    bool read = address_parse_host(line, 80, address);
    if (line.size >= sizeof text || memchr(line.data, '\0', line.size) != NULL)
        return read;
    snprintf(text, sizeof text, "%.*s", (int)line.size, (const char *)line.data);
    int family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
    FUZZ_CHECK(read == (inet_pton(family, text, expected) == 1));
    if (read)
        FUZZ_CHECK(family_of(address) == family &&
                   memcmp(bytes_in(address), expected, family == AF_INET ? 4 : 16) == 0);
    return read;
}

/* ---- places to listen at --------------------------------------------------------------------- */

static bool ref_port(const char *text, unsigned *port) {
    *port = (unsigned)strtoul(text, NULL, 10);
    return *text != '\0' && strspn(text, "0123456789") == strlen(text) &&
           strtod(text, NULL) <= 65535;
}

/* "localhost", "*", "127.0.0.1" or "[::1]", with ":PORT". */
static size_t ref_listen(char *text, uint8_t bytes[16], int *family, unsigned *port) {
    char *colon = strrchr(text, ':');
    if (colon == NULL || !ref_port(colon + 1, port))
        return 0;
    *colon = '\0';
    if (strcmp(text, "localhost") == 0 || strcmp(text, "*") == 0)
        return 2;
    *family = *text == '[' ? AF_INET6 : AF_INET;
    if (*family == AF_INET6 && colon[-1] != ']')
        return 0;
    if (*family == AF_INET6)
        colon[-1] = '\0';
    return inet_pton(*family, text + (*family == AF_INET6), bytes) == 1 ? 1 : 0;
}

static void check_listen(struct bytes line) {
    struct address addresses[2];
    char text[80];
    uint8_t bytes[16];
    int family = 0;
    unsigned port;
    size_t count = 0;
    enum error error = address_parse_listen(line, addresses, &count);
    if (line.size >= sizeof text || (line.size > 0 && memchr(line.data, '\0', line.size) != NULL))
        return;
    snprintf(text, sizeof text, "%.*s", (int)line.size, (const char *)line.data);
    enum address_kind both = *text == '*' ? ADDRESS_UNSPECIFIED : ADDRESS_LOOPBACK;
    size_t expected = ref_listen(text, bytes, &family, &port);
    FUZZ_CHECK((error == ERROR_NONE) == (expected > 0));
    if (error != ERROR_NONE)
        return;
    FUZZ_CHECK(count == expected);
    for (size_t i = 0; i < count; i++)
        FUZZ_CHECK(address_port(&addresses[i]) == port &&
                   (count == 1 || address_kind(&addresses[i]) == both));
    if (count == 1)
        FUZZ_CHECK(family_of(&addresses[0]) == family &&
                   memcmp(bytes_in(&addresses[0]), bytes, family == AF_INET ? 4 : 16) == 0);
}

/* Who comes over a Unix socket is nobody that an address is of. */
static void check_local(void) {
    char text[ADDRESS_TEXT_SIZE];
    struct address local = address_local();
    FUZZ_CHECK(address_is_local(&local) && address_port(&local) == 0);
    FUZZ_CHECK(address_format(&local, text) == 4 && strcmp(text, "unix") == 0);
    FUZZ_CHECK(address_format_host(&local, text) == 4 && strcmp(text, "unix") == 0);
}

static bool read_line(struct bytes line, struct address *address) {
    check_listen(line);
    if (line.size > 0 && line.data[0] == '=')
        return read_digits(bytes_after(line, 1), address);
    return line.size > 0 && read_text(line, address);
}

/* Written and read again it is the same, and the port stands behind it. */
static void check_written(const struct address *address) {
    char text[ADDRESS_TEXT_SIZE], whole[ADDRESS_TEXT_SIZE], expected[ADDRESS_TEXT_SIZE + 16];
    struct address again;
    size_t size = address_format_host(address, text);
    FUZZ_CHECK(address_parse_host(bytes_make((uint8_t *)text, size), 80, &again));
    FUZZ_CHECK(address_equal_host(address, &again) && address_port(&again) == 80);
    FUZZ_CHECK(address_size(&again) == address_size(address));
    bool six = family_of(address) == AF_INET6;
    snprintf(expected, sizeof expected, "%s%s%s:80", six ? "[" : "", text, six ? "]" : "");
    FUZZ_CHECK(address_format(address, whole) == strlen(expected));
    FUZZ_CHECK(strcmp(whole, expected) == 0);
    struct address listens[2];
    size_t count;
    FUZZ_CHECK(address_parse_listen(bytes_of(whole), listens, &count) == ERROR_NONE && count == 1);
    FUZZ_CHECK(address_equal_host(address, &listens[0]) && address_port(&listens[0]) == 80);
    address_set_port(&again, 81);
    FUZZ_CHECK(address_port(&again) == 81 && address_equal_host(address, &again));
    FUZZ_CHECK(!address_is_local(address));
}

/* ---- the policy ------------------------------------------------------------------------------ */

static void check_mapped(const struct address *address) {
    struct address inside = address_unmapped(address);
    if (family_of(address) == AF_INET6 && family_of(&inside) == AF_INET)
        FUZZ_CHECK(address_kind(address) == ADDRESS_EMBEDDING);
}

static bool ref_allows(enum private_addresses rule, bool outside, enum address_kind kind) {
    return rule == PRIVATE_ADDRESSES_ALWAYS || (rule == PRIVATE_ADDRESSES_CONFIGURED && !outside) ||
           kind == ADDRESS_PUBLIC;
}

static bool is_ours(enum address_kind kind) {
    return kind == ADDRESS_LOOPBACK || kind == ADDRESS_PRIVATE || kind == ADDRESS_LINK_LOCAL ||
           kind == ADDRESS_SHARED || kind == ADDRESS_UNSPECIFIED;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size), rest;
    struct address_policy policy = {.rule = (enum private_addresses)(fuzz_take(&input) % 3)};
    struct address addresses[16], filtered[16];
    enum address_kind kinds[16];
    bool outside = false;
    size_t count = 0, kept = 0;
    check_local();
    rest = input;
    while (rest.size > 0 && count < 16)
        count += read_line(fuzz_take_until(&rest, '\n'), &addresses[count]);
    for (size_t i = 0; i < count; i++)
        kinds[i] = ref_kind(family_of(&addresses[i]), bytes_in(&addresses[i]));
    for (size_t i = 0; i < count; i++) {
        enum address_kind kind = kinds[i];
        FUZZ_CHECK(address_kind(&addresses[i]) == kind);
        FUZZ_CHECK(address_kind_name(kind)[0] != '\0');
        check_mapped(&addresses[i]);
        check_written(&addresses[i]);
        memcpy(filtered, addresses, sizeof filtered);
        size_t left = address_policy_filter(&policy, filtered, count);
        kept = 0;
        for (size_t j = 0; j < count; j++) {
            bool allowed = ref_allows(policy.rule, outside, kinds[j]);
            FUZZ_CHECK(address_policy_allows(&policy, &addresses[j]) == allowed);
            if (allowed)
                FUZZ_CHECK(kept < left && address_equal_host(&filtered[kept++], &addresses[j]));
        }
        FUZZ_CHECK(kept == left);
        address_policy_note(&policy, &addresses[i]);
        outside |= !is_ours(kind);
    }
    return 0;
}
