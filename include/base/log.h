/*
 * Log lines on standard output, one write a line, from any thread. A line is an event (a short,
 * constant text) and fields; text and JSON carry the same.
 *
 *     log_write(LOG_WARNING, "hub", "client closed", LOG_TEXT("address", text),
 *               LOG_NUMBER("code", 1013));
 *
 * prints, as text:  2026-11-24T03:24:51.042Z warning hub: client closed address=… code=1013
 * Values that come from peers are escaped and cut to LOG_VALUE_MAX bytes.
 */
#ifndef RINGCAST_BASE_LOG_H
#define RINGCAST_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* LOG_NOTHING is for programs that test. */
enum log_level { LOG_NOTHING = -1, LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum { LOG_VALUE_MAX = 256 };

struct log_field {
    const char *key;
    const char *text; /* NULL for a number */
    size_t text_size;
    int64_t number;
};

#define LOG_NUMBER(key, value) ((struct log_field){(key), NULL, 0, (int64_t)(value)})
#define LOG_TEXT(key, value)   log_text_field((key), (value))
#define LOG_BYTES(key, view)   ((struct log_field){(key), (const char *)(view).data, (view).size, 0})

struct log_field log_text_field(const char *key, const char *value);

/* Before threads start. Defaults: LOG_INFO and text. */
void log_configure(enum log_level level, enum log_format format);

/* For programs whose standard output is for something else. */
void log_to_standard_error(void);

/* Lower-case names as in the config: "error", "warning", "info", "debug". */
bool log_level_parse(const char *name, enum log_level *level);

/* Is a line of this level printed? For callers whose fields cost something. */
bool log_wants(enum log_level level);

void log_write_fields(enum log_level level, const char *component, const char *event,
                      const struct log_field *fields, size_t count);

#define log_write(level, component, event, ...)                          \
    do {                                                                 \
        const struct log_field log_fields_[] = {{0}, __VA_ARGS__};       \
        log_write_fields((level), (component), (event), log_fields_ + 1, \
                         sizeof log_fields_ / sizeof *log_fields_ - 1);  \
    } while (0)

#endif
