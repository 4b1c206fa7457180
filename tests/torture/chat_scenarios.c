/*
 * Scenarios of the chat client: lines from a program, keys at a terminal, a connection that breaks.
 * What was typed arrives, or it is told that it did not; what the hub says is printed, or it is
 * told why not; the exit code is that of what was told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chat.h"
#include "command.h"
#include "machine.h"
#include "net/listener.h"
#include "output.h"
#include "peer.h"
#include "torture.h"

enum { TEXT_MAX = 16 * 1024 };

static struct chat chat;
static bool started, ended;
static int code;         /* of the arguments, then of the chat */
static bool breaks;      /* the hub's first connection breaks */
static uint64_t count;   /* of the channel's messages */
static const char *keys; /* to type */
static uint16_t port;
static char heard[TEXT_MAX], printed[TEXT_MAX], complained[TEXT_MAX];

/* Who types is a peer, and its connection is the input. */
static struct peer *typist;

static void type_keys(void) {
    peer_say_text(typist, keys);
    typist->closes = true;
    keys = "";
}

/* ---- the hub --------------------------------------------------------------------------------- */

static void say_text(struct peer *peer, const char *text) {
    size_t size = strlen(text);
    const uint8_t small[] = {0x81, (uint8_t)size};
    const uint8_t large[] = {0x81, 126, (uint8_t)(size >> 8), (uint8_t)size};
    if (size < 126)
        peer_say(peer, small, sizeof small);
    else
        peer_say(peer, large, sizeof large);
    peer_say_text(peer, text);
}

static void shake_hands(struct peer *peer) {
    static const char field[] = "Sec-WebSocket-Key: ";
    char answer[256], accept[WS_ACCEPT_SIZE];
    peer->heard[peer->heard_size] = 0;
    const char *request = (const char *)peer->heard, *end = strstr(request, "\r\n\r\n");
    const char *key = strstr(request, field);
    if (end == NULL)
        return;
    TORTURE_CHECK(key != NULL);
    ws_accept_key(bytes_make((const uint8_t *)key + sizeof field - 1, WS_KEY_SIZE - 1), accept);
    snprintf(answer, sizeof answer,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: " CHAT_SUBPROTOCOL "\r\n\r\n",
             accept);
    peer_say_text(peer, answer);
    peer->frames_at = (size_t)(end - request) + 4;
}

/* Two messages have been there for long, and are wanted by who is new. */
static void take_subscribe(struct peer *peer, const char *command) {
    static const char *const history[] = {
        "{\"type\":\"message\",\"channel\":\"room\",\"offset\":1,\"text\":\"welcome\"}",
        "{\"type\":\"message\",\"channel\":\"room\",\"offset\":2,\"base64\":\"aGVsbG8=\"}",
    };
    char answer[256];
    const char *offset = strstr(command, "\"offset\":");
    size_t from = offset != NULL ? strtoul(offset + 9, NULL, 10) : 0;
    snprintf(answer, sizeof answer,
             "{\"type\":\"subscribed\",\"id\":0,\"channel\":\"room\","
             "\"epoch\":\"0123456789abcdef\",\"offset\":%zu,\"recovered\":true}",
             from);
    say_text(peer, answer);
    for (size_t i = from; i < 2; i++)
        say_text(peer, history[i]);
}

/* One that breaks takes the line, but does not say so. */
static void take_publish(struct peer *peer, const char *command) {
    char answer[128];
    const char *id = strstr(command, "\"id\":"), *text = strstr(command, "\"text\":");
    TORTURE_CHECK(id != NULL && text != NULL);
    strncat(heard, text, sizeof heard - strlen(heard) - 1);
    count++;
    if (breaks) {
        breaks = false;
        peer->closes = true;
        return;
    }
    snprintf(answer, sizeof answer, "{\"type\":\"published\",\"id\":%lu,\"offset\":%" PRIu64 "}",
             strtoul(id + 5, NULL, 10), count);
    say_text(peer, answer);
}

