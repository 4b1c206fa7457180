#include "url_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "http/url.h"

enum { READ_SIZE = 64 * 1024 };

/* ---- reading --------------------------------------------------------------------------------- */

static const char *name_of(const struct url_source *source) {
    const char *argument = source->arguments[source->at];
    return argument[0] == '@' ? argument + 1 : "standard input";
}

static enum url_source_next fail(struct url_source *source, enum error error) {
    source->failed_name = name_of(source);
    source->error = error;
    return URL_SOURCE_ERROR;
}

static enum error open_argument(struct url_source *source) {
    struct stat status;
    const char *argument = source->arguments[source->at];
    source->descriptor =
        argument[0] == '@' ? open(argument + 1, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    source->at_end = source->skipping = false;
    buffer_clear(&source->text);
    source->taken = 0;
    if (source->descriptor < 0 || fstat(source->descriptor, &status) != 0)
        return error_from_errno(errno);
    source->is_file = S_ISREG(status.st_mode);
    return ERROR_NONE;
}

static void close_argument(struct url_source *source) {
    if (source->descriptor > STDIN_FILENO)
        close(source->descriptor);
    source->descriptor = -1;
    source->at++;
}

static enum error read_more(struct url_source *source) {
    buffer_consume(&source->text, source->taken);
    source->taken = 0;
    enum error error = buffer_reserve(&source->text, READ_SIZE + 1); /* and an end */
    if (error != ERROR_NONE)
        return error;
    ssize_t size = read(source->descriptor, source->text.data + source->text.size, READ_SIZE);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return ERROR_NONE;
    if (size < 0)
        return error_from_errno(errno);
    source->at_end = size == 0;
    source->text.size += (size_t)size;
    return ERROR_NONE;
}

/* A descriptor that cannot be polled does not wait either, or says why when it is read. */
static void readable(struct operation *operation, const struct completion *completion) {
    struct url_source *source = container_of(operation, struct url_source, poll);
    if (completion->error == ERROR_CANCELLED) {
        source->stopped = true;
    } else {
        source->error = read_more(source);
        if (source->error != ERROR_NONE)
            source->failed_name = name_of(source);
    }
    source->ready(source);
}

static const struct handler readable_handler = {"url_source", readable};

/* ---- lines ----------------------------------------------------------------------------------- */

/* Ends the text of a line for C; a NUL inside it is no part of a URL, and must not shorten it. */
static const char *as_text(struct bytes line, uint8_t *end) {
    uint8_t *at = (uint8_t *)(uintptr_t)line.data;
    while ((at = memchr(at, '\0', (size_t)(end - at))) != NULL)
        *at = 0xFF;
    *end = '\0';
    return (const char *)line.data;
}

/* The next line of the text; one that has not ended yet only where no more will come. */
static bool take_line(struct url_source *source, struct bytes *line) {
    struct bytes rest = bytes_after(buffer_bytes(&source->text), source->taken);
    const uint8_t *end = rest.size == 0 ? NULL : memchr(rest.data, '\n', rest.size);
    bool too_long = end == NULL && rest.size > URL_INPUT_MAX;
    if (end == NULL && !too_long && !(source->at_end && rest.size > 0))
        return false;
    size_t size = end == NULL ? rest.size : (size_t)(end - rest.data);
    *line = bytes_make(rest.data, source->skipping ? 0 : size);
    source->taken += end == NULL ? size : size + 1;
    source->skipping = too_long;
    return true;
}

/* Trimmed, and with its end where a NUL can be put; empty: the line holds no URL. */
static const char *url_of(struct bytes line) {
    if (line.size > 0 && line.data[line.size - 1] == '\r')
        line.size--;
    line = bytes_trimmed(line);
    if (line.size == 0 || line.data[0] == '#')
        return NULL;
    return as_text(line, (uint8_t *)(uintptr_t)line.data + line.size);
}

/* ---- asking ---------------------------------------------------------------------------------- */

static bool next_line(struct url_source *source, const char **url) {
    struct bytes line;
    *url = NULL;
    while (*url == NULL && take_line(source, &line))
        *url = url_of(line);
    return *url != NULL;
}

static enum url_source_next wait(struct url_source *source) {
    if (!operation_is_armed(&source->poll))
        ring_poll(source->loop->ring, &source->poll, source->descriptor, POLL_FOR_READING);
    return URL_SOURCE_LATER;
}

/* From the descriptor; URL_SOURCE_END: it has no more. */
static enum url_source_next next_of_descriptor(struct url_source *source, const char **url) {
    for (;;) {
        if (source->error != ERROR_NONE)
            return URL_SOURCE_ERROR;
        if (next_line(source, url))
            return URL_SOURCE_URL;
        if (source->at_end)
            return URL_SOURCE_END;
        if (!source->is_file)
            return source->stopped ? URL_SOURCE_END : wait(source);
        enum error error = read_more(source);
        if (error != ERROR_NONE)
            return fail(source, error);
    }
}

static bool is_read(const char *argument) {
    return strcmp(argument, "-") == 0 || argument[0] == '@';
}

enum url_source_next url_source_next(struct url_source *source, const char **url) {
    if (source->error != ERROR_NONE)
        return URL_SOURCE_ERROR;
    while (source->at < source->count) {
        if (source->descriptor < 0 && !is_read(source->arguments[source->at])) {
            *url = source->arguments[source->at++];
            return URL_SOURCE_URL;
        }
        enum error error = source->descriptor < 0 ? open_argument(source) : ERROR_NONE;
        if (error != ERROR_NONE)
            return fail(source, error);
        enum url_source_next next = next_of_descriptor(source, url);
        if (next != URL_SOURCE_END)
            return next;
        close_argument(source);
    }
    return URL_SOURCE_END;
}

/* ---- life cycle ------------------------------------------------------------------------------ */

void url_source_init(struct url_source *source, struct loop *loop, const char *const *arguments,
                     int count, void (*ready)(struct url_source *source)) {
    *source = (struct url_source){.loop = loop,
                                  .ready = ready,
                                  .arguments = arguments,
                                  .count = count,
                                  .descriptor = -1,
                                  .poll.handler = &readable_handler};
}

void url_source_stop(struct url_source *source) {
    source->stopped = true;
    ring_cancel(source->loop->ring, &source->poll);
}

void url_source_fini(struct url_source *source) {
    if (source->descriptor > STDIN_FILENO)
        close(source->descriptor);
    source->descriptor = -1;
    buffer_fini(&source->text);
}

/* ---- counting -------------------------------------------------------------------------------- */

static void never_ready(struct url_source *source) {
    (void)source;
}

static bool waits(const char *argument) {
    struct stat status;
    if (strcmp(argument, "-") == 0)
        return true;
    return argument[0] == '@' && (stat(argument + 1, &status) != 0 || !S_ISREG(status.st_mode));
}

/* Reads the files once more than is needed; they are then in the kernel's cache. */
size_t url_source_count(struct loop *loop, const char *const *arguments, int count) {
    struct url_source source;
    const char *url;
    size_t urls = 0;
    for (int i = 0; i < count; i++)
        if (waits(arguments[i]))
            return 0;
    url_source_init(&source, loop, arguments, count, never_ready);
    while (url_source_next(&source, &url) == URL_SOURCE_URL)
        urls++;
    url_source_fini(&source);
    return urls;
}
