/*
 * What is being read, and the lines that say what is wrong with it. A reader goes through one
 * source (a file or an environment variable) and knows the JSON path of the value at hand.
 *
 * Every function returns ERROR_NONE or ERROR_NO_MEMORY: what is wrong with a config goes into
 * lines, and reading goes on to find the next mistake.
 */
#ifndef RINGCAST_APP_CONFIG_REPORT_H
#define RINGCAST_APP_CONFIG_REPORT_H

#include "app/config.h"
#include "json/document.h"

struct config_reader {
    struct config_errors *errors;
    const char *source;  /* as lines name it; borrowed */
    bool has_lines;      /* do line numbers mean something to the user there? */
    struct bytes folder; /* that file names are relative to; empty: the working directory */
    struct buffer path;  /* of the value at hand, as `fetch.urls[2].every` */
};

void config_reader_fini(struct config_reader *reader);

/* Steps into a member or an element. config_path_leave() goes back to an earlier reader->path.size.
 */
enum error config_path_enter_key(struct config_reader *reader, struct bytes key);
enum error config_path_enter_index(struct config_reader *reader, size_t index);
void config_path_leave(struct config_reader *reader, size_t size);

/* Adds `SOURCE:LINE: PATH: ` and the text. */
enum error config_report(struct config_reader *reader, size_t line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds `SOURCE:LINE: PATH: found VALUE, expected ` and the text. */
enum error config_refuse(struct config_reader *reader, const struct json_value *value,
                         const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds `SOURCE:LINE:COLUMN: found ..., expected ...`. */
enum error config_report_syntax(struct config_reader *reader,
                                const struct json_syntax_error *problem);

/* Appends `text` as a JSON string, cut to a length that a line can bear. */
enum error config_append_quoted(struct buffer *out, struct bytes text);

#endif