static void take_frame(struct peer *peer, unsigned first, char *payload) {
    static const uint8_t close[] = {0x88, 2, 0x03, 0xE8};
    if (first == 0x88) {
        peer_say(peer, close, sizeof close);
        peer->closes = true;
    } else if (strstr(payload, "\"type\":\"subscribe\"") != NULL) {
        take_subscribe(peer, payload);
    } else if (strstr(payload, "\"type\":\"publish\"") != NULL) {
        take_publish(peer, payload);
    }
}

/* The first frame that was not looked at yet, if it is whole. */
static bool take_first_frame(struct peer *peer) {
    static char payload[TEXT_MAX];
    const uint8_t *data = peer->heard + peer->frames_at;
    size_t left = peer->heard_size - peer->frames_at, head = 6;
    if (left < 4)
        return false;
    size_t size = data[1] & 0x7F;
    if (size == 126) {
        head = 8;
        size = (size_t)data[2] << 8 | data[3];
    }
    TORTURE_CHECK(size < sizeof payload);
    if (left < head + size)
        return false;
    for (size_t i = 0; i < size; i++)
        payload[i] = (char)(data[head + i] ^ data[head - 4 + i % 4]);
    payload[size] = '\0';
    peer->frames_at += head + size;
    take_frame(peer, data[0], payload);
    return true;
}

static void serve(struct peer *peer) {
    if (peer->frames_at == 0)
        shake_hands(peer);
    while (peer->frames_at > 0 && take_first_frame(peer))
        ;
}

/* ---- standard input, output and error -------------------------------------------------------- */

static struct listener typists;
static int input;
static bool listener_gone;

static void typist_accepted(struct listener *listener, int descriptor) {
    (void)listener;
    input = descriptor;
}

static void typists_closed(struct listener *listener) {
    (void)listener;
    listener_gone = true;
}

static void seat_typist(void) {
    static const struct listener_events events = {typist_accepted, typists_closed};
    static const uint8_t host[4] = {127, 0, 0, 1};
    struct address address = address_v4(host, 0);
    struct endpoint endpoint = endpoint_of(&address);
    input = -1;
    listener_gone = false;
    TORTURE_CHECK(listener_open(&typists, &loop, &endpoint, &events) == ERROR_NONE);
    typist = peer_connect(endpoint_port(&endpoint), false);
    torture_wait(input >= 0);
    listener_close(&typists);
    torture_wait(listener_gone);
}

static ssize_t read_input(struct ring *ring, int descriptor, void *data, size_t size) {
    struct sockaddr_in from;
    socklen_t from_size = sizeof from;
    return ring->backend->sockets->receive(ring, descriptor, data, size, (struct sockaddr *)&from,
                                           &from_size);
}

static bool print(void *context, struct bytes text) {
    (void)context;
    size_t size = strlen(printed), room = sizeof printed - 1 - size;
    size_t more = text.size < room ? text.size : room;
    memcpy(printed + size, text.data, more);
    printed[size + more] = '\0';
    return true;
}

/* That it is connected is no complaint; who is at a terminal types now. */
static void complain(void *context, const char *text) {
    (void)context;
    if (strncmp(text, "connected", 9) == 0) {
        type_keys();
        return;
    }
    size_t size = strlen(complained);
    snprintf(complained + size, sizeof complained - size, "%s\n", text);
}

/* ---- one chat -------------------------------------------------------------------------------- */

static void prepare(void) {
    heard[0] = printed[0] = complained[0] = '\0';
    count = 2;
    keys = "";
    breaks = false;
    started = ended = false;
    memset(&chat, 0, sizeof chat);
    output_write_to(print, NULL);
    output_complain_to(complain, NULL);
    port = peers_listen_and(serve);
    seat_typist();
}

static void chat_has_ended(struct chat *which) {
    ended = true;
    code = which->exit_code;
}

