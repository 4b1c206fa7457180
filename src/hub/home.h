/*
 * A channel at home: the one place where its logs are written, one for each rendition that is read.
 * Belongs to the worker that the channel's name hashes to.
 *
 * Workers that have clients in the channel are its readers, of each rendition apart. They join and
 * leave by letter, hear of each new segment by letter, and of new messages by one hint a turn.
 */
#ifndef RINGCAST_HUB_HOME_H
#define RINGCAST_HUB_HOME_H

#include "accounts.h"
#include "base/map.h"
#include "hub/hub.h"
#include "key_ring.h"
#include "log.h"
#include "rendition.h"

/* What became of the messages that a reader's subscriptions were due. Written by the reader. */
struct tally {
    struct counter subscribers; /* now */
    struct counter delivered;
    struct counter skipped;   /* missed by slow readers */
    struct counter own;       /* stepped over: they went back to nobody */
    struct counter abandoned; /* still ahead when the subscription ended */
    struct counter due;       /* of subscriptions that ended: all the above, by their offsets */
};

/* One worker as the reader of one rendition, and the hint to it that more is filled: at most one is
 * under way. */
struct reader {
    struct letter letter;
    struct channel *channel; /* the reader's; NULL: this worker is no reader. The home's own */
    struct channel *told;    /* whom the letter is for; the reader's own while it is under way */
    _Atomic bool under_way;
    struct tally tally;
};

struct rendition {
    struct log log;         /* empty while nobody reads it, unless it is the raw one */
    struct reader *readers; /* one for each worker of the hub */
    unsigned reader_count;
};

struct home {
    struct map_node node; /* by name, in the worker's homes */
    struct hub_worker *worker;
    uint64_t epoch; /* random; offsets mean something only together with it */
    struct channel_settings settings;
    struct task tell;  /* at the turn's end: the readers hear of a new head */
    unsigned live;     /* a bit for each rendition that is written; home_live() */
    size_t log_memory; /* of all logs, as it was counted last */
    struct rendition renditions[RENDITION_COUNT];
    struct reader *readers; /* of all renditions */
    struct key_ring keys;   /* of messages that were published lately */
    struct counter published;
    struct list_node members; /* where presence is known; see presence.c, as the next two */
    struct counter member_count;
    unsigned events_missed;     /* by those who watch, for want of memory; they are told later */
    struct account *account;    /* where its numbers count */
    struct list_node accounted; /* there */
    char name[];
};

/* A worker's request to join or leave a home, and the answer; one letter for a channel's life. */
struct join {
    struct letter letter;
    struct channel *channel;
    unsigned reader; /* the worker that asks */
    enum rendition_kind kind;
    bool leave;
    /* the answer */
    enum error error;
    struct home *home;
    struct segment *newest; /* with a reference, or NULL */
    uint64_t next_offset;
};

/* Where a subscription begins. */
enum place { PLACE_HEAD, PLACE_AFTER, PLACE_LAST };

struct start {
    enum place place;
    uint64_t epoch;  /* PLACE_AFTER: whose offset it is */
    uint64_t offset; /* PLACE_AFTER: of the first message that is wanted */
    uint64_t count;  /* PLACE_LAST: how many messages before the head, or fewer */
};

/*
 * A request for the past: the segments from a place on, which the reader's view may have let go of.
 * Every reference is handed over.
 */
struct recall {
    struct letter letter;
    struct home *home;
    struct channel *channel;
    struct subscription *subscription; /* NULL: it has ended meanwhile */
    struct start start;
    /* the answer */
    bool found;      /* everything that was asked for is there */
    uint64_t offset; /* where to begin; the head if it was not found */
    struct segment **segments;
    size_t count;
};

/* A message on its way to the home of its channel, and back with the answer. */
struct publish {
    struct letter letter;
    struct hub *hub;
    struct subscription *source; /* NULL: the service, which is not answered */
    struct list_node link;       /* of the service's at home, while there is no memory for it */
    unsigned sender;             /* worker of the source */
    bool binary;
    uint8_t prefix_size;
    uint8_t name_size;
    size_t payload_size;
    uint64_t offset;
    enum error error;
    uint8_t data[]; /* prefix, channel name, payload */
};

/* Finds the home of a name on its worker, or makes it. */
enum error home_find(struct hub_worker *worker, struct bytes name, struct home **home);

/* The same for who only asks: nothing comes to be by that, but a channel that the config names is
 * always there. ERROR_NOT_FOUND. */
enum error home_look_up(struct hub_worker *worker, struct bytes name, struct home **home);

/*
 * Encodes a message and appends it to the logs, to all or to none; the readers hear of it at the
 * end of the turn.
 */
enum error home_append(struct home *home, struct bytes prefix, bool binary, struct bytes payload,
                       uint64_t *offset);

/* For recall.c: a log with the channel's retention; dropping what is not retained; and counting
 * the memory of all logs. */
void home_init_log(const struct home *home, struct log *log);
/* After a change of its settings: its logs keep to the new retention from now on. */
void home_change_retention(struct home *home);
void home_trim(struct home *home);
void home_count_memory(struct home *home);

/* The renditions of messages that are written, a bit each. */
static inline unsigned home_live(const struct home *home) {
    return home->live & ~(1U << RENDITION_PRESENCE);
}

/* The raw rendition's log: the channel's history. */
static inline struct log *home_history(struct home *home) {
    return &home->renditions[RENDITION_RAW].log;
}

/* The retained message with this offset; its payload has the prefix in front. */
struct published home_message(struct home *home, uint64_t offset);

/* For what appends: the readers get a new segment at once, and hear of a new head when the turn
 * ends (home_readers.c). */
void home_announce(struct home *home, struct rendition *rendition);
void home_head_moved(struct home *home);
void home_rendition_moved(struct home *home, struct rendition *rendition);
extern const struct task_handler home_tell_handler;

/* Handles a request on the home's worker, and answers it. */
void home_handle_join(struct hub_worker *worker, struct join *join);

/* Answers a request for the past. */
void home_handle_recall(struct recall *recall);

/* Takes over a message from another worker, and answers it. */
void home_handle_publish(struct hub_worker *worker, struct publish *publish);

/* Trims by age, and frees the homes that nobody needs. Called now and then. */
void homes_collect(struct hub_worker *worker);

/* Tells all readers of all homes what they have not heard yet. */
void homes_tell(struct hub_worker *worker);

/* Frees all homes; nobody may read them any more. */
void homes_fini(struct hub_worker *worker);

#endif
