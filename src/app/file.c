#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { READ_SIZE = 64 * 1024 };

static enum error read_all(int descriptor, size_t most, struct buffer *content) {
    size_t start = content->size;
    for (;;) {
        enum error error = buffer_reserve(content, READ_SIZE);
        if (error != ERROR_NONE)
            return error;
        ssize_t size = read(descriptor, content->data + content->size, READ_SIZE);
        if (size == 0)
            return ERROR_NONE;
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0)
            return error_from_errno(errno);
        content->size += (size_t)size;
        if (content->size - start > most)
            return ERROR_LIMIT_REACHED;
    }
}

enum error file_read(const char *path, size_t most, struct buffer *content) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return error_from_errno(errno);
    enum error error = read_all(descriptor, most, content);
    close(descriptor);
    return error;
}

static enum error write_all(int descriptor, struct bytes content) {
    while (content.size > 0) {
        ssize_t size = write(descriptor, content.data, content.size);
        if (size < 0 && errno != EINTR)
            return error_from_errno(errno);
        content = bytes_after(content, size > 0 ? (size_t)size : 0);
    }
    return fsync(descriptor) == 0 ? ERROR_NONE : error_from_errno(errno);
}

enum error file_replace(const char *path, const char *temporary, struct bytes content) {
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return error_from_errno(errno);
    enum error error = write_all(descriptor, content);
    /* some file systems tell only now that there was no room */
    if (close(descriptor) != 0 && error == ERROR_NONE)
        error = error_from_errno(errno);
    if (error == ERROR_NONE && rename(temporary, path) != 0)
        error = error_from_errno(errno);
    if (error != ERROR_NONE)
        unlink(temporary);
    return error;
}
