/* Scenarios of the hub: accepting, joining, publishing, closing, ending. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

#include "hub/hub.h"
#include "machine.h"
#include "peer.h"
#include "tls_peer.h"
#include "torture.h"

enum { FLOOD = 250 }; /* messages at most: more than the kernel holds for who does not read */

static struct hub *hub;
static uint16_t port;
static bool hub_closed;
static struct peer *first, *second, *third;
static unsigned published; /* in the service's name, and accepted */

/* ---- the hub --------------------------------------------------------------------------------- */

static struct channel_settings channel_settings(void *context, struct bytes name) {
    (void)context;
    return (struct channel_settings){.prefix = bytes_equal(name, bytes_of("chat")),
                                     .presence = bytes_equal(name, bytes_of("room")),
                                     .retain_bytes = 64 * 1024,
                                     .retain_messages = 1000,
                                     .retain_age = 3600 * SECOND};
}

static const struct hub_options options = {
    .max_message = 4096,
    .handshake_timeout = 60 * SECOND,
    .ping_interval = 0,
    .ping_timeout = 60 * SECOND,
    .close_timeout = 60 * SECOND,
    .max_channels = 100,
    .channel_settings = channel_settings,
};

static const struct http_listening *way; /* NULL: plain */

static void listen_somewhere(void) {
    static const uint8_t host[4] = {127, 0, 0, 1};
    struct address address = address_v4(host, 0);
    struct endpoint endpoint = endpoint_of(&address);
    TORTURE_CHECK(hub_listen(hub, 0, &endpoint, 1, way) == ERROR_NONE);
    port = endpoint_port(&endpoint);
}

static void open_hub_with(const struct hub_options *with) {
    struct loop *loops[] = {&loop};
    first = second = third = NULL;
    hub_closed = false;
    TORTURE_CHECK(hub_new(with, loops, 1, &hub) == ERROR_NONE);
    hub_start(hub, 0);
    listen_somewhere();
}

static void open_hub(void) {
    way = NULL;
    open_hub_with(&options);
}

static void say_handshake(struct peer *peer, const char *channel) {
    char request[256];
    snprintf(request, sizeof request,
             "GET /channels/%s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
             channel);
    peer_say_text(peer, request);
}

static struct peer *begin_joining(const char *channel) {
    struct peer *peer = way != NULL ? peer_connect_secure(port) : peer_connect(port, false);
    say_handshake(peer, channel);
    return peer;
}

static struct peer *join(const char *channel) {
    struct peer *peer = begin_joining(channel);
    torture_wait(peer->frames_at > 0);
    return peer;
}

static void hub_has_closed(void *context) {
    (void)context;
    hub_closed = true;
}

static void close_hub(void) {
    if (!hub_closed)
        hub_close(hub, 0, 10 * SECOND, hub_has_closed, NULL);
    torture_wait(hub_closed);
    hub_free(hub);
}

/* The service answers: two more join, and one hears the other. */
static void check_hub_serves(void) {
    struct peer *speaker = join("fresh"), *listener = join("fresh");
    peer_say_frame(speaker, 0x81, "are you there?");
    torture_wait(peer_has_frame(listener, "are you there?"));
}

/* ---- scenarios: begin ------------------------------------------------------------------------ */

static void act_request(void) {
    first = peer_connect(port, false);
    peer_say_text(first, "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
                         "GET /else HTTP/1.0\r\nHost: a\r\n\r\n");
}

static bool request_settled(void) {
    return first->ended;
}

static void verify_request(void) {
    if (torture_failures() == 0)
        TORTURE_CHECK(peer_has_heard(first, "404"));
    check_hub_serves();
}

