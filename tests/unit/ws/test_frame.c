#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ws/frame.h"

/* Decodes from a block of just the size, so that a sanitizer sees any step beyond it. */
static enum frame_result decode(const void *data, size_t size, uint8_t negotiated,
                                struct frame_header *header, size_t *used) {
    uint8_t *block = malloc(size > 0 ? size : 1);
    assert_non_null(block);
    memcpy(block, data, size);
    enum frame_result result =
        frame_header_decode(bytes_make(block, size), negotiated, header, used);
    free(block);
    return result;
}

static enum frame_result result_of(const void *data, size_t size) {
    struct frame_header header;
    size_t used;
    return decode(data, size, 0, &header, &used);
}

#define RESULT_OF(literal) result_of(literal, sizeof(literal) - 1)

/* Needs more at every shorter length, and takes just the header of a longer input. */
static void assert_header(const char *data, size_t size, struct frame_header expected) {
    uint8_t longer[FRAME_HEADER_MAX + 3] = {0};
    struct frame_header header;
    size_t used;
    for (size_t part = 0; part < size; part++)
        assert_int_equal(decode(data, part, 0, &header, &used), FRAME_NEEDS_MORE);
    memcpy(longer, data, size);
    assert_int_equal(decode(longer, size + 3, 0, &header, &used), FRAME_OK);
    assert_int_equal(used, size);
    assert_int_equal(decode(data, size, 0, &header, &used), FRAME_OK);
    assert_int_equal(used, size);
    assert_int_equal(header.opcode, expected.opcode);
    assert_int_equal(header.final, expected.final);
    assert_int_equal(header.masked, expected.masked);
    assert_int_equal(header.size, expected.size);
    if (expected.masked)
        assert_memory_equal(header.mask, expected.mask, FRAME_MASK_SIZE);
}

#define ASSERT_HEADER(literal, ...) \
    assert_header(literal, sizeof(literal) - 1, (struct frame_header){__VA_ARGS__})

/* RFC 6455 section 5.7. */
static void the_rfc_examples_at_every_split(void **state) {
    (void)state;
    ASSERT_HEADER("\x81\x05", .final = true, .opcode = FRAME_TEXT, .size = 5);
    ASSERT_HEADER("\x81\x85\x37\xfa\x21\x3d", .final = true, .opcode = FRAME_TEXT, .size = 5,
                  .masked = true, .mask = {0x37, 0xfa, 0x21, 0x3d});
    ASSERT_HEADER("\x01\x03", .opcode = FRAME_TEXT, .size = 3);
    ASSERT_HEADER("\x80\x02", .final = true, .opcode = FRAME_CONTINUATION, .size = 2);
    ASSERT_HEADER("\x89\x05", .final = true, .opcode = FRAME_PING, .size = 5);
    ASSERT_HEADER("\x8a\x85\x37\xfa\x21\x3d", .final = true, .opcode = FRAME_PONG, .size = 5,
                  .masked = true, .mask = {0x37, 0xfa, 0x21, 0x3d});
    ASSERT_HEADER("\x82\x7E\x01\x00", .final = true, .opcode = FRAME_BINARY, .size = 256);
    ASSERT_HEADER("\x82\x7F\x00\x00\x00\x00\x00\x01\x00\x00", .final = true, .opcode = FRAME_BINARY,
                  .size = 65536);
}

static void lengths_at_their_boundaries(void **state) {
    (void)state;
    ASSERT_HEADER("\x82\x00", .final = true, .opcode = FRAME_BINARY, .size = 0);
    ASSERT_HEADER("\x82\x7D", .final = true, .opcode = FRAME_BINARY, .size = 125);
    ASSERT_HEADER("\x82\x7E\x00\x7E", .final = true, .opcode = FRAME_BINARY, .size = 126);
    ASSERT_HEADER("\x82\x7E\x00\x7F", .final = true, .opcode = FRAME_BINARY, .size = 127);
    ASSERT_HEADER("\x82\x7E\xFF\xFF", .final = true, .opcode = FRAME_BINARY, .size = 65535);
    ASSERT_HEADER("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\x03\x04", .final = true,
                  .opcode = FRAME_BINARY, .size = INT64_MAX, .masked = true, .mask = {1, 2, 3, 4});
}

