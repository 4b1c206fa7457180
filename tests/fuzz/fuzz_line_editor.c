/*
 * What the chat client shows: the line that is typed, and what others wrote. Byte 0: the columns of
 * the terminal; 1: how the input is cut; 2: which allocation fails (0: none). The rest are keys,
 * and a text that was received as well.
 *
 * Oracles: every cut of the keys gives the same lines and the same picture; lines are UTF-8 without
 * controls of ASCII; a picture has no more columns than the terminal, and the cursor in it; of a
 * received text nothing reaches the terminal but characters, line ends and tabs, and what is
 * harmless stays.
 */
#include "base/utf8.h"
#include "chat_line_editor.h"
#include "fuzz.h"

static struct fuzz_transcript expected, heard;

/* Embeddings, overrides and isolates of bidirectional text too: they turn what stands around. */
static bool is_control(uint32_t code) {
    return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* No key types one of ASCII; the others may have been pasted. */
static void check_line(struct bytes line) {
    FUZZ_CHECK(utf8_is_valid(line));
    for (size_t i = 0; i < line.size; i++)
        FUZZ_CHECK(line.data[i] >= ' ' && line.data[i] != 0x7F);
}

static void check_characters(struct bytes text, const char *allowed) {
    FUZZ_CHECK(utf8_is_valid(text));
    while (text.size > 0) {
        uint32_t code;
        text = bytes_after(text, utf8_decode(text, &code));
        FUZZ_CHECK(!is_control(code) || (code != 0 && code < 0x80 && strchr(allowed, (int)code)));
    }
}

/* CR, "> ", the line; CSI K, CR, CSI n C. Every character takes one column here, as in locale C. */
static void check_picture(struct bytes picture, unsigned columns) {
    unsigned at, width = 0;
    FUZZ_CHECK(picture.size > 3 && memcmp(picture.data, "\r> ", 3) == 0);
    const uint8_t *end = memrchr(picture.data, '\r', picture.size);
    FUZZ_CHECK(end - picture.data >= 6 && memcmp(end - 3, "\x1b[K", 3) == 0);
    char move[16] = "";
    snprintf(move, sizeof move, "%.*s", (int)(picture.data + picture.size - end - 1),
             (const char *)end + 1);
    FUZZ_CHECK(sscanf(move, "\x1b[%uC", &at) == 1 && at < columns);
    struct bytes shown = bytes_make(picture.data + 3, (size_t)(end - picture.data) - 6);
    check_characters(shown, "");
    while (shown.size > 0) {
        uint32_t code;
        shown = bytes_after(shown, utf8_decode(shown, &code));
        width++;
    }
    FUZZ_CHECK(width + 3 <= columns && at <= width + 2);
}

static void draw(struct line_editor *editor, unsigned columns) {
    struct buffer picture = {0};
    FUZZ_CHECK(line_editor_draw(editor, columns, &picture) == ERROR_NONE);
    check_picture(buffer_bytes(&picture), columns);
    fuzz_note_bytes(&heard, picture.data, picture.size);
    buffer_fini(&picture);
}

static void check_state(const struct line_editor *editor) {
    FUZZ_CHECK(editor->cursor <= editor->line.size && editor->line.size <= LINE_EDITOR_MAX);
    FUZZ_CHECK(editor->cursor == editor->line.size ||
               (editor->line.data[editor->cursor] & 0xC0) != 0x80);
    check_line(buffer_bytes(&editor->line));
}

/* What was typed; the picture is noted behind each line and at the end, whatever the cut. */
static void type(struct bytes keys, unsigned cut, unsigned columns) {
    struct fuzz_pieces pieces = fuzz_pieces_begin(keys, cut);
    struct line_editor editor = {0};
    enum line_event event;
    uint8_t *data;
    size_t size;
    heard.size = 0;
    while (fuzz_pieces_next(&pieces, &data, &size)) {
        struct bytes input = bytes_make(data, size), line;
        while ((event = line_editor_next(&editor, &input, &line)) != LINE_NEEDS_MORE) {
            FUZZ_CHECK(event != LINE_FAILED);
            fuzz_note(&heard, "%d:", event);
            if (event == LINE_DONE) {
                check_line(line);
                fuzz_note_bytes(&heard, line.data, line.size);
            }
            draw(&editor, columns);
        }
        check_state(&editor);
    }
    draw(&editor, columns);
    line_editor_fini(&editor);
}

static void type_without_memory(struct bytes keys, unsigned columns, size_t skip) {
    struct line_editor editor = {0};
    struct bytes line;
    enum line_event event;
    memory_fail_after(skip, 1);
    while ((event = line_editor_next(&editor, &keys, &line)) != LINE_NEEDS_MORE)
        FUZZ_CHECK(event != LINE_FAILED || memory_failures() > 0);
    check_state(&editor);
    memory_fail_after(0, 0);
    draw(&editor, columns);
    line_editor_fini(&editor);
}

static void check_received(struct bytes text) {
    struct buffer shown = {0}, again = {0};
    FUZZ_CHECK(line_editor_append_harmless(&shown, text) == ERROR_NONE);
    check_characters(buffer_bytes(&shown), "\n\t");
    bool harmless = utf8_is_valid(text);
    for (struct bytes rest = text; harmless && rest.size > 0;) {
        uint32_t code;
        rest = bytes_after(rest, utf8_decode(rest, &code));
        harmless = !is_control(code) || code == '\n' || code == '\t';
    }
    FUZZ_CHECK(bytes_equal(buffer_bytes(&shown), text) == harmless);
    FUZZ_CHECK(line_editor_append_harmless(&again, buffer_bytes(&shown)) == ERROR_NONE);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&shown), buffer_bytes(&again)));
    buffer_clear(&again);
    FUZZ_CHECK(line_editor_erase(&again) == ERROR_NONE);
    FUZZ_CHECK(bytes_equal(buffer_bytes(&again), bytes_of("\r\x1b[K")));
    buffer_fini(&shown);
    buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    unsigned columns = 8 + fuzz_take(&input) % 40u, cut = fuzz_take(&input);
    unsigned failing = fuzz_take(&input);
    if (input.size > 2000)
        return 0;
    type(input, FUZZ_WHOLE, columns);
    memcpy(&expected, &heard, offsetof(struct fuzz_transcript, text) + heard.size);
    type(input, FUZZ_BYTES, columns);
    fuzz_check_same(&expected, "whole", &heard, "bytes");
    type(input, cut, columns);
    fuzz_check_same(&expected, "whole", &heard, "cut");
    if (failing > 0)
        type_without_memory(input, columns, failing - 1);
    check_received(input);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
