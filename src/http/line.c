#include "line.h"

#include <string.h>

enum { LINE_END_SIZE = 2 };

/*
 * Without its LF, a line of `limit` bytes has at most one byte more, the CR. So two more settle it,
 * whatever comes.
 */
static enum line_result keep(struct buffer *partial, struct bytes *input, size_t limit) {
    if (input->size + partial->size >= limit + LINE_END_SIZE)
        return LINE_TOO_LONG;
    if (buffer_append(partial, input->data, input->size) != ERROR_NONE)
        return LINE_NO_MEMORY;
    *input = bytes_after(*input, input->size);
    return LINE_NEED_MORE;
}

/* `text` ends with LF. Length is judged before form, as it is for a line that never ends. */
static enum line_result check(struct bytes text, size_t limit, struct bytes *line) {
    text.size--;
    bool ends_well = text.size > 0 && text.data[text.size - 1] == '\r';
    if (ends_well)
        text.size--;
    if (text.size > limit)
        return LINE_TOO_LONG;
    *line = text;
    return ends_well ? LINE_COMPLETE : LINE_MALFORMED;
}

enum line_result line_take(struct buffer *partial, bool *taken, struct bytes *input, size_t limit,
                           struct bytes *line) {
    if (*taken)
        buffer_clear(partial);
    *taken = false;
    if (input->size == 0)
        return LINE_NEED_MORE;
    const uint8_t *end = memchr(input->data, '\n', input->size);
    if (end == NULL)
        return keep(partial, input, limit);
    struct bytes text = bytes_make(input->data, (size_t)(end - input->data) + 1);
    if (text.size + partial->size > limit + LINE_END_SIZE)
        return LINE_TOO_LONG;
    *input = bytes_after(*input, text.size);
    if (partial->size > 0) {
        if (buffer_append(partial, text.data, text.size) != ERROR_NONE)
            return LINE_NO_MEMORY;
        text = buffer_bytes(partial);
        *taken = true;
    }
    return check(text, limit, line);
}
