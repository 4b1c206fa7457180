/*
 * The basic URL parser of the URL standard (section 4.4) as it stands there, one character at a
 * time, for http and https: the oracle for src/http/url.c, which works part by part and shares no
 * code with this. Only ASCII hosts are judged: what Unicode makes of the others is libidn2's
 * business.
 */
#ifndef RINGCAST_TESTS_URL_REFERENCE_H
#define RINGCAST_TESTS_URL_REFERENCE_H

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"

enum { REF_URL_MAX = 1 << 14 };

enum ref_url_result { REF_URL_GOOD, REF_URL_FAILURE, REF_URL_UNJUDGED };

struct ref_text {
    size_t size;
    char text[REF_URL_MAX];
};

struct ref_url {
    bool https;
    struct ref_text username, password, host, path, query, fragment;
    int port; /* -1: the default */
    bool has_query, has_fragment;
};

enum ref_state {
    REF_SCHEME_START,
    REF_SCHEME,
    REF_NO_SCHEME,
    REF_RELATIVE_OR_AUTHORITY,
    REF_RELATIVE,
    REF_RELATIVE_SLASH,
    REF_AUTHORITY_SLASHES,
    REF_AUTHORITY,
    REF_HOST,
    REF_PORT,
    REF_PATH_START,
    REF_PATH,
    REF_QUERY,
    REF_FRAGMENT
};

struct ref_machine {
    struct ref_url *url;
    const struct ref_url *base;
    const uint8_t *text; /* without tabs and newlines, and ended by a NUL that does not count */
    long size, pointer;
    enum ref_state state;
    struct ref_text buffer;
    bool at_seen, in_brackets, password_seen;
    enum ref_url_result result;
};

/* Their room is large: only what is used of it is written and copied. */
static inline void ref_clear(struct ref_text *text) {
    text->size = 0;
    text->text[0] = '\0';
}

static inline void ref_copy(struct ref_text *to, const struct ref_text *from) {
    memcpy(to, from, offsetof(struct ref_text, text) + from->size + 1);
}

static inline void ref_url_clear(struct ref_url *url) {
    struct ref_text *const parts[] = {&url->username, &url->password, &url->host,
                                      &url->path,     &url->query,    &url->fragment};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        ref_clear(parts[i]);
    url->https = url->has_query = url->has_fragment = false;
    url->port = -1;
}

static inline void ref_url_copy(struct ref_url *to, const struct ref_url *from) {
    ref_copy(&to->username, &from->username);
    ref_copy(&to->password, &from->password);
    ref_copy(&to->host, &from->host);
    ref_copy(&to->path, &from->path);
    ref_copy(&to->query, &from->query);
    ref_copy(&to->fragment, &from->fragment);
    to->https = from->https;
    to->port = from->port;
    to->has_query = from->has_query;
    to->has_fragment = from->has_fragment;
}

static inline void ref_put(struct ref_text *to, char c) {
    FUZZ_CHECK(to->size < sizeof to->text - 1);
    to->text[to->size++] = c;
    to->text[to->size] = '\0';
}

/* Section 1.3: C0 controls, what is above '~', and the set's own characters. */
static inline void ref_encode(struct ref_text *to, int c, const char *set) {
    char code[4];
    if (c >= 0x20 && c <= 0x7E && strchr(set, c) == NULL) {
        ref_put(to, (char)c);
        return;
    }
    snprintf(code, sizeof code, "%%%02X", (unsigned)c & 0xFF);
    for (int i = 0; i < 3; i++)
        ref_put(to, code[i]);
}

static const char ref_fragment_set[] = " \"<>`", ref_query_set[] = " \"#<>'",
                  ref_path_set[] = " \"#<>?^`{}", ref_userinfo_set[] = " \"#<>?^`{}/:;=@[\\]|";

/* ---- hosts (section 3.5) --------------------------------------------------------------------- */

/* The IPv4 number parser; -1: failure. Numbers too large for the address stay large. */
static inline double ref_ipv4_number(const char *text) {
    int radix = 10;
    double value = 0;
    if (*text == '\0')
        return -1;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        radix = 16;
        text += 2;
    } else if (text[0] == '0' && text[1] != '\0') {
        radix = 8;
        text++;
    }
    for (; *text != '\0'; text++) {
        int digit = isdigit(*text) ? *text - '0' : isalpha(*text) ? tolower(*text) - 'a' + 10 : 99;
        if (digit >= radix)
            return -1;
        value = value * radix + digit;
    }
    return value;
}

