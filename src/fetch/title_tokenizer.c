/*
 * A state machine whose steps take as many bytes as they can. A step returns how many it took; none
 * means that another step is to read the same byte ("reconsume" in the standard). Each is named
 * after the standard's state or states that it stands for. Attributes are read only of the two tags
 * where they matter; of comments and doctypes only the end counts.
 */
#include "title_steps.h"

void title_word_add(struct title_tokenizer *tokenizer, struct bytes part) {
    for (size_t i = 0; i < part.size; i++) {
        if (tokenizer->word_size >= sizeof tokenizer->word) {
            tokenizer->word_size = sizeof tokenizer->word + 1;
            return;
        }
        tokenizer->word[tokenizer->word_size++] = (char)bytes_lower(part.data[i]);
    }
}

bool title_word_is(const struct title_tokenizer *tokenizer, struct bytes name) {
    return tokenizer->word_size == name.size && memcmp(tokenizer->word, name.data, name.size) == 0;
}

static bool word_is_text(const struct title_tokenizer *tokenizer, const char *text) {
    return title_word_is(tokenizer, bytes_of(text));
}

/* The word as far as it was kept. */
static struct bytes word(const struct title_tokenizer *tokenizer) {
    size_t room = sizeof tokenizer->word;
    return bytes_make(tokenizer->word, tokenizer->word_size < room ? tokenizer->word_size : room);
}

void title_begin_tag(struct title_tokenizer *tokenizer, enum step step, unsigned flags) {
    tokenizer->step = (uint8_t)step;
    tokenizer->tag = TITLE_TAG_OTHER;
    tokenizer->tag_flags = (uint8_t)flags;
    tokenizer->word_size = 0;
}

static void begin_text(struct title_tokenizer *tokenizer, enum title_tag tag) {
    tokenizer->step = tag == TITLE_TAG_PLAINTEXT ? STEP_STOPPED : STEP_TEXT;
    tokenizer->text_tag = (uint8_t)tag;
    tokenizer->script_level = 0;
    tokenizer->matched = 0;
}

static void finish_end_tag(struct title_tokenizer *tokenizer) {
    tokenizer->step = tokenizer->in_title ? STEP_STOPPED : STEP_MARKUP;
    if (tokenizer->text_tag != TITLE_TAG_OTHER)
        tokenizer->text_tag = TITLE_TAG_OTHER;
    else
        title_tree_end(&tokenizer->tree, (enum title_tag)tokenizer->tag, tokenizer->tag_hash);
}

/* At a tag's ">"; `behind` is the offset after it. */
static void finish_tag(struct title_tokenizer *tokenizer, size_t behind) {
    if (tokenizer->tag_flags & TITLE_TAG_IS_END) {
        finish_end_tag(tokenizer);
        return;
    }
    enum title_tag tag = (enum title_tag)tokenizer->tag;
    enum title_content content =
        title_tree_start(&tokenizer->tree, tag, tokenizer->tag_hash, tokenizer->tag_flags);
    tokenizer->step = STEP_MARKUP;
    if (content == TITLE_CONTENT_MARKUP)
        return;
    begin_text(tokenizer, tag);
    if (content == TITLE_CONTENT_TITLE) {
        tokenizer->in_title = true;
        tokenizer->title_begin = behind;
    }
}

size_t title_take_delimiter(struct title_tokenizer *tokenizer, struct bytes rest, size_t at) {
    if (rest.data[at] == '>')
        finish_tag(tokenizer, tokenizer->offset + at + 1);
    else
        tokenizer->step = rest.data[at] == '/' ? STEP_SELF_CLOSING : STEP_BEFORE_ATTRIBUTE;
    return at + 1;
}

static size_t markup(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = index_of(rest, '<');
    if (at == rest.size)
        return at;
    tokenizer->step = STEP_TAG_OPEN;
    return at + 1;
}

