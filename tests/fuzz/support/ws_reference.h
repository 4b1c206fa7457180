/*
 * RFC 6455 read once more, as plainly as it can be: the oracle for frames and messages. It looks at
 * everything that came at once, knows no slices, and shares no code with src/ws.
 */
#ifndef RINGCAST_TESTS_WS_REFERENCE_H
#define RINGCAST_TESTS_WS_REFERENCE_H

#include <string.h>

#include "base/bytes.h"

enum ref_verdict { REF_GOOD, REF_SHORT, REF_BAD };

struct ref_frame {
    bool fin, masked;
    unsigned rsv; /* the three bits as a number, RSV1 the highest */
    unsigned opcode;
    uint64_t length;
    const uint8_t *key; /* 4 bytes, if masked */
    size_t head;        /* bytes before the payload */
};

/* Section 5.2: the bits of the first two bytes. */
static inline enum ref_verdict ref_first_bytes(struct bytes in, unsigned allowed_rsv,
                                               struct ref_frame *frame) {
    if (in.size == 0)
        return REF_SHORT;
    frame->fin = in.data[0] >> 7;
    frame->rsv = in.data[0] >> 4 & 7;
    frame->opcode = in.data[0] % 16;
    bool control = frame->opcode == 8 || frame->opcode == 9 || frame->opcode == 10;
    bool data = frame->opcode == 0 || frame->opcode == 1 || frame->opcode == 2;
    if ((!control && !data) || (control && !frame->fin))
        return REF_BAD;
    bool may_be_extended = frame->opcode == 1 || frame->opcode == 2;
    if (frame->rsv & ~(may_be_extended ? allowed_rsv : 0))
        return REF_BAD;
    if (in.size == 1)
        return REF_SHORT;
    frame->masked = in.data[1] >= 128;
    frame->length = in.data[1] % 128;
    return control && frame->length > 125 ? REF_BAD : REF_GOOD;
}

/* The extended length: the smallest form that can say it, and no more than 63 bits. */
static inline enum ref_verdict ref_length(struct bytes in, struct ref_frame *frame) {
    if (frame->length == 126) {
        if (in.size < 4)
            return REF_SHORT;
        frame->length = in.data[2] * 256u + in.data[3];
        frame->head = 4;
        return frame->length < 126 ? REF_BAD : REF_GOOD;
    }
    if (frame->length == 127) {
        if (in.size < 10)
            return REF_SHORT;
        frame->length = 0;
        for (int i = 2; i < 10; i++)
            frame->length = frame->length * 256 + in.data[i];
        frame->head = 10;
        return frame->length < 65536 || in.data[2] >= 128 ? REF_BAD : REF_GOOD;
    }
    frame->head = 2;
    return REF_GOOD;
}

static inline enum ref_verdict ref_frame(struct bytes in, unsigned allowed_rsv,
                                         struct ref_frame *frame) {
    memset(frame, 0, sizeof *frame);
    enum ref_verdict verdict = ref_first_bytes(in, allowed_rsv, frame);
    if (verdict == REF_GOOD)
        verdict = ref_length(in, frame);
    if (verdict != REF_GOOD || !frame->masked)
        return verdict;
    if (in.size < frame->head + 4)
        return REF_SHORT;
    frame->key = in.data + frame->head;
    frame->head += 4;
    return REF_GOOD;
}

/* Could a text that begins with these bytes be UTF-8 (RFC 3629)? `complete`: is it, as a whole? */
static inline bool ref_utf8(struct bytes text, bool complete) {
    size_t i = 0;
    while (i < text.size) {
        static const struct {
            uint8_t mask, mark;
            uint32_t least;
        } forms[] = {
            {0x80, 0x00, 0}, {0xE0, 0xC0, 0x80}, {0xF0, 0xE0, 0x800}, {0xF8, 0xF0, 0x10000}};
        size_t extra = 0;
        while (extra < 4 && (text.data[i] & forms[extra].mask) != forms[extra].mark)
            extra++;
        if (extra == 4)
            return false;
        /* what is missing could be anything from 10000000 to 10111111 */
        uint32_t lowest = text.data[i] & (uint8_t)~forms[extra].mask, highest = lowest;
        bool cut = false;
        for (size_t k = 1; k <= extra; k++) {
            cut = cut || i + k >= text.size;
            if (!cut && text.data[i + k] >> 6 != 2)
                return false;
            lowest = lowest << 6 | (cut ? 0 : text.data[i + k] & 0x3Fu);
            highest = highest << 6 | (cut ? 0x3F : text.data[i + k] & 0x3Fu);
        }
        bool all_surrogates = lowest >= 0xD800 && highest <= 0xDFFF;
        if (highest < forms[extra].least || lowest > 0x10FFFF || all_surrogates)
            return false;
        if (cut)
            return !complete;
        i += extra + 1;
    }
    return true;
}

/* Section 7.4 and IANA's registry as of RFC 6455's updates. */
static inline bool ref_close_code(unsigned code) {
    switch (code) {
    case 1000:
    case 1001:
    case 1002:
    case 1003:
    case 1007:
    case 1008:
    case 1009:
    case 1010:
    case 1011:
    case 1012:
    case 1013:
    case 1014:
        return true;
    default:
        return code / 1000 == 3 || code / 1000 == 4;
    }
}

#endif
