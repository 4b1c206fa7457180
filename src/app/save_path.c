#include "save_path.h"

#include <string.h>

/* Names of 255 bytes are what file systems take; ".part" has room too. */
enum { URL_PART_MAX = 200 };

static bool is_harmless(char character) {
    char letter = (char)(character | 0x20);
    return (letter >= 'a' && letter <= 'z') || (character >= '0' && character <= '9') ||
           character == '.' || character == '-' || character == '_';
}

enum error save_path(const char *folder, size_t index, const char *url, struct buffer *path) {
    const char *behind = strstr(url, "://");
    buffer_clear(path);
    enum error error = buffer_format(path, "%s/%06zu-", folder, index);
    if (behind != NULL)
        url = behind + strlen("://");
    for (size_t i = 0; i < URL_PART_MAX && url[i] != '\0' && error == ERROR_NONE; i++)
        error = buffer_append_byte(path, is_harmless(url[i]) ? (uint8_t)url[i] : '_');
    return error == ERROR_NONE ? buffer_append_byte(path, '\0') : error;
}
