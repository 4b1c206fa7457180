#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "ws/frame_encode.h"

static const uint8_t mask[FRAME_MASK_SIZE] = {0x37, 0xfa, 0x21, 0x3d};

#define ASSERT_FRAME(out, size, literal)                        \
    do {                                                        \
        assert_int_equal(size, sizeof(literal) - 1);            \
        assert_memory_equal(out, literal, sizeof(literal) - 1); \
    } while (0)

/* RFC 6455 section 5.7. */
static void the_rfc_examples(void **state) {
    (void)state;
    uint8_t out[FRAME_CONTROL_MAX];
    struct buffer buffer = {0};
    size_t size = frame_encode_control(out, FRAME_PING, bytes_of("Hello"), NULL);
    ASSERT_FRAME(out, size, "\x89\x05Hello");
    size = frame_encode_control(out, FRAME_PONG, bytes_of("Hello"), mask);
    ASSERT_FRAME(out, size, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    assert_int_equal(frame_append_message(&buffer, FRAME_TEXT, bytes_of("Hello"), NULL),
                     ERROR_NONE);
    assert_int_equal(frame_append_message(&buffer, FRAME_TEXT, bytes_of("Hello"), mask),
                     ERROR_NONE);
    ASSERT_FRAME(buffer.data, buffer.size,
                 "\x81\x05Hello\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
    buffer_fini(&buffer);
}

static void data_headers_at_the_boundaries(void **state) {
    (void)state;
    uint8_t out[FRAME_PLAIN_HEADER_MAX];
    ASSERT_FRAME(out, frame_encode_data_header(out, FRAME_TEXT, 0, 0), "\x81\x00");
    ASSERT_FRAME(out, frame_encode_data_header(out, FRAME_TEXT, 0, 125), "\x81\x7D");
    ASSERT_FRAME(out, frame_encode_data_header(out, FRAME_BINARY, 0, 126), "\x82\x7E\x00\x7E");
    ASSERT_FRAME(out, frame_encode_data_header(out, FRAME_TEXT, 0, 65535), "\x81\x7E\xFF\xFF");
    ASSERT_FRAME(out, frame_encode_data_header(out, FRAME_TEXT, FRAME_RSV1, 65536),
                 "\xC1\x7F\x00\x00\x00\x00\x00\x01\x00\x00");
}

static void empty_messages_and_controls(void **state) {
    (void)state;
    uint8_t out[FRAME_CONTROL_MAX];
    struct buffer buffer = {0};
    ASSERT_FRAME(out, frame_encode_control(out, FRAME_PING, bytes_make(NULL, 0), NULL), "\x89\x00");
    ASSERT_FRAME(out, frame_encode_control(out, FRAME_PING, bytes_make(NULL, 0), mask),
                 "\x89\x80\x37\xfa\x21\x3d");
    assert_int_equal(frame_append_message(&buffer, FRAME_BINARY, bytes_make(NULL, 0), NULL),
                     ERROR_NONE);
    ASSERT_FRAME(buffer.data, buffer.size, "\x82\x00");
    buffer_fini(&buffer);
}

static void the_longest_control_frame_fits(void **state) {
    (void)state;
    uint8_t out[FRAME_CONTROL_MAX];
    uint8_t payload[FRAME_CONTROL_PAYLOAD_MAX];
    memset(payload, 'p', sizeof payload);
    size_t size = frame_encode_control(out, FRAME_PING, bytes_make(payload, sizeof payload), mask);
    assert_int_equal(size, FRAME_CONTROL_MAX);
    assert_int_equal(out[FRAME_CONTROL_MAX - 1], 'p' ^ mask[124 % 4]);
}

static void close_with_code_and_reason(void **state) {
    (void)state;
    uint8_t out[FRAME_CONTROL_MAX];
    ASSERT_FRAME(out, frame_encode_close(out, WS_CLOSE_NORMAL, bytes_of(""), NULL),
                 "\x88\x02\x03\xE8");
    ASSERT_FRAME(out, frame_encode_close(out, 4999, bytes_of("bye"), NULL),
                 "\x88\x05\x13\x87"
                 "bye");
    ASSERT_FRAME(out, frame_encode_close(out, WS_CLOSE_NORMAL, bytes_of("a"), mask),
                 "\x88\x83\x37\xfa\x21\x3d\x34\x12\x40");
    ASSERT_FRAME(out, frame_encode_close(out, WS_CLOSE_NO_STATUS, bytes_of("unsaid"), NULL),
                 "\x88\x00");
}

/* A reason of `letters` letters and then characters of 1 to 4 bytes, at all cuts. */
static void long_reasons_are_cut_between_characters(void **state) {
    (void)state;
    static const char *const characters[] = {"x", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    for (size_t kind = 0; kind < 4; kind++)
        for (size_t letters = 110; letters <= 130; letters++) {
            char reason[200] = {0};
            uint8_t out[FRAME_CONTROL_MAX];
            memset(reason, 'a', letters);
            for (size_t end = letters; end < 150; end += strlen(characters[kind]))
                memcpy(reason + end, characters[kind], strlen(characters[kind]));
            size_t size = frame_encode_close(out, WS_CLOSE_GOING_AWAY, bytes_of(reason), NULL);
            struct bytes kept = bytes_make(out + 4, size - 4);
            assert_true(kept.size <= FRAME_CLOSE_REASON_MAX);
            assert_true(kept.size + strlen(characters[kind]) > FRAME_CLOSE_REASON_MAX);
            assert_int_equal(out[1], kept.size + 2);
            assert_memory_equal(kept.data, reason, kept.size);
            assert_true(utf8_is_valid(kept));
        }
}

static void a_reason_of_just_the_limit_stays_whole(void **state) {
    (void)state;
    uint8_t out[FRAME_CONTROL_MAX];
    uint8_t reason[FRAME_CLOSE_REASON_MAX];
    memset(reason, 'r', sizeof reason);
    reason[121] = 0xC3;
    reason[122] = 0xA9;
    size_t size = frame_encode_close(out, 1000, bytes_make(reason, sizeof reason), NULL);
    assert_int_equal(size, 127);
    assert_memory_equal(out + 4, reason, sizeof reason);
}

static void out_of_memory_leaves_the_buffer_as_it_was(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    struct buffer buffer = {0};
    assert_int_equal(frame_append_message(&buffer, FRAME_TEXT, bytes_of("kept"), NULL), ERROR_NONE);
    uint8_t payload[1000] = {0};
    memory_fail_after(0, 1);
    assert_int_equal(
        frame_append_message(&buffer, FRAME_BINARY, bytes_make(payload, sizeof payload), mask),
        ERROR_NO_MEMORY);
    assert_int_equal(memory_failures(), 1);
    memory_fail_after(0, 0);
    ASSERT_FRAME(buffer.data, buffer.size, "\x81\x04kept");
    buffer_fini(&buffer);
    assert_int_equal(memory_live_blocks(), blocks);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_examples),
        cmocka_unit_test(data_headers_at_the_boundaries),
        cmocka_unit_test(empty_messages_and_controls),
        cmocka_unit_test(the_longest_control_frame_fits),
        cmocka_unit_test(close_with_code_and_reason),
        cmocka_unit_test(long_reasons_are_cut_between_characters),
        cmocka_unit_test(a_reason_of_just_the_limit_stays_whole),
        cmocka_unit_test(out_of_memory_leaves_the_buffer_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
