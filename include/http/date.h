/*
 * The dates of HTTP fields (RFC 9110 §5.6.7), in the one form that is generated today:
 * "Sun, 06 Nov 1994 08:49:37 GMT". The two obsolete forms are not read. Time is an argument, as
 * seconds since 1970.
 */
#ifndef RINGCAST_HTTP_DATE_H
#define RINGCAST_HTTP_DATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum { HTTP_DATE_SIZE = 29 };

/* Writes the date and a NUL. False for a year outside 0 to 9999; `text` is then untouched. */
bool http_date_format(int64_t seconds, char text[HTTP_DATE_SIZE + 1]);

/* False unless the whole text is such a date, of a day and time that exist. */
bool http_date_parse(struct bytes text, int64_t *seconds);

#endif
