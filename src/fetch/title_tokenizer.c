/*
 * A state machine whose steps take as many bytes as they can. A step returns how many it took; none
 * means that another step is to read the same byte ("reconsume" in the standard). Each is named
 * after the standard's state or states that it stands for. Attributes are read only of the two tags
 * where they matter; of comments and doctypes only the end counts.
 */
#include "title_tokenizer.h"

#include <string.h>

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

static bool is_letter(uint8_t byte) {
    return classes[byte] & LETTER;
}

static bool is_delimiter(uint8_t byte) {
    return classes[byte] & DELIMITER;
}

/* How many of the first bytes are of none of the classes. */
static size_t count_without(struct bytes rest, unsigned unwanted) {
    size_t count = 0;
    while (count < rest.size && !(classes[rest.data[count]] & unwanted))
        count++;
    return count;
}

/* How many of the first bytes are of the class. */
static size_t count_of(struct bytes rest, unsigned wanted) {
    size_t count = 0;
    while (count < rest.size && (classes[rest.data[count]] & wanted))
        count++;
    return count;
}

/* The index of the next `byte`, or the size. */
static size_t index_of(struct bytes rest, uint8_t byte) {
    const uint8_t *found = memchr(rest.data, byte, rest.size);
    return found != NULL ? (size_t)(found - rest.data) : rest.size;
}

/* Adds to the word, in lower case. A word that is too long keeps a size beyond the room, and so is
 * equal to none. */
static void word_add(struct title_tokenizer *tokenizer, struct bytes part) {
    for (size_t i = 0; i < part.size; i++) {
        if (tokenizer->word_size >= sizeof tokenizer->word) {
            tokenizer->word_size = sizeof tokenizer->word + 1;
            return;
        }
        uint8_t byte = part.data[i];
        bool is_upper = byte >= 'A' && byte <= 'Z';
        tokenizer->word[tokenizer->word_size++] = (char)(is_upper ? byte | 0x20 : byte);
    }
}

static bool word_is(const struct title_tokenizer *tokenizer, struct bytes name) {
    return tokenizer->word_size == name.size && memcmp(tokenizer->word, name.data, name.size) == 0;
}

static bool word_is_text(const struct title_tokenizer *tokenizer, const char *text) {
    return word_is(tokenizer, bytes_of(text));
}

/* The word as far as it was kept. */
static struct bytes word(const struct title_tokenizer *tokenizer) {
    size_t room = sizeof tokenizer->word;
    return bytes_make(tokenizer->word, tokenizer->word_size < room ? tokenizer->word_size : room);
}

