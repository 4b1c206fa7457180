/* How each kind of client behaves. */
#include "client.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/clock.h"
#include "world.h"
#include "ws/frame.h"

static const char *const targets[] = {
    [CHANNEL_CHAT] = "/",
    [CHANNEL_NEWS] = "/channels/news",
    [CHANNEL_RESULTS] = "/channels/results",
};

const char *client_channel_name(unsigned channel) {
    static const char *const names[] = {
        [CHANNEL_CHAT] = "chat", [CHANNEL_NEWS] = "news", [CHANNEL_RESULTS] = "results"};
    return names[channel];
}

static struct client *client_of(struct link *link) {
    return (struct client *)link;
}

bool client_is_open(const struct client *client) {
    return link_is_open(&client->link) && client->upgraded && !client->heard_close;
}

bool client_is_honest(const struct client *client) {
    return client->kind == CLIENT_HONEST || client->kind == CLIENT_EAGER ||
           client->kind == CLIENT_FRAGMENTS || client->kind == CLIENT_SLOW_WRITER ||
           client->kind == CLIENT_EVENTS;
}

/* ---- plain requests -------------------------------------------------------------------------- */

static const char *const monitor_targets[] = {"/healthz", "/readyz", "/nothing"};

static void ask(struct client *client, unsigned number) {
    char request[200];
    const char *target = client->kind == CLIENT_MONITOR ? monitor_targets[number % 3]
                         : number % 2 == 0              ? "/"
                                                        : "/nothing";
    int size =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    link_write(&client->link, request, (size_t)size);
}

/* Answers come in the order of the requests. */
void client_take_answer(struct client *client, int status) {
    struct world *world = client->world;
    unsigned number = client->answers++;
    bool good = client->kind == CLIENT_BROWSER
                    ? status == (number % 2 == 0 ? 200 : 404) || status == 503
                    : status == (number % 3 == 2 ? 404 : 200) || status == 503;
    if (!good)
        world_fail(world, "client %u got the answer %d to its request %u", client->number, status,
                   number);
    if (client->kind == CLIENT_MONITOR && number % 3 == 0 && status == 200)
        world_saw(world, SOMETIMES_HEALTHY);
    if (client->kind == CLIENT_MONITOR && client->calm && number % 3 == 0 && status != 200 &&
        !world->asked_to_stop)
        world_fail(world, "the service is not healthy in peace");
}

/* ---- WebSocket ------------------------------------------------------------------------------- */

/* Clocks may differ by 30 seconds: so much longer than it says a token is good. */
static void append_token(struct client *client, struct buffer *request) {
    char token[TOKEN_TEXT];
    uint64_t end = sim_wall(client->link.sim) / SECOND - 30 + 1 + sim_below(client->link.sim, 8);
    buffer_format(request, "Authorization: Bearer %s\r\n", client_token(token, end));
}

static void shake_hands(struct client *client) {
    struct buffer request = {0};
    buffer_format(&request,
                  "GET %s HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                  "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
                  targets[client->channel]);
    if (client->speaks_json)
        buffer_append_text(&request, "Sec-WebSocket-Protocol: ringcast.v1.json\r\n");
    if (client->has_token)
        append_token(client, &request);
    buffer_append_text(&request, "\r\n");
    link_write(&client->link, request.data, request.size);
    buffer_fini(&request);
}

/* In pieces, with a ping between them. */
static void send_fragments(struct client *client, unsigned opcode, struct bytes payload) {
    size_t sent = 0;
    do {
        size_t piece = 1 + sim_below(client->link.sim, payload.size);
        if (piece > payload.size - sent)
            piece = payload.size - sent;
        bool last = sent + piece == payload.size;
        client_send_frame(client, (last ? 0x80U : 0U) | (sent == 0 ? opcode : 0U),
                          bytes_make(payload.data + sent, piece));
        sent += piece;
        if (!last && sim_below(client->link.sim, 3) == 0)
            client_send_frame(client, 0x80 | FRAME_PING, bytes_of("in between"));
    } while (sent < payload.size);
}

