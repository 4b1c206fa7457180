#include "title_tree.h"

#include <string.h>

struct known_tag {
    const char *name;
    uint8_t size;
    uint8_t tag;
};

#define TAG(name, id) {name, sizeof name - 1, TITLE_TAG_##id}

static const struct known_tag html_tags[] = {
    TAG("title", TITLE),     TAG("script", SCRIPT),     TAG("style", STYLE),
    TAG("svg", SVG),         TAG("template", TEMPLATE), TAG("textarea", TEXTAREA),
    TAG("math", MATH),       TAG("iframe", IFRAME),     TAG("noframes", NOFRAMES),
    TAG("noembed", NOEMBED), TAG("xmp", XMP),           TAG("plaintext", PLAINTEXT),
};

static const struct known_tag foreign_tags[] = {
    TAG("foreignobject", SVG_POINT),
    TAG("desc", SVG_POINT),
    TAG("mi", MATH_TEXT_POINT),
    TAG("mo", MATH_TEXT_POINT),
    TAG("mn", MATH_TEXT_POINT),
    TAG("ms", MATH_TEXT_POINT),
    TAG("mtext", MATH_TEXT_POINT),
    TAG("mglyph", MATH_GLYPH),
    TAG("malignmark", MATH_GLYPH),
    TAG("annotation-xml", ANNOTATION_XML),
    TAG("html", ROOT),
    TAG("font", FONT),
    TAG("br", BREAKOUT_BOTH),
    TAG("p", BREAKOUT_BOTH),
    TAG("b", BREAKOUT),
    TAG("big", BREAKOUT),
    TAG("blockquote", BREAKOUT),
    TAG("body", BREAKOUT_START),
    TAG("center", BREAKOUT),
    TAG("code", BREAKOUT),
    TAG("dd", BREAKOUT),
    TAG("div", BREAKOUT),
    TAG("dl", BREAKOUT),
    TAG("dt", BREAKOUT),
    TAG("em", BREAKOUT),
    TAG("embed", BREAKOUT_START),
    TAG("h1", BREAKOUT),
    TAG("h2", BREAKOUT),
    TAG("h3", BREAKOUT),
    TAG("h4", BREAKOUT),
    TAG("h5", BREAKOUT),
    TAG("h6", BREAKOUT),
    TAG("head", BREAKOUT_START),
    TAG("hr", BREAKOUT_START),
    TAG("i", BREAKOUT),
    TAG("img", BREAKOUT_START),
    TAG("li", BREAKOUT),
    TAG("listing", BREAKOUT),
    TAG("menu", BREAKOUT),
    TAG("meta", BREAKOUT_START),
    TAG("nobr", BREAKOUT),
    TAG("ol", BREAKOUT),
    TAG("pre", BREAKOUT),
    TAG("ruby", BREAKOUT),
    TAG("s", BREAKOUT),
    TAG("small", BREAKOUT),
    TAG("span", BREAKOUT),
    TAG("strong", BREAKOUT),
    TAG("strike", BREAKOUT),
    TAG("sub", BREAKOUT),
    TAG("sup", BREAKOUT),
    TAG("table", BREAKOUT),
    TAG("tt", BREAKOUT),
    TAG("u", BREAKOUT),
    TAG("ul", BREAKOUT),
    TAG("var", BREAKOUT),
};

#undef TAG

/* An open element: its name's hash, and in the low bits one of these. */
enum kind {
    KIND_TEMPLATE, /* what is in it is HTML again, but not part of the document */
    KIND_SVG,
    KIND_SVG_POINT, /* an integration point: what is in it is HTML */
    KIND_MATH,
    KIND_MATH_POINT,
    KIND_MATH_TEXT_POINT, /* HTML except for mglyph and malignmark */
    KIND_MATH_ANNOTATION, /* MathML except for svg */
    KIND_MASK = 7,
};

