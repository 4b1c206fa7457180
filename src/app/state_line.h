/*
 * One line of a state file: what is known of one URL, as JSON. Pure.
 */
#ifndef RINGCAST_APP_STATE_LINE_H
#define RINGCAST_APP_STATE_LINE_H

#include "app/config.h"
#include "fetch/schedule.h"

/* Of one URL: `memory` shows what the rest owns. `{0}` is of none. */
struct state_memory {
    bool found;
    struct schedule_memory memory;
    uint8_t digest[SHA256_SIZE];
};

void state_memory_fini(struct state_memory *memory);

/* Appends the line with its end. */
enum error state_line_append(struct buffer *out, const struct config_url *url,
                             const struct schedule_memory *memory);

/*
 * Reads a line: `*hash` is that of its request, `memory` is to be ended. ERROR_CONFIG_INVALID: it
 * is none; ERROR_NO_MEMORY. After an error there is nothing to end.
 */
enum error state_line_read(struct bytes line, uint64_t *hash, struct state_memory *memory);

#endif