static void refused_lengths_not_in_their_shortest_form(void **state) {
    (void)state;
    assert_int_equal(RESULT_OF("\x82\x7E\x00\x00"), FRAME_MALFORMED);
    assert_int_equal(RESULT_OF("\x82\x7E\x00\x7D"), FRAME_MALFORMED);
    assert_int_equal(RESULT_OF("\x82\x7F\x00\x00\x00\x00\x00\x00\x00\x05"), FRAME_MALFORMED);
    assert_int_equal(RESULT_OF("\x82\x7F\x00\x00\x00\x00\x00\x00\xFF\xFF"), FRAME_MALFORMED);
}

static void refused_lengths_of_2_to_the_63_and_more(void **state) {
    (void)state;
    assert_int_equal(RESULT_OF("\x82\x7F\x80\x00\x00\x00\x00\x00\x00\x00"), FRAME_MALFORMED);
    assert_int_equal(RESULT_OF("\x82\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), FRAME_MALFORMED);
}

/* All 256 first bytes, decided from the first byte alone, with each choice of negotiated bits. */
static void every_first_byte(void **state) {
    (void)state;
    for (unsigned first = 0; first < 256; first++)
        for (unsigned negotiated = 0; negotiated <= 0x70; negotiated += 0x10) {
            unsigned opcode = first & 0x0F;
            bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
            bool whole = opcode < 8 || (first & 0x80) != 0;
            unsigned allowed = opcode == 1 || opcode == 2 ? negotiated : 0;
            bool good = known && whole && (first & 0x70 & ~allowed) == 0;
            struct frame_header header;
            size_t used;
            uint8_t bytes[] = {(uint8_t)first, 0};
            assert_int_equal(decode(bytes, 1, (uint8_t)negotiated, &header, &used),
                             good ? FRAME_NEEDS_MORE : FRAME_MALFORMED);
            assert_int_equal(decode(bytes, 2, (uint8_t)negotiated, &header, &used),
                             good ? FRAME_OK : FRAME_MALFORMED);
            if (good)
                assert_int_equal(header.reserved, first & 0x70);
        }
}

static void refused_long_control_frames_from_two_bytes(void **state) {
    (void)state;
    assert_int_equal(RESULT_OF("\x88\x7D"), FRAME_OK);
    assert_int_equal(RESULT_OF("\x88\x7E"), FRAME_MALFORMED);
    assert_int_equal(RESULT_OF("\x89\xFE"), FRAME_MALFORMED);
    assert_int_equal(RESULT_OF("\x8A\x7F"), FRAME_MALFORMED);
}

static void what_is_encoded_decodes_to_the_same(void **state) {
    (void)state;
    static const uint64_t sizes[] = {0, 1, 124, 125, 126, 127, 65535, 65536, UINT32_MAX, INT64_MAX};
    static const size_t plain_sizes[] = {2, 2, 2, 2, 4, 4, 4, 10, 10, 10};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int masked = 0; masked < 2; masked++) {
            struct frame_header header = {.final = i % 2,
                                          .opcode = FRAME_TEXT,
                                          .size = sizes[i],
                                          .reserved = FRAME_RSV1,
                                          .masked = masked,
                                          .mask = {9, 8, 7, 6}};
            struct frame_header back;
            uint8_t out[FRAME_HEADER_MAX];
            size_t used;
            size_t expected = plain_sizes[i] + (masked ? 4 : 0);
            assert_int_equal(frame_header_encode(&header, out), expected);
            assert_int_equal(frame_header_size(sizes[i], masked), expected);
            assert_int_equal(decode(out, expected, FRAME_RSV1, &back, &used), FRAME_OK);
            assert_int_equal(used, expected);
            assert_int_equal(back.size, sizes[i]);
            assert_int_equal(back.final, i % 2);
            assert_int_equal(back.reserved, FRAME_RSV1);
            assert_int_equal(back.masked, masked);
            if (masked)
                assert_memory_equal(back.mask, header.mask, FRAME_MASK_SIZE);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_examples_at_every_split),
        cmocka_unit_test(lengths_at_their_boundaries),
        cmocka_unit_test(refused_lengths_not_in_their_shortest_form),
        cmocka_unit_test(refused_lengths_of_2_to_the_63_and_more),
        cmocka_unit_test(every_first_byte),
        cmocka_unit_test(refused_long_control_frames_from_two_bytes),
        cmocka_unit_test(what_is_encoded_decodes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
