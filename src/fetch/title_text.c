#include "title_text.h"

#include <string.h>

#include "base/utf8.h"
#include "character_reference.h"
#include "fetch/title.h"

enum { REPLACEMENT_CHARACTER = 0xFFFD };

/* Where the text goes: room for TITLE_MAX_BYTES or for all that can come, whichever is less. */
struct writer {
    struct buffer *text;
    bool has_space; /* white space was read since the last character */
    bool is_full;
};

static bool is_space(uint32_t code_point) {
    return code_point == ' ' || (code_point >= '\t' && code_point <= '\r' && code_point != '\v');
}

static void write_character(struct writer *writer, uint32_t code_point) {
    struct buffer *text = writer->text;
    if (is_space(code_point)) {
        writer->has_space = true;
        return;
    }
    uint8_t encoded[4] = {(uint8_t)code_point};
    size_t size = code_point < 0x80 ? 1 : utf8_encode(code_point, encoded);
    bool needs_space = writer->has_space && text->size > 0;
    if (writer->is_full || text->size + needs_space + size > TITLE_MAX_BYTES) {
        writer->is_full = true;
        return;
    }
    if (needs_space)
        text->data[text->size++] = ' ';
    memcpy(text->data + text->size, encoded, size);
    text->size += size;
    writer->has_space = false;
}

/* At a "&"; returns the bytes used. */
static size_t write_reference(struct writer *writer, struct bytes markup) {
    struct character_reference reference;
    size_t used = character_reference_decode(markup, &reference);
    if (used == 0) {
        write_character(writer, '&');
        return 1;
    }
    for (size_t i = 0; i < reference.count; i++)
        write_character(writer, reference.code_points[i]);
    return used;
}

static size_t write_next(struct writer *writer, struct bytes markup) {
    uint8_t first = markup.data[0];
    if (first == '&')
        return write_reference(writer, markup);
    if (first > 0 && first < 0x80) {
        write_character(writer, first);
        return 1;
    }
    uint32_t code_point;
    size_t used = utf8_decode(markup, &code_point);
    write_character(writer, code_point != 0 ? code_point : REPLACEMENT_CHARACTER);
    return used;
}

enum error title_text_decode(struct bytes markup, struct buffer *text) {
    /* A byte of markup makes at most the three of U+FFFD; references make less than they take. */
    size_t most = markup.size < TITLE_MAX_BYTES / 3 ? 3 * markup.size : TITLE_MAX_BYTES;
    enum error error = buffer_reserve(text, most);
    if (error != ERROR_NONE)
        return error;
    struct writer writer = {.text = text};
    while (markup.size > 0 && !writer.is_full)
        markup = bytes_after(markup, write_next(&writer, markup));
    return ERROR_NONE;
}
