/*
 * For the tests of this layer: bytes as a peer would send them, made without the code under test,
 * and the events that they lead to, written down as text.
 *
 * Transcript lines: "text(hello)", "binary(..)", "ping(..)", "pong(..)", "close(1000 reason)",
 * "failed(ws-protocol)". Bytes that are not printable become \xNN.
 */
#ifndef RINGCAST_TESTS_WS_CONVERSATION_H
#define RINGCAST_TESTS_WS_CONVERSATION_H

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ws/message.h"

enum { FIN = 0x80, NO_LIMIT = 1 << 24 };

static inline void add(struct buffer *wire, const void *data, size_t size) {
    assert_int_equal(buffer_append(wire, data, size), ERROR_NONE);
}

static inline void add_byte(struct buffer *wire, unsigned byte) {
    assert_int_equal(buffer_append_byte(wire, (uint8_t)byte), ERROR_NONE);
}

/* A frame by RFC 6455 section 5.2: `first` is the first byte; masked with a mask if `masked`. */
static inline void add_frame(struct buffer *wire, unsigned first, bool masked,
                             struct bytes payload) {
    static const uint8_t mask[] = {0x37, 0xfa, 0x21, 0x3d};
    unsigned bit = masked ? 0x80 : 0;
    add_byte(wire, first);
    if (payload.size < 126) {
        add_byte(wire, bit | (unsigned)payload.size);
    } else if (payload.size < 65536) {
        add_byte(wire, bit | 126);
        add_byte(wire, (unsigned)(payload.size >> 8));
        add_byte(wire, payload.size & 0xFF);
    } else {
        add_byte(wire, bit | 127);
        for (int shift = 56; shift >= 0; shift -= 8)
            add_byte(wire, (unsigned)(payload.size >> shift & 0xFF));
    }
    if (masked)
        add(wire, mask, sizeof mask);
    for (size_t i = 0; i < payload.size; i++)
        add_byte(wire, payload.data[i] ^ (masked ? mask[i % 4] : 0u));
}

/* A frame from a client. */
static inline void add_client(struct buffer *wire, unsigned first, const char *payload) {
    add_frame(wire, first, true, bytes_of(payload));
}

static inline void write_payload_down(struct buffer *transcript, struct bytes payload) {
    for (size_t i = 0; i < payload.size; i++) {
        uint8_t byte = payload.data[i];
        const char *format = byte >= ' ' && byte < 0x7F ? "%c" : "\\x%02x";
        enum error error = format[1] == 'c' ? buffer_format(transcript, "%c", byte)
                                            : buffer_format(transcript, "\\x%02x", byte);
        assert_int_equal(error, ERROR_NONE);
    }
}

static inline void write_down(struct buffer *transcript, enum message_event event,
                              const struct message *message) {
    static const char *const names[] = {
        [MESSAGE_TEXT] = "text", [MESSAGE_BINARY] = "binary", [MESSAGE_PING] = "ping",
        [MESSAGE_PONG] = "pong", [MESSAGE_CLOSE] = "close",   [MESSAGE_FAILED] = "failed"};
    assert_int_equal(buffer_format(transcript, "%s(", names[event]), ERROR_NONE);
    if (event == MESSAGE_FAILED)
        assert_int_equal(buffer_append_text(transcript, error_name(message->error)), ERROR_NONE);
    if (event == MESSAGE_CLOSE)
        assert_int_equal(buffer_format(transcript, "%d ", message->code), ERROR_NONE);
    if (message->reserved != 0)
        assert_int_equal(buffer_format(transcript, "[%02x]", message->reserved), ERROR_NONE);
    write_payload_down(transcript, message->payload);
    assert_int_equal(buffer_append_text(transcript, ")\n"), ERROR_NONE);
}

/*
 * Lends the reader a copy of the piece, in a block of just its size so that a sanitizer sees any
 * step beyond it, and writes the events down.
 */
static inline void converse(struct message_reader *reader, struct bytes piece,
                            struct buffer *transcript) {
    uint8_t *block = malloc(piece.size > 0 ? piece.size : 1);
    uint8_t *data = block;
    size_t size = piece.size;
    struct message message;
    enum message_event event;
    assert_non_null(block);
    memcpy(block, piece.size > 0 ? piece.data : (const uint8_t *)"", piece.size);
    while ((event = message_next(reader, &data, &size, &message)) != MESSAGE_NEEDS_MORE)
        write_down(transcript, event, &message);
    assert_int_equal(size, 0);
    assert_ptr_equal(data, block + piece.size);
    free(block);
}

struct setting {
    enum message_role role;
    size_t max_size;
    uint8_t negotiated;
    size_t max_frame; /* 0: as large as the message */
};

static const struct setting as_server = {MESSAGE_ROLE_SERVER, NO_LIMIT, 0, 0};
static const struct setting as_client = {MESSAGE_ROLE_CLIENT, NO_LIMIT, 0, 0};

static inline void begin_reader(struct message_reader *reader, const struct setting *setting) {
    message_reader_init(reader, setting->role, setting->max_size, setting->negotiated);
    if (setting->max_frame > 0)
        message_reader_limit_frames(reader, setting->max_frame);
}

/* Runs `wire` through a new reader in three pieces, and checks that it holds nothing at the end. */
static inline void run_split(struct setting setting, struct bytes wire, size_t first, size_t second,
                             struct buffer *transcript) {
    struct message_reader reader;
    begin_reader(&reader, &setting);
    converse(&reader, bytes_make(wire.data, first), transcript);
    converse(&reader, bytes_make(wire.data + first, second - first), transcript);
    converse(&reader, bytes_make(wire.data + second, wire.size - second), transcript);
    message_reader_fini(&reader);
}

static inline void assert_transcript(struct buffer *transcript, const char *expected) {
    assert_int_equal(buffer_append_byte(transcript, '\0'), ERROR_NONE);
    assert_string_equal((char *)transcript->data, expected);
    buffer_fini(transcript);
}

static inline void run_byte_by_byte(struct setting setting, struct bytes wire,
                                    struct buffer *transcript) {
    struct message_reader reader;
    begin_reader(&reader, &setting);
    for (size_t i = 0; i < wire.size; i++)
        converse(&reader, bytes_make(wire.data + i, 1), transcript);
    message_reader_fini(&reader);
}

/* Whole, byte by byte, and (up to 300 bytes) at all pairs of splits; ends `wire`. */
static inline void assert_conversation(struct setting setting, struct buffer *wire,
                                       const char *expected) {
    size_t blocks = memory_live_blocks();
    size_t step = wire->size <= 300 ? 1 : wire->size / 50;
    struct buffer transcript = {0};
    run_byte_by_byte(setting, buffer_bytes(wire), &transcript);
    assert_transcript(&transcript, expected);
    for (size_t first = 0; first <= wire->size; first += step)
        for (size_t second = first; second <= wire->size; second += step) {
            run_split(setting, buffer_bytes(wire), first, second, &transcript);
            assert_transcript(&transcript, expected);
        }
    assert_int_equal(memory_live_blocks(), blocks);
    buffer_fini(wire);
}

#endif
