/*
 * permessage-deflate. Byte 0: what the client offers and how it compresses; 1: the limit of a
 * message; 2: which allocation fails (0: none). Odd byte 0: the rest is the value of
 * Sec-WebSocket-Extensions, then a NUL and a message to deflate; even: payloads, each with its size
 * in front.
 *
 * Oracles: what is deflated inflates to the same; no result is above the limit; a second inflater
 * without our window gives the same; answers are of the extension's grammar.
 */
#include "fuzz.h"
#include "ws/deflate.h"
#include "ws_reference.h"

static struct ws_inflater *inflater;
static struct ws_deflater *deflater;

/* What was deflated inflates to the same, in a connection that agreed to what was offered. */
static void check_identity(const struct ws_deflate *agreed, struct bytes text) {
    struct buffer deflated = {0}, inflated = {0}, window = {0};
    size_t half = text.size / 2;
    const struct bytes parts[] = {bytes_make(text.data, half),
                                  bytes_make(text.data + half, text.size - half)};
    if (ws_deflater_message(deflater, parts, 2, &deflated)) {
        FUZZ_CHECK(deflated.size < text.size);
        struct buffer *kept = agreed->client_no_context_takeover ? NULL : &window;
        struct ws_inflate_limits limits = {.size = text.size};
        enum error error =
            ws_inflater_message(inflater, agreed, buffer_bytes(&deflated), limits, kept, &inflated);
        FUZZ_CHECK(error == ERROR_NONE && bytes_equal(buffer_bytes(&inflated), text));
        limits.size--;
        if (text.size > 0)
            FUZZ_CHECK(ws_inflater_message(inflater, agreed, buffer_bytes(&deflated), limits, NULL,
                                           &inflated) == ERROR_WS_TOO_BIG);
    }
    buffer_fini(&deflated);
    buffer_fini(&inflated);
    buffer_fini(&window);
}

static void check_answer(const struct ws_deflate *agreed) {
    char answer[WS_DEFLATE_ANSWER_SIZE];
    struct ws_deflate again;
    ws_deflate_answer(agreed, answer);
    FUZZ_CHECK(strncmp(answer, "permessage-deflate", 18) == 0);
    FUZZ_CHECK(agreed->client_window_bits >= 8 && agreed->client_window_bits <= 15);
    FUZZ_CHECK(agreed->server_window_bits >= 8 &&
               agreed->server_window_bits <= WS_DEFLATE_WINDOW_BITS);
    /* who offered just this would be answered the same */
    struct http_field field = {bytes_of("Sec-WebSocket-Extensions"), bytes_of(answer)};
    FUZZ_CHECK(ws_deflate_negotiate((struct http_fields){&field, 1}, &again));
}

static void check_offer(struct bytes input) {
    struct ws_deflate agreed = {.client_window_bits = 15, .server_window_bits = 12};
    struct http_field fields[] = {
        {bytes_of("Sec-WebSocket-Extensions"), fuzz_take_until(&input, '\n')},
        {bytes_of("Sec-WebSocket-Extensions"), fuzz_take_until(&input, '\0')},
    };
    if (ws_deflate_negotiate((struct http_fields){fields, 2}, &agreed))
        check_answer(&agreed);
    else
        agreed = (struct ws_deflate){.client_window_bits = 15, .server_window_bits = 12};
    check_identity(&agreed, input);
}

/* One client's messages, one after another. */
static void check_messages(const struct ws_deflate *agreed, struct bytes input, size_t limit,
                           bool fails) {
    const struct ws_inflate_limits limits = {.size = limit};
    struct buffer window = {0}, out = {0}, alone = {0};
    /* zlib once took 8 bits for 9 */
    unsigned window_bits = agreed->client_window_bits > 8 ? agreed->client_window_bits : 9;
    bool first = true;
    while (input.size > 0) {
        size_t size = fuzz_take(&input);
        struct bytes payload = fuzz_take_bytes(&input, size);
        struct buffer *kept = agreed->client_no_context_takeover ? NULL : &window;
        enum error error = ws_inflater_message(inflater, agreed, payload, limits, kept, &out);
        FUZZ_CHECK(error == ERROR_NONE || error == ERROR_WS_PROTOCOL || error == ERROR_WS_TOO_BIG ||
                   error == ERROR_NO_MEMORY);
        FUZZ_CHECK(error != ERROR_NONE || out.size <= limit);
        FUZZ_CHECK(window.size <= (size_t)1 << window_bits);
        if (first && !fails) {
            FUZZ_CHECK(ws_inflater_message(inflater, agreed, payload, limits, NULL, &alone) ==
                       error);
            FUZZ_CHECK(error != ERROR_NONE ||
                       bytes_equal(buffer_bytes(&out), buffer_bytes(&alone)));
        }
        first = false;
        if (error != ERROR_NONE)
            break;
    }
    buffer_fini(&window);
    buffer_fini(&out);
    buffer_fini(&alone);
}

/* The library's own memory comes with the first message, and stays. */
static void warm_up(bool fresh) {
    static bool is_warm;
    const struct ws_deflate agreed = {.client_window_bits = 15, .server_window_bits = 12};
    char text[100];
    memset(text, 'x', sizeof text);
    if (!is_warm || fresh)
        check_identity(&agreed, bytes_make(text, sizeof text));
    is_warm = true;
}

/* Now and then both go, and come back when there is memory for all of it. */
static void renew(unsigned failing) {
    ws_inflater_free(inflater);
    ws_deflater_free(deflater);
    ws_inflater_free(NULL);
    ws_deflater_free(NULL);
    memory_fail_after(failing, 1);
    inflater = ws_inflater_new();
    memory_fail_after(failing, 1);
    deflater = ws_deflater_new();
    memory_fail_after(0, 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    uint8_t choice = fuzz_take(&input);
    size_t limit = (size_t)fuzz_take(&input) * 16, failing = fuzz_take(&input);
    if (failing % 64 == 63)
        renew((unsigned)failing / 64);
    if (inflater == NULL)
        inflater = ws_inflater_new();
    if (deflater == NULL)
        deflater = ws_deflater_new();
    FUZZ_CHECK(inflater != NULL && deflater != NULL);
    warm_up(failing % 64 == 63);
    size_t blocks = memory_live_blocks();
    const struct ws_deflate agreed = {.client_no_context_takeover = (choice & 2) != 0,
                                      .client_window_bits = (uint8_t)(8 + choice / 4 % 8),
                                      .server_window_bits = WS_DEFLATE_WINDOW_BITS};
    if (choice & 1)
        check_offer(input);
    if (failing > 0)
        memory_fail_after(failing - 1, 1);
    if (!(choice & 1))
        check_messages(&agreed, input, limit, failing > 0);
    memory_fail_after(0, 0);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
