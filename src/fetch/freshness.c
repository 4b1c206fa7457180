#include "freshness.h"

#include "base/clock.h"

enum { LONGEST_SECONDS = 365 * 24 * 3600 };

/* A number that is too great to be known is the greatest (RFC 9111 §1.2.2). */
static bool read_delta(struct bytes text, uint64_t *seconds) {
    if (bytes_to_unsigned(text, seconds))
        return true;
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    *seconds = UINT64_MAX;
    return text.size > 0;
}

/* Some put the number in quotes, which is wrong and clear. */
static bool read_seconds(struct bytes text, uint64_t *seconds) {
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
        text = bytes_make(text.data + 1, text.size - 2);
    return read_delta(text, seconds);
}

/* The first max-age counts; one that is no number says that the response is old already. */
static uint64_t max_age(struct http_fields fields) {
    struct http_fields_list list = http_fields_list_begin(fields, "cache-control");
    struct bytes directive, name, value;
    uint64_t seconds = 0, found = 0;
    bool has_found = false;
    while (http_fields_list_next(&list, &directive)) {
        if (!http_parameter_next(&directive, &name, &value))
            continue;
        if (bytes_equal_ignoring_case(name, bytes_of("no-store")) ||
            bytes_equal_ignoring_case(name, bytes_of("no-cache")))
            return 0;
        if (has_found || !bytes_equal_ignoring_case(name, bytes_of("max-age")))
            continue;
        has_found = true;
        found = read_seconds(value, &seconds) ? seconds : 0;
    }
    return found;
}

uint64_t freshness_of(struct http_fields fields) {
    uint64_t seconds = max_age(fields), age = 0;
    struct bytes text;
    if (http_fields_find(fields, "age", &text) && !read_delta(text, &age))
        age = 0;
    seconds = seconds > age ? seconds - age : 0;
    return (seconds < LONGEST_SECONDS ? seconds : LONGEST_SECONDS) * SECOND;
}
