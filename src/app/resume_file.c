#include "resume_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/map.h"

enum { READ_SIZE = 64 * 1024 };

/* ---- reading --------------------------------------------------------------------------------- */

static enum error add_hash(struct resume_file *resume, struct bytes line) {
    uint64_t hash = map_hash(line);
    return buffer_append(&resume->hashes, &hash, sizeof hash);
}

/* The whole lines of the text, which are then taken out of it. */
static enum error take_lines(struct resume_file *resume, struct buffer *text) {
    struct bytes rest = buffer_bytes(text);
    enum error error = ERROR_NONE;
    const uint8_t *end;
    while (error == ERROR_NONE && rest.size > 0 &&
           (end = memchr(rest.data, '\n', rest.size)) != NULL) {
        size_t size = (size_t)(end - rest.data);
        error = add_hash(resume, bytes_make(rest.data, size));
        rest = bytes_after(rest, size + 1);
    }
    buffer_consume(text, text->size - rest.size);
    return error;
}

static enum error read_all(struct resume_file *resume, struct buffer *text) {
    ssize_t size = 1;
    enum error error = ERROR_NONE;
    while (size != 0 && error == ERROR_NONE) {
        error = buffer_reserve(text, READ_SIZE);
        if (error != ERROR_NONE)
            break;
        size = read(resume->descriptor, text->data + text->size, READ_SIZE);
        if (size < 0 && errno != EINTR)
            return error_from_errno(errno);
        text->size += size > 0 ? (size_t)size : 0;
        error = take_lines(resume, text);
    }
    return error;
}

static int compare(const void *a, const void *b) {
    uint64_t first, second;
    memcpy(&first, a, sizeof first);
    memcpy(&second, b, sizeof second);
    return (first > second) - (first < second);
}

enum error resume_file_init(struct resume_file *resume, const char *path) {
    struct buffer text = {0};
    *resume = (struct resume_file){0};
    resume->descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (resume->descriptor < 0)
        return error_from_errno(errno);
    enum error error = read_all(resume, &text);
    /* the end of a line that was begun and not finished, so that the next stands by itself */
    if (error == ERROR_NONE && text.size > 0)
        error = buffer_append_byte(&resume->pending, '\n');
    buffer_fini(&text);
    if (resume->hashes.size > 0)
        qsort(resume->hashes.data, resume->hashes.size / sizeof(uint64_t), sizeof(uint64_t),
              compare);
    return error;
}

void resume_file_fini(struct resume_file *resume) {
    if (resume->descriptor >= 0)
        close(resume->descriptor);
    resume->descriptor = -1;
    buffer_fini(&resume->hashes);
    buffer_fini(&resume->pending);
    buffer_fini(&resume->line);
}

/* ---- asking and writing ---------------------------------------------------------------------- */

/* A URL from the command line may hold a line end; its line must not. */
static enum error format_line(struct buffer *line, size_t index, const char *url) {
    enum error error = buffer_format(line, "%zu ", index);
    for (; *url != '\0' && error == ERROR_NONE; url++)
        error = buffer_append_byte(line, *url == '\n' ? ' ' : (uint8_t)*url);
    return error;
}

bool resume_file_has(struct resume_file *resume, size_t index, const char *url) {
    if (resume->hashes.size == 0)
        return false;
    buffer_clear(&resume->line);
    if (format_line(&resume->line, index, url) != ERROR_NONE)
        return false;
    uint64_t hash = map_hash(buffer_bytes(&resume->line));
    return bsearch(&hash, resume->hashes.data, resume->hashes.size / sizeof hash, sizeof hash,
                   compare) != NULL;
}

enum error resume_file_add(struct resume_file *resume, size_t index, const char *url) {
    size_t size = resume->pending.size;
    enum error error = format_line(&resume->pending, index, url);
    if (error == ERROR_NONE)
        error = buffer_append_byte(&resume->pending, '\n');
    if (error != ERROR_NONE)
        resume->pending.size = size;
    return error;
}

enum error resume_file_write(struct resume_file *resume) {
    struct bytes rest = buffer_bytes(&resume->pending);
    while (rest.size > 0) {
        ssize_t size = write(resume->descriptor, rest.data, rest.size);
        if (size < 0 && errno != EINTR)
            return error_from_errno(errno);
        rest = bytes_after(rest, size > 0 ? (size_t)size : 0);
    }
    buffer_clear(&resume->pending);
    return ERROR_NONE;
}
