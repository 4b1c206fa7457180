#include "forwarded.h"

#include <string.h>

/* The last element of a comma list, which it takes off. */
static struct bytes take_last(struct bytes *list) {
    const uint8_t *comma = list->size == 0 ? NULL : memrchr(list->data, ',', list->size);
    size_t start = comma == NULL ? 0 : (size_t)(comma - list->data) + 1;
    struct bytes element = bytes_after(*list, start);
    list->size = comma == NULL ? 0 : start - 1;
    return bytes_trimmed(element);
}

static bool parse_port(struct bytes text, uint16_t *port) {
    uint64_t number;
    if (text.size < 2 || text.data[0] != ':' || !bytes_to_unsigned(bytes_after(text, 1), &number) ||
        number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

/* 192.0.2.1, 192.0.2.1:1234, 2001:db8::1, [2001:db8::1] or [2001:db8::1]:1234. */
static bool parse_element(struct bytes text, struct address *address) {
    if (address_parse_host(text, 0, address))
        return true;
    bool bracket = text.data[0] == '[';
    const uint8_t *end = memchr(text.data, bracket ? ']' : ':', text.size);
    if (end == NULL)
        return false;
    struct bytes host = bytes_make(text.data + bracket, (size_t)(end - text.data) - bracket);
    struct bytes rest = bytes_after(text, (size_t)(end - text.data) + bracket);
    uint16_t port = 0;
    return (rest.size == 0 || parse_port(rest, &port)) && address_parse_host(host, port, address);
}

/* Goes on to the left in one field. False when the search is over. */
static bool follow(struct bytes list, struct address *client, const struct network *trusted,
                   size_t trusted_count) {
    while (list.size > 0) {
        struct bytes element = take_last(&list);
        struct address address;
        if (element.size == 0)
            continue;
        if (!parse_element(element, &address))
            return false;
        *client = address_unmapped(&address);
        if (!networks_contain(trusted, trusted_count, &address))
            return false;
    }
    return true;
}

/* Several fields are one list (RFC 9110 section 5.3): the last field holds the right end. */
struct address forwarded_client(struct http_fields fields, const struct address *peer,
                                const struct network *trusted, size_t trusted_count) {
    struct address client = *peer;
    if (!networks_contain(trusted, trusted_count, peer))
        return client;
    for (size_t i = fields.count; i > 0; i--) {
        const struct http_field *field = &fields.items[i - 1];
        if (bytes_equal_ignoring_case(field->name, bytes_of("X-Forwarded-For")) &&
            !follow(field->value, &client, trusted, trusted_count))
            break;
    }
    return client;
}
