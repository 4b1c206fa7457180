/* What a reader makes of a conversation, always at every split; errors of the protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "conversation.h"

/* RFC 6455 section 5.7, as a server meets them. */
static void the_rfc_examples_from_a_client(void **state) {
    (void)state;
    struct buffer wire = {0};
    add(&wire, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    add(&wire, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11);
    assert_conversation(as_server, &wire, "text(Hello)\npong(Hello)\n");
}

static void the_rfc_examples_from_a_server(void **state) {
    (void)state;
    struct buffer wire = {0};
    add(&wire, "\x81\x05Hello", 7);
    add(&wire, "\x01\x03Hel\x80\x02lo", 9);
    add(&wire, "\x89\x05Hello", 7);
    assert_conversation(as_client, &wire, "text(Hello)\ntext(Hello)\nping(Hello)\n");
}

static void a_long_conversation(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_TEXT, "first");
    add_client(&wire, FIN | FRAME_BINARY, "");
    add_client(&wire, FRAME_BINARY, "one ");
    add_client(&wire, FIN | FRAME_PING, "");
    add_client(&wire, FRAME_CONTINUATION, "");
    add_client(&wire, FIN | FRAME_PONG, "unasked");
    add_client(&wire, FIN | FRAME_PING, "twice");
    add_client(&wire, FIN | FRAME_CONTINUATION, "two");
    add_client(&wire, FIN | FRAME_TEXT, "last");
    add_client(&wire, FIN | FRAME_CLOSE,
               "\x03\xE8"
               "bye");
    assert_conversation(as_server, &wire,
                        "text(first)\nbinary()\nping()\npong(unasked)\nping(twice)\n"
                        "binary(one two)\ntext(last)\nclose(1000 bye)\n");
}

static void empty_fragments_in_every_place(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FRAME_TEXT, "");
    add_client(&wire, FRAME_CONTINUATION, "");
    add_client(&wire, FIN | FRAME_CONTINUATION, "");
    add_client(&wire, FRAME_TEXT, "");
    add_client(&wire, FRAME_CONTINUATION, "x");
    add_client(&wire, FIN | FRAME_CONTINUATION, "");
    add_client(&wire, FRAME_BINARY, "");
    add_client(&wire, FIN | FRAME_CONTINUATION, "y");
    assert_conversation(as_server, &wire, "text()\ntext(x)\nbinary(y)\n");
}

static void a_close_between_fragments_ends_it(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FRAME_TEXT, "never finished");
    add_client(&wire, FIN | FRAME_CLOSE, "\x03\xE9");
    add_client(&wire, FIN | FRAME_CONTINUATION, "too late");
    assert_conversation(as_server, &wire, "close(1001 )\n");
}

/* Sizes on both sides of each length form, from a client, at many splits. */
static void every_length_boundary(void **state) {
    (void)state;
    static const size_t sizes[] = {124, 125, 126, 127, 65535, 65536, 65537};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct buffer wire = {0}, transcript = {0}, expected = {0};
        uint8_t *payload = malloc(sizes[i]);
        assert_non_null(payload);
        for (size_t at = 0; at < sizes[i]; at++)
            payload[at] = (uint8_t)('a' + at % 26);
        add_frame(&wire, FIN | FRAME_TEXT, true, bytes_make(payload, sizes[i]));
        assert_int_equal(buffer_format(&expected, "text(%.*s)\n", (int)sizes[i], (char *)payload),
                         ERROR_NONE);
        add_byte(&expected, 0);
        for (size_t at = 0; at <= 16; at++) {
            run_split(as_server, buffer_bytes(&wire), at, wire.size / 2, &transcript);
            assert_transcript(&transcript, (char *)expected.data);
            run_split(as_server, buffer_bytes(&wire), at, wire.size - 1, &transcript);
            assert_transcript(&transcript, (char *)expected.data);
        }
        buffer_fini(&wire);
        buffer_fini(&expected);
        free(payload);
    }
}

/* RFC 6455 section 5.1: a client masks, a server does not. */
static void refused_wrong_masking_in_either_role(void **state) {
    (void)state;
    static const unsigned firsts[] = {FIN | FRAME_TEXT, FRAME_BINARY, FIN | FRAME_PING,
                                      FIN | FRAME_PONG, FIN | FRAME_CLOSE};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        struct buffer wire = {0};
        add_frame(&wire, firsts[i], false, bytes_of(""));
        assert_conversation(as_server, &wire, "failed(ws-protocol)\n");
        add_frame(&wire, firsts[i], true, bytes_of(""));
        assert_conversation(as_client, &wire, "failed(ws-protocol)\n");
    }
}

