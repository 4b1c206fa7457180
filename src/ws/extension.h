/* The syntax of one element of Sec-WebSocket-Extensions. Private to the ws layer. */
#ifndef RINGCAST_WS_EXTENSION_H
#define RINGCAST_WS_EXTENSION_H

#include "base/bytes.h"

/*
 * Is it a name with parameters, as RFC 6455 section 9.1 has it? Stricter than HTTP's parameters: a
 * quoted value must be a token without its quotes, and nothing may be left empty. `element` comes
 * from a list and is not empty.
 */
bool ws_extension_is_valid(struct bytes element);

/* The name of a valid element. */
struct bytes ws_extension_name(struct bytes element);

struct ws_extension_parameter {
    struct bytes name, value; /* a quoted value keeps its quotes and backslashes */
    bool has_value;
};

/* Takes the next parameter of a valid element off it, the name first. False at the end. */
bool ws_extension_parameter_next(struct bytes *element, struct ws_extension_parameter *parameter);

#endif
