/*
 * Frame headers and masks: bytes 0 to 2 choose, the rest is a stream of frames.
 *
 * Oracles: the reference agrees for every cut of the header; encoding what was decoded gives the
 * same bytes; masking twice, in any parts, is nothing.
 */
#include "fuzz.h"
#include "ws/frame_encode.h"
#include "ws_reference.h"

static void check_against_reference(struct bytes input, uint8_t negotiated, size_t size) {
    struct bytes part = bytes_make(input.data, size);
    struct frame_header header;
    struct ref_frame expected;
    size_t used;
    enum frame_result result = frame_header_decode(part, negotiated, &header, &used);
    enum ref_verdict verdict = ref_frame(part, negotiated >> 4, &expected);
    FUZZ_CHECK((result == FRAME_OK) == (verdict == REF_GOOD));
    FUZZ_CHECK((result == FRAME_NEEDS_MORE) == (verdict == REF_SHORT));
    if (result != FRAME_OK)
        return;
    FUZZ_CHECK(used == expected.head && used <= size);
    FUZZ_CHECK(header.size == expected.length && header.opcode == expected.opcode);
    FUZZ_CHECK(header.final == expected.fin && header.masked == expected.masked);
    FUZZ_CHECK(header.reserved >> 4 == expected.rsv);
    FUZZ_CHECK(!header.masked || memcmp(header.mask, expected.key, 4) == 0);
}

static void check_encoding(const struct frame_header *header, struct bytes encoded) {
    uint8_t again[FRAME_HEADER_MAX];
    size_t size = frame_header_encode(header, again);
    FUZZ_CHECK(size == encoded.size && memcmp(again, encoded.data, size) == 0);
    FUZZ_CHECK(frame_header_size(header->size, header->masked) == size);
}

/* Unmasks `payload` in two parts, compares with the definition (section 5.3), masks it again. */
static void check_mask(struct bytes payload, const uint8_t mask[FRAME_MASK_SIZE], unsigned choice) {
    uint8_t data[256];
    size_t size = payload.size < sizeof data ? payload.size : sizeof data;
    size_t first = size > 0 ? choice % (size + 1) : 0;
    if (size > 0)
        memcpy(data, payload.data, size);
    frame_mask(data, first, mask, 0);
    frame_mask(data + first, size - first, mask, first);
    for (size_t i = 0; i < size; i++)
        FUZZ_CHECK(data[i] == (payload.data[i] ^ mask[i % 4]));
    frame_mask(data, size, mask, 0);
    FUZZ_CHECK(size == 0 || memcmp(data, payload.data, size) == 0);
}

/* The frames one after another, until one is bad or cut. */
static void check_stream(struct bytes input, uint8_t negotiated, unsigned choice) {
    struct frame_header header;
    size_t used;
    for (;;) {
        size_t most = input.size < FRAME_HEADER_MAX ? input.size : (size_t)FRAME_HEADER_MAX;
        for (size_t size = 0; size <= most; size++)
            check_against_reference(input, negotiated, size);
        if (frame_header_decode(input, negotiated, &header, &used) != FRAME_OK)
            return;
        check_encoding(&header, bytes_make(input.data, used));
        input = bytes_after(input, used);
        size_t payload = header.size < input.size ? (size_t)header.size : input.size;
        if (header.masked)
            check_mask(bytes_make(input.data, payload), header.mask, choice);
        input = bytes_after(input, payload);
    }
}

/* Reads one of our own frames back. */
static struct bytes read_back(struct bytes frame, uint8_t *payload, enum frame_opcode opcode,
                              bool masked) {
    struct ref_frame header;
    FUZZ_CHECK(ref_frame(frame, 0, &header) == REF_GOOD);
    FUZZ_CHECK(header.fin && header.opcode == opcode && header.masked == masked);
    FUZZ_CHECK(frame.size == header.head + header.length);
    for (size_t i = 0; i < header.length; i++)
        payload[i] = frame.data[header.head + i] ^ (masked ? header.key[i % 4] : 0);
    return bytes_make(payload, (size_t)header.length);
}

