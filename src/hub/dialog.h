/* The JSON subprotocol, see docs/protocol.md. What other files call is in client_internal.h. */
#ifndef RINGCAST_HUB_DIALOG_H
#define RINGCAST_HUB_DIALOG_H

#include "client_internal.h"

#define DIALOG_SUBPROTOCOL "ringcast.v1.json"

/* A client's seat in one channel. */
struct dialog_seat {
    struct seat seat;
    struct map_node node; /* by name, in the dialog */
    uint64_t id;          /* of the command that is to be answered: subscribe, then unsubscribe */
    bool has_id;
    bool wanted_past; /* it said where to begin, so it is told whether that was possible */
    char name[];
};

struct dialog {
    struct map seats;
};

#endif
