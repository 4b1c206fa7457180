/*
 * Finds the title of an HTML page while its bytes arrive, as a browser would: the first <title>
 * element of the HTML namespace outside templates, by the rules of the WHATWG tokenizer, in UTF-8,
 * with character references decoded and white space folded.
 *
 * It is not a tree builder. Of the open elements it follows only templates and foreign content
 * (SVG, MathML); HTML elements inside an SVG foreignObject are taken to be closed properly, and
 * framesets are not known. Scripting is taken as disabled: <noscript> holds ordinary markup. XHTML
 * is read by the same rules.
 *
 * Life cycle: title_scanner_init(), title_scanner_feed() for each piece, title_scanner_finish() at
 * the end of a complete document, title_scanner_text(). title_scanner_reset() begins another page
 * with the memory of the last; title_scanner_fini() ends it. Pure: no descriptors, clocks or
 * threads. The result does not depend on how the page is cut into pieces.
 */
#ifndef RINGCAST_FETCH_TITLE_H
#define RINGCAST_FETCH_TITLE_H

#include "base/bound.h"
#include "base/bytes.h"
#include "base/utf8.h"
#include "fetch/encoding.h"

enum {
    TITLE_SCAN_BYTES = 256 * 1024,     /* what callers usually pass as limit */
    TITLE_MAX_BYTES = BOUND(1024, 24), /* a longer title is cut at a character boundary */
    TITLE_MAX_SOURCE_BYTES =
        BOUND(8192, 160),           /* no more than this of a title's markup is looked at */
    TITLE_MAX_DEPTH = BOUND(64, 3), /* open foreign elements that are told apart */
    TITLE_HTML_COUNTS = BOUND(128, 2),
};

enum title_result {
    TITLE_NONE,  /* no title, or not within the limit, or in an encoding without tables */
    TITLE_FOUND, /* it may be empty */
    TITLE_NO_MEMORY,
};

/* The open templates and foreign elements; see src/fetch/title_tree.h. */
struct title_tree {
    uint32_t open[TITLE_MAX_DEPTH]; /* hash of the name, kind in the low bits */
    uint32_t unrecorded;            /* deeper ones, only counted */
    uint8_t depth;
    uint8_t templates;
    uint8_t html[TITLE_HTML_COUNTS]; /* open HTML elements, by the hashes of their names */
};

/* The tokenizer's state; see src/fetch/title_tokenizer.h. Offsets count from the first byte fed. */
struct title_tokenizer {
    size_t offset;      /* of the piece being read */
    size_t title_begin; /* of the title's text, while in_title */
    size_t text_end;    /* of the last "<" that may end a text element */
    uint8_t step;
    uint8_t text_tag; /* the element whose text is being read */
    uint8_t tag;      /* the tag being read */
    uint8_t tag_flags;
    bool in_title;
    bool reads_value;     /* the word is an attribute's value */
    uint8_t script_level; /* 0 plain, 1 escaped, 2 double escaped */
    uint8_t matched;      /* of a keyword, dashes in a row, or the quote of a value */
    uint8_t word_size;
    char word[24]; /* the name being read, in lower case; more is dropped */
    uint32_t tag_hash;
    struct title_tree tree;
};

/* The fields are the module's own. */
struct title_scanner {
    enum title_result result;
    bool is_done;
    bool is_decided;  /* about the encoding */
    bool may_be_utf8; /* so far; asked when nothing names the encoding */
    enum encoding encoding;
    size_t limit, scanned;
    struct utf8_check check;
    struct encoding_stream stream;
    struct title_tokenizer tokenizer;
    struct buffer head;   /* owned: the first bytes until the encoding is decided */
    struct buffer source; /* owned: the title's markup where it spans pieces */
    struct buffer text;   /* owned: the result */
};

/*
 * Whether a body of this media type is worth scanning: text/html, application/xhtml+xml, or an
 * empty one (no Content-Type). Parameters after ";" are ignored.
 */
bool title_is_html(struct bytes media_type);

/*
 * Begins a page. `charset` is the value of Content-Type's charset parameter without quotes (empty
 * if there is none; unknown ones count as none); it is not kept. After `limit` bytes without a
 * complete title there is none. Allocates nothing.
 */
void title_scanner_init(struct title_scanner *scanner, struct bytes charset, size_t limit);

/* The same for a scanner that was used before; keeps its memory. */
void title_scanner_reset(struct title_scanner *scanner, struct bytes charset, size_t limit);

/*
 * Takes the next piece of the body (any content coding already removed). False when it needs no
 * more; further pieces are then ignored. Pieces are not kept.
 */
bool title_scanner_feed(struct title_scanner *scanner, struct bytes piece);

/* The document is complete. Returns the result; may be called again. */
enum title_result title_scanner_finish(struct title_scanner *scanner);

/* The title after TITLE_FOUND, else empty. Valid until the next reset or fini. */
struct bytes title_scanner_text(const struct title_scanner *scanner);

void title_scanner_fini(struct title_scanner *scanner);

#endif
