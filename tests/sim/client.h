/*
 * Clients of the hub and of the admin listener, as models: each knows what it has sent, checks what
 * it gets against what the others have sent, and behaves as its kind does.
 */
#ifndef RINGCAST_TEST_SIM_CLIENT_H
#define RINGCAST_TEST_SIM_CLIENT_H

#include "link.h"

struct world;
struct json_value;

#define CLIENT_TABLE(ROW)                                     \
    ROW(HONEST)                                               \
    ROW(SLOW_READER)                                          \
    ROW(DEAF) /* never reads */                               \
    ROW(SLOW_WRITER)                                          \
    ROW(GARBAGE)                                              \
    ROW(CUT)   /* ends at a random byte, in some way */       \
    ROW(EAGER) /* frames right behind the handshake */        \
    ROW(PING_FLOOD)                                           \
    ROW(MESSAGE_FLOOD)                                        \
    ROW(FRAGMENTS)                                            \
    ROW(RULE_BREAKER)                                         \
    ROW(MUTE)    /* answers no ping */                        \
    ROW(IDLE)    /* connects and says nothing */              \
    ROW(CLOSING) /* closes in order, and may go on talking */ \
    ROW(BROWSER) /* plain HTTP, pipelined */                  \
    ROW(EVENTS)  /* Server-Sent Events, plain or as gzip */   \
    ROW(WATCHER) /* hears who comes and goes */               \
    ROW(MONITOR) /* the admin listener */                     \
    /* where the hub is under TLS */                          \
    ROW(UNAWARE)   /* speaks plain HTTP */                    \
    ROW(OUTDATED)  /* has nothing newer than TLS 1.1 */       \
    ROW(BABBLER)   /* a handshake of random bytes */          \
    ROW(FALSIFIED) /* its last bytes are not what it sent */

enum client_kind {
#define CLIENT_ENUM_ROW(name) CLIENT_##name,
    CLIENT_TABLE(CLIENT_ENUM_ROW)
#undef CLIENT_ENUM_ROW
        CLIENT_KINDS
};

/* What a ping carries in peace. */
#define CLIENT_PING "a ping in a quiet hour"

/* Those before it are everywhere. */
enum { CLIENT_EVERYWHERE = CLIENT_UNAWARE };

enum { MESSAGES_MAX = 40, CLIENTS_MAX = 16 };

/* Of the handshake and the first frame: each of them is somewhere the last one. */
enum { CUT_AT_EVERY_BYTE = 192 };

/* What a watcher knows of a member. */
struct known {
    uint64_t id;
    bool was_there; /* in the answer */
    bool came, went;
};

/* What a watcher has heard. */
struct watch {
    bool watching, answered;
    bool blurred;   /* it was told that it had not been told everything */
    bool has_count; /* of the last event */
    uint64_t count; /* … or of the answer */
    struct known known[2 * CLIENTS_MAX];
    size_t known_count;
};

struct client {
    struct link link; /* the first field */
    struct world *world;
    enum client_kind kind;
    unsigned number;
    unsigned channel;
    bool calm; /* came when faults were off */
    bool upgraded, refused;
    bool acted; /* its kind's last deed is done, where it has one */
    bool told_end;
    unsigned talks_left;  /* then: a stubborn one says so much all the same */
    bool secure;          /* under TLS */
    bool will_be_deaf;    /* when its handshakes are over, or at once */
    bool has_token;       /* which ends soon */
    bool speaks_json;     /* the subprotocol; it only listens */
    uint64_t next_offset; /* which it must hear next; 0: it is in no channel yet */
    uint64_t id;          /* which it was told; 0: none */
    struct watch watch;
    bool wants_gzip;
    void *inflater;       /* of events as gzip; NULL: plain */
    struct buffer events; /* text that is no whole event yet */
    bool witness;         /* was in its channel when others published in peace */
    bool heard_close, said_close;
    bool failed; /* the connection broke, whoever did it */
    uint16_t close_code;
    uint16_t expected_code; /* of a rule breaker; 0: any */
    unsigned published, to_publish;
    bool publishes_now;
    unsigned answers;         /* to plain requests */
    unsigned pings, pongs;    /* in peace, where none may be missing */
    uint64_t received;        /* messages */
    int last_of[CLIENTS_MAX]; /* the last number seen of each publisher */
};

void client_start(struct client *client, struct world *world, enum client_kind kind,
                  unsigned number, unsigned channel);

/* Publishes its next messages from now on (an honest client of the calm phase). */
void client_publish(struct client *client, unsigned count);

bool client_is_open(const struct client *client);
const char *client_channel_name(unsigned channel);

void client_fini(struct client *client);

/* Is it one whose connection should live as long as the network lets it? */
bool client_is_honest(const struct client *client);

/* The status of the answer to its next request. */
void client_take_answer(struct client *client, int status);

/* ---- client_token.c -------------------------------------------------------------------------- */

enum { TOKEN_TEXT = 256 };

/* A token that says that it ends then, in seconds since 1970. */
const char *client_token(char out[TOKEN_TEXT], uint64_t end);

/* ---- client_tls.c: where the hub is under TLS ------------------------------------------------ */

/* Begins a handshake, with a name that the hub has a certificate for. */
void client_begin_tls(struct client *client);

/* Says what a server of TLS cannot take. */
void client_say_old_hello(struct client *client);
void client_babble(struct client *client);
void client_say_falsified(struct client *client);

/* Takes what these have got, which is an alert or nothing. */
void client_take_alert(struct client *client);

/* The connection of a secure client is over. */
void client_check_tls(struct client *client);

/* ---- client_frames.c: the bytes -------------------------------------------------------------- */

/* The payload of a publisher's message, the same whenever it is asked for. */
void client_message(const struct world *world, unsigned publisher, unsigned number,
                    struct buffer *payload, bool *binary);

/* Sends a masked frame. */
void client_send_frame(struct client *client, unsigned first_byte, struct bytes payload);

/* Is it exactly what some client has sent to this channel? */
void client_take_message(struct client *client, bool binary, struct bytes payload);

/* client_dialog.c: takes a text of the subprotocol, or the data of an event. */
void client_take_object(struct client *client, struct bytes text);

/* Of an object: is this member that text? a whole number, UINT64_MAX if it is none; a number
 * written with 16 hexadecimal digits, 0 if it is none. */
bool json_is(const struct json_value *object, const char *key, const char *text);
uint64_t json_whole(const struct json_value *object, const char *key);
uint64_t json_hex(const struct json_value *object, const char *key);

/* ---- client_events.c: Server-Sent Events ----------------------------------------------------- */

void client_ask_for_events(struct client *client);
/* The head of the answer has come; then what follows. */
void client_begin_events(struct client *client, const char *head);
void client_take_events(struct client *client);
void client_end_events(struct client *client);

/* ---- client_watch.c: who is there ------------------------------------------------------------ */

void client_begin_watch(struct client *client);
void client_take_watched(struct client *client, const struct json_value *object);

/* In peace: is what it has heard what is so? */
bool client_watch_is_right(const struct client *client);

/* Takes what has come: heads of responses, then frames. */
void client_take(struct client *client);

#endif
