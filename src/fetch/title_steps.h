/*
 * What the files of the title tokenizer share: its steps, and what they read with.
 *
 *   title_tokenizer.c          tags and their attributes; which step comes when
 *   title_tokenizer_comment.c  comments, declarations and CDATA sections
 *   title_tokenizer_text.c     text that only one end tag ends: titles, styles, scripts
 */
#ifndef RINGCAST_FETCH_TITLE_STEPS_H
#define RINGCAST_FETCH_TITLE_STEPS_H

#include <string.h>

#include "title_tokenizer.h"
#include "title_tree.h"

enum step {
    STEP_MARKUP, /* "data" */
    STEP_TAG_OPEN,
    STEP_END_TAG_OPEN,
    STEP_TAG_NAME,
    STEP_BEFORE_ATTRIBUTE,
    STEP_ATTRIBUTE_NAME,
    STEP_AFTER_ATTRIBUTE_NAME,
    STEP_BEFORE_VALUE,
    STEP_QUOTED_VALUE,
    STEP_UNQUOTED_VALUE,
    STEP_AFTER_QUOTED_VALUE,
    STEP_SELF_CLOSING,
    STEP_DECLARATION,
    STEP_BOGUS_COMMENT, /* and doctypes, which end alike */
    STEP_COMMENT_START,
    STEP_COMMENT,
    STEP_COMMENT_BANG,
    STEP_CDATA_OPEN,
    STEP_CDATA,
    STEP_TEXT, /* RCDATA, RAWTEXT and script data */
    STEP_TEXT_LESS,
    STEP_TEXT_END_NAME,
    STEP_ESCAPE_START,
    STEP_DOUBLE_ESCAPE_START,
    STEP_DOUBLE_ESCAPE_END,
    STEP_STOPPED,
    STEP_COUNT
};

/* What a byte may be. A table, because most of the time goes into telling where names end. */
enum { SPACE = 1, LETTER = 2, DELIMITER = 4 /* of a tag's name */, EQUALS = 8 };

static const uint8_t classes[256] = {
    ['\t'] = SPACE | DELIMITER, ['\n'] = SPACE | DELIMITER,
    ['\f'] = SPACE | DELIMITER, ['\r'] = SPACE | DELIMITER,
    [' '] = SPACE | DELIMITER,  ['/'] = DELIMITER,
    ['>'] = DELIMITER,          ['='] = EQUALS,
    ['A' ... 'Z'] = LETTER,     ['a' ... 'z'] = LETTER,
};

static inline bool is_letter(uint8_t byte) {
    return classes[byte] & LETTER;
}

static inline bool is_delimiter(uint8_t byte) {
    return classes[byte] & DELIMITER;
}

/* How many of the first bytes are of none of the classes. */
static inline size_t count_without(struct bytes rest, unsigned unwanted) {
    size_t count = 0;
    while (count < rest.size && !(classes[rest.data[count]] & unwanted))
        count++;
    return count;
}

/* How many of the first bytes are of the class. */
static inline size_t count_of(struct bytes rest, unsigned wanted) {
    size_t count = 0;
    while (count < rest.size && (classes[rest.data[count]] & wanted))
        count++;
    return count;
}

/* The index of the next `byte`, or the size. */
static inline size_t index_of(struct bytes rest, uint8_t byte) {
    const uint8_t *found = memchr(rest.data, byte, rest.size);
    return found != NULL ? (size_t)(found - rest.data) : rest.size;
}

/* ---- title_tokenizer.c ----------------------------------------------------------------------- */

/* A tag begins, at that step; `flags` as in title_tree.h. */
void title_begin_tag(struct title_tokenizer *tokenizer, enum step step, unsigned flags);

/* A delimiter at index `at` goes on with the attributes or ends the tag; returns what is taken. */
size_t title_take_delimiter(struct title_tokenizer *tokenizer, struct bytes rest, size_t at);

/* Adds to the word, in lower case. A word that is too long keeps a size beyond the room, and so is
 * equal to none. */
void title_word_add(struct title_tokenizer *tokenizer, struct bytes part);

bool title_word_is(const struct title_tokenizer *tokenizer, struct bytes name);

/* ---- steps: each returns how many bytes it took ---------------------------------------------- */

size_t title_step_declaration(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_bogus_comment(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_comment_start(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_comment(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_comment_bang(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_cdata_open(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_cdata(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_text(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_text_less(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_text_end_name(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_escape_start(struct title_tokenizer *tokenizer, struct bytes rest);
size_t title_step_double_escape(struct title_tokenizer *tokenizer, struct bytes rest);

#endif
