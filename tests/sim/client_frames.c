/* What clients say and hear, byte by byte, and whether it is what it must be. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "http/message.h"
#include "order.h"
#include "world.h"
#include "ws/frame.h"

static uint64_t scramble(uint64_t value) {
    value = (value ^ (value >> 31)) * 0x7fb5d329728ea185;
    value = (value ^ (value >> 27)) * 0x81dadef4bc2dd44d;
    return value ^ (value >> 33);
}

/* "PUBLISHER.NUMBER." and a filling: mostly short, sometimes as large as is allowed. */
void client_message(const struct world *world, unsigned publisher, unsigned number,
                    struct buffer *payload, bool *binary) {
    uint64_t random = scramble(world->seed * 64 + publisher * 4096 + number + 1);
    size_t most = random % 8 == 0 ? world->config.hub.max_message - 16 : random % 3 == 0 ? 400 : 40;
    size_t size = (random >> 8) % most;
    buffer_clear(payload);
    *binary = (random >> 5) % 4 == 0;
    buffer_format(payload, "%u.%u.", publisher, number);
    while (size-- > 0)
        buffer_append_byte(payload, (uint8_t)(' ' + (random = scramble(random + 1)) % 90));
}

void client_send_frame(struct client *client, unsigned first_byte, struct bytes payload) {
    struct sim *sim = client->link.sim;
    uint8_t head[FRAME_HEADER_MAX];
    struct frame_header header = {.size = payload.size, .masked = true, .opcode = FRAME_TEXT};
    for (size_t i = 0; i < FRAME_MASK_SIZE; i++)
        header.mask[i] = (uint8_t)sim_below(sim, 256);
    size_t size = frame_header_encode(&header, head);
    head[0] = (uint8_t)first_byte;
    struct buffer frame = {0};
    buffer_append(&frame, head, size);
    buffer_append(&frame, payload.data, payload.size);
    frame_mask(frame.data + size, payload.size, header.mask, 0);
    link_write(&client->link, frame.data, frame.size);
    buffer_fini(&frame);
}

/* ---- messages -------------------------------------------------------------------------------- */

static bool take_prefix(struct client *client, struct bytes *text, unsigned *address) {
    char prefix[40];
    if (client->channel != CHANNEL_CHAT)
        return true;
    size_t size = text->size < sizeof prefix - 1 ? text->size : sizeof prefix - 1;
    memcpy(prefix, text->data, size);
    prefix[size] = '\0';
    int used = 0;
    if (sscanf(prefix, "[203.0.113.%u] %n", address, &used) != 1 || used == 0)
        return false;
    *text = bytes_after(*text, (size_t)used);
    return true;
}

static bool take_number(struct bytes *text, unsigned *number) {
    size_t digits = 0;
    uint64_t value;
    while (digits < text->size && text->data[digits] != '.')
        digits++;
    if (digits == text->size || digits > 4 ||
        !bytes_to_unsigned(bytes_make(text->data, digits), &value))
        return false;
    *number = (unsigned)value;
    *text = bytes_after(*text, digits + 1);
    return true;
}

static void remember(struct client *client, unsigned publisher, unsigned number) {
    struct world *world = client->world;
    if (publisher == client->number)
        world_fail(world, "client %u got its own message %u", publisher, number);
    if ((int)number <= client->last_of[publisher])
        world_fail(world, "client %u got message %u.%u behind %u.%d", client->number, publisher,
                   number, publisher, client->last_of[publisher]);
    client->last_of[publisher] = (int)number;
    world_saw(world, SOMETIMES_DELIVERED);
    if (world->clients[publisher].kind == CLIENT_FRAGMENTS)
        world_saw(world, SOMETIMES_FRAGMENTED);
}

void client_take_message(struct client *client, bool binary, struct bytes payload) {
    struct world *world = client->world;
    client->received++;
    if (client->channel == CHANNEL_RESULTS) {
        if (binary)
            world_fail(world, "client %u got a result that is binary", client->number);
        results_hear(world, payload);
        world_saw(world, SOMETIMES_RESULT_DELIVERED);
        return;
    }
    struct bytes text = payload;
    unsigned address = 0, publisher, number;
    if (!take_prefix(client, &text, &address)) {
        world_fail(world, "client %u got a message without its prefix", client->number);
        return;
    }
    struct bytes rest = text;
    if (!take_number(&rest, &publisher) || !take_number(&rest, &number) ||
        publisher >= world->client_count || number >= world->clients[publisher].published ||
        world->clients[publisher].channel != client->channel ||
        (client->channel == CHANNEL_CHAT && address != publisher + 1)) {
        world_fail(world, "client %u got a message that nobody sent", client->number);
        return;
    }
    struct buffer expected = {0};
    bool expected_binary;
    client_message(world, publisher, number, &expected, &expected_binary);
    if (!bytes_equal(text, buffer_bytes(&expected)) || binary != expected_binary)
        world_fail(world, "client %u got message %u.%u altered", client->number, publisher, number);
    buffer_fini(&expected);
    remember(client, publisher, number);
}

/* ---- frames ---------------------------------------------------------------------------------- */

/* In peace some take their time, but no more than they have. */
static void answer_close(void *context) {
    struct client *client = context;
    uint8_t code[] = {(uint8_t)(client->close_code >> 8), (uint8_t)client->close_code};
    if (client->calm && !link_is_open(&client->link))
        world_fail(client->world, "client %u was not waited for", client->number);
    client_send_frame(client, 0x80 | FRAME_CLOSE,
                      bytes_make(code, client->close_code == 1005 ? 0 : 2));
}

