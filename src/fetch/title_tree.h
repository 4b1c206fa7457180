/*
 * As much of HTML's tree construction as the tokenizer depends on: whether a tag stands in HTML, in
 * SVG or MathML, or in a template, and hence how what follows it is to be read. WHATWG HTML
 * sections 13.2.6 and 13.2.6.5.
 */
#ifndef RINGCAST_FETCH_TITLE_TREE_H
#define RINGCAST_FETCH_TITLE_TREE_H

#include "fetch/title.h"

/* The tags that matter; the other ones are OTHER. */
enum title_tag {
    TITLE_TAG_OTHER,
    /* HTML elements that hold text, not markup */
    TITLE_TAG_TITLE,
    TITLE_TAG_TEXTAREA,
    TITLE_TAG_STYLE,
    TITLE_TAG_XMP,
    TITLE_TAG_IFRAME,
    TITLE_TAG_NOEMBED,
    TITLE_TAG_NOFRAMES,
    TITLE_TAG_SCRIPT,
    TITLE_TAG_PLAINTEXT,
    /* HTML elements that change the rules for what is in them */
    TITLE_TAG_TEMPLATE,
    TITLE_TAG_SVG,
    TITLE_TAG_MATH,
    /* told apart in foreign content only */
    TITLE_TAG_SVG_POINT,       /* foreignObject, desc: in SVG they hold HTML */
    TITLE_TAG_MATH_TEXT_POINT, /* mi, mo, mn, ms, mtext: in MathML they hold HTML */
    TITLE_TAG_MATH_GLYPH,      /* mglyph, malignmark: MathML even there */
    TITLE_TAG_ANNOTATION_XML,
    TITLE_TAG_BREAKOUT,       /* the start tag ends all foreign content */
    TITLE_TAG_BREAKOUT_START, /* the same, of elements that no end tag ends */
    TITLE_TAG_BREAKOUT_BOTH,  /* the same, and the end tag does so in any case */
    TITLE_TAG_ROOT,           /* html */
    TITLE_TAG_FONT,           /* a breakout if it has a certain attribute */
};

enum {
    TITLE_TAG_IS_END = 1,
    TITLE_TAG_SELF_CLOSING = 2,
    TITLE_TAG_FONT_ATTRIBUTE = 4, /* <font> with color, face or size */
    TITLE_TAG_HTML_ENCODING = 8,  /* <annotation-xml> whose encoding says that it holds HTML */
    TITLE_TAG_ENCODING_SEEN = 16,
};

/* How to read on after a start tag. */
enum title_content {
    TITLE_CONTENT_MARKUP,
    TITLE_CONTENT_TEXT,  /* up to the end tag of that name */
    TITLE_CONTENT_TITLE, /* the same, and it is the document's title */
};

/* The tag of a name in lower case. */
enum title_tag title_tag_of(const struct title_tree *tree, struct bytes name);

/* The name of an element that holds text. */
struct bytes title_tag_name(enum title_tag tag);

/* Stands for a name among the open elements. */
uint32_t title_tag_hash(struct bytes name);

/* `flags` are TITLE_TAG_… bits. */
enum title_content title_tree_start(struct title_tree *tree, enum title_tag tag, uint32_t hash,
                                    unsigned flags);
void title_tree_end(struct title_tree *tree, enum title_tag tag, uint32_t hash);

/* Is the current element a foreign one, where CDATA sections exist? */
bool title_tree_is_foreign(const struct title_tree *tree);

#endif
