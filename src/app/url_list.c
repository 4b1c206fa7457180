#include "url_list.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024 };

enum error url_list_add(struct url_list *list, struct bytes url) {
    size_t start = list->text.size;
    enum error error = buffer_reserve(&list->text, url.size + 1);
    if (error == ERROR_NONE)
        error = buffer_append(&list->starts, &start, sizeof start);
    if (error != ERROR_NONE)
        return error;
    buffer_append(&list->text, url.data, url.size);
    buffer_append_byte(&list->text, '\0');
    list->count++;
    return ERROR_NONE;
}

static enum error add_line(struct url_list *list, struct bytes line) {
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    line = bytes_trimmed(line);
    if (line.size == 0 || line.data[0] == '#')
        return ERROR_NONE;
    return url_list_add(list, line);
}

/* Adds the whole lines of `pending` and leaves the last, unfinished one. */
static enum error add_lines(struct url_list *list, struct buffer *pending, bool at_end) {
    struct bytes rest = buffer_bytes(pending);
    enum error error = ERROR_NONE;
    while (rest.size > 0 && error == ERROR_NONE) {
        const uint8_t *end = memchr(rest.data, '\n', rest.size);
        if (end == NULL && !at_end)
            break;
        size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
        error = add_line(list, bytes_make(rest.data, size));
        rest = bytes_after(rest, end == NULL ? size : size + 1);
    }
    buffer_consume(pending, pending->size - rest.size);
    return error;
}

enum error url_list_read(struct url_list *list, int descriptor) {
    struct buffer pending = {0};
    enum error error = ERROR_NONE;
    ssize_t size = 1;
    while (size > 0 && error == ERROR_NONE) {
        error = buffer_reserve(&pending, READ_SIZE);
        if (error != ERROR_NONE)
            break;
        size = read(descriptor, pending.data + pending.size, READ_SIZE);
        if (size < 0 && errno == EINTR)
            size = 1;
        else if (size < 0)
            error = error_from_errno(errno);
        else
            pending.size += (size_t)size;
        if (error == ERROR_NONE)
            error = add_lines(list, &pending, size == 0);
    }
    buffer_fini(&pending);
    return error;
}

const char *url_list_at(const struct url_list *list, size_t index) {
    size_t start;
    assert(index < list->count);
    memcpy(&start, list->starts.data + index * sizeof start, sizeof start);
    return (const char *)list->text.data + start;
}

void url_list_fini(struct url_list *list) {
    buffer_fini(&list->text);
    buffer_fini(&list->starts);
    list->count = 0;
}