static enum title_tag look_up(const struct known_tag *tags, size_t count, struct bytes name) {
    for (size_t i = 0; i < count; i++)
        if (tags[i].size == name.size && memcmp(tags[i].name, name.data, name.size) == 0)
            return (enum title_tag)tags[i].tag;
    return TITLE_TAG_OTHER;
}

enum title_tag title_tag_of(const struct title_tree *tree, struct bytes name) {
    enum title_tag tag = look_up(html_tags, sizeof html_tags / sizeof *html_tags, name);
    if (tag == TITLE_TAG_OTHER && tree->depth > 0)
        return look_up(foreign_tags, sizeof foreign_tags / sizeof *foreign_tags, name);
    return tag;
}

struct bytes title_tag_name(enum title_tag tag) {
    for (size_t i = 0; i < sizeof html_tags / sizeof *html_tags; i++)
        if (html_tags[i].tag == tag)
            return bytes_make(html_tags[i].name, html_tags[i].size);
    return (struct bytes){0};
}

/* FNV-1a. Two names of one hash only blur which of two foreign elements an end tag ends. */
uint32_t title_tag_hash(struct bytes name) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < name.size; i++)
        hash = (hash ^ name.data[i]) * 16777619u;
    return hash & ~(uint32_t)KIND_MASK;
}

/* The current element's kind; TEMPLATE, which is HTML, if none is recorded. */
static enum kind current_kind(const struct title_tree *tree) {
    return tree->depth > 0 ? (enum kind)(tree->open[tree->depth - 1] & KIND_MASK) : KIND_TEMPLATE;
}

bool title_tree_is_foreign(const struct title_tree *tree) {
    return current_kind(tree) != KIND_TEMPLATE;
}

static void push(struct title_tree *tree, enum kind kind, uint32_t hash) {
    if (tree->depth == TITLE_MAX_DEPTH) {
        tree->unrecorded++;
        return;
    }
    tree->open[tree->depth++] = hash | (uint32_t)kind;
    tree->templates += kind == KIND_TEMPLATE;
}

static void pop_to(struct title_tree *tree, uint8_t depth) {
    tree->unrecorded = 0;
    while (tree->depth > depth) {
        tree->templates -= current_kind(tree) == KIND_TEMPLATE;
        tree->depth--;
    }
}

/* ---- open HTML elements ---------------------------------------------------------------------- */

/* How many are open of those whose names fall together: more than really are, since many end
 * without an end tag, but rarely fewer. */
static uint8_t *count_of(struct title_tree *tree, uint32_t hash) {
    return &tree->html[(hash >> 16 ^ hash / (KIND_MASK + 1)) % TITLE_HTML_COUNTS];
}

static void count_start(struct title_tree *tree, uint32_t hash) {
    uint8_t *count = count_of(tree, hash);
    *count += *count < UINT8_MAX;
}

static void count_end(struct title_tree *tree, uint32_t hash) {
    uint8_t *count = count_of(tree, hash);
    *count -= *count > 0 && *count < UINT8_MAX; /* that stands for any more */
}

/* Void elements; and those that stay open, whatever their end tags say. */
static bool is_never_closed(enum title_tag tag) {
    return tag == TITLE_TAG_BREAKOUT_START || tag == TITLE_TAG_ROOT;
}

/* ---- tags ------------------------------------------------------------------------------------ */

static enum title_content start_html(struct title_tree *tree, enum title_tag tag, uint32_t hash,
                                     unsigned flags) {
    if (tag == TITLE_TAG_TITLE && tree->templates == 0)
        return TITLE_CONTENT_TITLE;
    if (tag >= TITLE_TAG_TITLE && tag <= TITLE_TAG_PLAINTEXT)
        return TITLE_CONTENT_TEXT;
    if (tag == TITLE_TAG_TEMPLATE)
        push(tree, KIND_TEMPLATE, hash);
    else if (tag == TITLE_TAG_SVG && !(flags & TITLE_TAG_SELF_CLOSING))
        push(tree, KIND_SVG, hash);
    else if (tag == TITLE_TAG_MATH && !(flags & TITLE_TAG_SELF_CLOSING))
        push(tree, KIND_MATH, hash);
    else if (tag != TITLE_TAG_SVG && tag != TITLE_TAG_MATH)
        count_start(tree, hash);
    return TITLE_CONTENT_MARKUP;
}

