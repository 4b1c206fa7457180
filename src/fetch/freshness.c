#include "freshness.h"

#include "base/clock.h"

enum { LONGEST_SECONDS = 365 * 24 * 3600 };

/* Some put the number in quotes, which is wrong and clear. */
static bool read_seconds(struct bytes text, uint64_t *seconds) {
    if (text.size >= 2 && text.data[0] == '"' && text.data[text.size - 1] == '"')
        text = bytes_make(text.data + 1, text.size - 2);
    return bytes_to_unsigned(text, seconds);
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
    if (http_fields_find(fields, "age", &text) && !bytes_to_unsigned(text, &age))
        age = 0;
    seconds = seconds > age ? seconds - age : 0;
    return (seconds < LONGEST_SECONDS ? seconds : LONGEST_SECONDS) * SECOND;
}