static void begin_tag(struct title_tokenizer *tokenizer, enum step step, unsigned flags) {
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

/* A delimiter at index `at` goes on with the attributes or ends the tag; returns what is taken. */
static size_t take_delimiter(struct title_tokenizer *tokenizer, struct bytes rest, size_t at) {
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
        begin_tag(tokenizer, STEP_TAG_NAME, 0);
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
        begin_tag(tokenizer, STEP_TAG_NAME, TITLE_TAG_IS_END);
    else
        tokenizer->step = STEP_BOGUS_COMMENT; /* "</>" is nothing at all, which ends alike */
    return 0;
}

static size_t tag_name(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_without(rest, DELIMITER);
    word_add(tokenizer, bytes_make(rest.data, at));
    if (at == rest.size)
        return at;
    if (tokenizer->word_size <= sizeof tokenizer->word)
        tokenizer->tag = (uint8_t)title_tag_of(&tokenizer->tree, word(tokenizer));
    tokenizer->tag_hash = title_tag_hash(word(tokenizer));
    return take_delimiter(tokenizer, rest, at);
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
        return take_delimiter(tokenizer, rest, at);
    if (rest.data[at] == '=' && tokenizer->step == STEP_AFTER_ATTRIBUTE_NAME) {
        tokenizer->step = STEP_BEFORE_VALUE;
        return at + 1;
    }
    begin_attribute(tokenizer);
    word_add(tokenizer, bytes_make(rest.data + at, 1));
    return at + 1;
}

static size_t attribute_name(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_without(rest, DELIMITER | EQUALS);
    if (reads_attributes(tokenizer))
        word_add(tokenizer, bytes_make(rest.data, at));
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
        return take_delimiter(tokenizer, rest, at);
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
        word_add(tokenizer, bytes_make(rest.data, at));
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
        word_add(tokenizer, bytes_make(rest.data, at));
    if (at == rest.size)
        return at;
    finish_value(tokenizer);
    return take_delimiter(tokenizer, rest, at);
}

static size_t after_quoted_value(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (is_delimiter(rest.data[0]))
        return take_delimiter(tokenizer, rest, 0);
    tokenizer->step = STEP_BEFORE_ATTRIBUTE;
    return 0;
}

static size_t self_closing(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (rest.data[0] == '>') {
        tokenizer->tag_flags |= TITLE_TAG_SELF_CLOSING;
        return take_delimiter(tokenizer, rest, 0);
    }
    tokenizer->step = STEP_BEFORE_ATTRIBUTE;
    return 0;
}

/* After "<!": a comment, in foreign content a CDATA section, or something that ends at ">". */
static size_t declaration(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    if (byte == '-' && tokenizer->matched == 0) {
        tokenizer->matched = 1;
        return 1;
    }
    if (byte == '-') {
        tokenizer->step = STEP_COMMENT_START;
        tokenizer->matched = 0;
        return 1;
    }
    bool may_be_cdata = tokenizer->matched == 0 && title_tree_is_foreign(&tokenizer->tree);
    tokenizer->step = byte == '[' && may_be_cdata ? STEP_CDATA_OPEN : STEP_BOGUS_COMMENT;
    return 0;
}

static size_t bogus_comment(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = index_of(rest, '>');
    if (at == rest.size)
        return at;
    tokenizer->step = STEP_MARKUP;
    return at + 1;
}

/* "<!-->" and "<!--->" are whole comments. `matched` counts dashes, here and in the next two. */
static size_t comment_start(struct title_tokenizer *tokenizer, struct bytes rest) {
    if (rest.data[0] == '>') {
        tokenizer->step = STEP_MARKUP;
        return 1;
    }
    if (rest.data[0] == '-' && tokenizer->matched == 0) {
        tokenizer->matched = 1;
        return 1;
    }
    tokenizer->step = STEP_COMMENT;
    return 0;
}

static size_t comment(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    if (tokenizer->matched == 2 && (byte == '>' || byte == '!')) {
        tokenizer->step = byte == '>' ? STEP_MARKUP : STEP_COMMENT_BANG;
        return 1;
    }
    if (byte == '-') {
        tokenizer->matched = tokenizer->matched == 0 ? 1 : 2;
        return 1;
    }
    tokenizer->matched = 0;
    return index_of(rest, '-');
}

/* After "--!". */
static size_t comment_bang(struct title_tokenizer *tokenizer, struct bytes rest) {
    tokenizer->step = rest.data[0] == '>' ? STEP_MARKUP : STEP_COMMENT;
    tokenizer->matched = 0;
    return rest.data[0] == '>' ? 1 : 0;
}

static size_t cdata_open(struct title_tokenizer *tokenizer, struct bytes rest) {
    static const char opening[] = "[CDATA[";
    if (rest.data[0] != (uint8_t)opening[tokenizer->matched]) {
        tokenizer->step = STEP_BOGUS_COMMENT;
        return 0;
    }
    if (opening[++tokenizer->matched] == '\0') {
        tokenizer->step = STEP_CDATA;
        tokenizer->matched = 0;
    }
    return 1;
}

/* `matched` counts brackets. */
static size_t cdata(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    if (byte == ']') {
        tokenizer->matched = tokenizer->matched == 0 ? 1 : 2;
        return 1;
    }
    if (byte == '>' && tokenizer->matched == 2) {
        tokenizer->step = STEP_MARKUP;
        return 1;
    }
    tokenizer->matched = 0;
    return index_of(rest, ']');
}

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

static size_t text(struct title_tokenizer *tokenizer, struct bytes rest) {
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
static size_t text_less(struct title_tokenizer *tokenizer, struct bytes rest) {
    uint8_t byte = rest.data[0];
    bool is_script = tokenizer->text_tag == TITLE_TAG_SCRIPT;
    text_again(tokenizer);
    if (byte == '/') {
        bool is_double = tokenizer->script_level == 2;
        begin_tag(tokenizer, is_double ? STEP_DOUBLE_ESCAPE_END : STEP_TEXT_END_NAME,
                  TITLE_TAG_IS_END);
        return 1;
    }
    if (byte == '!' && is_script && tokenizer->script_level == 0) {
        tokenizer->step = STEP_ESCAPE_START;
        return 1;
    }
    if (is_letter(byte) && tokenizer->script_level == 1)
        begin_tag(tokenizer, STEP_DOUBLE_ESCAPE_START, 0);
    return 0;
}

/* Letters are added to the word; the index of what follows them. */
static size_t take_letters(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = count_of(rest, LETTER);
    word_add(tokenizer, bytes_make(rest.data, at));
    return at;
}

static size_t text_end_name(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = take_letters(tokenizer, rest);
    if (at == rest.size)
        return at;
    struct bytes name = title_tag_name((enum title_tag)tokenizer->text_tag);
    if (word_is(tokenizer, name) && is_delimiter(rest.data[at]))
        return take_delimiter(tokenizer, rest, at);
    text_again(tokenizer);
    return at;
}

/* After "<!" in script data: two dashes begin an escape, and may already be those that end it. */
static size_t escape_start(struct title_tokenizer *tokenizer, struct bytes rest) {
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
static size_t double_escape(struct title_tokenizer *tokenizer, struct bytes rest) {
    size_t at = take_letters(tokenizer, rest);
    if (at == rest.size)
        return at;
    bool is_switch = is_delimiter(rest.data[at]) && word_is_text(tokenizer, "script");
    if (is_switch)
        tokenizer->script_level = tokenizer->step == STEP_DOUBLE_ESCAPE_START ? 2 : 1;
    text_again(tokenizer);
    return is_delimiter(rest.data[at]) ? at + 1 : at;
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
    [STEP_DECLARATION] = declaration,
    [STEP_BOGUS_COMMENT] = bogus_comment,
    [STEP_COMMENT_START] = comment_start,
    [STEP_COMMENT] = comment,
    [STEP_COMMENT_BANG] = comment_bang,
    [STEP_CDATA_OPEN] = cdata_open,
    [STEP_CDATA] = cdata,
    [STEP_TEXT] = text,
    [STEP_TEXT_LESS] = text_less,
    [STEP_TEXT_END_NAME] = text_end_name,
    [STEP_ESCAPE_START] = escape_start,
    [STEP_DOUBLE_ESCAPE_START] = double_escape,
    [STEP_DOUBLE_ESCAPE_END] = double_escape,
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
