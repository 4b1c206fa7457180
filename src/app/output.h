/*
 * What commands print on standard output and standard error.
 */
#ifndef RINGCAST_APP_OUTPUT_H
#define RINGCAST_APP_OUTPUT_H

#include <stdbool.h>

#include "base/bytes.h"

/* Writes all of it to standard output. False when nobody reads it any more. */
bool output_write(struct bytes text);

/* Where output_write() writes to instead; `write` NULL: standard output again. For tests. */
void output_write_to(bool (*write)(void *context, struct bytes text), void *context);

/* Who hears the complaints instead, without "ringcast: "; NULL: standard error again. For tests. */
void output_complain_to(void (*complain)(void *context, const char *text), void *context);

/* Prints "ringcast: " and the text to standard error, with a line end. */
void output_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
