#include "url_host.h"

#include <idn2.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"

enum { GROUPS = 8, DOMAIN_MAX = 253 };

int url_hex_value(uint8_t byte) {
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    byte |= 0x20;
    return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* ---- IPv6 ------------------------------------------------------------------------------------- */

/* The dotted end of an IPv6 address: four decimal numbers without leading zeros. */
static bool read_dotted(struct bytes text, uint16_t groups[2]) {
    unsigned parts[4];
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t start = at;
        unsigned value = 0;
        if (i > 0 && (at >= text.size || text.data[at++] != '.'))
            return false;
        start = at;
        while (at < text.size && text.data[at] >= '0' && text.data[at] <= '9' && at - start < 4)
            value = value * 10 + (text.data[at++] - '0');
        if (at == start || value > 255 || (at - start > 1 && text.data[start] == '0'))
            return false;
        parts[i] = value;
    }
    groups[0] = (uint16_t)(parts[0] << 8 | parts[1]);
    groups[1] = (uint16_t)(parts[2] << 8 | parts[3]);
    return at == text.size;
}

static bool read_ipv6(struct bytes text, uint16_t groups[GROUPS]) {
    int count = 0, gap = -1;
    size_t at = 0;
    if (text.size >= 2 && text.data[0] == ':' && text.data[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < text.size) {
        unsigned value = 0;
        size_t start = at;
        if (count == GROUPS)
            return false;
        while (at < text.size && at - start < 4 && url_hex_value(text.data[at]) >= 0)
            value = value << 4 | (unsigned)url_hex_value(text.data[at++]);
        if (at < text.size && text.data[at] == '.') {
            if (count > GROUPS - 2 || !read_dotted(bytes_after(text, start), groups + count))
                return false;
            count += 2;
            break;
        }
        if (at == start)
            return false;
        groups[count++] = (uint16_t)value;
        if (at == text.size)
            break;
        if (text.data[at++] != ':' || at == text.size)
            return false;
        if (text.data[at] == ':') {
            if (gap >= 0)
                return false;
            gap = count;
            at++;
        }
    }
    if (gap < 0)
        return count == GROUPS;
    if (count == GROUPS)
        return false;
    size_t behind = (size_t)(count - gap);
    memmove(groups + GROUPS - behind, groups + gap, behind * sizeof *groups);
    memset(groups + gap, 0, (size_t)(GROUPS - count) * sizeof *groups);
    return true;
}

/* The longest run of at least two zero groups is written as "::"; the first one of equals. */
static int longest_zeros(const uint16_t groups[GROUPS], int *length) {
    int best = -1;
    *length = 1;
    for (int start = 0; start < GROUPS; start++) {
        int end = start;
        while (end < GROUPS && groups[end] == 0)
            end++;
        if (end - start > *length) {
            *length = end - start;
            best = start;
        }
    }
    return best;
}

static enum error append_ipv6(struct buffer *out, const uint16_t groups[GROUPS]) {
    int length, zeros = longest_zeros(groups, &length);
    enum error error = buffer_append_byte(out, '[');
    for (int i = 0; i < GROUPS && error == ERROR_NONE; i++) {
        if (i == zeros) {
            error = buffer_append_text(out, i == 0 ? "::" : ":");
            i += length - 1;
            continue;
        }
        error = buffer_format(out, i < GROUPS - 1 ? "%x:" : "%x", groups[i]);
    }
    return error == ERROR_NONE ? buffer_append_byte(out, ']') : error;
}

/* ---- IPv4 ------------------------------------------------------------------------------------- */

/* Decimal, 0x hexadecimal or 0 octal; an empty rest behind 0x is 0. False if it is no number. */
static bool read_number(struct bytes part, uint64_t *value) {
    unsigned base = 10;
    *value = 0;
    if (part.size == 0)
        return false;
    if (part.size >= 2 && part.data[0] == '0' && (part.data[1] | 0x20) == 'x') {
        part = bytes_after(part, 2);
        base = 16;
    } else if (part.size >= 2 && part.data[0] == '0') {
        part = bytes_after(part, 1);
        base = 8;
    }
    for (size_t i = 0; i < part.size; i++) {
        int digit = url_hex_value(part.data[i]);
        if (digit < 0 || (unsigned)digit >= base)
            return false;
        *value = *value > UINT32_MAX ? *value : *value * base + (unsigned)digit;
    }
    return true;
}

static struct bytes last_part(struct bytes host) {
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    const uint8_t *dot = host.size == 0 ? NULL : memrchr(host.data, '.', host.size);
    return dot == NULL ? host : bytes_after(host, (size_t)(dot - host.data) + 1);
}

/* The standard's "ends in a number" checker: such a host is an IPv4 address or nothing. */
static bool ends_in_number(struct bytes host) {
    struct bytes last = last_part(host);
    bool digits = last.size > 0;
    uint64_t value;
    for (size_t i = 0; i < last.size; i++)
        digits = digits && last.data[i] >= '0' && last.data[i] <= '9';
    return digits || read_number(last, &value);
}

static bool read_ipv4(struct bytes host, uint32_t *address) {
    uint64_t numbers[4];
    size_t count = 0;
    if (host.size > 0 && host.data[host.size - 1] == '.')
        host.size--;
    for (;;) {
        const uint8_t *dot = memchr(host.data, '.', host.size);
        size_t size = dot == NULL ? host.size : (size_t)(dot - host.data);
        if (count == 4 || !read_number(bytes_make(host.data, size), &numbers[count++]))
            return false;
        if (dot == NULL)
            break;
        host = bytes_after(host, size + 1);
    }
    uint64_t sum = numbers[count - 1];
    if (sum >= (uint64_t)1 << (8 * (5 - count)))
        return false;
    for (size_t i = 0; i + 1 < count; i++) {
        if (numbers[i] > 255)
            return false;
        sum += numbers[i] << (8 * (3 - i));
    }
    *address = (uint32_t)sum;
    return true;
}

/* ---- domains ---------------------------------------------------------------------------------- */

static enum error percent_decode(struct bytes input, struct buffer *out) {
    enum error error = ERROR_NONE;
    for (size_t i = 0; i < input.size && error == ERROR_NONE; i++) {
        uint8_t byte = input.data[i];
        if (byte == '%' && i + 2 < input.size && url_hex_value(input.data[i + 1]) >= 0 &&
            url_hex_value(input.data[i + 2]) >= 0) {
            byte = (uint8_t)(url_hex_value(input.data[i + 1]) << 4 |
                             url_hex_value(input.data[i + 2]));
            i += 2;
        }
        error = buffer_append_byte(out, byte);
    }
    return error;
}

static bool is_forbidden(uint8_t byte) {
    return byte <= 0x20 || byte == 0x7F || strchr("#/:<>?@[\\]^|%", byte) != NULL;
}

static bool is_ascii(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] >= 0x80)
            return false;
    return true;
}

