/*
 * The receiving side of a WebSocket connection. Byte 0: role and negotiated bits; 1: the limit of a
 * message; 2: how the stream is cut; 3: which allocation fails (0: none). The rest is the stream.
 *
 * Oracles: the reference gives the same events; every cut gives the same events; memory stays near
 * the limit; without memory the events are those before, and then one failure.
 */
#include <string.h>

#include "fuzz.h"
#include "ws/close.h"
#include "ws/message.h"
#include "ws_reference.h"

struct setting {
    enum message_role role;
    size_t max_size;
    uint8_t negotiated;
};

static struct fuzz_transcript expected, heard;

static void note_event(struct fuzz_transcript *to, const char *name, unsigned number,
                       struct bytes payload) {
    fuzz_note(to, "%s %u %zu:", name, number, payload.size);
    fuzz_note_bytes(to, payload.data, payload.size);
    fuzz_note(to, "\n");
}

static void note_failure(struct fuzz_transcript *to, enum error error) {
    note_event(to, "failed", 0, bytes_of(error_name(error)));
}

/* ---- the reference --------------------------------------------------------------------------- */

/* What it knows between two frames: the message so far. */
struct ref_message {
    uint8_t text[FUZZ_PIECE_MAX];
    size_t size;
    unsigned frames, opcode, rsv;
};

/* Sections 5.4 and 5.1, and our limits: may this frame come? */
static enum error ref_admit(const struct setting *setting, struct ref_message *message,
                            const struct ref_frame *frame) {
    if (frame->masked != (setting->role == MESSAGE_ROLE_SERVER))
        return ERROR_WS_PROTOCOL;
    if (frame->opcode >= 8)
        return ERROR_NONE;
    if ((frame->opcode == 0) != (message->frames > 0))
        return ERROR_WS_PROTOCOL;
    if (frame->opcode != 0) {
        message->opcode = frame->opcode;
        message->rsv = frame->rsv;
    }
    message->frames++;
    if (message->frames > MESSAGE_FRAGMENTS_MAX ||
        message->size + frame->length > setting->max_size)
        return ERROR_WS_TOO_BIG;
    return ERROR_NONE;
}

/* Sections 5.5.1 and 7.4. */
static void ref_close(struct bytes payload) {
    unsigned code = payload.size >= 2 ? payload.data[0] * 256u + payload.data[1] : 1005;
    if (payload.size == 1 || (payload.size >= 2 && !ref_close_code(code)))
        note_failure(&expected, ERROR_WS_PROTOCOL);
    else if (payload.size > 2 && !ref_utf8(bytes_after(payload, 2), true))
        note_failure(&expected, ERROR_WS_NOT_UTF8);
    else
        note_event(&expected, "close", code, bytes_after(payload, payload.size >= 2 ? 2 : 0));
}

/* A whole control frame. False if it is the last. */
static bool ref_control(unsigned opcode, struct bytes payload) {
    if (opcode == 8)
        ref_close(payload);
    else
        note_event(&expected, opcode == 9 ? "ping" : "pong", 0, payload);
    return opcode != 8;
}

/* A piece of a data frame; `last`: it ends the message. False if it is bad. */
static bool ref_data(struct ref_message *message, struct bytes payload, bool last) {
    if (payload.size > 0)
        memcpy(message->text + message->size, payload.data, payload.size);
    message->size += payload.size;
    struct bytes text = bytes_make(message->text, message->size);
    if (message->opcode == 1 && message->rsv == 0 && !ref_utf8(text, last)) {
        note_failure(&expected, ERROR_WS_NOT_UTF8);
        return false;
    }
    if (last) {
        note_event(&expected, message->opcode == 1 ? "text" : "binary", message->rsv, text);
        message->size = message->frames = 0;
    }
    return true;
}

/* Takes a frame off. False when nothing follows. */
static bool ref_next(const struct setting *setting, struct ref_message *message,
                     struct bytes *input) {
    static uint8_t plain[FUZZ_PIECE_MAX];
    struct ref_frame frame;
    enum ref_verdict verdict = ref_frame(*input, setting->negotiated >> 4, &frame);
    if (verdict == REF_SHORT)
        return false;
    enum error error = verdict == REF_BAD ? ERROR_WS_PROTOCOL : ref_admit(setting, message, &frame);
    if (error != ERROR_NONE) {
        note_failure(&expected, error);
        return false;
    }
    *input = bytes_after(*input, frame.head);
    struct bytes payload = fuzz_take_bytes(input, frame.length);
    for (size_t i = 0; i < payload.size; i++)
        plain[i] = payload.data[i] ^ (frame.masked ? frame.key[i % 4] : 0);
    bool whole = payload.size == frame.length;
    payload.data = plain;
    if (frame.opcode < 8)
        return ref_data(message, payload, whole && frame.fin) && whole;
    return whole && ref_control(frame.opcode, payload);
}

