/* Times as results print them: in milliseconds, with three digits behind the point. */
#ifndef RINGCAST_FETCH_MILLISECONDS_H
#define RINGCAST_FETCH_MILLISECONDS_H

#include "base/bytes.h"

/* `time` is in nanoseconds. */
enum error milliseconds_append(struct buffer *out, uint64_t time);

#endif
