/*
 * A request to a channel's home and its answer, one letter there and back: for whoever needs to be
 * told what became of it, over HTTP or in the JSON subprotocol.
 *
 * A client of the subprotocol stays until all its requests are back (client->pending). An HTTP
 * request may lose its connection meanwhile; then nobody is told.
 */
#ifndef RINGCAST_HUB_REQUEST_H
#define RINGCAST_HUB_REQUEST_H

#include "client.h"

enum request_kind {
    REQUEST_PUBLISH,  /* one message, or several */
    REQUEST_STATE,    /* what there is to know about the channel */
    REQUEST_HISTORY,  /* retained messages, as a JSON array of envelopes */
    REQUEST_PRESENCE, /* who is in it, where that is known */
};

enum { REQUEST_KEY_MAX = 128, REQUEST_LIMIT_MAX = 1000, REQUEST_HISTORY_BYTES = 1024 * 1024 };

struct request {
    struct letter letter;
    struct hub *hub;
    struct client *client; /* NULL: gone */
    unsigned asker;        /* its worker */
    enum request_kind kind;
    void (*answered)(struct request *request); /* on the asker's thread, if the client is there */
    uint64_t id;                               /* of the subprotocol's command */
    bool has_id;
    /* publish */
    struct seat *source; /* steps over it; NULL: nobody does */
    bool binary;
    bool lines; /* each line that is not empty is a message */
    char prefix[ADDRESS_TEXT_SIZE + 3];
    char key[REQUEST_KEY_MAX + 1]; /* of idempotency; empty: none */
    /* history and presence */
    bool has_epoch;
    uint64_t since; /* offsets behind this one, as users count: from 1 */
    unsigned limit;
    /* the answer */
    enum error error;
    bool found;         /* history: all that was asked for was still retained; presence: all */
    bool repeated;      /* publish: the key was seen before */
    uint64_t epoch;     /* also asked for, by history */
    uint64_t offset;    /* of the last message published, or of the newest there is; from 1 */
    unsigned count;     /* of messages published, or in the history */
    struct buffer text; /* JSON: members of an object, or the history's messages */
    size_t name_size;
    struct bytes payload;
    uint8_t data[]; /* name and NUL, payload */
};

/* How many messages a body holds, as what it is to be understood as: `lines`, or one. */
size_t request_count_messages(const struct request *publish);

/* NULL: out of memory. */
struct request *request_new(struct client *client, enum request_kind kind, struct bytes name,
                            struct bytes payload);

/* Sends it; `answered` follows, then it is freed. It may follow before this returns. */
void request_send(struct request *request);

/* Frees one that was not sent. */
void request_cancel(struct request *request);

/* The client's HTTP request, if one is under way, is to tell nobody. */
void request_forget(struct client *client);

#endif