/* Splits at dots, into at most `most` parts; returns how many there were. */
static inline size_t ref_split(char *text, char **parts, size_t most) {
    size_t count = 0;
    for (char *part = text; part != NULL; count++) {
        if (count < most)
            parts[count] = part;
        part = strchr(part, '.');
        if (part != NULL)
            *part++ = '\0';
    }
    return count;
}

/* "Ends in a number", which makes it an IPv4 address or nothing. */
static inline bool ref_ends_in_number(const char *host) {
    char copy[REF_URL_MAX];
    size_t size = strlen(host);
    memcpy(copy, host, size + 1);
    if (size > 0 && copy[size - 1] == '.') {
        if (strchr(copy, '.') == copy + size - 1 && size == 1)
            return false;
        copy[size - 1] = '\0';
    }
    const char *last = strrchr(copy, '.') != NULL ? strrchr(copy, '.') + 1 : copy;
    if (*last != '\0' && strspn(last, "0123456789") == strlen(last))
        return true;
    return ref_ipv4_number(last) >= 0;
}

static inline bool ref_ipv4(struct ref_text *host) {
    char copy[REF_URL_MAX], *parts[5];
    double numbers[4], address = 0;
    memcpy(copy, host->text, host->size + 1);
    if (host->size > 0 && copy[host->size - 1] == '.')
        copy[host->size - 1] = '\0';
    size_t count = ref_split(copy, parts, 5);
    if (count > 4)
        return false;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = ref_ipv4_number(parts[i]);
        if (numbers[i] < 0 || (i + 1 < count && numbers[i] > 255))
            return false;
    }
    double most = 256;
    for (size_t i = count; i < 4; i++)
        most *= 256;
    if (numbers[count - 1] >= most)
        return false;
    address = numbers[count - 1];
    for (size_t i = 0; i + 1 < count; i++)
        address += numbers[i] * (i == 0 ? 16777216.0 : i == 1 ? 65536.0 : 256.0);
    uint32_t value = (uint32_t)address;
    host->size = (size_t)snprintf(host->text, sizeof host->text, "%u.%u.%u.%u", value >> 24,
                                  value >> 16 & 255, value >> 8 & 255, value & 255);
    return true;
}

/* The standard's IPv6 parser, pointer and all. */
static inline bool ref_ipv6_pieces(const char *p, unsigned pieces[8]) {
    int index = 0, compress = -1;
    memset(pieces, 0, 8 * sizeof *pieces);
    if (*p == ':') {
        if (p[1] != ':')
            return false;
        p += 2;
        compress = ++index;
    }
    while (*p != '\0') {
        unsigned value = 0, length = 0;
        if (index == 8)
            return false;
        if (*p == ':') {
            if (compress >= 0)
                return false;
            p++;
            compress = ++index;
            continue;
        }
        for (; length < 4 && isxdigit((unsigned char)*p); length++, p++)
            value = value * 16 +
                    (unsigned)(isdigit((unsigned char)*p) ? *p - '0' : tolower(*p) - 'a' + 10);
        if (*p == '.') {
            if (length == 0 || index > 6)
                return false;
            p -= length;
            int seen = 0;
            while (*p != '\0') {
                int ipv4 = -1;
                if (seen > 0 && (*p != '.' || seen == 4))
                    return false;
                if (seen > 0)
                    p++;
                if (!isdigit((unsigned char)*p))
                    return false;
                for (; isdigit((unsigned char)*p); p++) {
                    if (ipv4 == 0)
                        return false;
                    ipv4 = ipv4 < 0 ? *p - '0' : ipv4 * 10 + *p - '0';
                    if (ipv4 > 255)
                        return false;
                }
                pieces[index] = pieces[index] * 256 + (unsigned)ipv4;
                seen++;
                if (seen == 2 || seen == 4)
                    index++;
            }
            if (seen != 4)
                return false;
            break;
        }
        if (*p == ':') {
            if (*++p == '\0')
                return false;
        } else if (*p != '\0') {
            return false;
        }
        pieces[index++] = value;
    }
    if (compress >= 0) {
        int swaps = index - compress;
        for (index = 7; index != 0 && swaps > 0; index--, swaps--) {
            unsigned kept = pieces[compress + swaps - 1];
            pieces[compress + swaps - 1] = pieces[index];
            pieces[index] = kept;
        }
        return true;
    }
    return index == 8;
}

