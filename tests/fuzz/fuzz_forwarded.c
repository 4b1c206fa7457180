/*
 * X-Forwarded-For. The first line are the networks that are trusted, with spaces between them; each
 * further line is a field. Whom the connection comes from is always the same, and trusted.
 *
 * Oracles: the fields joined, split and read by the C library, give the same client; what a
 * stranger writes in front of the address that was found changes nothing.
 */
#include <arpa/inet.h>
#include <regex.h>

#include "forwarded.h"
#include "fuzz.h"

enum { NETWORKS_MAX = 8, FIELDS_MAX = 8, TEXT_MOST = 1000 };

struct rules {
    struct network networks[NETWORKS_MAX];
    size_t count;
};

/* ---- a second reading ------------------------------------------------------------------------ */

static bool matches(const char *pattern, regex_t *compiled, const char *text, regmatch_t *found) {
    if (compiled->re_nsub == 0)
        FUZZ_CHECK(regcomp(compiled, pattern, REG_EXTENDED) == 0);
    return regexec(compiled, text, 3, found, 0) == 0;
}

static bool ref_host(const char *text, int size, struct address *address) {
    char host[TEXT_MOST];
    uint8_t bytes[16];
    snprintf(host, sizeof host, "%.*s", size, text);
    if (inet_pton(AF_INET, host, bytes) == 1)
        *address = address_v4(bytes, 0);
    else if (inet_pton(AF_INET6, host, bytes) == 1)
        *address = address_v6(bytes, 0);
    else
        return false;
    return true;
}

/* An address, or one with its port behind it; in brackets, or without. */
static bool ref_element(const char *text, struct address *address) {
    static regex_t in_brackets, plain;
    regmatch_t found[3];
    if (ref_host(text, (int)strlen(text), address))
        return true;
    if (!matches("^\\[([^]]*)\\](:[0-9]+)?$", &in_brackets, text, found) &&
        !matches("^([^:[][^:]*)(:[0-9]+)$", &plain, text, found))
        return false;
    double port = found[2].rm_so < 0 ? 0 : strtod(text + found[2].rm_so + 1, NULL);
    if (port > 65535 ||
        !ref_host(text + found[1].rm_so, (int)(found[1].rm_eo - found[1].rm_so), address))
        return false;
    address_set_port(address, (uint16_t)port);
    return true;
}

static bool ref_trusts(const struct rules *rules, const struct address *address) {
    const uint8_t *bytes = address->socket.any.sa_family == AF_INET
                               ? (const uint8_t *)&address->socket.v4.sin_addr
                               : address->socket.v6.sin6_addr.s6_addr;
    for (size_t i = 0; i < rules->count; i++) {
        const struct network *network = &rules->networks[i];
        bool same = network->family == address->socket.any.sa_family;
        for (unsigned bit = 0; same && bit < network->bits; bit++)
            same = ((bytes[bit / 8] ^ network->bytes[bit / 8]) & 0x80 >> bit % 8) == 0;
        if (same)
            return true;
    }
    return false;
}

/* `list` is cut into its elements. */
static struct address ref_client(const struct rules *rules, const struct address *peer,
                                 char *list) {
    struct address client = *peer, address;
    bool more = ref_trusts(rules, peer);
    while (more) {
        char *comma = strrchr(list, ','), *element = comma == NULL ? list : comma + 1;
        more = comma != NULL;
        element += strspn(element, " \t");
        size_t size = strlen(element);
        while (size > 0 && strchr(" \t", element[size - 1]) != NULL)
            size--;
        element[size] = '\0';
        if (size > 0 && !ref_element(element, &address))
            break;
        if (size > 0) {
            client = address_unmapped(&address);
            more &= ref_trusts(rules, &client);
        }
        if (comma != NULL)
            *comma = '\0';
    }
    return client;
}

/* ---- one input ------------------------------------------------------------------------------- */

static bool same_address(const struct address *a, const struct address *b) {
    return address_equal_host(a, b) && address_port(a) == address_port(b);
}

static void read_rules(struct rules *rules, struct bytes line) {
    rules->count = 1;
    FUZZ_CHECK(network_parse(bytes_of("127.0.0.1"), &rules->networks[0]));
    while (line.size > 0 && rules->count < NETWORKS_MAX)
        rules->count += network_parse(fuzz_take_until(&line, ' '), &rules->networks[rules->count]);
}

/* In front of somebody who is not trusted anybody may stand. */
static void check_stranger(const struct rules *rules, const struct address *peer,
                           const struct http_field *fields, size_t count,
                           const struct address *client) {
    struct http_field more[FIELDS_MAX + 1];
    if (ref_trusts(rules, client))
        return;
    more[0] = (struct http_field){bytes_of("x-forwarded-for"), bytes_of("192.0.2.66")};
    for (size_t i = 0; i < count; i++)
        more[i + 1] = fields[i];
    struct address again = forwarded_client((struct http_fields){more, count + 1}, peer,
                                            rules->networks, rules->count);
    FUZZ_CHECK(same_address(&again, client));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t local[4] = {127, 0, 0, 1};
    struct http_field fields[FIELDS_MAX];
    struct bytes input = bytes_make(data, size);
    struct address peer = address_v4(local, 9);
    struct rules rules;
    char list[TEXT_MOST] = "";
    size_t count = 0, used = 0;
    if (size >= sizeof list - FIELDS_MAX || (size > 0 && memchr(data, '\0', size) != NULL))
        return 0;
    read_rules(&rules, fuzz_take_until(&input, '\n'));
    while (input.size > 0 && count < FIELDS_MAX) {
        struct bytes line = fuzz_take_until(&input, '\n');
        fields[count] = (struct http_field){bytes_of("X-Forwarded-For"), line};
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%.*s", count > 0 ? "," : "",
                                 (int)line.size, (const char *)line.data);
        count++;
    }
    struct address client =
        forwarded_client((struct http_fields){fields, count}, &peer, rules.networks, rules.count);
    struct address expected = ref_client(&rules, &peer, list);
    FUZZ_CHECK(same_address(&client, &expected));
    check_stranger(&rules, &peer, fields, count, &client);
    return 0;
}