static size_t tag_open(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    if (is_letter(byte)) {
        title_begin_tag(tokenizer, STEP_TAG_NAME, 0);
        return 0;
    }
    tokenizer->matched = 0;
    tokenizer->step = byte == '/'   ? STEP_END_TAG_OPEN
                      : byte == '!' ? STEP_DECLARATION
                      : byte == '?' ? STEP_BOGUS_COMMENT
                                    : STEP_MARKUP;
    return tokenizer->step == STEP_MARKUP ? 0 : 1;
}

static size_t end_tag_open(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (is_letter(rest.data[0]))
        title_begin_tag(tokenizer, STEP_TAG_NAME, TITLE_TAG_IS_END);
    else
        tokenizer->step = STEP_BOGUS_COMMENT; /* "</>" is nothing at all, which ends alike */
    return 0;
}

static size_t tag_name(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_without(rest, DELIMITER);
    title_word_add(tokenizer, bytes_make(rest.data, at));
    if (at == rest.size)
        return at;
    if (tokenizer->word_size <= sizeof tokenizer->word)
        tokenizer->tag = (uint8_t)title_tag_of(&tokenizer->tree, word(tokenizer));
    tokenizer->tag_hash = title_tag_hash(word(tokenizer));
    return title_take_delimiter(tokenizer, rest, at);
}

/* Only MathML's annotation-xml and <font> among foreign elements depend on their attributes. */
static bool reads_attributes(const struct title_tokenizer *tokenizer) {
    return tokenizer->tag == TITLE_TAG_ANNOTATION_XML || tokenizer->tag == TITLE_TAG_FONT;
}

static void begin_attribute(struct title_tokenizer *tokenizer) {
    tokenizer->step = STEP_ATTRIBUTE_NAME;
    tokenizer->word_size = 0;
    tokenizer->reads_value = false;
}

/* Of attributes of one name the first counts. */
static void finish_attribute_name(struct title_tokenizer *tokenizer) {
    if (word_is_text(tokenizer, "color") || word_is_text(tokenizer, "face") ||
        word_is_text(tokenizer, "size"))
        tokenizer->tag_flags |= TITLE_TAG_FONT_ATTRIBUTE;
    if (word_is_text(tokenizer, "encoding") && !(tokenizer->tag_flags & TITLE_TAG_ENCODING_SEEN)) {
        tokenizer->tag_flags |= TITLE_TAG_ENCODING_SEEN;
        tokenizer->reads_value = true;
        tokenizer->word_size = 0;
    }
}

static void finish_value(struct title_tokenizer *tokenizer) {
    if (tokenizer->reads_value &&
        (word_is_text(tokenizer, "text/html") || word_is_text(tokenizer, "application/xhtml+xml")))
        tokenizer->tag_flags |= TITLE_TAG_HTML_ENCODING;
    tokenizer->reads_value = false;
}

/* "Before attribute name" and "after attribute name", which differ in what "=" means. */
static size_t between_attributes(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_of(rest, SPACE);
    if (at == rest.size)
        return at;
    if (rest.data[at] == '>' || rest.data[at] == '/')
        return title_take_delimiter(tokenizer, rest, at);
    if (rest.data[at] == '=' && tokenizer->step == STEP_AFTER_ATTRIBUTE_NAME) {
        tokenizer->step = STEP_BEFORE_VALUE;
        return at + 1;
    }
    begin_attribute(tokenizer);
    title_word_add(tokenizer, bytes_make(rest.data + at, 1));
    return at + 1;
}

static size_t attribute_name(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_without(rest, DELIMITER | EQUALS);
    if (reads_attributes(tokenizer))
        title_word_add(tokenizer, bytes_make(rest.data, at));
    if (at == rest.size)
        return at;
    if (reads_attributes(tokenizer))
        finish_attribute_name(tokenizer);
    tokenizer->step = STEP_AFTER_ATTRIBUTE_NAME;
    return at;
}

static size_t before_value(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_of(rest, SPACE);
    if (at == rest.size)
        return at;
    uint8_t byte = rest.data[at];
    if (byte == '>')
        return title_take_delimiter(tokenizer, rest, at);
    if (byte != '"' && byte != '\'') {
        tokenizer->step = STEP_UNQUOTED_VALUE;
        return at;
    }
    tokenizer->matched = byte;
    tokenizer->step = STEP_QUOTED_VALUE;
    return at + 1;
}

