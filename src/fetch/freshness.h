/* How long a response says that it will stay as it is (RFC 9111 section 4.2.1). Pure. */
#ifndef RINGCAST_FETCH_FRESHNESS_H
#define RINGCAST_FETCH_FRESHNESS_H

#include <stdint.h>

#include "http/fields.h"

/*
 * What is left of `max-age` in Cache-Control behind the response's Age, in nanoseconds, a year at
 * most; 0 without one, and when it is not to be kept at all. What is said for shared caches only
 * (s-maxage), and Expires, are not read.
 */
uint64_t freshness_of(struct http_fields fields);

#endif
