#include "message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Any mask will do for a load generator: its purpose is to stop attacks by web pages. */
static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};

bool message_form_init(struct message_form *form, size_t size) {
    form->size = size;
    form->text = malloc(size);
    for (size_t i = 0; form->text != NULL && i < size; i++)
        form->text[i] = (uint8_t)('a' + i % 26);
    return form->text != NULL;
}

void message_form_fini(struct message_form *form) {
    free(form->text);
}

static size_t write_frame_header(uint8_t *frame, uint64_t size) {
    size_t at = 0;
    frame[at++] = 0x81; /* the last frame of a text message */
    int length_bytes = size < 126 ? 0 : size <= UINT16_MAX ? 2 : 8;
    frame[at++] = (uint8_t)(0x80 | (length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127));
    for (int shift = 8 * (length_bytes - 1); shift >= 0; shift -= 8)
        frame[at++] = (uint8_t)(size >> shift);
    memcpy(frame + at, mask, sizeof mask);
    return at + sizeof mask;
}

size_t message_write_frame(const struct message_form *form, uint32_t publisher, uint32_t sequence,
                           uint8_t *frame) {
    char numbers[32];
    snprintf(numbers, sizeof numbers, "%04u:%010u;", publisher, sequence);
    uint8_t *payload = frame + write_frame_header(frame, form->size);
    for (size_t i = 0; i < form->size; i++) {
        uint8_t byte = i < MESSAGE_SIZE_MIN ? (uint8_t)numbers[i] : form->text[i];
        payload[i] = byte ^ mask[i % 4];
    }
    return (size_t)(payload - frame) + form->size;
}

/* The size of "[address] " at the start of the head, or 0. */
static uint16_t prefix_size(const struct message_check *check) {
    if (check->head_size == 0 || check->head[0] != '[')
        return 0;
    for (uint16_t i = 1; i + 1 < check->head_size; i++)
        if (check->head[i] == ']' && check->head[i + 1] == ' ')
            return i + 2;
    return 0;
}

static void compare(struct message_check *check, const struct message_form *form, uint64_t offset,
                    const uint8_t *data, size_t size) {
    if (offset > form->size || size > form->size - offset ||
        memcmp(form->text + offset, data, size) != 0)
        check->damaged = true;
}

void message_check_feed(struct message_check *check, const struct message_form *form,
                        const uint8_t *data, size_t size) {
    size_t head_room = MESSAGE_HEAD_SIZE - check->head_size;
    size_t head_part = size < head_room ? size : head_room;
    if (head_part > 0) {
        memcpy(check->head + check->head_size, data, head_part);
        check->head_size = (uint16_t)(check->head_size + head_part);
        check->size += head_part;
        check->prefix_size = prefix_size(check);
    }
    if (size > head_part) {
        compare(check, form, check->size - check->prefix_size, data + head_part, size - head_part);
        check->size += size - head_part;
    }
}

static bool read_digits(const uint8_t *digits, size_t count, uint32_t *value) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        sum = sum * 10 + (uint64_t)(digits[i] - '0');
    }
    *value = (uint32_t)sum;
    return sum <= UINT32_MAX;
}

bool message_check_end(struct message_check *check, const struct message_form *form,
                       uint32_t *publisher, uint32_t *sequence) {
    const uint8_t *text = check->head + check->prefix_size;
    size_t text_size = (size_t)(check->head_size - check->prefix_size);
    bool right = check->size == form->size + check->prefix_size && text_size >= MESSAGE_SIZE_MIN;
    if (right) {
        compare(check, form, MESSAGE_SIZE_MIN, text + MESSAGE_SIZE_MIN,
                text_size - MESSAGE_SIZE_MIN);
        right = !check->damaged && text[4] == ':' && text[15] == ';' &&
                read_digits(text, 4, publisher) && read_digits(text + 5, 10, sequence);
    }
    check->size = 0;
    check->head_size = 0;
    check->prefix_size = 0;
    check->damaged = false;
    return right;
}
