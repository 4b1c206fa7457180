#include "peer.h"

#include <stdio.h>
#include <string.h>

#include "machine.h"
#include "tls/tls.h"
#include "torture.h"

struct peer peers[PEERS_MAX];

static struct {
    void *listener; /* NULL: none */
    const char *answer;
    size_t size;
    bool closes;
    void (*serve)(struct peer *peer);
} origin;

static size_t peer_count;

static struct peer *peer_new(void *socket) {
    TORTURE_CHECK(peer_count < PEERS_MAX);
    struct peer *peer = &peers[peer_count++];
    memset(peer, 0, offsetof(struct peer, say));
    peer->socket = socket;
    return peer;
}

struct peer *peer_connect(uint16_t port, bool small) {
    return peer_new(machine->connect(port, small));
}

struct peer *peer_connect_secure(uint16_t port) {
    struct peer *peer = peer_connect(port, false);
    peer_tls_begin(peer);
    return peer;
}

uint16_t peers_listen_and(void (*serve)(struct peer *peer)) {
    uint16_t port;
    origin.listener = machine->listen(&port);
    origin.serve = serve;
    return port;
}

uint16_t peers_listen(const char *answer, size_t size, bool closes) {
    uint16_t port = peers_listen_and(NULL);
    origin.answer = answer;
    origin.size = size;
    origin.closes = closes;
    return port;
}

/* ---- saying ---------------------------------------------------------------------------------- */

void peer_say(struct peer *peer, const void *data, size_t size) {
    TORTURE_CHECK(size <= PEER_SAYS_MAX - peer->say_size);
    memcpy(peer->say + peer->say_size, data, size);
    peer->say_size += size;
}

void peer_say_text(struct peer *peer, const char *text) {
    peer_say(peer, text, strlen(text));
}

void peer_say_frame(struct peer *peer, unsigned first, const char *payload) {
    static const uint8_t mask[4] = {0x10, 0x20, 0x30, 0x40};
    size_t size = strlen(payload);
    TORTURE_CHECK(size < 126);
    const uint8_t head[] = {(uint8_t)first, (uint8_t)(0x80 | size)};
    peer_say(peer, head, sizeof head);
    peer_say(peer, mask, sizeof mask);
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)payload[i] ^ mask[i % 4];
        peer_say(peer, &byte, 1);
    }
}

/* ---- hearing --------------------------------------------------------------------------------- */

bool peer_has_heard(const struct peer *peer, const char *text) {
    return memmem(peer->heard, peer->heard_size, text, strlen(text)) != NULL;
}

bool peer_has_frame(const struct peer *peer, const char *text) {
    char frame[128];
    snprintf(frame, sizeof frame, "\x81%c%s", (int)strlen(text), text);
    return memmem(peer->heard, peer->heard_size, frame, strlen(text) + 2) != NULL;
}

/* The size of the frame at `at` with its head, if all of it is there; else 0. */
static size_t whole_frame(const struct peer *peer, size_t at, size_t *head) {
    size_t left = peer->heard_size - at;
    const uint8_t *data = peer->heard + at;
    *head = 2;
    if (left < 2)
        return 0;
    size_t size = data[1];
    if (size == 126) {
        *head = 4;
        if (left < 4)
            return 0;
        size = (size_t)data[2] << 8 | data[3];
    }
    TORTURE_CHECK(size < 65536); /* no larger ones are sent to peers */
    return left < *head + size ? 0 : *head + size;
}

/* Counts texts and answers a close, once the handshake is through. */
static void look_at_frames(struct peer *peer) {
    size_t head, size;
    if (peer->frames_at == 0) {
        const uint8_t *end = memmem(peer->heard, peer->heard_size, "\r\n\r\n", 4);
        if (end == NULL || !peer_has_heard(peer, " 101 "))
            return;
        peer->frames_at = (size_t)(end - peer->heard) + 4;
    }
    while ((size = whole_frame(peer, peer->frames_at, &head)) > 0) {
        const uint8_t *frame = peer->heard + peer->frames_at;
        peer->texts += frame[0] == 0x81;
        if (frame[0] == 0x88 && size >= head + 2) {
            peer->close_code = (unsigned)(frame[head] << 8 | frame[head + 1]);
            peer_say_frame(peer, 0x88, "");
        }
        peer->frames_at += size;
    }
}

/* An origin answers each request that it has heard. */
static void look_at_requests(struct peer *peer) {
    const uint8_t *end;
    while ((end = memmem(peer->heard + peer->requests_at, peer->heard_size - peer->requests_at,
                         "\r\n\r\n", 4)) != NULL) {
        peer->requests_at = (size_t)(end - peer->heard) + 4;
        peer_say(peer, peer->answer, peer->answer_size);
    }
}

static bool hear(struct peer *peer) {
    bool heard = false;
    while (!peer->deaf && !peer->ended) {
        size_t room = PEER_HEARS_MAX - peer->heard_size;
        TORTURE_CHECK(room > 0);
        uint8_t *to = peer->heard + peer->heard_size;
        ssize_t size = peer->tls != NULL ? peer_tls_receive(peer, to, room)
                                         : machine->receive(peer->socket, to, room);
        if (size == PEER_NOT_NOW)
            break;
        heard = true;
        peer->ended = size <= 0;
        if (size == 0)
            machine->shutdown(peer->socket);
        else if (size > 0)
            peer->heard_size += (size_t)size;
    }
    if (heard && peer->serve != NULL)
        peer->serve(peer);
    else if (heard && peer->is_origin)
        look_at_requests(peer);
    else if (heard)
        look_at_frames(peer);
    return heard;
}

static ssize_t send_rest(struct peer *peer) {
    const uint8_t *from = peer->say + peer->said;
    size_t size = peer->say_size - peer->said;
    return peer->tls != NULL ? peer_tls_send(peer, from, size)
                             : machine->send(peer->socket, from, size);
}

static bool speak(struct peer *peer) {
    bool spoke = false;
    while (peer->said < peer->say_size && !peer->ended) {
        ssize_t size = send_rest(peer);
        if (size == PEER_NOT_NOW)
            return spoke;
        spoke = true;
        if (size == PEER_FAILED)
            peer->ended = true;
        else
            peer->said += (size_t)size;
    }
    if (peer->closes && peer->say_size > 0 && peer->said == peer->say_size) {
        machine->shutdown(peer->socket);
        peer->closes = false;
        spoke = true;
    }
    return spoke;
}

static bool take_connections(void) {
    bool took = false;
    void *socket;
    while (origin.listener != NULL && (socket = machine->accept(origin.listener)) != NULL) {
        struct peer *peer = peer_new(socket);
        peer->is_origin = true;
        peer->answer = origin.answer;
        peer->answer_size = origin.size;
        peer->closes = origin.closes && origin.serve == NULL;
        peer->serve = origin.serve;
        took = true;
    }
    return took;
}

bool peers_turn(void) {
    bool happened = take_connections();
    for (size_t i = 0; i < peer_count; i++) {
        happened |= speak(&peers[i]);
        happened |= hear(&peers[i]);
    }
    return happened;
}

void peers_end(void) {
    for (size_t i = 0; i < peer_count; i++) {
        machine->end(peers[i].socket);
        tls_free(peers[i].tls);
    }
    if (origin.listener != NULL)
        machine->end_listener(origin.listener);
    origin.listener = NULL;
    peer_count = 0;
}