static void begin(bool at_terminal, const char *reconnect) {
    static char texts[6][64] = {"--channel", "room", "--history", "5"};
    char *arguments[] = {texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]};
    snprintf(texts[4], sizeof texts[4], "%s", reconnect);
    snprintf(texts[5], sizeof texts[5], "ws://127.0.0.1:%u", port);
    const struct chat_source source = {input, read_input};
    code = chat_arguments_read(&chat.arguments, 6, arguments);
    if (code != EXIT_ALL_WELL)
        return;
    chat.screen.at_terminal = at_terminal;
    enum error error = chat_start(&chat, &loop, &source, chat_has_ended);
    started = error == ERROR_NONE;
    TORTURE_CHECK(started || error == ERROR_NO_MEMORY);
}

static bool settled(void) {
    return !started || ended;
}

static bool all_were_heard(void) {
    return strstr(heard, "\"one\"") != NULL && strstr(heard, "\"two\"") != NULL &&
           strstr(heard, "\"t\303\244\"") != NULL;
}

static bool all_was_printed(void) {
    return strstr(printed, "welcome\n") != NULL && strstr(printed, "hello\n") != NULL;
}

/* A start that failed is told by who starts. */
static void verify(void) {
    bool all = all_were_heard() && all_was_printed();
    if (torture_failures() == 0)
        TORTURE_CHECK(started && code == EXIT_ALL_WELL && all && complained[0] == '\0');
    if (!started)
        TORTURE_CHECK(code == EXIT_ALL_WELL || strstr(complained, "out of memory") != NULL);
    else if (code != EXIT_ALL_WELL || !all)
        TORTURE_CHECK(complained[0] != '\0');
    TORTURE_CHECK(code == EXIT_ALL_WELL || code == EXIT_SOME_FAILED);
}

static void finish(void) {
    if (started)
        chat_fini(&chat);
    chat_arguments_fini(&chat.arguments);
    loop_close_descriptor(&loop, input);
    torture_turn();
    output_write_to(NULL, NULL);
    output_complain_to(NULL, NULL);
}

/* ---- from a program -------------------------------------------------------------------------- */

static void act_lines(void) {
    keys = "one\r\ntwo\nt\303\244\nexit\nnot this\n";
    type_keys();
    begin(false, "--no-reconnect");
}

/* A program's lines all arrive, or the exit code is not 0. */
static void verify_lines(void) {
    verify();
    TORTURE_CHECK(!started || code != EXIT_ALL_WELL || (all_were_heard() && all_was_printed()));
    TORTURE_CHECK(strstr(heard, "not this") == NULL);
}

/* ---- at a terminal --------------------------------------------------------------------------- */

/* Earlier lines are looked at, and a line is corrected; all is typed when it is connected. */
static void act_keys(void) {
    keys = "one\rto\x1b[Dw\x05\r\x1b[A\x1b[A\x1b[B\x15t\303\244\r\x04";
    begin(true, "--no-reconnect");
}

/* ---- a connection that breaks ---------------------------------------------------------------- */

static void act_break(void) {
    breaks = true;
    keys = "one\ntwo\nt\303\244\nexit\n";
    type_keys();
    begin(false, "--reconnect");
}

/* Whatever it is that fails, it comes back until everything has arrived. */
static void verify_break(void) {
    if (torture_failures() == 0)
        TORTURE_CHECK(started);
    TORTURE_CHECK(!started || (code == EXIT_ALL_WELL && all_were_heard() && all_was_printed()));
}

const struct scenario chat_scenarios[] = {
    {"chat_lines", prepare, act_lines, settled, verify_lines, finish},
    {"chat_terminal", prepare, act_keys, settled, verify, finish},
    {0},
};

/* For the simulated machine alone: there pauses take no time. */
const struct scenario patient_scenarios[] = {
    {"chat_break", prepare, act_break, settled, verify_break, finish},
    {0},
};
