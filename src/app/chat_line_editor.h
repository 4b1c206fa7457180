/*
 * A line editor for a terminal in raw mode: keys in, whole lines out, and what to write to the
 * terminal so that it shows the line that is being typed. What arrives meanwhile is printed above
 * it, and the line stays whole.
 *
 * Pure: it has no descriptor. Text is UTF-8; the cursor moves by characters, and widths are the
 * terminal's (a wide character takes two columns, a combining one none). A line that is wider than
 * the terminal scrolls sideways.
 *
 *     ←, → Home, End, Ctrl-B, -F, -A, -E    move
 *     Backspace, Delete, Ctrl-D              delete a character
 *     Ctrl-U, Ctrl-K, Ctrl-W                 delete to the start, to the end, a word
 *     ↑, ↓, Ctrl-P, -N                       earlier lines
 *     Ctrl-L                                 draw again
 *     Ctrl-D on an empty line                the end; Ctrl-Z suspends
 */
#ifndef RINGCAST_APP_CHAT_LINE_EDITOR_H
#define RINGCAST_APP_CHAT_LINE_EDITOR_H

#include "base/bytes.h"
#include "base/utf8.h"

enum { LINE_EDITOR_HISTORY = 200, LINE_EDITOR_MAX = 64 * 1024 };

/* Fields are private. */
struct line_editor {
    struct buffer line;
    size_t cursor;                              /* bytes before it */
    size_t left;                                /* bytes scrolled out on the left */
    struct buffer history[LINE_EDITOR_HISTORY]; /* a ring, the oldest at `oldest` */
    size_t oldest, history_count;
    size_t browsing;     /* how many lines back is shown; 0: the one that is being typed */
    struct buffer typed; /* that one, while another is shown */
    uint8_t pending[8];  /* the beginning of a character or of an escape sequence */
    size_t pending_size;
    bool refused, is_full; /* something did not fit in: just now; and that was told */
};

enum line_event {
    LINE_NEEDS_MORE, /* the input is used up */
    LINE_DONE,       /* a line is in `line`, until the next call */
    LINE_END,        /* Ctrl-D on an empty line */
    LINE_SUSPEND,
    LINE_FULL,   /* something did not fit in; once a line */
    LINE_FAILED, /* out of memory; the line is as it was */
};

/* `{0}` is an editor with an empty line. */
void line_editor_fini(struct line_editor *editor);

/* Takes keys off the front of `input`, up to the next event. The caller draws afterwards. */
enum line_event line_editor_next(struct line_editor *editor, struct bytes *input,
                                 struct bytes *line);

static inline bool line_editor_is_empty(const struct line_editor *editor) {
    return editor->line.size == 0;
}

/* Appends what shows the line on an empty row of so many columns. */
enum error line_editor_draw(struct line_editor *editor, unsigned columns, struct buffer *out);

/* Appends what takes it off the screen, so that something can be printed in its place. */
enum error line_editor_erase(struct buffer *out);

/*
 * Appends a text that came from elsewhere so that it cannot play tricks with the terminal: control
 * characters, but line ends and tabs, and what turns the order of bidirectional text become
 * visible.
 */
enum error line_editor_append_harmless(struct buffer *out, struct bytes text);

#endif