static void check_control(struct bytes text, const uint8_t *mask) {
    uint8_t frame[FRAME_CONTROL_MAX], payload[FRAME_CONTROL_MAX];
    if (text.size > FRAME_CONTROL_PAYLOAD_MAX)
        text.size = FRAME_CONTROL_PAYLOAD_MAX;
    size_t size = frame_encode_control(frame, FRAME_PING, text, mask);
    struct bytes back = read_back(bytes_make(frame, size), payload, FRAME_PING, mask != NULL);
    FUZZ_CHECK(bytes_equal(back, text));
}

/* The reason is cut between two characters, and no more than has to be. */
static void check_close(struct bytes reason, uint16_t code, const uint8_t *mask) {
    uint8_t frame[FRAME_CONTROL_MAX], payload[FRAME_CONTROL_MAX];
    if (!ref_utf8(reason, true) || !ref_close_code(code))
        return;
    size_t size = frame_encode_close(frame, code, reason, mask);
    struct bytes back = read_back(bytes_make(frame, size), payload, FRAME_CLOSE, mask != NULL);
    FUZZ_CHECK(back.size >= 2 && back.data[0] * 256 + back.data[1] == code);
    back = bytes_after(back, 2);
    FUZZ_CHECK(back.size <= reason.size && ref_utf8(back, true));
    FUZZ_CHECK(back.size == 0 || memcmp(back.data, reason.data, back.size) == 0);
    FUZZ_CHECK(back.size == reason.size || back.size + 4 > FRAME_CLOSE_REASON_MAX);
    size = frame_encode_close(frame, WS_CLOSE_NO_STATUS, bytes_of(""), mask);
    FUZZ_CHECK(read_back(bytes_make(frame, size), payload, FRAME_CLOSE, mask != NULL).size == 0);
}

/* The header that a log writes before the payload's parts. */
static void check_data_header(struct bytes payload, uint8_t reserved) {
    uint8_t out[FRAME_PLAIN_HEADER_MAX];
    struct ref_frame header;
    size_t size = frame_encode_data_header(out, FRAME_TEXT, reserved, payload.size);
    FUZZ_CHECK(ref_frame(bytes_make(out, size), 7, &header) == REF_GOOD && header.head == size);
    FUZZ_CHECK(header.fin && !header.masked && header.opcode == FRAME_TEXT);
    FUZZ_CHECK(header.length == payload.size && header.rsv == reserved >> 4);
}

/* A message behind what the buffer held already. */
static void check_message(struct bytes text, const uint8_t *mask) {
    static uint8_t payload[1 << 17];
    struct buffer out = {0};
    enum error error = buffer_append_text(&out, "before");
    if (error == ERROR_NONE)
        error = frame_append_message(&out, FRAME_BINARY, text, mask);
    FUZZ_CHECK(error == ERROR_NONE && memcmp(out.data, "before", 6) == 0);
    struct bytes frame = bytes_after(buffer_bytes(&out), 6);
    FUZZ_CHECK(bytes_equal(read_back(frame, payload, FRAME_BINARY, mask != NULL), text));
    buffer_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t mask[] = {0x12, 0x00, 0xFF, 0x8E};
    struct bytes input = bytes_make(data, size);
    uint8_t negotiated = fuzz_take(&input) & (FRAME_RSV1 | FRAME_RSV2 | FRAME_RSV3);
    unsigned choice = fuzz_take(&input);
    uint16_t code = (uint16_t)(choice << 8 | fuzz_take(&input));
    const uint8_t *key = choice % 2 == 0 ? mask : NULL;
    check_stream(input, negotiated, choice);
    check_control(input, key);
    check_close(input, code, key);
    check_data_header(input, negotiated);
    check_message(input, key);
    return 0;
}
