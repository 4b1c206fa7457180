/*
 * The host parser of the URL standard. The order of steps matters: a domain is percent-decoded,
 * then mapped to ASCII, then checked, and only then tried as an IPv4 address. So "%31.1" and "１.1"
 * are addresses too, and nothing that another program would take for an address passes as a name.
 */
#include "url_host.h"

#include "base/utf8.h"
#include "url_percent.h"

/* Above every number that an IPv4 address may hold; bigger ones stay at this. */
static const uint64_t ipv4_too_big = (uint64_t)1 << 32;

/* A part of a dotted number: 0x is hexadecimal, another leading 0 octal. False if it is neither. */
static bool ipv4_number(struct bytes part, uint64_t *value) {
    unsigned radix = 10;
    if (part.size == 0)
        return false;
    if (part.size >= 2 && part.data[0] == '0') {
        bool hexadecimal = (part.data[1] | 0x20) == 'x';
        radix = hexadecimal ? 16 : 8;
        part = bytes_after(part, hexadecimal ? 2 : 1);
    }
    *value = 0;
    for (size_t i = 0; i < part.size; i++) {
        int digit = url_hexadecimal(part.data[i]);
        if (digit < 0 || (unsigned)digit >= radix)
            return false;
        *value = *value * radix + (unsigned)digit;
        if (*value > ipv4_too_big)
            *value = ipv4_too_big;
    }
    return true;
}

/* The part behind the last dot, which one dot more may end. */
static struct bytes last_part(struct bytes domain) {
    if (domain.size > 1 && domain.data[domain.size - 1] == '.')
        domain.size--;
    size_t start = domain.size;
    while (start > 0 && domain.data[start - 1] != '.')
        start--;
    return bytes_after(domain, start);
}

/* Then it is an IPv4 address or nothing. Digits alone count, though 09 is no octal number. */
static bool ends_in_number(struct bytes domain) {
    struct bytes part = last_part(domain);
    uint64_t value;
    if (ipv4_number(part, &value))
        return true;
    for (size_t i = 0; i < part.size; i++)
        if (part.data[i] < '0' || part.data[i] > '9')
            return false;
    return part.size > 0;
}

/* Takes the next part and its dot off `rest`; false if there is none left. */
static bool next_part(struct bytes *rest, struct bytes *part) {
    if (rest->size == 0)
        return false;
    size_t size = 0;
    while (size < rest->size && rest->data[size] != '.')
        size++;
    *part = bytes_make(rest->data, size);
    *rest = bytes_after(*rest, size < rest->size ? size + 1 : size);
    return true;
}

/* One to four numbers; the last fills all the bytes that the others leave. */
static bool ipv4_parse(struct bytes domain, uint8_t address[4]) {
    uint64_t numbers[4];
    size_t count = 0;
    struct bytes part;
    while (next_part(&domain, &part))
        if (count == 4 || !ipv4_number(part, &numbers[count++]))
            return false;
    if (count == 0 || numbers[count - 1] >= (uint64_t)1 << 8 * (5 - count))
        return false;
    uint64_t whole = numbers[count - 1];
    for (size_t i = 0; i < count - 1; i++) {
        if (numbers[i] > 255)
            return false;
        whole |= numbers[i] << 8 * (3 - i);
    }
    for (size_t i = 0; i < 4; i++)
        address[i] = (uint8_t)(whole >> 8 * (3 - i));
    return true;
}

static bool is_forbidden_in_domain(uint8_t byte) {
    switch (byte) {
    case ' ':
    case '#':
    case '%':
    case '/':
    case ':':
    case '<':
    case '>':
    case '?':
    case '@':
    case '[':
    case '\\':
    case ']':
    case '^':
    case '|':
        return true;
    default:
        return byte < 0x20 || byte > 0x7e;
    }
}

static bool is_domain(struct bytes domain) {
    for (size_t i = 0; i < domain.size; i++)
        if (is_forbidden_in_domain(domain.data[i]))
            return false;
    return domain.size > 0;
}

static enum error append_ipv4(struct bytes domain, uint8_t address[4], struct buffer *out) {
    if (!ipv4_parse(domain, address))
        return ERROR_URL_HOST;
    enum error error = buffer_append_unsigned(out, address[0]);
    for (int i = 1; i < 4 && error == ERROR_NONE; i++) {
        error = buffer_append_byte(out, '.');
        if (error == ERROR_NONE)
            error = buffer_append_unsigned(out, address[i]);
    }
    return error;
}

static enum error append_domain(struct bytes ascii, enum url_host_kind *kind, uint8_t address[16],
                                struct buffer *out) {
    if (!is_domain(ascii))
        return ERROR_URL_HOST;
    if (ends_in_number(ascii)) {
        *kind = URL_HOST_IPV4;
        return append_ipv4(ascii, address, out);
    }
    *kind = URL_HOST_DOMAIN;
    return buffer_append(out, ascii.data, ascii.size);
}

static enum error parse_domain(struct bytes text, enum url_host_kind *kind, uint8_t address[16],
                               struct buffer *out) {
    struct buffer decoded = {0}, ascii = {0};
    enum error error = url_percent_decode(text, &decoded);
    /* U+FFFD, which stands for what is not valid, is in no domain */
    if (error == ERROR_NONE && !utf8_is_valid(buffer_bytes(&decoded)))
        error = ERROR_URL_HOST;
    if (error == ERROR_NONE)
        error = url_domain_to_ascii(buffer_bytes(&decoded), &ascii);
    if (error == ERROR_NONE)
        error = append_domain(buffer_bytes(&ascii), kind, address, out);
    buffer_fini(&decoded);
    buffer_fini(&ascii);
    return error;
}

static enum error parse_ipv6(struct bytes text, uint8_t address[16], struct buffer *out) {
    if (text.data[text.size - 1] != ']' ||
        !url_ipv6_parse(bytes_make(text.data + 1, text.size - 2), address))
        return ERROR_URL_HOST;
    enum error error = buffer_append_byte(out, '[');
    if (error == ERROR_NONE)
        error = url_ipv6_append(address, out);
    return error == ERROR_NONE ? buffer_append_byte(out, ']') : error;
}

enum error url_host_parse(struct bytes text, enum url_host_kind *kind, uint8_t address[16],
                          struct buffer *out) {
    if (text.size == 0)
        return ERROR_URL_HOST;
    if (text.data[0] != '[')
        return parse_domain(text, kind, address, out);
    *kind = URL_HOST_IPV6;
    return parse_ipv6(text, address, out);
}
