/*
 * Text that only one end tag ends: RCDATA, RAWTEXT and script data, with the escapes of the latter.
 */
#include "title_steps.h"

static void text_again(struct title_tokenizer *tokenizer) {
    tokenizer->step = STEP_TEXT;
    tokenizer->matched = 0;
}

/* Script data behind "<!--": up to "<", or to the "-->" that ends the escape. `matched` counts
 * dashes. */
static size_t escaped_text(struct title_tokenizer *tokenizer, struct bytes rest) {
    for (size_t at = 0; at < rest.size; at++) {
        uint8_t byte = rest.data[at];
        if (byte == '<') {
            tokenizer->step = STEP_TEXT_LESS;
            return at + 1;
        }
        if (byte == '-') {
            tokenizer->matched = tokenizer->matched == 0 ? 1 : 2;
        } else if (byte == '>' && tokenizer->matched == 2) {
            tokenizer->script_level = 0;
            tokenizer->matched = 0;
            return at + 1;
        } else {
            tokenizer->matched = 0;
        }
    }
    return rest.size;
}

size_t title_step_text(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (tokenizer->script_level > 0)
        return escaped_text(tokenizer, rest);
    size_t at = index_of(rest, '<');
    if (at == rest.size)
        return at;
    tokenizer->text_end = tokenizer->offset + at;
    tokenizer->step = STEP_TEXT_LESS;
    return at + 1;
}

/* After "<" in text. In double escaped script data even "</script>" is text. */
size_t title_step_text_less(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    bool is_script = tokenizer->text_tag == TITLE_TAG_SCRIPT;
    text_again(tokenizer);
    if (byte == '/') {
        bool is_double = tokenizer->script_level == 2;
        title_begin_tag(tokenizer, is_double ? STEP_DOUBLE_ESCAPE_END : STEP_TEXT_END_NAME,
                        TITLE_TAG_IS_END);
        return 1;
    }
    if (byte == '!' && is_script && tokenizer->script_level == 0) {
        tokenizer->step = STEP_ESCAPE_START;
        return 1;
    }
    if (is_letter(byte) && tokenizer->script_level == 1)
        title_begin_tag(tokenizer, STEP_DOUBLE_ESCAPE_START, 0);
    return 0;
}

/* Letters are added to the word; the index of what follows them. */
static size_t take_letters(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_of(rest, LETTER);
    title_word_add(tokenizer, bytes_make(rest.data, at));
    return at;
}

size_t title_step_text_end_name(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = take_letters(tokenizer, rest);
    if (at == rest.size)
        return at;
    struct bytes name = title_tag_name((enum title_tag)tokenizer->text_tag);
    if (title_word_is(tokenizer, name) && is_delimiter(rest.data[at]))
        return title_take_delimiter(tokenizer, rest, at);
    text_again(tokenizer);
    return at;
}

/* After "<!" in script data: two dashes begin an escape, and may already be those that end it. */
size_t title_step_escape_start(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (rest.data[0] != '-') {
        text_again(tokenizer);
        return 0;
    }
    if (++tokenizer->matched == 2) {
        tokenizer->script_level = 1;
        tokenizer->step = STEP_TEXT;
    }
    return 1;
}

/* "<script" in escaped script data, "</script" in double escaped, each with a delimiter behind it.
 */
size_t title_step_double_escape(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = take_letters(tokenizer, rest);
    if (at == rest.size)
        return at;
    bool is_switch = is_delimiter(rest.data[at]) && title_word_is(tokenizer, bytes_of("script"));
    if (is_switch)
        tokenizer->script_level = tokenizer->step == STEP_DOUBLE_ESCAPE_START ? 2 : 1;
    text_again(tokenizer);
    return is_delimiter(rest.data[at]) ? at + 1 : at;
}
