/*
 * A command of the JSON subprotocol as it comes: one flat JSON object. Reading it needs no tree:
 * the members that mean something are few, and are picked as they pass.
 */
#ifndef RINGCAST_HUB_COMMAND_H
#define RINGCAST_HUB_COMMAND_H

#include "base/bytes.h"

struct command {
    struct bytes type, channel, epoch; /* empty: not there */
    struct bytes text, base64;
    bool has_text, has_base64;
    bool has_id, has_offset, has_last, has_limit;
    uint64_t id, offset, last, limit;
    struct buffer strings; /* what the views show */
};

/*
 * Reads a text, which must be UTF-8. Members that are not known are passed over, if they hold no
 * objects or arrays. NULL: all is well, and command_fini() ends it; otherwise what is wrong with
 * it, and there is nothing to end.
 */
const char *command_read(struct bytes text, struct command *command);

void command_fini(struct command *command);

#endif
