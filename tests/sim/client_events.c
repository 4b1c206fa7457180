/* Server-Sent Events: the stream, as it is or as gzip, is taken apart into the objects in it. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "world.h"

void client_ask_for_events(struct client *client) {
    char request[200];
    bool gzip = sim_below(client->link.sim, 3) > 0;
    int size = snprintf(
        request, sizeof request, "GET /channels/%s/events HTTP/1.1\r\nHost: localhost\r\n%s\r\n",
        client_channel_name(client->channel), gzip ? "Accept-Encoding: br, gzip\r\n" : "");
    client->wants_gzip = gzip;
    link_write(&client->link, request, (size_t)size);
}

void client_begin_events(struct client *client, const char *head) {
    bool gzip = strstr(head, "\r\nContent-Encoding: gzip\r\n") != NULL;
    if (strstr(head, "\r\nContent-Type: text/event-stream\r\n") == NULL ||
        gzip != client->wants_gzip)
        world_fail(client->world, "client %u got events as something else", client->number);
    if (!gzip)
        return;
    z_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL || inflateInit2(stream, 16 + MAX_WBITS) != Z_OK)
        abort();
    client->inflater = stream;
}

void client_end_events(struct client *client) {
    if (client->inflater != NULL)
        inflateEnd(client->inflater);
    free(client->inflater);
    client->inflater = NULL;
    buffer_fini(&client->events);
}

/* ---- text ------------------------------------------------------------------------------------ */

static void inflate_all(struct client *client) {
    z_stream *stream = client->inflater;
    uint8_t text[4096];
    stream->next_in = client->link.in.data;
    stream->avail_in = (uInt)client->link.in.size;
    do {
        stream->next_out = text;
        stream->avail_out = sizeof text;
        int status = inflate(stream, Z_SYNC_FLUSH);
        if (status != Z_OK && status != Z_BUF_ERROR)
            world_fail(client->world, "client %u got what is no gzip: %s", client->number,
                       stream->msg);
        buffer_append(&client->events, text, sizeof text - stream->avail_out);
    } while (stream->avail_out == 0 && !client->world->failed);
    world_saw(client->world, SOMETIMES_GZIP_EVENTS);
}

/* What stands behind a field's name, if it is one of the event's; else empty. */
static struct bytes field_of(struct bytes event, const char *name) {
    size_t size = strlen(name);
    while (event.size > 0) {
        const uint8_t *end = memchr(event.data, '\n', event.size);
        size_t line = end == NULL ? event.size : (size_t)(end - event.data);
        if (line >= size && memcmp(event.data, name, size) == 0)
            return bytes_make(event.data + size, line - size);
        event = bytes_after(event, line + (end == NULL ? 0 : 1));
    }
    return (struct bytes){0};
}

/* The id is the place of the message that the event is, or of the one before the first. */
static void check_id(struct client *client, struct bytes id) {
    char expected[24];
    snprintf(expected, sizeof expected, ":%llu", (unsigned long long)client->next_offset - 1);
    size_t size = strlen(expected);
    if (id.size != 16 + size || memcmp(id.data + 16, expected, size) != 0)
        world_fail(client->world, "client %u got an event with the wrong id", client->number);
}

static void take_event(struct client *client, struct bytes event) {
    struct bytes data = field_of(event, "data: "), id = field_of(event, "id: ");
    if (event.size > 0 && event.data[0] == ':')
        return; /* a comment */
    if (client->heard_close) {
        world_fail(client->world, "client %u got an event behind the last", client->number);
        return;
    }
    if (bytes_equal(field_of(event, "event: "), bytes_of("closing"))) {
        client->heard_close = true;
        return;
    }
    client_take_object(client, data);
    if (id.size > 0)
        check_id(client, id);
}

void client_take_events(struct client *client) {
    const uint8_t *end;
    if (client->link.in.size == 0)
        return;
    if (client->inflater != NULL)
        inflate_all(client);
    else
        buffer_append(&client->events, client->link.in.data, client->link.in.size);
    buffer_clear(&client->link.in);
    struct buffer *events = &client->events;
    while (!client->world->failed && events->size > 0 &&
           (end = memmem(events->data, events->size, "\n\n", 2)) != NULL) {
        size_t size = (size_t)(end - events->data) + 1;
        take_event(client, bytes_make(events->data, size));
        buffer_consume(events, size + 1);
    }
}
