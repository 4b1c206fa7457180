/*
 * What a client of the subprotocol hears. It is told offsets, so it knows exactly what it missed:
 * every gap between two messages is what it was told in between, no more and no less.
 */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "digest/base64.h"
#include "world.h"
#include "json/document.h"

bool json_is(const struct json_value *object, const char *key, const char *text) {
    const struct json_value *value = json_member(object, key);
    return value != NULL && value->type == JSON_STRING && bytes_equal(value->text, bytes_of(text));
}

uint64_t json_whole(const struct json_value *object, const char *key) {
    const struct json_value *value = json_member(object, key);
    return value != NULL && value->type == JSON_NUMBER ? (uint64_t)value->number : UINT64_MAX;
}

uint64_t json_hex(const struct json_value *object, const char *key) {
    const struct json_value *value = json_member(object, key);
    char digits[17] = "";
    if (value == NULL || value->type != JSON_STRING || value->text.size != sizeof digits - 1)
        return 0;
    memcpy(digits, value->text.data, sizeof digits - 1);
    return strtoull(digits, NULL, 16);
}

static void take_subscribed(struct client *client, const struct json_value *object) {
    if (client->next_offset != 0)
        world_fail(client->world, "client %u is told twice where it begins", client->number);
    client->next_offset = json_whole(object, "offset") + 1;
    client->id = json_hex(object, "client"); /* where it is known who is there */
}

static void take_skipped(struct client *client, const struct json_value *object) {
    uint64_t missed = json_whole(object, "missed"), offset = json_whole(object, "offset");
    if (client->next_offset == 0 || missed == 0 || client->next_offset + missed != offset + 1)
        world_fail(client->world, "client %u, who wants %llu, has missed %llu up to %llu",
                   client->number, (unsigned long long)client->next_offset,
                   (unsigned long long)missed, (unsigned long long)offset);
    client->next_offset = offset + 1;
    world_saw(client->world, SOMETIMES_TOLD_GAP);
}

static void take_payload(struct client *client, const struct json_value *object) {
    const struct json_value *text = json_member(object, "text");
    const struct json_value *base64 = json_member(object, "base64");
    uint8_t binary[8192];
    size_t size;
    if (text != NULL && base64 == NULL && text->type == JSON_STRING)
        client_take_message(client, false, text->text);
    else if (text == NULL && base64 != NULL && base64->type == JSON_STRING &&
             base64_decode(base64->text, binary, sizeof binary, &size))
        client_take_message(client, true, bytes_make(binary, size));
    else
        world_fail(client->world, "client %u got a message without content", client->number);
}

static void take_object(struct client *client, const struct json_value *object) {
    if (json_is(object, "type", "subscribed")) {
        take_subscribed(client, object);
    } else if (json_is(object, "type", "skipped")) {
        take_skipped(client, object);
    } else if (json_is(object, "type", "message")) {
        if (client->next_offset == 0 || json_whole(object, "offset") != client->next_offset)
            world_fail(client->world, "client %u, who wants message %llu, got %llu", client->number,
                       (unsigned long long)client->next_offset,
                       (unsigned long long)json_whole(object, "offset"));
        client->next_offset++;
        take_payload(client, object);
    } else if (!json_is(object, "type", "error") ||
               !(world_was_short_of_memory(client->world) || client->has_token)) {
        world_fail(client->world, "client %u does not understand what it hears", client->number);
    }
}

void client_take_object(struct client *client, struct bytes text) {
    struct json_document document;
    struct json_syntax_error problem;
    if (json_document_init(&document, text, &problem) != ERROR_NONE) {
        world_fail(client->world, "client %u got what is no JSON", client->number);
        return;
    }
    if (client->kind == CLIENT_WATCHER)
        client_take_watched(client, document.values);
    else
        take_object(client, document.values);
    json_document_fini(&document);
}
