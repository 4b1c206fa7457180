/*
 * Masking (RFC 6455 section 5.3). Every byte that a client sends passes here, so it goes by blocks
 * of vectors; memcpy() makes any alignment fine and compiles to plain loads and stores.
 */
#include <string.h>

#include "ws/frame.h"

/* 16 bytes: what every x86-64 and arm64 has as one register. */
typedef uint64_t lanes __attribute__((vector_size(16)));

enum { LANES_A_BLOCK = 4, BLOCK_SIZE = LANES_A_BLOCK * sizeof(lanes) };

/* Two turns of the mask as they lie in memory, beginning with mask[phase]. */
static uint64_t turned_mask(const uint8_t mask[FRAME_MASK_SIZE], size_t phase) {
    uint32_t turn;
    unsigned bits = 8 * (phase % FRAME_MASK_SIZE);
    memcpy(&turn, mask, sizeof turn);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    turn = turn >> bits | turn << (32 - bits) % 32;
#else
    turn = turn << bits | turn >> (32 - bits) % 32;
#endif
    return (uint64_t)turn << 32 | turn;
}

static void mask_block(uint8_t *data, uint64_t word) {
    for (size_t i = 0; i < LANES_A_BLOCK; i++) {
        lanes part;
        memcpy(&part, data + i * sizeof part, sizeof part);
        part ^= word;
        memcpy(data + i * sizeof part, &part, sizeof part);
    }
}

static void mask_word(uint8_t *data, uint64_t word) {
    uint64_t value;
    memcpy(&value, data, sizeof value);
    value ^= word;
    memcpy(data, &value, sizeof value);
}

static void mask_last_bytes(uint8_t *data, size_t size, uint64_t word) {
    uint8_t key[sizeof word];
    memcpy(key, &word, sizeof word);
    for (size_t i = 0; i < size; i++)
        data[i] ^= key[i];
}

void frame_mask(uint8_t *data, size_t size, const uint8_t mask[FRAME_MASK_SIZE], size_t phase) {
    /* Blocks and words are whole turns of the mask, so the same word fits each of them. */
    uint64_t word = turned_mask(mask, phase);
    for (; size >= BLOCK_SIZE; data += BLOCK_SIZE, size -= BLOCK_SIZE)
        mask_block(data, word);
    for (; size >= sizeof word; data += sizeof word, size -= sizeof word)
        mask_word(data, word);
    mask_last_bytes(data, size, word);
}
