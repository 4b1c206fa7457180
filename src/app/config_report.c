#include "config_report.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"

enum { SHOWN_MAX = 60, MESSAGE_MAX = 1024 };

void config_errors_fini(struct config_errors *errors) {
    for (size_t i = 0; i < errors->count; i++)
        memory_free(errors->lines[i]);
    *errors = (struct config_errors){0};
}

void config_reader_fini(struct config_reader *reader) {
    buffer_fini(&reader->path);
}

/* At most SHOWN_MAX bytes and no part of a character; true when something was left out. */
static bool cut(struct bytes *text) {
    size_t shown = 0;
    while (shown < text->size) {
        uint32_t code_point;
        size_t used = utf8_decode(bytes_after(*text, shown), &code_point);
        if (shown + used > SHOWN_MAX)
            break;
        shown += used;
    }
    bool is_cut = shown < text->size;
    text->size = shown;
    return is_cut;
}

enum error config_append_quoted(struct buffer *out, struct bytes text) {
    bool is_cut = cut(&text);
    enum error error = json_append_string(out, text);
    if (error == ERROR_NONE && is_cut)
        error = buffer_append_text(out, "...");
    return error;
}

static bool is_plain(struct bytes key) {
    for (size_t i = 0; i < key.size; i++) {
        uint8_t byte = key.data[i], letter = (uint8_t)((byte | 0x20) - 'a');
        if (letter > 25 && (byte < '0' || byte > '9') && byte != '_' && byte != '-')
            return false;
    }
    return key.size > 0 && key.size <= SHOWN_MAX;
}

static enum error enter_quoted(struct config_reader *reader, struct bytes key) {
    enum error error = buffer_append_byte(&reader->path, '[');
    if (error == ERROR_NONE)
        error = config_append_quoted(&reader->path, key);
    return error == ERROR_NONE ? buffer_append_byte(&reader->path, ']') : error;
}

enum error config_path_enter_key(struct config_reader *reader, struct bytes key) {
    if (!is_plain(key))
        return enter_quoted(reader, key);
    return buffer_format(&reader->path, "%s%.*s", reader->path.size > 0 ? "." : "", (int)key.size,
                         (const char *)key.data);
}

enum error config_path_enter_index(struct config_reader *reader, size_t index) {
    return buffer_format(&reader->path, "[%zu]", index);
}

void config_path_leave(struct config_reader *reader, size_t size) {
    reader->path.size = size;
}

/* `SOURCE:LINE: PATH: `, as far as there is a line and a path. */
static enum error append_place(const struct config_reader *reader, size_t line,
                               struct buffer *out) {
    enum error error = buffer_append_text(out, reader->source);
    if (error == ERROR_NONE && line > 0 && reader->has_lines)
        error = buffer_format(out, ":%zu", line);
    if (error == ERROR_NONE && reader->path.size > 0)
        error =
            buffer_format(out, ": %.*s", (int)reader->path.size, (const char *)reader->path.data);
    return error == ERROR_NONE ? buffer_append_text(out, ": ") : error;
}

static enum error append_found(const struct json_value *value, struct buffer *out) {
    switch (value->type) {
    case JSON_STRING:
        return config_append_quoted(out, value->text);
    case JSON_ARRAY:
        return buffer_append_text(out, "an array");
    case JSON_OBJECT:
        return buffer_append_text(out, "an object");
    case JSON_NULL:
    case JSON_BOOLEAN:
    case JSON_NUMBER:
        break;
    }
    return buffer_append(out, value->source.data, value->source.size);
}

/* Takes the text of `line`; beyond CONFIG_ERRORS_MAX lines are only counted. */
static enum error add_line(struct config_errors *errors, const struct buffer *line) {
    if (errors->count == CONFIG_ERRORS_MAX) {
        errors->omitted++;
        return ERROR_NONE;
    }
    char *copy = memory_copy_text((const char *)line->data, line->size);
    if (copy == NULL)
        return ERROR_NO_MEMORY;
    errors->lines[errors->count++] = copy;
    return ERROR_NONE;
}

/* `value` NULL: the message alone. */
static enum error add(struct config_reader *reader, size_t line, const struct json_value *value,
                      const char *message) {
    struct buffer text = {0};
    enum error error = append_place(reader, line, &text);
    if (error == ERROR_NONE && value != NULL) {
        error = buffer_append_text(&text, "found ");
        if (error == ERROR_NONE)
            error = append_found(value, &text);
        if (error == ERROR_NONE)
            error = buffer_append_text(&text, ", expected ");
    }
    if (error == ERROR_NONE)
        error = buffer_append_text(&text, message);
    if (error == ERROR_NONE)
        error = add_line(reader->errors, &text);
    buffer_fini(&text);
    return error;
}

enum error config_report(struct config_reader *reader, size_t line, const char *format, ...) {
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return add(reader, line, NULL, message);
}

enum error config_refuse(struct config_reader *reader, const struct json_value *value,
                         const char *format, ...) {
    char message[MESSAGE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return add(reader, value->line, value, message);
}

enum error config_report_syntax(struct config_reader *reader,
                                const struct json_syntax_error *problem) {
    struct buffer text = {0};
    enum error error =
        buffer_format(&text, "%s:%zu:%zu: found %s, expected %s", reader->source, problem->line,
                      problem->column, problem->found, problem->expected);
    if (error == ERROR_NONE)
        error = add_line(reader->errors, &text);
    buffer_fini(&text);
    return error;
}