static void refused_continuation_of_nothing(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FRAME_CONTINUATION, "x");
    assert_conversation(as_server, &wire, "failed(ws-protocol)\n");
    add_client(&wire, FIN | FRAME_TEXT, "whole");
    add_client(&wire, FIN | FRAME_CONTINUATION, "x");
    assert_conversation(as_server, &wire, "text(whole)\nfailed(ws-protocol)\n");
    add_client(&wire, FRAME_TEXT, "in ");
    add_client(&wire, FIN | FRAME_CONTINUATION, "two");
    add_client(&wire, FIN | FRAME_CONTINUATION, "three");
    assert_conversation(as_server, &wire, "text(in two)\nfailed(ws-protocol)\n");
}

static void refused_interleaved_messages(void **state) {
    (void)state;
    static const unsigned seconds[] = {FRAME_TEXT, FRAME_BINARY, FIN | FRAME_TEXT,
                                       FIN | FRAME_BINARY};
    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        struct buffer wire = {0};
        add_client(&wire, FRAME_TEXT, "first");
        add_client(&wire, FIN | FRAME_PING, "between");
        add_client(&wire, seconds[i], "second");
        assert_conversation(as_server, &wire, "ping(between)\nfailed(ws-protocol)\n");
    }
}

/* Reserved opcodes and bits, fragmented and long control frames. */
static void refused_malformed_headers(void **state) {
    (void)state;
    static const unsigned char firsts[] = {0x83, 0x87, 0x8B, 0x8F, 0xC1, 0xA1, 0x91,
                                           0xF1, 0xC9, 0x09, 0x08, 0x0A, 0x03};
    for (size_t i = 0; i < sizeof firsts; i++) {
        struct buffer wire = {0};
        add_client(&wire, FIN | FRAME_TEXT, "good");
        add_client(&wire, firsts[i], "bad");
        assert_conversation(as_server, &wire, "text(good)\nfailed(ws-protocol)\n");
    }
    struct buffer wire = {0};
    uint8_t payload[126] = {0};
    add_frame(&wire, FIN | FRAME_PING, true, bytes_make(payload, sizeof payload));
    assert_conversation(as_server, &wire, "failed(ws-protocol)\n");
    add(&wire, "\x82\xFE\x00\x05", 4);
    add_byte(&wire, 0);
    assert_conversation(as_server, &wire, "failed(ws-protocol)\n");
}

static void the_longest_ping_at_every_split(void **state) {
    (void)state;
    char payload[FRAME_CONTROL_PAYLOAD_MAX + 1] = {0};
    struct buffer wire = {0}, expected = {0};
    memset(payload, 'p', FRAME_CONTROL_PAYLOAD_MAX);
    add_client(&wire, FRAME_BINARY, "a");
    add_client(&wire, FIN | FRAME_PING, payload);
    add_client(&wire, FIN | FRAME_CONTINUATION, "b");
    assert_int_equal(buffer_format(&expected, "ping(%s)\nbinary(ab)\n", payload), ERROR_NONE);
    add_byte(&expected, 0);
    assert_conversation(as_server, &wire, (char *)expected.data);
    buffer_fini(&expected);
}

static void a_close_without_code(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_CLOSE, "");
    assert_conversation(as_server, &wire, "close(1005 )\n");
}

static void refused_close_of_one_byte(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_CLOSE, "\x03");
    assert_conversation(as_server, &wire, "failed(ws-protocol)\n");
}

static void every_close_code(void **state) {
    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++) {
        bool good = (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
                    (code >= 3000 && code <= 4999);
        uint8_t payload[] = {(uint8_t)(code >> 8), (uint8_t)code, 'x'};
        struct buffer wire = {0}, transcript = {0};
        char expected[64] = "failed(ws-protocol)\n";
        if (good)
            snprintf(expected, sizeof expected, "close(%u x)\n", code);
        add_frame(&wire, FIN | FRAME_CLOSE, false, bytes_make(payload, sizeof payload));
        run_split(as_client, buffer_bytes(&wire), 0, 0, &transcript);
        assert_transcript(&transcript, expected);
        buffer_fini(&wire);
    }
}

