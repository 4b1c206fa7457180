#include "ws/handshake.h"

#include <assert.h>

#include "digest/base64.h"
#include "digest/sha1.h"

enum { SWITCHING_PROTOCOLS = 101, BAD_REQUEST = 400, BAD_METHOD = 405, UPGRADE_REQUIRED = 426 };

static_assert(WS_KEY_SIZE == BASE64_SIZE(WS_NONCE_SIZE) + 1, "a key is a nonce in base64");
static_assert(WS_ACCEPT_SIZE == BASE64_SIZE(SHA1_SIZE) + 1, "an accept is a digest in base64");

bool ws_is_upgrade(struct ws_fields fields) {
    return ws_list_has(fields, "Upgrade", "websocket");
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

/* No body: nothing after the head may be taken for anything but frames. */
static bool has_body(struct ws_fields fields) {
    struct bytes length;
    size_t lengths = ws_fields_find(fields, "Content-Length", &length);
    return ws_fields_find(fields, "Transfer-Encoding", NULL) > 0 || lengths > 1 ||
           (lengths == 1 && !bytes_equal(length, bytes_of("0")));
}

static bool offers_are_valid(struct ws_fields fields) {
    struct ws_list list = ws_list_begin(fields, "Sec-WebSocket-Protocol");
    struct bytes element;
    while (ws_list_next(&list, &element))
        if (!ws_is_token(element))
            return false;
    list = ws_list_begin(fields, "Sec-WebSocket-Extensions");
    while (ws_list_next(&list, &element))
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
static struct verdict judge_http(const struct ws_request *request, struct bytes *host) {
    if (!bytes_equal(request->method, bytes_of("GET")))
        return (struct verdict){BAD_METHOD, "method is not GET"};
    if (request->version_major != 1 || request->version_minor < 1)
        return (struct verdict){BAD_REQUEST, "HTTP version is not 1.1"};
    if (ws_fields_find(request->fields, "Host", host) != 1 || host->size == 0)
        return (struct verdict){BAD_REQUEST, "not exactly one Host"};
    if (has_body(request->fields))
        return (struct verdict){BAD_REQUEST, "upgrade request with a body"};
    return (struct verdict){SWITCHING_PROTOCOLS, NULL};
}

/* RFC 6455 section 4.2.1, 3 to 9. */
static struct verdict judge_upgrade(struct ws_fields fields, struct bytes *key) {
    struct bytes version;
    if (!ws_is_upgrade(fields))
        return (struct verdict){BAD_REQUEST, "no websocket in Upgrade"};
    if (!ws_list_has(fields, "Connection", "upgrade"))
        return (struct verdict){BAD_REQUEST, "no upgrade in Connection"};
    size_t versions = ws_fields_find(fields, "Sec-WebSocket-Version", &version);
    if (versions > 1)
        return (struct verdict){BAD_REQUEST, "more than one Sec-WebSocket-Version"};
    if (versions == 0 || !bytes_equal(version, bytes_of(WS_VERSION)))
        return (struct verdict){UPGRADE_REQUIRED, "WebSocket version is not 13"};
    if (ws_fields_find(fields, "Sec-WebSocket-Key", key) != 1 || !key_is_valid(*key))
        return (struct verdict){BAD_REQUEST, "not exactly one Sec-WebSocket-Key of 16 bytes"};
    if (!offers_are_valid(fields))
        return (struct verdict){BAD_REQUEST, "malformed subprotocols or extensions"};
    return (struct verdict){SWITCHING_PROTOCOLS, NULL};
}

void ws_handshake_judge(const struct ws_request *request, struct ws_handshake *handshake) {
    struct bytes key = {0};
    *handshake = (struct ws_handshake){0};
    struct verdict verdict = judge_http(request, &handshake->host);
    if (verdict.status == SWITCHING_PROTOCOLS)
        verdict = judge_upgrade(request->fields, &key);
    size_t origins = ws_fields_find(request->fields, "Origin", &handshake->origin);
    if (verdict.status == SWITCHING_PROTOCOLS && origins > 1)
        verdict = (struct verdict){BAD_REQUEST, "more than one Origin"};
    handshake->has_origin = origins > 0;
    handshake->status = verdict.status;
    handshake->reason = verdict.reason;
    if (verdict.status == SWITCHING_PROTOCOLS)
        ws_accept_key(key, handshake->accept);
}

/* Is `wanted` one of the elements, compared with their case? */
static bool list_has_exactly(struct ws_list list, struct bytes wanted) {
    struct bytes element;
    while (ws_list_next(&list, &element))
        if (bytes_equal(element, wanted))
            return true;
    return false;
}

bool ws_handshake_offers(struct ws_fields fields, const char *subprotocol) {
    return list_has_exactly(ws_list_begin(fields, "Sec-WebSocket-Protocol"), bytes_of(subprotocol));
}

static bool subprotocol_was_offered(struct bytes offered, struct bytes chosen) {
    return list_has_exactly(ws_list_of(offered), chosen);
}

static bool extension_was_offered(struct bytes offered, struct bytes chosen) {
    struct ws_list list = ws_list_of(offered);
    struct bytes element, name, offered_name, value;
    if (!ws_extension_is_valid(chosen) || !ws_parameter_next(&chosen, &name, &value))
        return false;
    while (ws_list_next(&list, &element))
        if (ws_parameter_next(&element, &offered_name, &value) && bytes_equal(offered_name, name))
            return true;
    return false;
}

static bool extensions_were_offered(struct bytes offered, struct ws_fields fields) {
    struct ws_list list = ws_list_begin(fields, "Sec-WebSocket-Extensions");
    struct bytes element;
    while (ws_list_next(&list, &element))
        if (!extension_was_offered(offered, element))
            return false;
    return true;
}

/* RFC 6455 section 4.1, what a client checks in the response, 1 to 6. NULL if all is well. */
static const char *fault_of_response(unsigned status, struct ws_fields fields,
                                     const struct ws_offer *offer, struct bytes *subprotocol) {
    struct bytes accept;
    char expected[WS_ACCEPT_SIZE];
    if (status != SWITCHING_PROTOCOLS)
        return "status is not 101";
    if (!ws_is_upgrade(fields))
        return "no websocket in Upgrade";
    if (!ws_list_has(fields, "Connection", "upgrade"))
        return "no upgrade in Connection";
    ws_accept_key(bytes_of(offer->key), expected);
    if (ws_fields_find(fields, "Sec-WebSocket-Accept", &accept) != 1 ||
        !bytes_equal(accept, bytes_of(expected)))
        return "wrong Sec-WebSocket-Accept";
    if (!extensions_were_offered(offer->extensions, fields))
        return "an extension that was not offered";
    size_t chosen = ws_fields_find(fields, "Sec-WebSocket-Protocol", subprotocol);
    if (chosen > 1 || (chosen == 1 && !subprotocol_was_offered(offer->subprotocols, *subprotocol)))
        return "a subprotocol that was not offered";
    return NULL;
}

enum error ws_response_check(unsigned status, struct ws_fields fields, const struct ws_offer *offer,
                             struct bytes *subprotocol, const char **reason) {
    *subprotocol = bytes_of("");
    *reason = fault_of_response(status, fields, offer, subprotocol);
    return *reason == NULL ? ERROR_NONE : ERROR_WS_HANDSHAKE;
}
