#include "pem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define BEGIN "-----BEGIN CERTIFICATE-----"
#define END   "-----END CERTIFICATE-----"

enum { READ_SIZE = 64 * 1024 };

static enum error read_all(FILE *file, struct buffer *content) {
    for (;;) {
        enum error error = buffer_reserve(content, READ_SIZE);
        if (error != ERROR_NONE)
            return error;
        size_t size = fread(content->data + content->size, 1, READ_SIZE, file);
        content->size += size;
        if (ferror(file))
            return error_from_errno(errno);
        if (size < READ_SIZE)
            return ERROR_NONE;
        if (content->size > TLS_PEM_FILE_MAX)
            return ERROR_LIMIT_REACHED;
    }
}

enum error tls_pem_read(const char *path, struct buffer *content) {
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return error_from_errno(errno);
    setvbuf(file, NULL, _IONBF, 0);
    enum error error = read_all(file, content);
    fclose(file);
    if (error != ERROR_NONE)
        tls_pem_fini(content);
    return error;
}

void tls_pem_fini(struct buffer *content) {
    if (content->data != NULL)
        explicit_bzero(content->data, content->capacity);
    buffer_fini(content);
}

bool tls_pem_next_certificate(struct bytes *rest, struct bytes *certificate) {
    const uint8_t *begin = memmem(rest->data, rest->size, BEGIN, strlen(BEGIN));
    if (begin == NULL)
        return false;
    *rest = bytes_after(*rest, (size_t)(begin - rest->data));
    const uint8_t *end = memmem(rest->data, rest->size, END, strlen(END));
    if (end == NULL)
        return false;
    *certificate = bytes_make(begin, (size_t)(end - begin) + strlen(END));
    *rest = bytes_after(*rest, certificate->size);
    return true;
}
