/*
 * Peers of a scenario: plain sockets that never wait, and no code or memory of the program under
 * test, but for the TLS of those that have one. A peer says what it was told to, hears everything,
 * and answers a close frame.
 */
#ifndef RINGCAST_TESTS_TORTURE_PEER_H
#define RINGCAST_TESTS_TORTURE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PEERS_MAX = 16, PEER_SAYS_MAX = 1 << 16, PEER_HEARS_MAX = 5 << 20 };

struct tls;

struct peer {
    void *socket;                     /* the machine's */
    struct tls *tls;                  /* NULL: none */
    bool deaf;                        /* does not read, for now */
    bool ended;                       /* by the other side: its end, a reset, a refusal */
    bool closes;                      /* ends the connection when everything was said */
    bool is_origin;                   /* answers each request with `answer` */
    void (*serve)(struct peer *peer); /* or like this; called when it has heard something */
    const char *answer;
    size_t answer_size;
    size_t said, say_size, heard_size;
    size_t frames_at; /* what was heard before here is not frames, or was looked at */
    unsigned texts;   /* frames with text heard */
    unsigned close_code;
    size_t requests_at;
    uint8_t say[PEER_SAYS_MAX];
    uint8_t heard[PEER_HEARS_MAX];
};

extern struct peer peers[PEERS_MAX];

/* A new peer that connects to a port of the loopback, with a small receive buffer if `small`. */
struct peer *peer_connect(uint16_t port, bool small);

/* The same under TLS. Its allocations fail with all others, and end it. */
struct peer *peer_connect_secure(uint16_t port);

/* Says these bytes too, as soon as it can. */
void peer_say(struct peer *peer, const void *data, size_t size);
void peer_say_text(struct peer *peer, const char *text);

/* Says a masked frame. `first` is its first byte. */
void peer_say_frame(struct peer *peer, unsigned first, const char *payload);

/* Was this heard? */
bool peer_has_heard(const struct peer *peer, const char *text);

/* A frame with this text was heard. */
bool peer_has_frame(const struct peer *peer, const char *text);

/* Listens on a port of its choice; everyone who connects becomes a peer that answers requests. */
uint16_t peers_listen(const char *answer, size_t size, bool closes);

/* The same, with peers that answer otherwise. */
uint16_t peers_listen_and(void (*serve)(struct peer *peer));

/* Lets all peers go on. True if something happened. */
bool peers_turn(void);

/* Ends all of them at once, so that nothing lingers. */
void peers_end(void);

/* ---- peer_tls.c: what a secure peer does in place of send and receive -------------------------
 */

/* Makes what they all share, with memory; they believe `authority`. Ends it. */
void peers_prepare_tls(const char *authority);
void peers_end_tls(void);

void peer_tls_begin(struct peer *peer);
ssize_t peer_tls_receive(struct peer *peer, void *data, size_t size);
ssize_t peer_tls_send(struct peer *peer, const void *data, size_t size);

#endif
