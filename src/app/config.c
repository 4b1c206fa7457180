/* Loading: defaults, then the file, then the environment. The keys are in config_keys.c. */
#include "app/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config_environment.h"
#include "config_lists.h"
#include "config_table.h"

enum { READ_SIZE = 64 * 1024 };

void config_fini(struct config *config) {
    config_table_release(&config_keys, config);
    *config = (struct config){0};
}

enum error config_init_defaults(struct config *config) {
    *config = (struct config){0};
    enum error error = config_table_set_defaults(&config_keys, config);
    if (error != ERROR_NONE)
        config_fini(config);
    return error;
}

/* "etc/" of "etc/config.json" */
static struct bytes folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return bytes_make(path, slash != NULL ? (size_t)(slash + 1 - path) : 0);
}

static enum error read_text(struct config_reader *reader, struct bytes text,
                            struct config *config) {
    struct json_document document;
    struct json_syntax_error problem;
    if (text.size > JSON_TEXT_MAX)
        return config_report(reader, 0, "larger than 16MiB");
    enum error error = json_document_init(&document, text, &problem);
    if (error == ERROR_CONFIG_INVALID)
        return config_report_syntax(reader, &problem);
    if (error != ERROR_NONE)
        return error;
    error = config_table_read(reader, &config_keys, document.values, config);
    json_document_fini(&document);
    return error;
}

/* `text` NULL: no file. A mistake in the file does not hide those in the environment. */
static enum error read_sources(struct config_reader *reader, const struct bytes *text,
                               char *const *environment, struct config *config) {
    enum error error = config_init_defaults(config);
    if (error == ERROR_NONE && text != NULL)
        error = read_text(reader, *text, config);
    if (error == ERROR_NONE && environment != NULL)
        error = config_environment_read(reader, environment, config);
    config_path_leave(reader, 0);
    if (error == ERROR_NONE && reader->errors->count == 0)
        error = config_listens_check(reader, &config->hub);
    if (error == ERROR_NONE && reader->errors->count > 0)
        error = ERROR_CONFIG_INVALID;
    if (error == ERROR_NONE)
        error = config_urls_complete(&config->fetch);
    return error;
}

static enum error load(struct config *config, const char *name, const struct bytes *text,
                       char *const *environment, struct config_errors *errors) {
    struct config_reader reader = {
        .errors = errors,
        .source = name,
        .has_lines = true,
        .folder = folder_of(name),
    };
    enum error error = read_sources(&reader, text, environment, config);
    if (error != ERROR_NONE)
        config_fini(config);
    config_reader_fini(&reader);
    return error;
}

enum error config_load_text(struct config *config, const char *name, struct bytes text,
                            char *const *environment, struct config_errors *errors) {
    return load(config, name, &text, environment, errors);
}

/* To the end, or until it is known to be too large. `*number` is the errno of a failure. */
static enum error read_descriptor(int descriptor, struct buffer *text, int *number) {
    while (text->size <= JSON_TEXT_MAX) {
        enum error error = buffer_reserve(text, READ_SIZE);
        if (error != ERROR_NONE)
            return error;
        ssize_t count = read(descriptor, text->data + text->size, READ_SIZE);
        if (count == 0)
            break;
        if (count < 0 && errno != EINTR) {
            *number = errno;
            return error_from_errno(*number);
        }
        if (count > 0)
            text->size += (size_t)count;
    }
    return ERROR_NONE;
}

static enum error read_file(const char *path, struct buffer *text, int *number) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        *number = errno;
        return error_from_errno(*number);
    }
    enum error error = read_descriptor(descriptor, text, number);
    close(descriptor);
    return error;
}

static enum error report_unreadable(struct config_errors *errors, const char *path, int number) {
    struct config_reader reader = {.errors = errors, .source = path};
    return config_report(&reader, 0, "cannot be read: %s", strerrordesc_np(number));
}

enum error config_load(struct config *config, const char *path, struct config_errors *errors) {
    *config = (struct config){0};
    if (path == NULL)
        return load(config, "", NULL, environ, errors);
    struct buffer text = {0};
    int number = 0;
    enum error error = read_file(path, &text, &number);
    if (error == ERROR_NONE) {
        struct bytes view = buffer_bytes(&text);
        error = load(config, path, &view, environ, errors);
    } else if (number != 0 && report_unreadable(errors, path, number) != ERROR_NONE) {
        error = ERROR_NO_MEMORY;
    }
    buffer_fini(&text);
    return error;
}