/* Labels in Punycode must be what IDNA makes of them, so they too take the long way. */
static bool has_punycode(struct bytes host) {
    for (size_t i = 0; i + 4 <= host.size; i++)
        if ((i == 0 || host.data[i - 1] == '.') &&
            bytes_equal_ignoring_case(bytes_make(host.data + i, 4), bytes_of("xn--")))
            return true;
    return false;
}

static enum error lower_ascii(struct bytes host, struct buffer *out) {
    enum error error = buffer_reserve(out, host.size);
    for (size_t i = 0; i < host.size && error == ERROR_NONE; i++) {
        uint8_t byte = host.data[i];
        error = buffer_append_byte(out, byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte);
    }
    return error;
}

static enum error to_ascii(struct bytes host, struct buffer *out) {
    if (is_ascii(host) && !has_punycode(host))
        return lower_ascii(host, out);
    char *name = memory_copy_text((const char *)host.data, host.size), *ascii = NULL;
    if (name == NULL)
        return ERROR_NO_MEMORY;
    enum error error = ERROR_URL_HOST;
    int result = utf8_is_valid(host) ? idn2_to_ascii_8z(name, &ascii, IDN2_NONTRANSITIONAL |
                                                                          IDN2_NFC_INPUT)
                                     : IDN2_ENCODING_ERROR;
    if (result == IDN2_OK)
        error = buffer_append_text(out, ascii);
    else if (result == IDN2_MALLOC)
        error = ERROR_NO_MEMORY;
    idn2_free(ascii);
    memory_free(name);
    return error;
}

static enum error check_domain(struct bytes host) {
    if (host.size == 0 || host.size > DOMAIN_MAX + 1)
        return ERROR_URL_HOST;
    for (size_t i = 0; i < host.size; i++)
        if (is_forbidden(host.data[i]))
            return ERROR_URL_HOST;
    return ERROR_NONE;
}

static enum error parse_name(struct bytes decoded, struct buffer *out, enum url_host_kind *kind) {
    struct buffer ascii = {0};
    uint32_t address;
    enum error error = memchr(decoded.data, '\0', decoded.size) != NULL ? ERROR_URL_HOST
                                                                        : to_ascii(decoded, &ascii);
    if (error == ERROR_NONE)
        error = check_domain(buffer_bytes(&ascii));
    if (error == ERROR_NONE && !ends_in_number(buffer_bytes(&ascii))) {
        *kind = URL_DOMAIN;
        error = buffer_append(out, ascii.data, ascii.size);
    } else if (error == ERROR_NONE) {
        *kind = URL_IPV4;
        error = !read_ipv4(buffer_bytes(&ascii), &address)
                    ? ERROR_URL_HOST
                    : buffer_format(out, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
                                    address >> 8 & 255, address & 255);
    }
    buffer_fini(&ascii);
    return error;
}

enum error url_host_parse(struct bytes input, struct buffer *out, enum url_host_kind *kind) {
    uint16_t groups[GROUPS] = {0};
    if (input.size == 0)
        return ERROR_URL_HOST;
    if (input.data[0] == '[') {
        *kind = URL_IPV6;
        if (input.data[input.size - 1] != ']' ||
            !read_ipv6(bytes_make(input.data + 1, input.size - 2), groups))
            return ERROR_URL_HOST;
        return append_ipv6(out, groups);
    }
    struct buffer decoded = {0};
    enum error error = percent_decode(input, &decoded);
    if (error == ERROR_NONE)
        error = parse_name(buffer_bytes(&decoded), out, kind);
    buffer_fini(&decoded);
    return error;
}
