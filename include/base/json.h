/*
 * Writing JSON text into a buffer. Reading JSON is cJSON's work (app/config.h).
 */
#ifndef RINGCAST_BASE_JSON_H
#define RINGCAST_BASE_JSON_H

#include "base/bytes.h"

/*
 * Appends `text` as a JSON string with its quotes. Control characters, quotes and backslashes are
 * escaped; what is not valid UTF-8 becomes U+FFFD, one for each maximal bad part, so that the
 * output is always valid JSON. Also escapes U+2028 and U+2029, which JavaScript once refused.
 */
enum error json_append_string(struct buffer *out, struct bytes text);

#endif
