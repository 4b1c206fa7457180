#include "body_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum error body_file_new(const char *path, struct body_file **file_out) {
    struct body_file *file = memory_allocate_zeroed(sizeof *file);
    struct buffer temporary = {0};
    if (file == NULL)
        return ERROR_NO_MEMORY;
    file->descriptor = -1;
    file->path = memory_copy_text(path, strlen(path));
    if (buffer_format(&temporary, "%s.part", path) == ERROR_NONE)
        file->temporary = memory_copy_text((const char *)temporary.data, temporary.size);
    buffer_fini(&temporary);
    if (file->path == NULL || file->temporary == NULL) {
        body_file_free(file);
        return ERROR_NO_MEMORY;
    }
    *file_out = file;
    return ERROR_NONE;
}

static bool is_open(struct body_file *file) {
    if (file->failure == 0 && file->descriptor < 0) {
        file->descriptor =
            open(file->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666);
        file->failure = file->descriptor < 0 ? errno : 0;
    }
    return file->failure == 0;
}

void body_file_write(struct body_file *file, struct bytes piece) {
    while (piece.size > 0 && is_open(file)) {
        ssize_t size = write(file->descriptor, piece.data, piece.size);
        if (size < 0 && errno != EINTR)
            file->failure = errno;
        piece = bytes_after(piece, size > 0 ? (size_t)size : 0);
    }
}

void body_file_complete(struct body_file *file) {
    if (!is_open(file))
        return;
    /* some file systems tell only now that there was no room */
    int closed = close(file->descriptor);
    file->descriptor = -1;
    file->complete = closed == 0 && rename(file->temporary, file->path) == 0;
    if (file->complete)
        return;
    file->failure = errno;
    unlink(file->temporary);
}

void body_file_free(struct body_file *file) {
    if (file == NULL)
        return;
    if (file->descriptor >= 0) {
        close(file->descriptor);
        unlink(file->temporary);
    }
    memory_free(file->path);
    memory_free(file->temporary);
    memory_free(file);
}