static void refused_close_reason_that_is_not_utf8(void **state) {
    (void)state;
    static const char *const reasons[] = {"\x03\xE8.\xFF", "\x03\xE8\xE2\x82",
                                          "\x03\xE8\xED\xA0\x80"};
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        struct buffer wire = {0};
        add_client(&wire, FIN | FRAME_CLOSE, reasons[i]);
        assert_conversation(as_server, &wire, "failed(ws-not-utf8)\n");
    }
}

/* RFC 6455 section 5.5.1: nothing behind a close counts; section 7.1.7: nor behind a failure. */
static void after_a_close_everything_is_discarded(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_CLOSE, "\x0F\xA0");
    add_client(&wire, FIN | FRAME_TEXT, "late");
    add(&wire, "\xFF\xFF\xFF", 3);
    assert_conversation(as_server, &wire, "close(4000 )\n");
}

static void after_a_failure_everything_is_discarded(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, 0xFF, "bad");
    add_client(&wire, FIN | FRAME_TEXT, "late");
    assert_conversation(as_server, &wire, "failed(ws-protocol)\n");
}

/* RFC 7692 section 6: RSV1 on the first frame only; such text is not checked here. */
static void negotiated_bits_are_handed_out(void **state) {
    (void)state;
    struct setting setting = {MESSAGE_ROLE_SERVER, NO_LIMIT, FRAME_RSV1, 0};
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_RSV1 | FRAME_TEXT, "\xFF");
    add_client(&wire, FRAME_RSV1 | FRAME_TEXT, "\xFE");
    add_client(&wire, FIN | FRAME_CONTINUATION, "\xFD");
    add_client(&wire, FIN | FRAME_TEXT, "plain");
    add_client(&wire, FRAME_RSV1 | FRAME_BINARY, "");
    add_client(&wire, FIN | FRAME_RSV1 | FRAME_CONTINUATION, "");
    assert_conversation(
        setting, &wire,
        "text([40]\\xff)\ntext([40]\\xfe\\xfd)\ntext(plain)\nfailed(ws-protocol)\n");
    add_client(&wire, FIN | FRAME_RSV2 | FRAME_TEXT, "");
    assert_conversation(setting, &wire, "failed(ws-protocol)\n");
}

static void has_ended_only_after_close_or_failure(void **state) {
    (void)state;
    struct message_reader reader;
    struct buffer wire = {0}, transcript = {0};
    message_reader_init(&reader, MESSAGE_ROLE_SERVER, NO_LIMIT, 0);
    add_client(&wire, FIN | FRAME_TEXT, "x");
    converse(&reader, buffer_bytes(&wire), &transcript);
    assert_false(message_reader_has_ended(&reader));
    add_client(&wire, FIN | FRAME_CLOSE, "");
    converse(&reader, buffer_bytes(&wire), &transcript);
    assert_true(message_reader_has_ended(&reader));
    assert_transcript(&transcript, "text(x)\ntext(x)\nclose(1005 )\n");
    message_reader_fini(&reader);
    buffer_fini(&wire);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_examples_from_a_client),
        cmocka_unit_test(the_rfc_examples_from_a_server),
        cmocka_unit_test(a_long_conversation),
        cmocka_unit_test(empty_fragments_in_every_place),
        cmocka_unit_test(a_close_between_fragments_ends_it),
        cmocka_unit_test(every_length_boundary),
        cmocka_unit_test(refused_wrong_masking_in_either_role),
        cmocka_unit_test(refused_continuation_of_nothing),
        cmocka_unit_test(refused_interleaved_messages),
        cmocka_unit_test(refused_malformed_headers),
        cmocka_unit_test(the_longest_ping_at_every_split),
        cmocka_unit_test(a_close_without_code),
        cmocka_unit_test(refused_close_of_one_byte),
        cmocka_unit_test(every_close_code),
        cmocka_unit_test(refused_close_reason_that_is_not_utf8),
        cmocka_unit_test(after_a_close_everything_is_discarded),
        cmocka_unit_test(after_a_failure_everything_is_discarded),
        cmocka_unit_test(negotiated_bits_are_handed_out),
        cmocka_unit_test(has_ended_only_after_close_or_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