static void act_post(void) {
    first = peer_connect(port, false);
    peer_say_text(first,
                  "POST /channels/chat HTTP/1.0\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
}

static void verify_post(void) {
    check_hub_serves();
}

static void act_join(void) {
    first = begin_joining("new");
}

static bool join_settled(void) {
    return first->ended || first->frames_at > 0;
}

static void verify_join(void) {
    if (!first->ended) {
        struct peer *speaker = join("new");
        peer_say_frame(speaker, 0x81, "welcome");
        torture_wait(peer_has_frame(first, "welcome"));
    }
    check_hub_serves();
}

/* ---- scenarios: publish ---------------------------------------------------------------------- */

static void prepare_three(void) {
    open_hub();
    first = join("chat");
    second = join("chat");
    third = join("chat");
}

static void act_publish(void) {
    peer_say_frame(first, 0x81, "hello");
}

static bool has_or_ended(const struct peer *peer, const char *text) {
    return peer->ended || peer_has_frame(peer, text);
}

/* A message may fail its publisher's connection; otherwise everybody has it, or is told. */
static bool publish_settled(void) {
    return first->ended ||
           (has_or_ended(second, "[127.0.0.1] hello") && has_or_ended(third, "[127.0.0.1] hello"));
}

static void verify_publish(void) {
    TORTURE_CHECK(first->texts == 0);
    check_hub_serves();
}

/* A message in pieces, with a ping between them. */
static void act_fragments(void) {
    peer_say_frame(first, 0x01, "hel");
    peer_say_frame(first, 0x89, "ping");
    peer_say_frame(first, 0x80, "lo");
}

/* The last piece waits, so that the first is kept. */
static void act_cut_frames(void) {
    static const uint8_t half[] = {0x81, 0x85, 0, 0, 0, 0, 'h', 'e'};
    peer_say(first, half, sizeof half);
    for (int i = 0; i < 3; i++)
        torture_turn();
    peer_say_text(first, "llo");
}

/* Joins while others speak, and leaves. */
static void act_churn(void) {
    peer_say_frame(first, 0x81, "hello");
    peer_say_frame(second, 0x88, "\x03\xe8");
    begin_joining("chat");
}

static bool churn_settled(void) {
    const struct peer *fourth = &peers[3];
    return second->ended && (fourth->ended || fourth->frames_at > 0) &&
           (first->ended || has_or_ended(third, "[127.0.0.1] hello"));
}

/* ---- scenarios: a reader that does not read -------------------------------------------------- */

static void prepare_stuck(void) {
    open_hub();
    first = join("flood");
    second = peer_connect(port, true);
    say_handshake(second, "flood");
    torture_wait(second->frames_at > 0);
    second->deaf = true;
    published = 0;
}

static uint64_t slow_readers(void) {
    return counter_read(&hub_statistics(hub, 0)->slow_readers);
}

static void act_flood(void) {
    static char text[16000];
    memset(text, 'x', sizeof text);
    for (int i = 0, refused = 0; i < FLOOD && refused < 3 && slow_readers() == 0; i++) {
        enum error error = hub_publish(hub, 0, bytes_of("flood"), bytes_make(text, sizeof text));
        published += error == ERROR_NONE;
        refused += error != ERROR_NONE;
        torture_turn_at_once();
    }
}

static bool flood_settled(void) {
    return first->ended || first->texts == published;
}

/* Who read has everything; who did not was closed, and hears it now. */
static void verify_flood(void) {
    second->deaf = false;
    if (torture_failures() == 0) {
        TORTURE_CHECK(slow_readers() == 1 && !first->ended);
    }
    torture_wait(second->ended || second->texts == published);
    check_hub_serves();
}

/* ---- scenarios: end -------------------------------------------------------------------------- */

static void act_client_closes(void) {
    peer_say_frame(first, 0x88, "\x03\xe8");
}

static void act_protocol_error(void) {
    peer_say_text(first, "\x81\x01x");
}

static void act_half_close(void) {
    peer_say_frame(first, 0x81, "last words");
    first->closes = true;
}

static bool first_settled(void) {
    return first->ended;
}

static void act_shutdown(void) {
    peer_say_frame(first, 0x81, "hello");
    begin_joining("chat");
    hub_publish(hub, 0, bytes_of("chat"), bytes_of("goodbye"));
    torture_turn();
    hub_close(hub, 0, 10 * SECOND, hub_has_closed, NULL);
}

static bool shutdown_settled(void) {
    return hub_closed;
}

static void verify_shutdown(void) {
    torture_wait(second->ended && third->ended);
    if (torture_failures() == 0)
        TORTURE_CHECK(peer_has_frame(second, "goodbye") && second->close_code == 1001);
}

/* ---- scenarios: who is there ------------------------------------------------------------------
 */

static void prepare_watched(void) {
    struct hub_options with = options;
    with.max_subscriptions = 4;
    way = NULL;
    open_hub_with(&with);
    first = peer_connect(port, false);
    peer_say_text(first, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n"
                         "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Protocol: ringcast.v1.json\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    peer_say_frame(first, 0x81, "{\"type\":\"watch\",\"channel\":\"room\"}");
    torture_wait(peer_has_heard(first, "watching"));
    second = join("room");
    torture_wait(peer_has_heard(first, "\"count\":1"));
}

/* One comes, one goes, and it is asked who is there. */
static void act_watched(void) {
    third = begin_joining("room");
    peer_say_frame(second, 0x88, "\x03\xe8");
    peer_say_frame(first, 0x81, "{\"type\":\"presence\",\"channel\":\"room\"}");
}

static bool watched_settled(void) {
    return second->ended && (third->ended || third->frames_at > 0);
}

/* Whatever could not be told: when the next have come, the number that is told is right. */
static void verify_watched(void) {
    char right[32];
    if (torture_failures() == 0)
        torture_wait(peer_has_heard(first, "leave") && peer_has_heard(first, "members"));
    struct peer *fourth = join("room"), *fifth = join("room");
    snprintf(right, sizeof right, "\"count\":%d", third->ended ? 2 : 3);
    torture_wait(first->ended || peer_has_heard(first, right));
    TORTURE_CHECK(!fourth->ended && !fifth->ended);
    check_hub_serves();
}

/* ---- scenarios: events as gzip ----------------------------------------------------------------
 */

/* Is this in what was heard behind the head? */
static bool has_inflated(const struct peer *peer, const char *text) {
    static uint8_t plain[65536];
    const uint8_t *head = memmem(peer->heard, peer->heard_size, "\r\n\r\n", 4);
    if (head == NULL || !peer_has_heard(peer, "Content-Encoding: gzip"))
        return false;
    size_t before = (size_t)(head - peer->heard) + 4;
    z_stream stream = {.next_in = (uint8_t *)peer->heard + before,
                       .avail_in = (uInt)(peer->heard_size - before),
                       .next_out = plain,
                       .avail_out = sizeof plain};
    TORTURE_CHECK(inflateInit2(&stream, 16 + MAX_WBITS) == Z_OK);
    int status = inflate(&stream, Z_SYNC_FLUSH);
    TORTURE_CHECK(status == Z_OK || status == Z_BUF_ERROR);
    size_t size = sizeof plain - stream.avail_out;
    inflateEnd(&stream);
    return memmem(plain, size, text, strlen(text)) != NULL;
}

static void prepare_events(void) {
    struct hub_options with = options;
    with.compression = true;
    way = NULL;
    open_hub_with(&with);
    second = join("news");
}

static void ask_for_events(struct peer *peer) {
    peer_say_text(peer, "GET /channels/news/events HTTP/1.1\r\nHost: a\r\n"
                        "Accept-Encoding: gzip\r\n\r\n");
}

static void act_events(void) {
    first = peer_connect(port, false);
    ask_for_events(first);
    peer_say_frame(second, 0x81, "an event");
}

static bool events_settled(void) {
    return first->ended || has_inflated(first, "subscribed");
}

static void verify_events(void) {
    struct peer *speaker = join("news");
    peer_say_frame(speaker, 0x81, "one more");
    torture_wait(first->ended || has_inflated(first, "one more"));
    third = peer_connect(port, false);
    ask_for_events(third);
    torture_wait(has_inflated(third, "subscribed"));
    peer_say_frame(speaker, 0x81, "and the last");
    torture_wait(has_inflated(third, "and the last"));
    check_hub_serves();
}

/* ---- scenarios: under TLS ---------------------------------------------------------------------
 */

static struct tls_identities *identities;
static struct pool *pool;

/* What the TLS library may lose of a certificate, or of a key share: see torture.c. */
static void prepare_secure(void) {
    static const struct http_listening secure = {.secure = true};
    struct hub_options with = options;
    struct tls_detail detail;
    torture_allow_lost_blocks(TLS_LOSES_MOST);
    peers_prepare_tls(tls_peers_authority());
    const struct tls_server_options files = {certificate_path("good.pem"),
                                             certificate_path("good.key")};
    TORTURE_CHECK(tls_identities_new(&files, 1, &identities, &detail) == ERROR_NONE);
    TORTURE_CHECK(machine->new_pool(&pool) == ERROR_NONE);
    with.identities = identities;
    with.pool = pool;
    way = &secure;
    open_hub_with(&with);
    first = join("chat");
    second = join("chat");
}

/* One comes, one speaks to another, and goes. */
static void act_secure(void) {
    third = begin_joining("chat");
    peer_say_frame(first, 0x81, "hello");
    peer_say_frame(first, 0x88, "\x03\xe8");
}

/* What it said may have failed its connection. */
static bool secure_settled(void) {
    return first->ended && (third->ended || third->frames_at > 0);
}

static void verify_secure(void) {
    if (torture_failures() == 0) {
        torture_wait(peer_has_frame(second, "[127.0.0.1] hello"));
        TORTURE_CHECK(first->close_code == 1000);
    }
    check_hub_serves();
}

static void close_secure(void) {
    close_hub();
    pool_free(pool);
    tls_identities_free(identities);
    peers_end();
    peers_end_tls();
}

const struct scenario hub_scenarios[] = {
    {"request", open_hub, act_request, request_settled, verify_request, close_hub},
    {"post", open_hub, act_post, request_settled, verify_post, close_hub},
    {"join", open_hub, act_join, join_settled, verify_join, close_hub},
    {"publish", prepare_three, act_publish, publish_settled, verify_publish, close_hub},
    {"fragments", prepare_three, act_fragments, publish_settled, verify_publish, close_hub},
    {"cut_frames", prepare_three, act_cut_frames, publish_settled, verify_publish, close_hub},
    {"churn", prepare_three, act_churn, churn_settled, check_hub_serves, close_hub},
    {"stuck_reader", prepare_stuck, act_flood, flood_settled, verify_flood, close_hub},
    {"client_closes", prepare_three, act_client_closes, first_settled, verify_publish, close_hub},
    {"protocol_error", prepare_three, act_protocol_error, first_settled, verify_publish, close_hub},
    {"half_close", prepare_three, act_half_close, first_settled, check_hub_serves, close_hub},
    {"shutdown", prepare_three, act_shutdown, shutdown_settled, verify_shutdown, close_hub},
    {"watched", prepare_watched, act_watched, watched_settled, verify_watched, close_hub},
    {"events", prepare_events, act_events, events_settled, verify_events, close_hub},
    {"wss", prepare_secure, act_secure, secure_settled, verify_secure, close_secure},
    {0},
};
