/*
 * What is said over a chat connection. With a hub that speaks the subprotocol ringcast.v1.json, the
 * session joins its channel there, keeps its place in it, goes on there after a break, and knows of
 * each line whether it has arrived. With any other server each WebSocket message is a line.
 *
 * Lines that are said while there is no connection wait, and so do those that no answer has come
 * to, or that the kernel has not taken where there are no answers: after a break they are said
 * again.
 */
#ifndef RINGCAST_APP_CHAT_SESSION_H
#define RINGCAST_APP_CHAT_SESSION_H

#include "chat_connection.h"

#define CHAT_SUBPROTOCOL "ringcast.v1.json"

struct chat_session;

/* A message that came. `json` is its JSON object. */
struct chat_message {
    bool text;
    struct bytes payload;
    struct bytes json;
};

/* Constant and static. */
struct chat_session_events {
    void (*joined)(struct chat_session *session);
    /* ERROR_NO_MEMORY: it was not taken; a hub that speaks JSON is asked for it again. */
    enum error (*received)(struct chat_session *session, const struct chat_message *message);
    /* Something that who chats should know: that messages were missed, for instance. */
    void (*noticed)(struct chat_session *session, const char *what);
    /* A line was not accepted, or the channel cannot be joined at all. */
    void (*refused)(struct chat_session *session, bool all, const char *why);
    /* Lines have arrived: there is room for more, or nothing is left to say. */
    void (*progressed)(struct chat_session *session);
};

struct chat_said;

enum { CHAT_OWN_AHEAD = 64, CHAT_EPOCH_SIZE = 16 };

/* Fields are private. */
struct chat_session {
    struct chat_connection *connection;
    const struct chat_session_events *events;
    const char *channel; /* borrowed */
    unsigned history;    /* so many messages before the present, at the first joining */
    bool speaks_json;
    bool joined;
    bool has_place;
    char epoch[CHAT_EPOCH_SIZE + 1];
    uint64_t offset;              /* of the last message that is known, own ones too */
    uint64_t own[CHAT_OWN_AHEAD]; /* own messages ahead of it */
    size_t own_count;
    struct list_node said; /* lines that wait, for their turn or to have arrived */
    size_t said_count;
    size_t unanswered;
    uint64_t next_id;
};

void chat_session_init(struct chat_session *session, struct chat_connection *connection,
                       const char *channel, unsigned history,
                       const struct chat_session_events *events);
void chat_session_fini(struct chat_session *session);

/* The connection's events. */
void chat_session_opened(struct chat_session *session, struct bytes subprotocol);
void chat_session_received(struct chat_session *session, bool text, struct bytes payload);
void chat_session_drained(struct chat_session *session);
void chat_session_closed(struct chat_session *session);

/* Says a line, now or as soon as it can. ERROR_NO_MEMORY. */
enum error chat_session_say(struct chat_session *session, struct bytes line);

/* Has everything that was said arrived, as far as can be known? */
static inline bool chat_session_is_settled(const struct chat_session *session) {
    return session->said_count == 0;
}

/* So much waits that no more should be said now. */
bool chat_session_is_full(const struct chat_session *session);

#endif
