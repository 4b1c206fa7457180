#include "ws/handshake.h"

#include <assert.h>

#include "digest/base64.h"
#include "digest/sha1.h"
#include "extension.h"
#include "http/writer.h"

static_assert(WS_KEY_SIZE == BASE64_SIZE(WS_NONCE_SIZE) + 1, "a key is a nonce in base64");
static_assert(WS_ACCEPT_SIZE == BASE64_SIZE(SHA1_SIZE) + 1, "an accept is a digest in base64");

bool ws_is_upgrade(struct http_fields fields) {
    return http_fields_has_token(fields, "Upgrade", "websocket");
}

/* RFC 6455 section 1.3. */
void ws_accept_key(struct bytes key, char out[WS_ACCEPT_SIZE]) {
    uint8_t digest[SHA1_SIZE];
    sha1_of(key, bytes_of("258EAFA5-E914-47DA-95CA-C5AB0DC85B11"), digest);
    base64_encode(bytes_make(digest, sizeof digest), out);
}

void ws_key_make(const uint8_t nonce[WS_NONCE_SIZE], char out[WS_KEY_SIZE]) {
    base64_encode(bytes_make(nonce, WS_NONCE_SIZE), out);
}

/* The value of the one field of this name. False if there is none, or more than one. */
static bool find_single(struct http_fields fields, const char *name, struct bytes *value) {
    return http_fields_count(fields, name) == 1 && http_fields_find(fields, name, value);
}

static bool offers_are_valid(struct http_fields fields) {
    struct http_fields_list list = http_fields_list_begin(fields, "Sec-WebSocket-Protocol");
    struct bytes element;
    while (http_fields_list_next(&list, &element))
        if (!http_is_token(element))
            return false;
    list = http_fields_list_begin(fields, "Sec-WebSocket-Extensions");
    while (http_fields_list_next(&list, &element))
        if (!ws_extension_is_valid(element))
            return false;
    return true;
}

static bool key_is_valid(struct bytes key) {
    uint8_t nonce[WS_NONCE_SIZE];
    size_t size;
    return base64_decode(key, nonce, sizeof nonce, &size) && size == sizeof nonce;
}

/* One failed check: the status and the words. */
struct verdict {
    uint16_t status;
    const char *reason;
};

/* What has nothing to do with WebSocket yet. */
static struct verdict judge_http(const struct http_request *request, struct bytes *host) {
    if (!bytes_equal(request->method, bytes_of("GET")))
        return (struct verdict){HTTP_STATUS_METHOD_NOT_ALLOWED, "method is not GET"};
    if (request->minor_version < 1)
        return (struct verdict){HTTP_STATUS_BAD_REQUEST, "HTTP version is not 1.1"};
    if (!find_single(request->fields, "Host", host) || host->size == 0)
        return (struct verdict){HTTP_STATUS_BAD_REQUEST, "not exactly one Host"};
    /* Nothing after the head may be taken for anything but frames. */
    if (request->content_length != 0)
        return (struct verdict){HTTP_STATUS_BAD_REQUEST, "upgrade request with a body"};
    return (struct verdict){HTTP_STATUS_SWITCHING_PROTOCOLS, NULL};
}

/* RFC 6455 section 4.2.1, 3 to 9. */
static struct verdict judge_upgrade(struct http_fields fields, struct bytes *key) {
    struct bytes version = {0};
    if (!ws_is_upgrade(fields))
        return (struct verdict){HTTP_STATUS_BAD_REQUEST, "no websocket in Upgrade"};
    if (!http_fields_has_token(fields, "Connection", "upgrade"))
        return (struct verdict){HTTP_STATUS_BAD_REQUEST, "no upgrade in Connection"};
    if (http_fields_count(fields, "Sec-WebSocket-Version") > 1)
        return (struct verdict){HTTP_STATUS_BAD_REQUEST, "more than one Sec-WebSocket-Version"};
    if (!http_fields_find(fields, "Sec-WebSocket-Version", &version) ||
        !bytes_equal(version, bytes_of(WS_VERSION)))
        return (struct verdict){HTTP_STATUS_UPGRADE_REQUIRED, "WebSocket version is not 13"};
    if (!find_single(fields, "Sec-WebSocket-Key", key) || !key_is_valid(*key))
        return (struct verdict){HTTP_STATUS_BAD_REQUEST,
                                "not exactly one Sec-WebSocket-Key of 16 bytes"};
    if (!offers_are_valid(fields))
        return (struct verdict){HTTP_STATUS_BAD_REQUEST, "malformed subprotocols or extensions"};
    return (struct verdict){HTTP_STATUS_SWITCHING_PROTOCOLS, NULL};
}