static void run_reference(const struct setting *setting, struct bytes input) {
    static struct ref_message message;
    message.size = message.frames = 0;
    expected.size = 0;
    while (ref_next(setting, &message, &input))
        ;
}

/* ---- the reader ------------------------------------------------------------------------------ */

static void note_heard(enum message_event event, const struct message *message) {
    static const char *const names[] = {[MESSAGE_TEXT] = "text",
                                        [MESSAGE_BINARY] = "binary",
                                        [MESSAGE_PING] = "ping",
                                        [MESSAGE_PONG] = "pong",
                                        [MESSAGE_CLOSE] = "close"};
    if (event == MESSAGE_FAILED)
        note_failure(&heard, message->error);
    else if (event == MESSAGE_CLOSE)
        note_event(&heard, names[event], message->code, message->payload);
    else
        note_event(&heard, names[event], message->reserved >> 4, message->payload);
}

/* The memory held is what the message needs, rounded up to a power of two, and a control frame. */
static bool memory_is_bounded(const struct message_reader *reader, size_t max_size) {
    return message_reader_held_bytes(reader) <= 2 * max_size + 128 + FRAME_CONTROL_PAYLOAD_MAX;
}

/* True if the reader ran out of memory. */
static bool run_reader(const struct setting *setting, struct bytes input, unsigned cut) {
    struct message_reader reader;
    struct message message;
    struct fuzz_pieces pieces = fuzz_pieces_begin(input, cut);
    enum message_event event;
    uint8_t *data;
    size_t size;
    bool no_memory = false;
    heard.size = 0;
    message_reader_init(&reader, setting->role, setting->max_size, setting->negotiated);
    while (fuzz_pieces_next(&pieces, &data, &size)) {
        while ((event = message_next(&reader, &data, &size, &message)) != MESSAGE_NEEDS_MORE) {
            no_memory = event == MESSAGE_FAILED && message.error == ERROR_NO_MEMORY;
            note_heard(event, &message);
            FUZZ_CHECK(memory_is_bounded(&reader, setting->max_size));
        }
        FUZZ_CHECK(size == 0);
    }
    message_reader_fini(&reader);
    return no_memory;
}

static void check_cut(const struct setting *setting, struct bytes input, unsigned cut) {
    run_reader(setting, input, cut);
    fuzz_check_same(&expected, "reference", &heard, "reader");
}

/* What came before the failure is as it would have been. */
static void check_without_memory(const struct setting *setting, struct bytes input, unsigned cut,
                                 size_t skip) {
    memory_fail_after(skip, 1);
    bool failed = run_reader(setting, input, cut);
    FUZZ_CHECK(failed == (memory_failures() > 0));
    memory_fail_after(0, 0);
    if (failed) {
        size_t size = heard.size;
        heard.size = 0;
        note_failure(&heard, ERROR_NO_MEMORY);
        FUZZ_CHECK(size >= heard.size && size - heard.size <= expected.size);
    } else {
        fuzz_check_same(&expected, "reference", &heard, "reader");
    }
}

/* Whatever ends a connection, its code may be sent; and every code has words for people. */
static void check_codes(uint16_t code) {
    for (int error = 0; error < ERROR_COUNT; error++)
        FUZZ_CHECK(ref_close_code(ws_close_code_of_error((enum error)error)));
    FUZZ_CHECK(ws_close_name(code)[0] != '\0' && ws_close_text(code)[0] != '\0');
    FUZZ_CHECK(ws_close_code_is_valid_from_peer(code) == ref_close_code(code));
    FUZZ_CHECK((strcmp(ws_close_name(code), "private") == 0) == (code >= 4000 && code < 5000));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    uint8_t choice = fuzz_take(&input);
    struct setting setting = {
        .role = choice % 2 == 0 ? MESSAGE_ROLE_SERVER : MESSAGE_ROLE_CLIENT,
        .negotiated = choice & (FRAME_RSV1 | FRAME_RSV2 | FRAME_RSV3),
        .max_size = fuzz_take(&input),
    };
    unsigned cut = fuzz_take(&input), failing = fuzz_take(&input);
    if (input.size > FUZZ_PIECE_MAX)
        return 0;
    check_codes(input.size >= 2 ? (uint16_t)(input.data[0] << 8 | input.data[1]) : 0);
    run_reference(&setting, input);
    check_cut(&setting, input, FUZZ_WHOLE);
    check_cut(&setting, input, FUZZ_BYTES);
    check_cut(&setting, input, cut);
    if (failing > 0)
        check_without_memory(&setting, input, cut, failing - 1u);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
