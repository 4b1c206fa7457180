/* What a request's target asks for: which channel, what of it, and where to begin. */
#ifndef RINGCAST_HUB_TARGET_H
#define RINGCAST_HUB_TARGET_H

#include "home.h"

enum target_kind {
    TARGET_OTHER,   /* not the hub's */
    TARGET_ROOT,    /* "/": the chat over WebSocket, a page for others */
    TARGET_CHANNEL, /* "/channels/NAME" */
    TARGET_EVENTS,  /* "/channels/NAME/events" */
    TARGET_BAD,     /* within "/channels/", but no channel can have that name */
};

struct target {
    enum target_kind kind;
    struct bytes name;  /* of the channel */
    struct bytes query; /* behind the question mark */
};

struct target target_parse(struct bytes text);

/* The value of a query's parameter. False if it is not there. */
bool target_parameter(const struct target *target, const char *name, struct bytes *value);

/* An epoch as users see it, 16 hexadecimal digits. */
bool target_parse_epoch(struct bytes text, uint64_t *epoch);

/* "EPOCH:OFFSET", the id of an event: begin behind it. */
bool target_parse_position(struct bytes text, struct start *start);

/* `since=EPOCH:OFFSET` or `last=COUNT`; the head without either. False if it is malformed. */
bool target_start(const struct target *target, struct start *start);

#endif
