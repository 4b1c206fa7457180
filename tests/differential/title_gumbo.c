/*
 * The title scanner beside gumbo, a whole HTML parser: documents are put together at random from
 * pieces of markup that titles hide in, and both must find the same title.
 *
 * Usage: title_gumbo [COUNT [SEED]]. Documents that they differ on are printed. None may be of HTML
 * alone; with SVG and MathML one in ten thousand may, since the scanner follows no HTML elements
 * and so must guess what some end tags end.
 *
 * Left out is what needs a tree: tables, whose contents may move before them, selects and
 * framesets, which drop what does not belong there; and what gumbo reads by older rules: </p> and
 * </br> in foreign content, unknown names there, which it takes for one another.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gumbo.h>

#include "fetch/title.h"

enum { PIECES_MAX = 14, DOCUMENT_MAX = 4096, FOREIGN_PER_DIFFERENCE = 10000 };

/* HTML alone. */
static const char *const html[] = {
    "<title>a</title>",
    "<title>b</title>",
    "<TITLE >c</TITLE\n>",
    "<title a",
    ">",
    "</title>",
    "<title/>",
    "<title a='>'>",
    "<title a=\">\" b=c/>",
    "</title x='>'>",
    "<title>",
    "<TITLE>",
    "<p>",
    "<div>",
    "</div>",
    "<b>",
    "</b>",
    "<br>",
    "<img>",
    "<body>",
    "</body>",
    "<head>",
    "</head>",
    "<html>",
    "</html>",
    "<!doctype html>",
    "<!DOCTYPE x '>'>",
    "<template>",
    "</template>",
    "<script>",
    "</script>",
    "</SCRIPT/>",
    "<!--",
    "-->",
    "--!>",
    "->",
    "<!-->",
    "<!--->",
    "<!- -->",
    "<script a",
    "</script",
    "<style>",
    "</style>",
    "<textarea>",
    "</textarea>",
    "<xmp>",
    "</xmp>",
    "<iframe>",
    "</iframe>",
    "<noframes>",
    "</noframes>",
    "<noembed>",
    "</noembed>",
    "<noscript>",
    "</noscript>",
    "<plaintext>",
    "<![CDATA[",
    "]]>",
    "<?x ?>",
    "</>",
    "</ >",
    "<>",
    "< ",
    "<!",
    "<!x>",
    "&amp;",
    "&ampx;",
    "&#60;",
    "&lt;title>",
    "&notin;",
    "&notit;",
    "&#x80;",
    "&#0;",
    "&#xD800;",
    "&#1114112;",
    "&CounterClockwiseContourI",
    "ntegral;",
    "&#x1F600",
    "&copy",
    "&copy=",
    "&Aacute",
    "&NotEqualTilde;",
    " ",
    "\n",
    "\t",
    "\r\n",
    "x",
    "y z",
    "=",
    "\"",
    "'",
    "/",
    "<a href='<title>q</title>'>",
    "</a>",
    "\xC3\xA9",
    "<link>",
    "<meta name=a>",
    "<ul><li>",
    "</ul>",
    "<h1>",
    "</h1>",
    "<span>",
    "</span>",
    "<x-y>",
    "</x-y>",
    "<pre>",
    "<!--<script>",
    "</script>-->",
    "<!--<title>n</title>-->",
    "<base>",
};

/*
 * With SVG and MathML. What holds HTML in them is closed properly: what ends what otherwise depends
 * on elements that the scanner does not follow.
 */
static const char *const foreign[] = {
    "<title>a</title>",
    "<title>b</title>",
    "<title>",
    "</title>",
    "<title a=\">\" b=c/>",
    "<svg>",
    "</svg>",
    "<svg/>",
    "<SVG>",
    "<math>",
    "</math>",
    "<math/>",
    "<path>",
    "</path>",
    "<path/>",
    "<desc>x</desc>",
    "<foreignObject><p>x</p></foreignObject>",
    "<mi>x</mi>",
    "<mtext><b>y</b></mtext>",
    "<mglyph>",
    "<annotation-xml>",
    "</annotation-xml>",
    "<annotation-xml encoding=text/html><i>x</i></annotation-xml>",
    "<font>",
    "<font color=red>",
    "</font>",
    "<p>",
    "<div>",
    "</div>",
    "<b>",
    "</b>",
    "<br>",
    "<img>",
    "<body>",
    "</body>",
    "<head>",
    "<html>",
    "</html>",
    "<template>",
    "</template>",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "]]",
    ">",
    "<![CDATA[<title>n</title>]]>",
    "<!x>",
    "<script>x</script>",
    "<style>",
    "</style>",
    "<svg><title>n</title></svg>",
    "<svg><style><title>m</title></style>",
    "<math><mtext><title>k</title></mtext>",
    "<svg><desc><title>j</title></desc>",
    "<svg><foreignObject><title>l</title></foreignObject></svg>",
    "<a href='<title>q</title>'>",
    "</a>",
    "<span>",
    "</span>",
    "<ul><li>",
    "</ul>",
    "<h1>",
    "</h1>",
    "<code>",
    "<i>",
    "<sub>",
    "<var>",
    "<embed>",
    "<hr>",
    "<pre>",
    "<listing>",
    "<center>",
    "<dl>",
    "x",
    " ",
    "&amp;",
};

