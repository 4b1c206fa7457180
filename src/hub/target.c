#include "target.h"

#include <string.h>

enum { EPOCH_DIGITS = 16 };

/* Parts a text at the first separator. False if there is none: then all of it is before. */
static bool split(struct bytes text, char separator, struct bytes *before, struct bytes *behind) {
    const uint8_t *found = text.size > 0 ? memchr(text.data, separator, text.size) : NULL;
    size_t size = found != NULL ? (size_t)(found - text.data) : text.size;
    *before = bytes_make(text.data, size);
    *behind = bytes_after(text, found != NULL ? size + 1 : size);
    return found != NULL;
}

struct target target_parse(struct bytes text) {
    static const char folder[] = "/channels/";
    struct target target = {.kind = TARGET_OTHER};
    struct bytes path, behind;
    split(text, '?', &path, &target.query);
    if (path.size == 0 || bytes_equal(path, bytes_of("/"))) {
        target.kind = TARGET_ROOT;
        target.name = bytes_of("chat");
        return target;
    }
    if (path.size < sizeof folder - 1 || memcmp(path.data, folder, sizeof folder - 1) != 0)
        return target;
    bool more = split(bytes_after(path, sizeof folder - 1), '/', &target.name, &behind);
    if (!channel_name_is_valid(target.name))
        target.kind = TARGET_BAD;
    else if (!more)
        target.kind = TARGET_CHANNEL;
    else
        target.kind = bytes_equal(behind, bytes_of("events")) ? TARGET_EVENTS : TARGET_BAD;
    return target;
}

bool target_parameter(const struct target *target, const char *name, struct bytes *value) {
    struct bytes rest = target->query, pair, key;
    while (rest.size > 0) {
        split(rest, '&', &pair, &rest);
        split(pair, '=', &key, value);
        if (bytes_equal(key, bytes_of(name)))
            return true;
    }
    return false;
}

bool target_parse_epoch(struct bytes text, uint64_t *epoch) {
    *epoch = 0;
    if (text.size != EPOCH_DIGITS)
        return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t digit = text.data[i];
        if (digit >= '0' && digit <= '9')
            *epoch = *epoch << 4 | (uint64_t)(digit - '0');
        else if (digit >= 'a' && digit <= 'f')
            *epoch = *epoch << 4 | (uint64_t)(digit - 'a' + 10);
        else
            return false;
    }
    return true;
}

/* The offset of the last message that is known is that of the next one, as the log counts. */
bool target_parse_position(struct bytes text, struct start *start) {
    struct bytes epoch, offset;
    start->place = PLACE_AFTER;
    return split(text, ':', &epoch, &offset) && target_parse_epoch(epoch, &start->epoch) &&
           bytes_to_unsigned(offset, &start->offset);
}

bool target_start(const struct target *target, struct start *start) {
    struct bytes value;
    *start = (struct start){.place = PLACE_HEAD};
    if (target_parameter(target, "since", &value))
        return target_parse_position(value, start);
    if (!target_parameter(target, "last", &value))
        return true;
    start->place = PLACE_LAST;
    return bytes_to_unsigned(value, &start->count);
}