static bool is_html_inside(enum kind kind) {
    return kind == KIND_TEMPLATE || kind == KIND_SVG_POINT || kind == KIND_MATH_POINT ||
           kind == KIND_MATH_TEXT_POINT;
}

/* HTML where only foreign elements may be ends those up to the next that holds HTML. */
static void break_out(struct title_tree *tree) {
    uint8_t depth = tree->depth;
    while (depth > 0 && !is_html_inside((enum kind)(tree->open[depth - 1] & KIND_MASK)))
        depth--;
    pop_to(tree, depth);
}

/* The kind of a new foreign element; it is of the namespace that it stands in. */
static enum kind foreign_kind(enum kind around, enum title_tag tag, unsigned flags) {
    if (around == KIND_SVG || around == KIND_SVG_POINT)
        return tag == TITLE_TAG_SVG_POINT || tag == TITLE_TAG_TITLE ? KIND_SVG_POINT : KIND_SVG;
    if (tag == TITLE_TAG_MATH_TEXT_POINT)
        return KIND_MATH_TEXT_POINT;
    if (tag == TITLE_TAG_ANNOTATION_XML)
        return flags & TITLE_TAG_HTML_ENCODING ? KIND_MATH_POINT : KIND_MATH_ANNOTATION;
    return KIND_MATH;
}

enum title_content title_tree_start(struct title_tree *tree, enum title_tag tag, uint32_t hash,
                                    unsigned flags) {
    enum kind kind = current_kind(tree);
    bool is_html = is_html_inside(kind);
    if (kind == KIND_MATH_TEXT_POINT && tag == TITLE_TAG_MATH_GLYPH)
        is_html = false;
    if (kind == KIND_MATH_ANNOTATION && tag == TITLE_TAG_SVG)
        is_html = true;
    if (is_html)
        return start_html(tree, tag, hash, flags);
    if (tag == TITLE_TAG_BREAKOUT || tag == TITLE_TAG_BREAKOUT_START ||
        tag == TITLE_TAG_BREAKOUT_BOTH ||
        (tag == TITLE_TAG_FONT && (flags & TITLE_TAG_FONT_ATTRIBUTE)))
        break_out(tree);
    else if (!(flags & TITLE_TAG_SELF_CLOSING))
        push(tree, foreign_kind(kind, tag, flags), hash);
    return TITLE_CONTENT_MARKUP;
}

/* </template> ends all that is open in the template. */
static void end_template(struct title_tree *tree) {
    if (tree->templates == 0)
        return;
    while (current_kind(tree) != KIND_TEMPLATE)
        pop_to(tree, tree->depth - 1);
    pop_to(tree, tree->depth - 1);
}

/*
 * An end tag that fits no open foreign element is for an HTML element around them, if one is open,
 * and ends them with it.
 */
void title_tree_end(struct title_tree *tree, enum title_tag tag, uint32_t hash) {
    if (is_html_inside(current_kind(tree))) /* where it may still be a foreign element's */
        count_end(tree, hash);
    if (tree->depth == 0)
        return;
    if (tree->unrecorded > 0) {
        tree->unrecorded--;
        return;
    }
    if (tag == TITLE_TAG_BREAKOUT_BOTH)
        break_out(tree);
    for (uint8_t i = tree->depth; i > 0; i--) {
        if ((tree->open[i - 1] & KIND_MASK) == KIND_TEMPLATE)
            break;
        if ((tree->open[i - 1] & ~(uint32_t)KIND_MASK) == hash) {
            pop_to(tree, i - 1);
            return;
        }
    }
    if (tag == TITLE_TAG_TEMPLATE)
        end_template(tree);
    else if (!is_never_closed(tag) && *count_of(tree, hash) > 0)
        break_out(tree);
}