static size_t quoted_value(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = index_of(rest, tokenizer->matched);
    if (tokenizer->reads_value)
        title_word_add(tokenizer, bytes_make(rest.data, at));
    if (at == rest.size)
        return at;
    finish_value(tokenizer);
    tokenizer->step = STEP_AFTER_QUOTED_VALUE;
    return at + 1;
}

static size_t unquoted_value(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_without(rest, DELIMITER);
    while (at < rest.size && rest.data[at] == '/') /* here it is like any other */
        at += 1 + count_without(bytes_after(rest, at + 1), DELIMITER);
    if (tokenizer->reads_value)
        title_word_add(tokenizer, bytes_make(rest.data, at));
    if (at == rest.size)
        return at;
    finish_value(tokenizer);
    return title_take_delimiter(tokenizer, rest, at);
}

static size_t after_quoted_value(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (is_delimiter(rest.data[0]))
        return title_take_delimiter(tokenizer, rest, 0);
    tokenizer->step = STEP_BEFORE_ATTRIBUTE;
    return 0;
}

static size_t self_closing(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (rest.data[0] == '>') {
        tokenizer->tag_flags |= TITLE_TAG_SELF_CLOSING;
        return title_take_delimiter(tokenizer, rest, 0);
    }
    tokenizer->step = STEP_BEFORE_ATTRIBUTE;
    return 0;
}

static size_t (*const steps[STEP_COUNT])(struct title_tokenizer *, struct bytes) = {
    [STEP_MARKUP] = markup,
    [STEP_TAG_OPEN] = tag_open,
    [STEP_END_TAG_OPEN] = end_tag_open,
    [STEP_TAG_NAME] = tag_name,
    [STEP_BEFORE_ATTRIBUTE] = between_attributes,
    [STEP_ATTRIBUTE_NAME] = attribute_name,
    [STEP_AFTER_ATTRIBUTE_NAME] = between_attributes,
    [STEP_BEFORE_VALUE] = before_value,
    [STEP_QUOTED_VALUE] = quoted_value,
    [STEP_UNQUOTED_VALUE] = unquoted_value,
    [STEP_AFTER_QUOTED_VALUE] = after_quoted_value,
    [STEP_SELF_CLOSING] = self_closing,
    [STEP_DECLARATION] = title_step_declaration,
    [STEP_BOGUS_COMMENT] = title_step_bogus_comment,
    [STEP_COMMENT_START] = title_step_comment_start,
    [STEP_COMMENT] = title_step_comment,
    [STEP_COMMENT_BANG] = title_step_comment_bang,
    [STEP_CDATA_OPEN] = title_step_cdata_open,
    [STEP_CDATA] = title_step_cdata,
    [STEP_TEXT] = title_step_text,
    [STEP_TEXT_LESS] = title_step_text_less,
    [STEP_TEXT_END_NAME] = title_step_text_end_name,
    [STEP_ESCAPE_START] = title_step_escape_start,
    [STEP_DOUBLE_ESCAPE_START] = title_step_double_escape,
    [STEP_DOUBLE_ESCAPE_END] = title_step_double_escape,
};

bool title_tokenizer_feed(struct title_tokenizer *tokenizer, struct bytes piece) {
    while (piece.size > 0 && tokenizer->step != STEP_STOPPED) {
        size_t used = steps[tokenizer->step](tokenizer, piece);
        tokenizer->offset += used;
        piece = bytes_after(piece, used);
    }
    return tokenizer->step != STEP_STOPPED;
}

/* Unless the end tag was being read, all up to the end is the title's text. */
void title_tokenizer_end(struct title_tokenizer *tokenizer) {
    if (tokenizer->in_title && (tokenizer->step == STEP_TEXT || tokenizer->step == STEP_TEXT_LESS ||
                                tokenizer->step == STEP_TEXT_END_NAME))
        tokenizer->text_end = tokenizer->offset;
}