static void publish_one(struct client *client) {
    struct buffer payload = {0};
    bool binary;
    client_message(client->world, client->number, client->published, &payload, &binary);
    client->published++;
    unsigned opcode = binary ? FRAME_BINARY : FRAME_TEXT;
    if (client->kind == CLIENT_FRAGMENTS)
        send_fragments(client, opcode, buffer_bytes(&payload));
    else
        client_send_frame(client, 0x80 | opcode, buffer_bytes(&payload));
    buffer_fini(&payload);
}

static void break_a_rule(struct client *client) {
    static const uint8_t too_big[] = {0x81, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 1, 2, 3, 4};
    static const uint8_t unmasked[] = {0x81, 0x02, 'h', 'i'};
    switch (client->channel == CHANNEL_RESULTS ? 7 : sim_below(client->link.sim, 7)) {
    case 0:
        client->expected_code = 1002;
        link_write(&client->link, unmasked, sizeof unmasked);
        break;
    case 1:
        client->expected_code = 1002;
        client_send_frame(client, 0x83, bytes_of("reserved opcode"));
        break;
    case 2:
        client->expected_code = 1007;
        client_send_frame(client, 0x81, bytes_of("not UTF-8: \xc3("));
        break;
    case 3:
        client->expected_code = 1009;
        link_write(&client->link, too_big, sizeof too_big);
        break;
    case 4:
        client->expected_code = 1002;
        client_send_frame(client, FRAME_PING, bytes_of("a ping in pieces"));
        break;
    case 5:
        client->expected_code = 1002;
        client_send_frame(client, 0x80, bytes_of("continues nothing"));
        break;
    case 6:
        client->expected_code = 1002;
        client_send_frame(client, 0xc1, bytes_of("a reserved bit"));
        break;
    default:
        client->expected_code = 1008;
        client_send_frame(client, 0x81, bytes_of("not allowed here"));
        break;
    }
}

static void say_close(struct client *client) {
    static const uint8_t code[] = {1000 >> 8, 1000 & 0xff};
    client->said_close = true;
    client_send_frame(client, 0x80 | FRAME_CLOSE, bytes_make(code, sizeof code));
    if (sim_below(client->link.sim, 2) == 0)
        client_send_frame(client, 0x81, bytes_of("one more thing"));
}

static void flood(struct client *client) {
    static const char payload[100] = "ping";
    for (int i = 0; i < 100; i++)
        client_send_frame(client, 0x80 | FRAME_PING, bytes_make(payload, sizeof payload));
}

/* Not in peace, where it would push others out of a small history. */
static void talk_too_much(struct client *client) {
    while (client->published < MESSAGES_MAX && !client->world->calm)
        publish_one(client);
    client->to_publish = client->published;
}

static void talk_garbage(struct client *client) {
    uint8_t garbage[600] = {0};
    size_t size = 1 + sim_below(client->link.sim, sizeof garbage);
    for (size_t i = 0; i < size; i++)
        garbage[i] = (uint8_t)sim_below(client->link.sim, 256);
    garbage[0] |= 0x70; /* or it might, by chance, be a good frame */
    link_write(&client->link, garbage, size);
}

/* ---- time ------------------------------------------------------------------------------------ */

static void act(void *context);

static void act_later(struct client *client) {
    client->publishes_now = true;
    sim_after(client->link.sim, sim_below(client->link.sim, SECOND), act, client);
}

/* What it does next, once it is in the channel: its messages, then what its kind ends with. */
static void act(void *context) {
    struct client *client = context;
    client->publishes_now = false;
    if (!client_is_open(client) || client->said_close)
        return;
    if (client->published < client->to_publish) {
        publish_one(client);
        if (client->calm) {
            client->pings++;
            client_send_frame(client, 0x80 | FRAME_PING, bytes_of(CLIENT_PING));
        }
        act_later(client);
        return;
    }
    switch (client->kind) {
    case CLIENT_RULE_BREAKER:
        break_a_rule(client);
        break;
    case CLIENT_CLOSING:
        say_close(client);
        break;
    case CLIENT_PING_FLOOD:
        flood(client);
        break;
    case CLIENT_MESSAGE_FLOOD:
        talk_too_much(client);
        break;
    case CLIENT_GARBAGE:
        talk_garbage(client);
        break;
    case CLIENT_FALSIFIED:
        client_say_falsified(client);
        break;
    default:
        return;
    }
    client->acted = true;
}

void client_publish(struct client *client, unsigned count) {
    client->to_publish = client->published + count;
    if (!client->publishes_now)
        act_later(client);
}