/* The serialiser: the first of the longest runs of zeros, of two at least, becomes "::". */
static inline bool ref_ipv6(struct ref_text *host) {
    unsigned pieces[8];
    int best = -1, best_length = 1;
    host->text[host->size - 1] = '\0';
    if (strlen(host->text) != host->size - 1 || !ref_ipv6_pieces(host->text + 1, pieces))
        return false;
    for (int i = 0; i < 8; i++) {
        int length = 0;
        while (i + length < 8 && pieces[i + length] == 0)
            length++;
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    char *out = host->text + sprintf(host->text, "[");
    for (int i = 0; i < 8; i++) {
        if (i == best) {
            out += sprintf(out, i == 0 ? "::" : ":");
            i += best_length - 1;
        } else {
            out += sprintf(out, i == 7 ? "%x" : "%x:", pieces[i]);
        }
    }
    out += sprintf(out, "]");
    host->size = (size_t)(out - host->text);
    return true;
}

static inline void ref_percent_decode(const struct ref_text *from, struct ref_text *to) {
    to->size = 0;
    for (size_t i = 0; i < from->size; i++) {
        if (from->text[i] == '%' && i + 2 < from->size &&
            isxdigit((unsigned char)from->text[i + 1]) &&
            isxdigit((unsigned char)from->text[i + 2])) {
            char digits[] = {from->text[i + 1], from->text[i + 2], '\0'};
            ref_put(to, (char)strtol(digits, NULL, 16));
            i += 2;
        } else {
            ref_put(to, from->text[i]);
        }
    }
}

static inline enum ref_url_result ref_host_parse(const struct ref_text *input,
                                                 struct ref_text *host) {
    ref_copy(host, input);
    if (host->text[0] == '[')
        return host->text[host->size - 1] == ']' && ref_ipv6(host) ? REF_URL_GOOD : REF_URL_FAILURE;
    ref_percent_decode(input, host);
    bool unjudged = false;
    for (size_t i = 0; i < host->size; i++) {
        unjudged = unjudged || (host->text[i] & 0x80) != 0 ||
                   (host->size - i >= 4 && strncasecmp(host->text + i, "xn--", 4) == 0);
        host->text[i] = (char)tolower((unsigned char)host->text[i]);
    }
    if (unjudged)
        return REF_URL_UNJUDGED;
    for (size_t i = 0; i < host->size; i++)
        if (host->text[i] <= ' ' || host->text[i] == 0x7F ||
            strchr("#/:<>?@[\\]^|%", host->text[i]) != NULL)
            return REF_URL_FAILURE;
    if (host->size == 0)
        return REF_URL_FAILURE;
    if (ref_ends_in_number(host->text) && !ref_ipv4(host))
        return REF_URL_FAILURE;
    return REF_URL_GOOD;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static inline void ref_shorten(struct ref_text *path) {
    while (path->size > 0 && path->text[path->size - 1] != '/')
        path->size--;
    if (path->size > 0)
        path->size--;
    path->text[path->size] = '\0';
}

static inline size_t ref_dots(const struct ref_text *segment) {
    static const char *const singles[] = {".", "%2e"};
    static const char *const doubles[] = {"..", ".%2e", "%2e.", "%2e%2e"};
    for (size_t i = 0; i < 2; i++)
        if (strcasecmp(segment->text, singles[i]) == 0)
            return 1;
    for (size_t i = 0; i < 4; i++)
        if (strcasecmp(segment->text, doubles[i]) == 0)
            return 2;
    return 0;
}

static inline void ref_copy_authority(struct ref_machine *machine) {
    ref_copy(&machine->url->username, &machine->base->username);
    ref_copy(&machine->url->password, &machine->base->password);
    ref_copy(&machine->url->host, &machine->base->host);
    machine->url->port = machine->base->port;
}

static inline void ref_fail(struct ref_machine *machine) {
    machine->result = REF_URL_FAILURE;
}

static inline void ref_scheme_step(struct ref_machine *machine, int c) {
    struct ref_text *buffer = &machine->buffer;
    if (machine->state == REF_SCHEME_START && isalpha(c)) {
        ref_put(buffer, (char)tolower(c));
        machine->state = REF_SCHEME;
    } else if (machine->state == REF_SCHEME && c > 0 && (isalnum(c) || strchr("+-.", c) != NULL)) {
        ref_put(buffer, (char)tolower(c));
    } else if (machine->state == REF_SCHEME && c == ':') {
        machine->url->https = strcmp(buffer->text, "https") == 0;
        if (!machine->url->https && strcmp(buffer->text, "http") != 0)
            ref_fail(machine);
        bool same = machine->base != NULL && machine->base->https == machine->url->https;
        machine->state = same ? REF_RELATIVE_OR_AUTHORITY : REF_AUTHORITY_SLASHES;
        ref_clear(buffer);
    } else {
        ref_clear(buffer);
        machine->state = REF_NO_SCHEME;
        machine->pointer = -1; /* from the beginning */
    }
}

static inline void ref_relative_step(struct ref_machine *machine, int c) {
    struct ref_url *url = machine->url;
    url->https = machine->base->https;
    if (c == '/' || c == '\\') {
        machine->state = REF_RELATIVE_SLASH;
        return;
    }
    ref_copy_authority(machine);
    ref_copy(&url->path, &machine->base->path);
    ref_copy(&url->query, &machine->base->query);
    url->has_query = machine->base->has_query;
    if (c == '?' || c == '#') {
        if (c == '?')
            ref_clear(&url->query);
        url->has_query = url->has_query || c == '?';
        url->has_fragment = c == '#';
        machine->state = c == '?' ? REF_QUERY : REF_FRAGMENT;
    } else if (c >= 0) {
        ref_clear(&url->query);
        url->has_query = false;
        ref_shorten(&url->path);
        machine->state = REF_PATH;
        machine->pointer--;
    }
}

static inline bool ref_ends_authority(int c) {
    return c < 0 || c == '/' || c == '\\' || c == '?' || c == '#';
}

static inline void ref_authority_step(struct ref_machine *machine, int c) {
    struct ref_text *buffer = &machine->buffer;
    if (c == '@') {
        struct ref_text *to =
            machine->password_seen ? &machine->url->password : &machine->url->username;
        if (machine->at_seen) /* the earlier '@' was part of it */
            ref_encode(to, '@', ref_userinfo_set);
        machine->at_seen = true;
        for (size_t i = 0; i < buffer->size; i++) {
            if (buffer->text[i] == ':' && !machine->password_seen) {
                machine->password_seen = true;
                to = &machine->url->password;
            } else {
                ref_encode(to, (unsigned char)buffer->text[i], ref_userinfo_set);
            }
        }
        ref_clear(buffer);
    } else if (ref_ends_authority(c)) {
        if (machine->at_seen && buffer->size == 0)
            ref_fail(machine);
        machine->pointer -= (long)buffer->size + 1;
        ref_clear(buffer);
        machine->state = REF_HOST;
    } else {
        ref_put(buffer, (char)c);
    }
}

static inline void ref_host_step(struct ref_machine *machine, int c) {
    struct ref_text *buffer = &machine->buffer;
    bool is_colon = c == ':' && !machine->in_brackets;
    if (!is_colon && !ref_ends_authority(c)) {
        if (c == '[' || c == ']')
            machine->in_brackets = c == '[';
        ref_put(buffer, (char)c);
        return;
    }
    if (buffer->size == 0) {
        ref_fail(machine);
        return;
    }
    machine->result = ref_host_parse(buffer, &machine->url->host);
    ref_clear(buffer);
    machine->state = is_colon ? REF_PORT : REF_PATH_START;
    if (!is_colon)
        machine->pointer--;
}

static inline void ref_port_step(struct ref_machine *machine, int c) {
    struct ref_text *buffer = &machine->buffer;
    if (c >= 0 && isdigit(c)) {
        ref_put(buffer, (char)c);
        return;
    }
    if (!ref_ends_authority(c)) {
        ref_fail(machine);
        return;
    }
    if (buffer->size > 0) {
        double port = strtod(buffer->text, NULL);
        if (port > 65535)
            ref_fail(machine);
        else
            machine->url->port = (int)port == (machine->url->https ? 443 : 80) ? -1 : (int)port;
    }
    ref_clear(buffer);
    machine->state = REF_PATH_START;
    machine->pointer--;
}

static inline void ref_path_step(struct ref_machine *machine, int c) {
    struct ref_text *buffer = &machine->buffer, *path = &machine->url->path;
    if (!ref_ends_authority(c)) {
        ref_encode(buffer, c, ref_path_set);
        return;
    }
    bool is_slash = c == '/' || c == '\\';
    size_t dots = ref_dots(buffer);
    if (dots == 2)
        ref_shorten(path);
    if (dots == 0 || !is_slash)
        ref_put(path, '/');
    for (size_t i = 0; dots == 0 && i < buffer->size; i++)
        ref_put(path, buffer->text[i]);
    ref_clear(buffer);
    machine->url->has_query = machine->url->has_query || c == '?';
    machine->url->has_fragment = c == '#';
    if (c == '?' || c == '#')
        machine->state = c == '?' ? REF_QUERY : REF_FRAGMENT;
}

static inline void ref_slash_step(struct ref_machine *machine, int c) {
    bool is_slash = c == '/' || c == '\\';
    switch (machine->state) {
    case REF_RELATIVE_OR_AUTHORITY: /* the next two states tell "//" from the rest */
        machine->state = REF_RELATIVE;
        machine->pointer--;
        break;
    case REF_RELATIVE_SLASH:
        if (is_slash) {
            machine->state = REF_AUTHORITY_SLASHES;
        } else {
            ref_copy_authority(machine);
            machine->state = REF_PATH;
            machine->pointer--;
        }
        break;
    default: /* special authority (ignore) slashes */
        if (!is_slash) {
            machine->state = REF_AUTHORITY;
            machine->pointer--;
        }
        break;
    }
}

/* One character, or -1 behind the last. */
static inline void ref_step(struct ref_machine *machine, int c) {
    switch (machine->state) {
    case REF_SCHEME_START:
    case REF_SCHEME:
        ref_scheme_step(machine, c);
        break;
    case REF_NO_SCHEME:
        if (machine->base == NULL) {
            ref_fail(machine);
        } else {
            machine->state = REF_RELATIVE;
            machine->pointer--;
        }
        break;
    case REF_RELATIVE:
        ref_relative_step(machine, c);
        break;
    case REF_RELATIVE_OR_AUTHORITY:
    case REF_RELATIVE_SLASH:
    case REF_AUTHORITY_SLASHES:
        ref_slash_step(machine, c);
        break;
    case REF_AUTHORITY:
        ref_authority_step(machine, c);
        break;
    case REF_HOST:
        ref_host_step(machine, c);
        break;
    case REF_PORT:
        ref_port_step(machine, c);
        break;
    case REF_PATH_START:
        machine->state = REF_PATH;
        if (c != '/' && c != '\\')
            machine->pointer--;
        break;
    case REF_PATH:
        ref_path_step(machine, c);
        break;
    case REF_QUERY:
        machine->url->has_fragment = c == '#';
        if (c == '#')
            machine->state = REF_FRAGMENT;
        else if (c >= 0)
            ref_encode(&machine->url->query, c, ref_query_set);
        break;
    case REF_FRAGMENT:
        if (c >= 0)
            ref_encode(&machine->url->fragment, c, ref_fragment_set);
        break;
    }
}

/* `text` is valid UTF-8 of at most REF_URL_MAX / 4 bytes. */
static inline enum ref_url_result ref_url_parse(struct ref_url *url, struct bytes input,
                                                const struct ref_url *base) {
    static uint8_t cleaned[REF_URL_MAX];
    static struct ref_machine machine;
    size_t size = 0;
    while (input.size > 0 && input.data[input.size - 1] <= ' ')
        input.size--;
    while (input.size > 0 && input.data[0] <= ' ')
        input = bytes_after(input, 1);
    for (size_t i = 0; i < input.size; i++)
        if (strchr("\t\n\r", input.data[i]) == NULL || input.data[i] == '\0')
            cleaned[size++] = input.data[i];
    ref_url_clear(url);
    ref_clear(&machine.buffer);
    machine.url = url;
    machine.base = base;
    machine.text = cleaned;
    machine.size = (long)size;
    machine.pointer = 0;
    machine.state = REF_SCHEME_START;
    machine.at_seen = machine.in_brackets = machine.password_seen = false;
    machine.result = REF_URL_GOOD;
    for (; machine.pointer <= machine.size && machine.result == REF_URL_GOOD; machine.pointer++)
        ref_step(&machine, machine.pointer < machine.size ? machine.text[machine.pointer] : -1);
    return machine.result;
}

#endif
