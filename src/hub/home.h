/*
 * A channel at home: the one place where its log is written. Belongs to the worker that the
 * channel's name hashes to.
 *
 * Other workers that have clients in the channel are its readers. They join and leave by letter,
 * hear of each new segment by letter, and of new messages by one hint a turn.
 */
#ifndef RINGCAST_HUB_HOME_H
#define RINGCAST_HUB_HOME_H

#include "base/map.h"
#include "hub/hub.h"
#include "log.h"

/* A hint that more is filled; at most one is under way to each reader. */
struct hint {
    struct letter letter;
    struct channel *channel; /* the reader's; NULL: this worker is no reader. The home's own */
    struct channel *told;    /* whom the letter is for; the reader's own while it is under way */
    _Atomic bool under_way;
};

struct home {
    struct map_node node; /* by name, in the worker's homes */
    struct hub_worker *worker;
    struct log log;
    struct channel_settings settings;
    struct task tell; /* at the turn's end: the readers hear of a new head */
    unsigned reader_count;
    struct hint *readers; /* one for each worker of the hub */
    char name[];
};

/* A worker's request to join or leave a home, and the answer; one letter for a channel's life. */
struct join {
    struct letter letter;
    struct channel *channel;
    unsigned reader; /* the worker that asks */
    bool leave;
    /* the answer */
    enum error error;
    struct home *home;
    struct segment *newest; /* with a reference, or NULL */
};

/* A message on its way to the home of its channel, and back with the answer. */
struct publish {
    struct letter letter;
    struct hub *hub;
    struct subscription *source; /* NULL: the service */
    unsigned sender;             /* worker of the source */
    bool binary;
    uint8_t prefix_size;
    uint8_t name_size;
    size_t payload_size;
    uint64_t start, end;
    enum error error;
    uint8_t data[]; /* prefix, channel name, payload */
};

/* Finds the home of a name on its worker, or makes it. */
enum error home_find(struct hub_worker *worker, struct bytes name, struct home **home);

/*
 * Encodes a message and appends it to the log; the readers hear of it at the end of the turn. Its
 * frame is at positions `*start` to `*end`.
 */
enum error home_append(struct home *home, struct bytes prefix, bool binary, struct bytes payload,
                       uint64_t *start, uint64_t *end);

/* Handles a request on the home's worker, and answers it. */
void home_handle_join(struct hub_worker *worker, struct join *join);

/* Takes over a message from another worker, and answers it. */
void home_handle_publish(struct hub_worker *worker, struct publish *publish);

/* Trims by age, and frees the homes that nobody needs. Called now and then. */
void homes_collect(struct hub_worker *worker);

/* Tells all readers of all homes what they have not heard yet. */
void homes_tell(struct hub_worker *worker);

/* Frees all homes; nobody may read them any more. */
void homes_fini(struct hub_worker *worker);

#endif