static void subscribe(struct client *client) {
    char command[80];
    snprintf(command, sizeof command, "{\"type\":\"subscribe\",\"channel\":\"%s\"}",
             client_channel_name(client->channel));
    client_send_frame(client, 0x80 | FRAME_TEXT, bytes_of(command));
}

static bool speaks_no_tls(const struct client *client) {
    return client->kind == CLIENT_OUTDATED || client->kind == CLIENT_BABBLER;
}

static void received(struct link *link) {
    struct client *client = client_of(link);
    bool before = client->upgraded;
    if (speaks_no_tls(client))
        client_take_alert(client);
    else
        client_take(client);
    if (client->upgraded && !before && client->kind == CLIENT_WATCHER)
        client_begin_watch(client);
    else if (client->upgraded && !before && client->speaks_json)
        subscribe(client);
    else if (client->upgraded && !before && !client->calm)
        act_later(client);
}

static void over(struct link *link);

/* Takes no end for an answer. */
static void talk_on(void *context) {
    struct client *client = context;
    if (!link_is_open(&client->link))
        return;
    struct sim_peer_state state = sim_peer_state(client->link.socket);
    if (!state.gone && !state.failed && state.writable > 0)
        world_saw(client->world, SOMETIMES_DATA_BEHIND_END);
    client_send_frame(client, 0x80 | FRAME_TEXT, bytes_of("and another thing"));
    if (--client->talks_left > 0 && !state.failed)
        sim_after(client->link.sim, sim_below(client->link.sim, SECOND / 2), talk_on, client);
    else
        over(&client->link);
}

static bool talks_on(struct client *client) {
    if (client->talks_left == 0 || client->link.failed)
        return false;
    if (!client->told_end)
        sim_after(client->link.sim, sim_below(client->link.sim, SECOND / 2), talk_on, client);
    client->told_end = true;
    return true;
}

static void over(struct link *link) {
    struct client *client = client_of(link);
    if (talks_on(client))
        return;
    client_check_tls(client);
    client->failed = !client->heard_close;
    link_close(link);
}

/* Who does not read cannot see the answer, and goes on without it. */
static void turn_deaf(struct client *client) {
    client->link.deaf = true;
    client->upgraded = true;
    act_later(client);
}

static void opened(struct link *link) {
    struct client *client = client_of(link);
    if (tls_resumed(link->tls))
        world_saw(client->world, SOMETIMES_TLS_RESUMED);
    if (client->will_be_deaf)
        turn_deaf(client);
}

/* ---- starting -------------------------------------------------------------------------------- */

/* The first of each run at the byte whose turn it is. */
static void cut_somewhere(struct client *client) {
    struct sim *sim = client->link.sim;
    uint64_t seed = client->world->seed;
    client->link.cut_at = sim_below(sim, client->secure ? 1400 : 700);
    client->link.cut = (enum link_cut)sim_below(sim, CUT_KINDS);
    if (client->number == 0)
        client->link.cut_at = seed % CUT_AT_EVERY_BYTE;
}

static void set_pace(struct client *client) {
    struct sim *sim = client->link.sim;
    struct link *link = &client->link;
    bool slow_watcher = client->kind == CLIENT_WATCHER && !client->calm && sim_below(sim, 2) == 0;
    switch (slow_watcher ? CLIENT_SLOW_READER : client->kind) {
    case CLIENT_SLOW_READER:
        link->read_piece = 1 + sim_below(sim, 300);
        link->read_delay = 1 + sim_below(sim, 500 * MILLISECOND);
        sim_peer_set_window(link->socket, 200 + sim_below(sim, 2000));
        break;
    case CLIENT_DEAF:
        client->will_be_deaf = true;
        sim_peer_set_window(link->socket, 200 + sim_below(sim, 2000));
        break;
    case CLIENT_SLOW_WRITER:
        link->write_piece = 1 + sim_below(sim, 5);
        link->write_delay = 1 + sim_below(sim, 20 * MILLISECOND);
        break;
    case CLIENT_PING_FLOOD:
        client->will_be_deaf = sim_below(sim, 2) == 0;
        sim_peer_set_window(link->socket, 500);
        break;
    case CLIENT_CUT:
        cut_somewhere(client);
        break;
    case CLIENT_CLOSING:
        client->talks_left = (unsigned)sim_below(sim, 4);
        break;
    default:
        break;
    }
}

