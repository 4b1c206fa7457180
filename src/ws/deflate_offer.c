/* What is offered and answered (RFC 7692 section 7.1). */
#include <stdio.h>
#include <string.h>

#include "extension.h"
#include "ws/deflate.h"

enum { WINDOW_BITS_LEAST = 8, WINDOW_BITS_MOST = 15 };

/* One offer as it is read: a parameter may stand there once. */
struct offer {
    bool server_no_context_takeover;
    bool client_no_context_takeover;
    bool server_max_window_bits;
    bool client_max_window_bits;
    uint8_t server_bits, client_bits;
};

/* A decimal number from 8 to 15 without leading zeros (section 7.1.2). Of a valid value, quotes and
 * backslashes are no part. */
static bool read_bits(struct bytes value, uint8_t *bits) {
    unsigned number = 0;
    for (size_t i = 0; i < value.size; i++) {
        uint8_t byte = value.data[i];
        if (byte == '"' || byte == '\\')
            continue;
        if (byte < (number == 0 ? '1' : '0') || byte > '9' || number > WINDOW_BITS_MOST)
            return false;
        number = number * 10 + (byte - '0');
    }
    *bits = (uint8_t)number;
    return number >= WINDOW_BITS_LEAST && number <= WINDOW_BITS_MOST;
}

/* Once only. */
static bool note(bool *seen) {
    bool first = !*seen;
    *seen = true;
    return first;
}

static bool read_parameter(struct offer *offer, struct bytes name, struct bytes value,
                           bool has_value) {
    if (bytes_equal(name, bytes_of("server_no_context_takeover")))
        return !has_value && note(&offer->server_no_context_takeover);
    if (bytes_equal(name, bytes_of("client_no_context_takeover")))
        return !has_value && note(&offer->client_no_context_takeover);
    if (bytes_equal(name, bytes_of("server_max_window_bits")))
        return note(&offer->server_max_window_bits) && has_value &&
               read_bits(value, &offer->server_bits);
    if (bytes_equal(name, bytes_of("client_max_window_bits")))
        return note(&offer->client_max_window_bits) &&
               (!has_value || read_bits(value, &offer->client_bits));
    return false;
}

static bool read_offer(struct bytes element, struct offer *offer) {
    struct ws_extension_parameter parameter;
    *offer = (struct offer){.server_bits = WINDOW_BITS_MOST, .client_bits = WINDOW_BITS_MOST};
    if (!bytes_equal(ws_extension_name(element), bytes_of("permessage-deflate")))
        return false;
    while (ws_extension_parameter_next(&element, &parameter))
        if (!read_parameter(offer, parameter.name, parameter.value, parameter.has_value))
            return false;
    return true;
}

static uint8_t at_most(uint8_t bits, uint8_t most) {
    return bits < most ? bits : most;
}

bool ws_deflate_negotiate(struct http_fields fields, struct ws_deflate *agreed) {
    struct http_fields_list list = http_fields_list_begin(fields, "Sec-WebSocket-Extensions");
    struct bytes element;
    struct offer offer;
    while (http_fields_list_next(&list, &element)) {
        if (!read_offer(element, &offer))
            continue;
        *agreed = (struct ws_deflate){
            .client_no_context_takeover = offer.client_no_context_takeover,
            .client_window_was_offered = offer.client_max_window_bits,
            .server_window_was_offered = offer.server_max_window_bits,
            .client_window_bits = offer.client_max_window_bits
                                      ? at_most(offer.client_bits, WS_DEFLATE_WINDOW_BITS)
                                      : WINDOW_BITS_MOST,
            .server_window_bits = at_most(offer.server_bits, WS_DEFLATE_WINDOW_BITS),
        };
        return true;
    }
    return false;
}

/* A window may be narrowed for the client only if it offered that (section 7.1.2.2). */
void ws_deflate_answer(const struct ws_deflate *agreed, char out[WS_DEFLATE_ANSWER_SIZE]) {
    char server[32] = "", client[32] = "";
    if (agreed->server_window_was_offered)
        snprintf(server, sizeof server, "; server_max_window_bits=%u", agreed->server_window_bits);
    if (agreed->client_window_was_offered)
        snprintf(client, sizeof client, "; client_max_window_bits=%u", agreed->client_window_bits);
    snprintf(out, WS_DEFLATE_ANSWER_SIZE, "permessage-deflate; server_no_context_takeover%s%s%s",
             agreed->client_no_context_takeover ? "; client_no_context_takeover" : "", server,
             client);
}
