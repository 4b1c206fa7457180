/*
 * The opening handshake. Byte 0: a server judges a request (even) or a client checks a response
 * (odd, and the key and offers of the request are made of bytes 1 and 2). The rest is the head.
 *
 * Oracle: a checker of its own, on the lines as they came, says whether all strict rules hold; and
 * Sec-WebSocket-Accept is what RFC 6455 section 4.2.2 makes of the key.
 */
#include "fuzz.h"
#include "http/response.h"
#include "http_reference.h"
#include "sha1_reference.h"
#include "ws/handshake.h"

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* RFC 4648 section 4, for whole bytes. */
static void ref_base64(const uint8_t *data, size_t size, char *out) {
    for (size_t bit = 0; bit < size * 8; bit += 6) {
        unsigned pair = data[bit / 8] << 8 | (bit / 8 + 1 < size ? data[bit / 8 + 1] : 0);
        *out++ = base64_digits[pair >> (10 - bit % 8) & 63];
    }
    for (size_t i = size; i % 3 != 0; i++)
        *out++ = '=';
    *out = '\0';
}

static void ref_accept(struct bytes key, char out[29]) {
    char text[120];
    uint8_t digest[20];
    snprintf(text, sizeof text, "%.*s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", (int)key.size,
             (const char *)key.data);
    ref_sha1((uint8_t *)text, strlen(text), digest);
    ref_base64(digest, sizeof digest, out);
}