/* What a proxy says of it, in either version. */
static void send_proxy_header(struct client *client) {
    uint8_t binary[] =
        "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\x00\x71.\xcb\x00\x71\xc8\x10\x92\x22\x3d";
    char line[80];
    unsigned host = client->number + 1;
    if (sim_below(client->link.sim, 2) == 0) {
        binary[19] = (uint8_t)host;
        link_write(&client->link, binary, sizeof binary - 1);
        return;
    }
    int size = snprintf(line, sizeof line, "PROXY TCP4 203.0.113.%u 203.0.113.%u 4242 8765\r\n",
                        host, (unsigned)SIM_PROXY_HOST);
    link_write(&client->link, line, (size_t)size);
}

static void begin(struct client *client) {
    if (client->world->proxied && client->kind != CLIENT_MONITOR && client->kind != CLIENT_IDLE)
        send_proxy_header(client);
    if (client->secure)
        client_begin_tls(client);
    switch (client->kind) {
    case CLIENT_IDLE:
        break;
    case CLIENT_EVENTS:
        client_ask_for_events(client);
        break;
    case CLIENT_OUTDATED:
        client_say_old_hello(client);
        break;
    case CLIENT_BABBLER:
        client_babble(client);
        break;
    case CLIENT_GARBAGE:
        if (sim_below(client->link.sim, 2) == 0)
            talk_garbage(client);
        else
            shake_hands(client);
        break;
    case CLIENT_BROWSER:
    case CLIENT_MONITOR:
        for (unsigned i = 0; i < client->to_publish; i++)
            ask(client, i);
        break;
    case CLIENT_EAGER:
        shake_hands(client);
        for (unsigned i = 0; i < 3; i++)
            publish_one(client);
        break;
    default:
        shake_hands(client);
        break;
    }
    if (client->will_be_deaf && !client->secure)
        turn_deaf(client);
}

/* Where the hub is under TLS it also listens without. */
static uint16_t choose_port(struct client *client) {
    const struct world *world = client->world;
    enum { ADMIN_PORT = 9465, HUB_PORT = 8765, PLAIN_PORT = 8766 };
    if (client->kind == CLIENT_MONITOR)
        return ADMIN_PORT;
    client->secure = client->kind == CLIENT_FALSIFIED;
    if (!world->under_tls || (int)client->kind >= CLIENT_EVERYWHERE)
        return HUB_PORT;
    client->secure = client->kind != CLIENT_IDLE && sim_below(world->sim, 3) > 0;
    return client->secure ? HUB_PORT : PLAIN_PORT;
}

void client_start(struct client *client, struct world *world, enum client_kind kind,
                  unsigned number, unsigned channel) {
    /* who says nothing comes from where another one came from, one too many from there */
    bool proxied = world->proxied && kind != CLIENT_MONITOR;
    unsigned host = proxied ? SIM_PROXY_HOST - 1 : kind == CLIENT_IDLE ? 0 : number;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xcb007101 + host)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    client->world = world;
    client->kind = kind;
    to.sin_port = htons(choose_port(client));
    client->number = number;
    client->channel = channel;
    client->calm = world->calm;
    client->speaks_json = kind == CLIENT_WATCHER;
    if (!world->calm && (kind == CLIENT_HONEST || kind == CLIENT_SLOW_READER))
        client->speaks_json = sim_below(world->sim, 3) == 0;
    client->to_publish = channel == CHANNEL_RESULTS ? 0 : (unsigned)sim_below(world->sim, 12);
    client->has_token = !world->calm && kind == CLIENT_HONEST && sim_below(world->sim, 8) == 0;
    if (kind == CLIENT_MONITOR || kind == CLIENT_BROWSER)
        client->to_publish = 3;
    else if (client->calm || client->speaks_json || kind == CLIENT_EVENTS)
        client->to_publish = 0;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        client->last_of[i] = -1;
    link_init(&client->link, world->sim, received, over);
    client->link.opened = opened;
    link_connect(&client->link, (struct sockaddr *)&from, (struct sockaddr *)&to);
    set_pace(client);
    begin(client);
}

void client_fini(struct client *client) {
    link_close(&client->link);
    link_fini(&client->link);
    client_end_events(client);
}
