/*
 * When a failed attempt is made again, and how long to wait before. Pure: time and random numbers
 * are arguments.
 *
 * Only requests that may be repeated are (RFC 9110 §9.2.2), and only after failures that may pass:
 * of connections, time-outs, and the statuses that say so. The wait is random between nothing and a
 * bound that doubles ("full jitter"), or what the origin asked for in Retry-After.
 */
#ifndef RINGCAST_FETCH_RETRY_H
#define RINGCAST_FETCH_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "http/fields.h"

enum { RETRY_FIRST_MILLISECONDS = 500, RETRY_LONGEST_SECONDS = 30 };

/* May a request with this method be sent twice? */
bool retry_allows_method(struct bytes method);

/* May a failure pass? `status` counts with ERROR_HTTP_STATUS. */
bool retry_may_help(enum error error, int status);

/* Does the status mean that the whole origin wants to be left alone for a while? */
bool retry_pauses_origin(int status);

/*
 * How long to wait before retry number `retry` (from 0): 0 to 0.5 s, 1 s, 2 s … at most 30 s, as
 * `random` says.
 */
uint64_t retry_delay(unsigned retry, uint32_t random);

/*
 * Reads Retry-After (RFC 9110 §10.2.3): seconds, or a date, which is held against the response's
 * own Date, whatever our clock says. False when there is none that can be understood.
 */
bool retry_after(struct http_fields fields, uint64_t *delay);

#endif