/* 16 bytes are 22 digits, the last of which says only two bits, and "==". */
static bool ref_is_key(struct bytes key) {
    if (key.size != 24 || key.data[22] != '=' || key.data[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++)
        if (key.data[i] == '\0' || strchr(base64_digits, key.data[i]) == NULL)
            return false;
    return (strchr(base64_digits, key.data[21]) - base64_digits) % 16 == 0;
}

/* A token, perhaps as a quoted string (RFC 9110 section 5.6.4). */
static bool ref_is_parameter(struct bytes value) {
    static uint8_t token[1 << 16];
    size_t size = 0;
    if (value.size < 2 || value.data[0] != '"' || value.size > sizeof token)
        return ref_is_token(value);
    for (size_t i = 1; i < value.size; i++) {
        if (value.data[i] == '"')
            return i == value.size - 1 && ref_is_token(bytes_make(token, size));
        if (value.data[i] == '\\' && ++i == value.size)
            return false;
        token[size++] = value.data[i];
    }
    return false;
}

/* token *( ";" token [ "=" ( token | quoted token ) ] ), RFC 6455 section 9.1. */
static bool ref_is_extension(struct bytes element) {
    for (bool first = true, more = true; more; first = false) {
        more = element.size > 0 && memchr(element.data, ';', element.size) != NULL;
        struct bytes part = ref_trim(fuzz_take_until(&element, ';'));
        bool has_value = !first && part.size > 0 && memchr(part.data, '=', part.size) != NULL;
        struct bytes name = first ? part : fuzz_take_until(&part, '=');
        struct bytes value = ref_trim(part);
        if (!ref_is_token(ref_trim(name)) || (has_value && !ref_is_parameter(value)))
            return false;
    }
    return true;
}

static bool ref_all(const struct ref_head *head, const char *name,
                    bool (*is_good)(struct bytes element)) {
    for (size_t i = 0; i < head->field_count; i++) {
        struct bytes list = head->fields[i].value, element;
        while (ref_is(head->fields[i].name, name) && ref_element(&list, &element))
            if (!is_good(element))
                return false;
    }
    return true;
}

/* Section 4.2.1, and what RFC 9112 asks of any request. */
static unsigned ref_judge(const struct ref_head *head, struct bytes method, int64_t length) {
    struct bytes value;
    if (method.size != 3 || memcmp(method.data, "GET", 3) != 0)
        return 405;
    if (head->minor == 0 || ref_find(head, "Host", &value) != 1 || value.size == 0 || length != 0)
        return 400;
    if (!ref_has(head, "Upgrade", "websocket") || !ref_has(head, "Connection", "upgrade"))
        return 400;
    size_t versions = ref_find(head, "Sec-WebSocket-Version", &value);
    if (versions > 1)
        return 400;
    if (versions == 0 || value.size != 2 || memcmp(value.data, "13", 2) != 0)
        return 426;
    if (ref_find(head, "Sec-WebSocket-Key", &value) != 1 || !ref_is_key(value))
        return 400;
    bool good = ref_all(head, "Sec-WebSocket-Protocol", ref_is_token) &&
                ref_all(head, "Sec-WebSocket-Extensions", ref_is_extension) &&
                ref_find(head, "Origin", &value) <= 1;
    return good ? 101 : 400;
}

/* The fields again, from the lines of an accepted head. */
static void ref_read(struct bytes input, struct ref_head *head) {
    struct ref_stream stream = {.rest = input, .limits = &http_response_limits};
    FUZZ_CHECK(ref_line(&stream, input.size, &head->line) == REF_COMPLETE);
    if (head->line.size == 0)
        FUZZ_CHECK(ref_line(&stream, input.size, &head->line) == REF_COMPLETE);
    FUZZ_CHECK(ref_fields(&stream, head) == REF_COMPLETE);
}

static void check_server(struct bytes input) {
    static struct ref_head head;
    struct http_request request;
    struct ws_handshake handshake;
    struct bytes rest = input, body, key;
    char accept[29];
    http_request_init(&request, &http_request_limits);
    if (http_request_next(&request, &rest, &body) == HTTP_HEAD) {
        ref_read(input, &head);
        head.minor = (unsigned)request.minor_version;
        unsigned expected = ref_judge(&head, request.method, request.content_length);
        ws_handshake_judge(&request, &handshake);
        FUZZ_CHECK(handshake.status == expected);
        FUZZ_CHECK((handshake.reason == NULL) == (expected == 101));
        FUZZ_CHECK(handshake.has_origin == (ref_find(&head, "Origin", &key) > 0));
        if (expected == 101) {
            ref_find(&head, "Sec-WebSocket-Key", &key);
            ref_accept(key, accept);
            FUZZ_CHECK(strcmp(accept, handshake.accept) == 0);
            FUZZ_CHECK(ws_is_upgrade(request.fields));
        }
        (void)ws_handshake_offers(request.fields, "chat");
    }
    http_request_fini(&request);
}

/* ---- the client's side ----------------------------------------------------------------------- */

static const char *const subprotocols[] = {"", "chat", "a, chat", "chat,,b"};
static const char *const extensions[] = {"", "x", "permessage-deflate; client_max_window_bits, x",
                                         "y; a=\"b\""};

/* Does the comma list offer this element, whatever its parameters are? */
static bool ref_offers(const char *offered, struct bytes chosen) {
    struct bytes list = bytes_of(offered), element;
    struct bytes name = ref_trim(fuzz_take_until(&chosen, ';'));
    while (ref_element(&list, &element))
        if (bytes_equal(ref_trim(fuzz_take_until(&element, ';')), name))
            return true;
    return false;
}

static bool ref_extensions_were_offered(const struct ref_head *head, const char *offered) {
    for (size_t i = 0; i < head->field_count; i++) {
        struct bytes list = head->fields[i].value, element;
        while (ref_is(head->fields[i].name, "Sec-WebSocket-Extensions") &&
               ref_element(&list, &element))
            if (!ref_is_extension(element) || !ref_offers(offered, element))
                return false;
    }
    return true;
}

/* Section 4.1, the client's list. */
static bool ref_response(const struct ref_head *head, int status, const struct ws_offer *offer,
                         struct bytes *chosen) {
    struct bytes value;
    char accept[29];
    ref_accept(bytes_of(offer->key), accept);
    *chosen = bytes_make(NULL, 0);
    if (status != 101 || !ref_has(head, "Upgrade", "websocket") ||
        !ref_has(head, "Connection", "upgrade"))
        return false;
    if (ref_find(head, "Sec-WebSocket-Accept", &value) != 1 ||
        !bytes_equal(value, bytes_of(accept)))
        return false;
    if (!ref_extensions_were_offered(head, (const char *)offer->extensions.data))
        return false;
    size_t count = ref_find(head, "Sec-WebSocket-Protocol", chosen);
    if (count == 0)
        return true;
    struct bytes list = offer->subprotocols, element;
    while (count == 1 && ref_element(&list, &element))
        if (bytes_equal(element, *chosen))
            return true;
    return false;
}

static void check_client(struct bytes input, uint8_t key_choice, uint8_t offer_choice) {
    static struct ref_head head;
    uint8_t nonce[WS_NONCE_SIZE];
    char key[WS_KEY_SIZE], expected_key[WS_KEY_SIZE];
    memset(nonce, key_choice, sizeof nonce);
    ws_key_make(nonce, key);
    ref_base64(nonce, sizeof nonce, expected_key);
    FUZZ_CHECK(strcmp(key, expected_key) == 0 && ref_is_key(bytes_of(key)));
    struct ws_offer offer = {.key = key,
                             .subprotocols = bytes_of(subprotocols[offer_choice % 4]),
                             .extensions = bytes_of(extensions[offer_choice / 4 % 4])};
    struct http_response response;
    struct bytes rest = input, body, chosen, expected_chosen;
    const char *reason;
    http_response_init(&response, &http_response_limits);
    if (http_response_next(&response, &rest, &body) == HTTP_HEAD && response.interim_count == 0) {
        ref_read(input, &head);
        bool good = ref_response(&head, response.status, &offer, &expected_chosen);
        enum error error =
            ws_response_check((unsigned)response.status, response.fields, &offer, &chosen, &reason);
        FUZZ_CHECK((error == ERROR_NONE) == good && (reason == NULL) == good);
        FUZZ_CHECK(!good || bytes_equal(chosen, expected_chosen));
    }
    http_response_fini(&response);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    bool is_client = fuzz_take(&input) & 1;
    uint8_t key = fuzz_take(&input), offer = fuzz_take(&input);
    if (is_client)
        check_client(input, key, offer);
    else
        check_server(input);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