void ws_handshake_judge(const struct http_request *request, struct ws_handshake *handshake) {
    struct bytes key = {0};
    *handshake = (struct ws_handshake){0};
    struct verdict verdict = judge_http(request, &handshake->host);
    if (verdict.status == HTTP_STATUS_SWITCHING_PROTOCOLS)
        verdict = judge_upgrade(request->fields, &key);
    handshake->has_origin = http_fields_find(request->fields, "Origin", &handshake->origin);
    if (verdict.status == HTTP_STATUS_SWITCHING_PROTOCOLS &&
        http_fields_count(request->fields, "Origin") > 1)
        verdict = (struct verdict){HTTP_STATUS_BAD_REQUEST, "more than one Origin"};
    handshake->status = verdict.status;
    handshake->reason = verdict.reason;
    if (verdict.status == HTTP_STATUS_SWITCHING_PROTOCOLS)
        ws_accept_key(key, handshake->accept);
}

bool ws_handshake_offers(struct http_fields fields, const char *subprotocol) {
    struct http_fields_list list = http_fields_list_begin(fields, "Sec-WebSocket-Protocol");
    struct bytes element;
    while (http_fields_list_next(&list, &element))
        if (bytes_equal(element, bytes_of(subprotocol)))
            return true;
    return false;
}

static bool subprotocol_was_offered(struct bytes offered, struct bytes chosen) {
    struct bytes element;
    while (http_list_next(&offered, &element))
        if (bytes_equal(element, chosen))
            return true;
    return false;
}

static bool extension_was_offered(struct bytes offered, struct bytes chosen) {
    struct bytes element;
    if (!ws_extension_is_valid(chosen))
        return false;
    while (http_list_next(&offered, &element))
        if (bytes_equal(ws_extension_name(element), ws_extension_name(chosen)))
            return true;
    return false;
}

static bool extensions_were_offered(struct bytes offered, struct http_fields fields) {
    struct http_fields_list list = http_fields_list_begin(fields, "Sec-WebSocket-Extensions");
    struct bytes element;
    while (http_fields_list_next(&list, &element))
        if (!extension_was_offered(offered, element))
            return false;
    return true;
}

/* RFC 6455 section 4.1, what a client checks in the response, 1 to 6. NULL if all is well. */
static const char *fault_of_response(unsigned status, struct http_fields fields,
                                     const struct ws_offer *offer, struct bytes *subprotocol) {
    struct bytes accept;
    char expected[WS_ACCEPT_SIZE];
    if (status != HTTP_STATUS_SWITCHING_PROTOCOLS)
        return "status is not 101";
    if (!ws_is_upgrade(fields))
        return "no websocket in Upgrade";
    if (!http_fields_has_token(fields, "Connection", "upgrade"))
        return "no upgrade in Connection";
    ws_accept_key(bytes_of(offer->key), expected);
    if (!find_single(fields, "Sec-WebSocket-Accept", &accept) ||
        !bytes_equal(accept, bytes_of(expected)))
        return "wrong Sec-WebSocket-Accept";
    if (!extensions_were_offered(offer->extensions, fields))
        return "an extension that was not offered";
    if (http_fields_count(fields, "Sec-WebSocket-Protocol") > 1 ||
        (http_fields_find(fields, "Sec-WebSocket-Protocol", subprotocol) &&
         !subprotocol_was_offered(offer->subprotocols, *subprotocol)))
        return "a subprotocol that was not offered";
    return NULL;
}

enum error ws_response_check(unsigned status, struct http_fields fields,
                             const struct ws_offer *offer, struct bytes *subprotocol,
                             const char **reason) {
    *subprotocol = bytes_of("");
    *reason = fault_of_response(status, fields, offer, subprotocol);
    return *reason == NULL ? ERROR_NONE : ERROR_WS_HANDSHAKE;
}
