#include "chat_line_editor.h"

#include <string.h>
#include <wchar.h>

static const char prompt[] = "> ";
enum { PROMPT_COLUMNS = sizeof prompt - 1, ESCAPE = 0x1B, COLUMNS_LEAST = 8 };

void line_editor_fini(struct line_editor *editor) {
    buffer_fini(&editor->line);
    buffer_fini(&editor->typed);
    for (size_t i = 0; i < LINE_EDITOR_HISTORY; i++)
        buffer_fini(&editor->history[i]);
    *editor = (struct line_editor){0};
}

/* ---- characters ------------------------------------------------------------------------------ */

static size_t character_at(const struct line_editor *editor, size_t position, uint32_t *code) {
    return utf8_decode(bytes_after(buffer_bytes(&editor->line), position), code);
}

/* What a terminal would obey, or what turns the order of what stands around it: control characters,
 * and the embeddings, overrides and isolates of bidirectional text. */
static bool is_harmless(uint32_t code) {
    bool control = code < 0x20 || (code >= 0x7F && code < 0xA0);
    bool turns = (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
    return !control && !turns && code != 0xFFFD;
}

/* In place of what is not harmless stands U+FFFD. */
static unsigned width_of(uint32_t code) {
    int width = is_harmless(code) ? wcwidth((wchar_t)code) : 1;
    return width < 0 ? 1 : (unsigned)width;
}

/* The line holds valid UTF-8 only. */
static size_t before(const struct line_editor *editor, size_t position) {
    if (position == 0)
        return 0;
    do
        position--;
    while (position > 0 && (editor->line.data[position] & 0xC0) == 0x80);
    return position;
}

static size_t behind(const struct line_editor *editor, size_t position) {
    uint32_t code;
    return position < editor->line.size ? position + character_at(editor, position, &code)
                                        : position;
}

static unsigned columns_between(const struct line_editor *editor, size_t from, size_t to) {
    unsigned columns = 0;
    while (from < to) {
        uint32_t code;
        from += character_at(editor, from, &code);
        columns += width_of(code);
    }
    return columns;
}

/* ---- editing --------------------------------------------------------------------------------- */

/* Nothing changes in front of what is shown: it begins between two characters. */
static void show_cursor(struct line_editor *editor) {
    if (editor->left > editor->cursor)
        editor->left = editor->cursor;
}

static bool insert(struct line_editor *editor, const uint8_t *bytes, size_t size) {
    if (editor->line.size + size > LINE_EDITOR_MAX) {
        editor->refused = true;
        return true;
    }
    if (buffer_reserve(&editor->line, size) != ERROR_NONE)
        return false;
    show_cursor(editor);
    uint8_t *at = editor->line.data + editor->cursor;
    memmove(at + size, at, editor->line.size - editor->cursor);
    memcpy(at, bytes, size);
    editor->line.size += size;
    editor->cursor += size;
    return true;
}

static void erase(struct line_editor *editor, size_t from, size_t to) {
    if (from == to)
        return;
    memmove(editor->line.data + from, editor->line.data + to, editor->line.size - to);
    editor->line.size -= to - from;
    editor->cursor = from;
    show_cursor(editor);
}

/* The blanks before the cursor, and the word before them. */
static size_t word_start(const struct line_editor *editor) {
    size_t at = editor->cursor;
    while (at > 0 && editor->line.data[at - 1] == ' ')
        at--;
    while (at > 0 && editor->line.data[at - 1] != ' ')
        at--;
    return at;
}

static bool set_line(struct line_editor *editor, const struct buffer *text) {
    if (buffer_reserve(&editor->line, text->size) != ERROR_NONE)
        return false;
    if (text->size > 0)
        memcpy(editor->line.data, text->data, text->size);
    editor->line.size = editor->cursor = text->size;
    editor->left = 0;
    return true;
}

/* ---- earlier lines --------------------------------------------------------------------------- */

static struct buffer *earlier(struct line_editor *editor, size_t back) {
    return &editor->history[(editor->oldest + editor->history_count - back) % LINE_EDITOR_HISTORY];
}

/* A line that cannot be kept for want of memory is only missing there. */
static void remember(struct line_editor *editor) {
    if (editor->line.size == 0)
        return;
    if (editor->history_count > 0 &&
        bytes_equal(buffer_bytes(earlier(editor, 1)), buffer_bytes(&editor->line)))
        return;
    if (editor->history_count == LINE_EDITOR_HISTORY) {
        editor->oldest = (editor->oldest + 1) % LINE_EDITOR_HISTORY;
        editor->history_count--;
    }
    editor->history_count++;
    struct buffer *place = earlier(editor, 1);
    buffer_clear(place);
    if (buffer_append(place, editor->line.data, editor->line.size) != ERROR_NONE)
        editor->history_count--;
}

static bool browse(struct line_editor *editor, size_t back) {
    if (back > editor->history_count)
        return true;
    if (editor->browsing == 0) {
        buffer_clear(&editor->typed);
        if (buffer_append(&editor->typed, editor->line.data, editor->line.size) != ERROR_NONE)
            return false;
    }
    if (!set_line(editor, back == 0 ? &editor->typed : earlier(editor, back)))
        return false;
    editor->browsing = back;
    return true;
}

static bool browse_up(struct line_editor *editor) {
    return browse(editor, editor->browsing + 1);
}

static bool browse_down(struct line_editor *editor) {
    return editor->browsing == 0 || browse(editor, editor->browsing - 1);
}

/* ---- keys ------------------------------------------------------------------------------------ */

/* False: out of memory. */
static bool press_control(struct line_editor *editor, uint8_t key) {
    switch (key) {
    case 'A' & 0x1F:
        editor->cursor = 0;
        return true;
    case 'B' & 0x1F:
        editor->cursor = before(editor, editor->cursor);
        return true;
    case 'D' & 0x1F:
        erase(editor, editor->cursor, behind(editor, editor->cursor));
        return true;
    case 'E' & 0x1F:
        editor->cursor = editor->line.size;
        return true;
    case 'F' & 0x1F:
        editor->cursor = behind(editor, editor->cursor);
        return true;
    case 'H' & 0x1F:
    case 0x7F:
        erase(editor, before(editor, editor->cursor), editor->cursor);
        return true;
    case 'K' & 0x1F:
        erase(editor, editor->cursor, editor->line.size);
        return true;
    case 'N' & 0x1F:
        return browse_down(editor);
    case 'P' & 0x1F:
        return browse_up(editor);
    case 'U' & 0x1F:
        erase(editor, 0, editor->cursor);
        return true;
    case 'W' & 0x1F:
        erase(editor, word_start(editor), editor->cursor);
        return true;
    default:
        return true; /* such as Ctrl-L: the line is drawn again after every key */
    }
}

/* ESC [ … or ESC O …: the last byte says which key, for some of them with a number before it. */
static bool press_sequence(struct line_editor *editor) {
    switch (editor->pending[editor->pending_size - 1]) {
    case 'A':
        return browse_up(editor);
    case 'B':
        return browse_down(editor);
    case 'C':
        return press_control(editor, 'F' & 0x1F);
    case 'D':
        return press_control(editor, 'B' & 0x1F);
    case 'H':
        return press_control(editor, 'A' & 0x1F);
    case 'F':
        return press_control(editor, 'E' & 0x1F);
    default:
        break;
    }
    if (editor->pending_size != 4 || editor->pending[3] != '~')
        return true;
    switch (editor->pending[2]) {
    case '1':
    case '7':
        return press_control(editor, 'A' & 0x1F);
    case '3':
        return press_control(editor, 'D' & 0x1F);
    case '4':
    case '8':
        return press_control(editor, 'E' & 0x1F);
    default:
        return true;
    }
}

/* Is the escape sequence whole? One that is too long to be a key's is passed over. */
static bool sequence_is_whole(const struct line_editor *editor) {
    const uint8_t *bytes = editor->pending;
    size_t size = editor->pending_size;
    if (size == sizeof editor->pending)
        return true;
    if (size < 2 || (size == 2 && (bytes[1] == '[' || bytes[1] == 'O')))
        return false;
    return bytes[1] != '[' || (bytes[size - 1] >= 0x40 && bytes[size - 1] <= 0x7E);
}

static bool press_character(struct line_editor *editor) {
    struct utf8_check check = {0};
    size_t size = editor->pending_size;
    bool good = utf8_check_next(&check, bytes_make(editor->pending, size));
    if (good && !utf8_check_is_complete(&check))
        return true; /* the rest is still to come */
    editor->pending_size = 0;
    return !good || insert(editor, editor->pending, size);
}

/* Takes one byte of input; false: out of memory. */
static bool take_byte(struct line_editor *editor, uint8_t byte) {
    bool in_character = editor->pending_size > 0 && editor->pending[0] != ESCAPE;
    if (in_character && (byte & 0xC0) != 0x80)
        editor->pending_size = 0; /* it never became whole */
    if (editor->pending_size == 0 && (byte < 0x20 || byte == 0x7F) && byte != ESCAPE)
        return press_control(editor, byte);
    editor->pending[editor->pending_size++] = byte;
    if (editor->pending[0] != ESCAPE)
        return press_character(editor);
    if (!sequence_is_whole(editor))
        return true;
    bool done = editor->pending_size < 3 || press_sequence(editor);
    editor->pending_size = 0;
    return done;
}

static enum line_event finish_line(struct line_editor *editor, struct bytes *line) {
    remember(editor);
    /* the line moves out, so that it can be read while the next one is typed */
    struct buffer emptied = editor->typed;
    editor->typed = editor->line;
    editor->line = emptied;
    buffer_clear(&editor->line);
    editor->cursor = editor->left = editor->browsing = 0;
    editor->is_full = false;
    *line = buffer_bytes(&editor->typed);
    return LINE_DONE;
}

static enum line_event tell_full_once(struct line_editor *editor) {
    bool told = editor->is_full;
    editor->refused = false;
    editor->is_full = true;
    return told ? LINE_NEEDS_MORE : LINE_FULL;
}

enum line_event line_editor_next(struct line_editor *editor, struct bytes *input,
                                 struct bytes *line) {
    while (input->size > 0) {
        uint8_t byte = input->data[0];
        bool plain = editor->pending_size == 0;
        *input = bytes_after(*input, 1);
        if (plain && (byte == '\r' || byte == '\n'))
            return finish_line(editor, line);
        if (plain && byte == ('D' & 0x1F) && editor->line.size == 0)
            return LINE_END;
        if (plain && byte == ('Z' & 0x1F))
            return LINE_SUSPEND;
        if (!take_byte(editor, byte))
            return LINE_FAILED;
        if (editor->refused && tell_full_once(editor) == LINE_FULL)
            return LINE_FULL;
    }
    return LINE_NEEDS_MORE;
}

/* ---- drawing --------------------------------------------------------------------------------- */

/* Scrolls so that the cursor is in sight: a third of the room behind what is too wide. */
static void scroll(struct line_editor *editor, unsigned room) {
    show_cursor(editor);
    unsigned columns = columns_between(editor, editor->left, editor->cursor);
    if (columns <= room)
        return;
    while (columns > room - room / 3) {
        uint32_t code;
        editor->left += character_at(editor, editor->left, &code);
        columns -= width_of(code);
    }
}

/* Behind what fits in. */
static size_t end_of_sight(const struct line_editor *editor, unsigned room) {
    size_t end = editor->left;
    unsigned columns = 0;
    while (end < editor->line.size) {
        uint32_t code;
        size_t size = character_at(editor, end, &code);
        columns += width_of(code);
        if (columns > room)
            break;
        end += size;
    }
    return end;
}

enum error line_editor_draw(struct line_editor *editor, unsigned columns, struct buffer *out) {
    unsigned room = (columns < COLUMNS_LEAST ? COLUMNS_LEAST : columns) - PROMPT_COLUMNS - 1;
    scroll(editor, room);
    unsigned at = PROMPT_COLUMNS + columns_between(editor, editor->left, editor->cursor);
    struct bytes seen = bytes_after(buffer_bytes(&editor->line), editor->left);
    seen.size = end_of_sight(editor, room) - editor->left;
    enum error error = buffer_format(out, "\r%s", prompt);
    if (error == ERROR_NONE)
        error = line_editor_append_harmless(out, seen);
    return error == ERROR_NONE ? buffer_format(out, "\x1b[K\r\x1b[%uC", at) : error;
}

enum error line_editor_erase(struct buffer *out) {
    return buffer_append_text(out, "\r\x1b[K");
}

enum error line_editor_append_harmless(struct buffer *out, struct bytes text) {
    enum error error = ERROR_NONE;
    while (text.size > 0 && error == ERROR_NONE) {
        uint32_t code;
        size_t size = utf8_decode(text, &code);
        if (code == '\n' || code == '\t' || is_harmless(code))
            error = buffer_append(out, text.data, size);
        else if (code < 0x20)
            error = buffer_format(out, "^%c", (char)(code + '@'));
        else
            error = buffer_append_text(out, "\xEF\xBF\xBD");
        text = bytes_after(text, size);
    }
    return error;
}
