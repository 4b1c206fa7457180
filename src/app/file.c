#include "file.h"

#include <errno.h>
#include <fcntl.h>
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