static void take_close(struct client *client, struct bytes payload) {
    struct world *world = client->world;
    client->heard_close = true;
    client->close_code =
        payload.size >= 2 ? (uint16_t)(payload.data[0] << 8 | payload.data[1]) : 1005;
    if (client->close_code == 1001)
        world_saw(world, SOMETIMES_SAID_GOODBYE);
    bool ours = client->close_code == client->expected_code || client->close_code == 1001 ||
                client->close_code == 1011 || client->close_code == 1013;
    if (client->expected_code != 0 && !ours)
        world_fail(world, "client %u was closed with %u, expected %u", client->number,
                   client->close_code, client->expected_code);
    if (client->said_close || client->kind == CLIENT_MUTE)
        return;
    client->said_close = true;
    sim_after(client->link.sim, client->calm ? sim_below(client->link.sim, SECOND / 2) : 0,
              answer_close, client);
}

static void take_frame(struct client *client, const struct frame_header *header,
                       struct bytes payload) {
    struct world *world = client->world;
    if (client->heard_close)
        world_fail(world, "client %u got a frame behind the close frame", client->number);
    switch (header->opcode) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        if (!client->speaks_json) {
            order_receive(client->number, payload, header->opcode == FRAME_BINARY);
            client_take_message(client, header->opcode == FRAME_BINARY, payload);
        } else if (header->opcode == FRAME_TEXT)
            client_take_object(client, payload);
        else
            world_fail(world, "client %u was told something binary", client->number);
        break;
    case FRAME_PING:
        world_saw(world, SOMETIMES_CLIENT_PINGED);
        client->acted |= client->kind == CLIENT_MUTE;
        if (client->kind != CLIENT_MUTE && !client->said_close)
            client_send_frame(client, 0x80 | FRAME_PONG, payload);
        break;
    case FRAME_PONG:
        world_saw(world, SOMETIMES_PING_ANSWERED);
        client->pongs += bytes_equal(payload, bytes_of(CLIENT_PING));
        break;
    case FRAME_CLOSE:
        take_close(client, payload);
        break;
    case FRAME_CONTINUATION:
        world_fail(world, "client %u got a continuation", client->number);
        break;
    }
}

/* Where text is part of a JSON text it may take twice the room: half of it may be quotes. */
static size_t largest_frame(const struct client *client) {
    size_t message = client->world->config.hub.max_message;
    return client->speaks_json ? 2 * message + 256 : message + 64;
}

static bool take_one_frame(struct client *client) {
    struct bytes in = buffer_bytes(&client->link.in);
    struct frame_header header;
    size_t used;
    enum frame_result result = frame_header_decode(in, 0, &header, &used);
    if (result == FRAME_NEEDS_MORE)
        return false;
    if (result == FRAME_MALFORMED || header.masked || !header.final ||
        header.size > largest_frame(client)) {
        world_fail(client->world, "client %u got a malformed frame", client->number);
        return false;
    }
    if (in.size - used < header.size)
        return false;
    take_frame(client, &header, bytes_make(in.data + used, header.size));
    buffer_consume(&client->link.in, used + header.size);
    return true;
}

/* ---- heads of responses ---------------------------------------------------------------------- */

/* The status, or 0 while the head is not whole. */
static int take_head(struct client *client, size_t *body) {
    struct buffer *in = &client->link.in;
    const char *end = in->size == 0 ? NULL : memmem(in->data, in->size, "\r\n\r\n", 4);
    if (end == NULL)
        return 0;
    size_t size = (size_t)((const uint8_t *)end - in->data) + 4;
    char head[2048];
    size_t kept = size < sizeof head ? size : sizeof head - 1;
    memcpy(head, in->data, kept);
    head[kept] = '\0';
    const char *length = strstr(head, "Content-Length: ");
    *body = length == NULL ? 0 : strtoul(length + 16, NULL, 10);
    int status = memcmp(head, "HTTP/1.1 ", 9) == 0 ? atoi(head + 9) : -1;
    if (status == 101 && strstr(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=") == NULL)
        status = -1;
    if (status != 101 && in->size < size + *body)
        return 0;
    buffer_consume(in, size);
    if (status == 200 && client->kind == CLIENT_EVENTS)
        client_begin_events(client, head);
    return status;
}

static bool take_response(struct client *client) {
    struct world *world = client->world;
    size_t body;
    int status = take_head(client, &body);
    if (status == 0)
        return false;
    if (status == 101) {
        if (client->kind == CLIENT_UNAWARE)
            world_fail(world, "client %u was let in without TLS", client->number);
        client->upgraded = true;
        world_saw(world, SOMETIMES_HANDSHAKE);
        return true;
    }
    if (status == 200 && client->kind == CLIENT_EVENTS) {
        client->upgraded = true;
        return true;
    }
    buffer_consume(&client->link.in, body);
    if (status < 200 || status > 599)
        world_fail(world, "client %u got a malformed response", client->number);
    if (status == 503)
        world_saw(world, SOMETIMES_BUSY);
    if (client->kind == CLIENT_MONITOR || client->kind == CLIENT_BROWSER) {
        client_take_answer(client, status);
    } else {
        client->refused = true;
        world_saw(world,
                  client->kind == CLIENT_UNAWARE ? SOMETIMES_TLS_UNAWARE : SOMETIMES_REFUSED);
    }
    return true;
}

/* False: nothing more can be taken for now. */
static bool take_one(struct client *client) {
    if (!client->upgraded)
        return take_response(client);
    if (client->kind != CLIENT_EVENTS)
        return take_one_frame(client);
    client_take_events(client);
    return false;
}

void client_take(struct client *client) {
    while (!client->world->failed && link_is_open(&client->link) && take_one(client))
        ;
}
