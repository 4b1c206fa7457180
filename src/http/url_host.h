/* The host of a URL: domains, IPv4 numbers, IPv6 addresses (URL standard section 3.5). */
#ifndef RINGCAST_HTTP_URL_HOST_H
#define RINGCAST_HTTP_URL_HOST_H

#include "http/url.h"

/*
 * Parses the host as it stands in the URL and appends its one serialised form to `out`. ERROR_URL_HOST
 * or ERROR_NO_MEMORY.
 */
enum error url_host_parse(struct bytes input, struct buffer *out, enum url_host_kind *kind);

/* The value of a hexadecimal digit, or -1. */
int url_hex_value(uint8_t byte);

#endif
