/*
 * Takes lines off an input that comes in pieces. A line ends with CR LF and nothing else: a bare LF
 * is refused here, a bare CR by whoever checks the line's bytes. Private to the http layer.
 *
 * What it answers does not depend on how the input was cut.
 */
#ifndef RINGCAST_HTTP_LINE_H
#define RINGCAST_HTTP_LINE_H

#include <stdbool.h>

#include "base/bytes.h"

enum line_result {
    LINE_NEED_MORE, /* the input is used up; what there was of the line is kept */
    LINE_COMPLETE,
    LINE_TOO_LONG,
    LINE_MALFORMED, /* ended by a bare LF */
    LINE_NO_MEMORY
};

/*
 * Takes the next line, without its CR LF, into `line`: a view of the input or of `partial`, valid
 * until the next call. `partial` keeps the start of a line between calls; `*taken` tells that its
 * content was handed out. Both start empty. `limit` is the most bytes that a line may have.
 */
enum line_result line_take(struct buffer *partial, bool *taken, struct bytes *input, size_t limit,
                           struct bytes *line);

#endif
