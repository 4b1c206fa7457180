#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/json.h"

enum { LINE_WITHOUT_FIELDS = 256, TIME_SIZE = 64 };

/* Read by every thread, and changed while they run when the config is read again. */
static _Atomic enum log_level current_level = LOG_INFO;
static _Atomic enum log_format current_format = LOG_FORMAT_TEXT;
static _Atomic int current_descriptor = STDOUT_FILENO;

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_configure(enum log_level level, enum log_format format) {
    current_level = level;
    current_format = format;
}

void log_to_standard_error(void) {
    current_descriptor = STDERR_FILENO;
}

bool log_level_parse(const char *name, enum log_level *level) {
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

bool log_wants(enum log_level level) {
    return level <= current_level;
}

struct log_field log_text_field(const char *key, const char *value) {
    return (struct log_field){key, value, strlen(value), 0};
}

static void write_time(char out[TIME_SIZE]) {
    uint64_t now = clock_wall();
    time_t seconds = (time_t)(now / SECOND);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    snprintf(out, TIME_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ", utc.tm_year + 1900,
             utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
             (unsigned)(now / MILLISECOND % 1000));
}

static void append_time(struct buffer *line) {
    char time[TIME_SIZE];
    write_time(time);
    buffer_append_text(line, time);
}

static bool is_plain(struct bytes value) {
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] <= ' ' || value.data[i] >= 0x7F || strchr("\"\\=", value.data[i]) != NULL)
            return false;
    return value.size > 0;
}

static void append_value(struct buffer *line, const struct log_field *field, bool quoted) {
    if (field->text == NULL) {
        buffer_format(line, "%lld", (long long)field->number);
        return;
    }
    struct bytes value = {(const uint8_t *)field->text, field->text_size};
    if (value.size > LOG_VALUE_MAX)
        value.size = LOG_VALUE_MAX;
    if (!quoted && is_plain(value))
        buffer_append(line, value.data, value.size);
    else
        json_append_string(line, value);
}

static void append_text_line(struct buffer *line, enum log_level level, const char *component,
                             const char *event, const struct log_field *fields, size_t count) {
    append_time(line);
    buffer_format(line, " %s %s: %s", level_names[level], component, event);
    for (size_t i = 0; i < count; i++) {
        buffer_format(line, " %s=", fields[i].key);
        append_value(line, &fields[i], false);
    }
}

static void append_json_line(struct buffer *line, enum log_level level, const char *component,
                             const char *event, const struct log_field *fields, size_t count) {
    buffer_append_text(line, "{\"time\":\"");
    append_time(line);
    buffer_format(line, "\",\"level\":\"%s\",\"component\":\"%s\",\"event\":", level_names[level],
                  component);
    json_append_string(line, bytes_of(event));
    for (size_t i = 0; i < count; i++) {
        buffer_format(line, ",\"%s\":", fields[i].key);
        append_value(line, &fields[i], true);
    }
    buffer_append_byte(line, '}');
}

static void write_whole(struct bytes text) {
    while (text.size > 0) {
        ssize_t written = write(current_descriptor, text.data, text.size);
        if (written < 0 && errno != EINTR)
            return; /* a log that cannot be written must not stop the service */
        if (written > 0)
            text = bytes_after(text, (size_t)written);
    }
}

/* Each byte of a value becomes six at most, in a JSON text. */
static size_t largest_line(const struct log_field *fields, size_t count) {
    size_t size = LINE_WITHOUT_FIELDS;
    for (size_t i = 0; i < count; i++)
        size += strlen(fields[i].key) + (size_t)LOG_VALUE_MAX * 6 + sizeof ",\"\":\"\"";
    return size;
}

/* Without memory for a line, one without fields still comes, whole. */
static void write_short(enum log_level level, const char *component, const char *event) {
    char line[LINE_WITHOUT_FIELDS], time[TIME_SIZE];
    write_time(time);
    int size =
        current_format == LOG_FORMAT_JSON
            ? snprintf(line, sizeof line,
                       "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"event\":\"%s\"}\n",
                       time, level_names[level], component, event)
            : snprintf(line, sizeof line, "%s %s %s: %s\n", time, level_names[level], component,
                       event);
    if (size > 0 && (size_t)size < sizeof line)
        write_whole(bytes_make(line, (size_t)size));
}

void log_write_fields(enum log_level level, const char *component, const char *event,
                      const struct log_field *fields, size_t count) {
    if (!log_wants(level))
        return;
    struct buffer line = {0};
    if (buffer_reserve(&line, largest_line(fields, count)) != ERROR_NONE) {
        write_short(level, component, event);
        return;
    }
    if (current_format == LOG_FORMAT_JSON)
        append_json_line(&line, level, component, event, fields, count);
    else
        append_text_line(&line, level, component, event, fields, count);
    buffer_append_byte(&line, '\n');
    write_whole(buffer_bytes(&line));
    buffer_fini(&line);
}
