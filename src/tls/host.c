#include "host.h"

#include <arpa/inet.h>
#include <string.h>

static char lower(uint8_t character) {
    return (char)(character >= 'A' && character <= 'Z' ? character | 0x20 : character);
}

static bool is_name_character(char character) {
    return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9') ||
           character == '-' || character == '_';
}

/* Labels of 1 to 63 characters (RFC 1035, section 2.3.4) with dots between them. */
static bool is_domain_name(const char *name) {
    for (;;) {
        size_t label = 0;
        while (is_name_character(name[label]))
            label++;
        if (label == 0 || label > 63)
            return false;
        if (name[label] == '\0')
            return true;
        if (name[label] != '.')
            return false;
        name += label + 1;
    }
}

/* Copies the text in lower case. False if it does not fit, or has a NUL in it. */
static bool set_name(struct tls_host *host, struct bytes text) {
    if (text.size == 0 || text.size > TLS_HOST_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.size; i++)
        host->name[i] = lower(text.data[i]);
    return strlen(host->name) == text.size;
}

static bool parse_ipv6(struct tls_host *host, struct bytes text) {
    if (text.size >= 2 && text.data[0] == '[' && text.data[text.size - 1] == ']')
        text = bytes_make(text.data + 1, text.size - 2);
    host->address_size = 16;
    return set_name(host, text) && inet_pton(AF_INET6, host->name, host->address) == 1;
}

bool tls_host_parse(struct tls_host *host, struct bytes text) {
    *host = (struct tls_host){0};
    if (text.size > 0 && memchr(text.data, ':', text.size) != NULL)
        return parse_ipv6(host, text);
    if (text.size > 0 && text.data[text.size - 1] == '.')
        text.size--;
    if (!set_name(host, text))
        return false;
    if (inet_pton(AF_INET, host->name, host->address) == 1)
        host->address_size = 4;
    return host->address_size > 0 || is_domain_name(host->name);
}

/*
 * RFC 9525, section 6.3: "*" stands for exactly one label, the first, as the whole of it. One more
 * rule, of the browsers: at least two labels follow, so that "*.com" names nobody.
 */
static bool matches_wildcard(struct bytes name, struct bytes after_star) {
    const uint8_t *dot = memchr(name.data, '.', name.size);
    if (dot == NULL || after_star.size < 2 || after_star.data[0] != '.' ||
        memchr(after_star.data + 1, '.', after_star.size - 1) == NULL)
        return false;
    return bytes_equal_ignoring_case(bytes_after(name, (size_t)(dot - name.data)), after_star);
}

bool tls_host_matches_name(const struct tls_host *host, struct bytes pattern) {
    struct bytes name = bytes_of(host->name);
    if (host->address_size > 0)
        return false;
    if (pattern.size > 0 && pattern.data[0] == '*')
        return matches_wildcard(name, bytes_after(pattern, 1));
    return bytes_equal_ignoring_case(name, pattern);
}

bool tls_host_matches_address(const struct tls_host *host, struct bytes address) {
    return host->address_size > 0 &&
           bytes_equal(bytes_make(host->address, host->address_size), address);
}
