#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "ws/frame.h"

static const uint8_t mask[FRAME_MASK_SIZE] = {0x37, 0xfa, 0x21, 0x3d};

/* The masked "Hello" of RFC 6455 section 5.7. */
static void the_rfc_example(void **state) {
    (void)state;
    uint8_t data[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    frame_mask(data, sizeof data, mask, 0);
    assert_memory_equal(data, "Hello", 5);
}

/* Each size, start and phase against the formula of RFC 6455 section 5.3; nothing beside changes.
 */
static void every_size_alignment_and_phase(void **state) {
    (void)state;
    enum { LARGEST = 150, ALIGNMENTS = 33 };
    uint8_t data[ALIGNMENTS + LARGEST + 8];
    for (size_t start = 0; start < ALIGNMENTS; start++)
        for (size_t size = 0; size <= LARGEST; size++)
            for (size_t phase = 0; phase < 5; phase++) {
                for (size_t i = 0; i < sizeof data; i++)
                    data[i] = (uint8_t)(i * 31 + size);
                frame_mask(data + start, size, mask, phase);
                for (size_t i = 0; i < sizeof data; i++) {
                    bool inside = i >= start && i < start + size;
                    uint8_t key = inside ? mask[(phase + i - start) % 4] : 0;
                    if (data[i] != (uint8_t)((uint8_t)(i * 31 + size) ^ key))
                        fail_msg("size %zu start %zu phase %zu byte %zu", size, start, phase, i);
                }
            }
}

static void same_bytes_however_split(void **state) {
    (void)state;
    uint8_t whole[150], split[150];
    for (size_t at = 0; at <= sizeof whole; at++) {
        memset(whole, 'x', sizeof whole);
        memset(split, 'x', sizeof split);
        frame_mask(whole, sizeof whole, mask, 0);
        frame_mask(split, at, mask, 0);
        frame_mask(split + at, sizeof split - at, mask, at);
        assert_memory_equal(whole, split, sizeof whole);
    }
}

static void stays_within_a_block_of_its_size(void **state) {
    (void)state;
    for (size_t size = 1; size <= 130; size++) {
        uint8_t *data = calloc(size, 1);
        assert_non_null(data);
        frame_mask(data, size, mask, 3);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(data[i], mask[(3 + i) % 4]);
        frame_mask(data, size, mask, 3);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(data[i], 0);
        free(data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfc_example),
        cmocka_unit_test(every_size_alignment_and_phase),
        cmocka_unit_test(same_bytes_however_split),
        cmocka_unit_test(stays_within_a_block_of_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
