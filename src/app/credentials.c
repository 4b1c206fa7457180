#include "credentials.h"

#include <string.h>

#include "base/memory.h"
#include "digest/base64.h"
#include "file.h"

static bool has_control(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        if (text.data[i] < 0x20 || text.data[i] == 0x7F)
            return true;
    return false;
}

enum error credentials_basic(struct bytes secret, char **value) {
    static const char scheme[] = "Basic ";
    if (secret.size > CREDENTIALS_MAX || has_control(secret) || secret.size == 0 ||
        memchr(secret.data, ':', secret.size) == NULL)
        return ERROR_INVALID_ARGUMENT;
    char *text = memory_allocate(sizeof scheme + BASE64_SIZE(secret.size));
    if (text == NULL)
        return ERROR_NO_MEMORY;
    memcpy(text, scheme, sizeof scheme - 1);
    base64_encode(secret, text + sizeof scheme - 1);
    *value = text;
    return ERROR_NONE;
}

enum error credentials_bearer(struct bytes secret, char **value) {
    struct buffer text = {0};
    for (size_t i = 0; i < secret.size; i++)
        if (secret.data[i] <= ' ' || secret.data[i] >= 0x7F)
            return ERROR_INVALID_ARGUMENT;
    if (secret.size == 0 || secret.size > CREDENTIALS_MAX)
        return ERROR_INVALID_ARGUMENT;
    enum error error = buffer_append_text(&text, "Bearer ");
    if (error == ERROR_NONE)
        error = buffer_append(&text, secret.data, secret.size);
    if (error == ERROR_NONE) {
        *value = memory_copy_text((const char *)text.data, text.size);
        error = *value == NULL ? ERROR_NO_MEMORY : ERROR_NONE;
    }
    buffer_fini(&text);
    return error;
}

enum error credentials_read(const char *path, struct buffer *secret) {
    struct buffer content = {0};
    enum error error = file_read(path, CREDENTIALS_MAX, &content);
    const uint8_t *end = content.size == 0 ? NULL : memchr(content.data, '\n', content.size);
    size_t size = end == NULL ? content.size : (size_t)(end - content.data);
    if (size > 0 && content.data[size - 1] == '\r')
        size--;
    if (error == ERROR_NONE)
        error = buffer_append(secret, content.data, size);
    buffer_fini(&content);
    return error;
}