/* ---- the reference --------------------------------------------------------------------------- */

static const GumboNode *first_title(const GumboNode *node) {
    if (node->type == GUMBO_NODE_TEMPLATE)
        return NULL;
    if (node->type == GUMBO_NODE_ELEMENT && node->v.element.tag == GUMBO_TAG_TITLE &&
        node->v.element.tag_namespace == GUMBO_NAMESPACE_HTML)
        return node;
    if (node->type != GUMBO_NODE_ELEMENT && node->type != GUMBO_NODE_DOCUMENT)
        return NULL;
    const GumboVector *children =
        node->type == GUMBO_NODE_ELEMENT ? &node->v.element.children : &node->v.document.children;
    for (unsigned i = 0; i < children->length; i++) {
        const GumboNode *found = first_title(children->data[i]);
        if (found != NULL)
            return found;
    }
    return NULL;
}

static bool is_space(char byte) {
    return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\f' || byte == '\r';
}

/* White space folded, as the scanner does. */
static void append_folded(char *out, const char *text) {
    size_t size = strlen(out);
    for (; *text != '\0'; text++) {
        if (!is_space(*text))
            out[size++] = *text;
        else if (size > 0 && out[size - 1] != ' ')
            out[size++] = ' ';
    }
    out[size] = '\0';
}

static bool reference(const char *document, size_t size, char *title) {
    GumboOutput *output = gumbo_parse_with_options(&kGumboDefaultOptions, document, size);
    const GumboNode *found = first_title(output->document);
    title[0] = '\0';
    for (unsigned i = 0; found != NULL && i < found->v.element.children.length; i++) {
        const GumboNode *child = found->v.element.children.data[i];
        if (child->type == GUMBO_NODE_TEXT || child->type == GUMBO_NODE_WHITESPACE)
            append_folded(title, child->v.text.text);
    }
    size_t length = strlen(title);
    if (length > 0 && title[length - 1] == ' ')
        title[length - 1] = '\0';
    gumbo_destroy_output(&kGumboDefaultOptions, output);
    return found != NULL;
}

/* ---- ours ------------------------------------------------------------------------------------ */

static bool scanned(const char *document, size_t size, char *title) {
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of("utf-8"), TITLE_SCAN_BYTES);
    title_scanner_feed(&scanner, bytes_make(document, size));
    bool found = title_scanner_finish(&scanner) == TITLE_FOUND;
    struct bytes text = title_scanner_text(&scanner);
    if (text.size > 0)
        memcpy(title, text.data, text.size);
    title[text.size] = '\0';
    title_scanner_fini(&scanner);
    return found;
}

/* ---- documents ------------------------------------------------------------------------------- */

static uint64_t state;

static uint32_t below(uint32_t bound) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 33) % bound;
}

static size_t make(char *document, bool is_foreign) {
    size_t size = 0, count = 1 + below(PIECES_MAX);
    for (size_t i = 0; i < count; i++) {
        const char *piece = is_foreign ? foreign[below(sizeof foreign / sizeof *foreign)]
                                       : html[below(sizeof html / sizeof *html)];
        memcpy(document + size, piece, strlen(piece));
        size += strlen(piece);
    }
    document[size] = '\0';
    return size;
}

int main(int count, char **arguments) {
    unsigned long documents = count > 1 ? strtoul(arguments[1], NULL, 10) : 100000;
    unsigned long differing[2] = {0};
    state = count > 2 ? strtoull(arguments[2], NULL, 10) : 1;
    state = state * 0x9E3779B97F4A7C15u + 1;
    for (unsigned long i = 0; i < documents; i++) {
        static char document[DOCUMENT_MAX], expected[DOCUMENT_MAX], found[DOCUMENT_MAX];
        bool is_foreign = i % 2 != 0;
        size_t size = make(document, is_foreign);
        bool is_there = reference(document, size, expected);
        bool is_found = scanned(document, size, found);
        if (is_there == is_found && strcmp(expected, found) == 0)
            continue;
        differing[is_foreign]++;
        printf("%s\n  gumbo: %s\n  found: %s\n", document, is_there ? expected : "(none)",
               is_found ? found : "(none)");
    }
    printf("%lu documents: of HTML %lu differ, of SVG and MathML %lu\n", documents, differing[0],
           differing[1]);
    return differing[0] > 0 || differing[1] > documents / FOREIGN_PER_DIFFERENCE + 1;
}
