#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "fetch/title.h"

#define LITERAL(text) bytes_make(text, sizeof(text) - 1)

/* Feeds a document in two pieces, cut at `cut`. */
static enum title_result scan_cut(struct title_scanner *scanner, const char *charset,
                                  struct bytes document, size_t cut) {
    title_scanner_reset(scanner, bytes_of(charset), TITLE_SCAN_BYTES);
    title_scanner_feed(scanner, bytes_make(document.data, cut));
    title_scanner_feed(scanner, bytes_after(document, cut));
    return title_scanner_finish(scanner);
}

static enum title_result scan_bytewise(struct title_scanner *scanner, const char *charset,
                                       struct bytes document) {
    title_scanner_reset(scanner, bytes_of(charset), TITLE_SCAN_BYTES);
    for (size_t i = 0; i < document.size; i++)
        title_scanner_feed(scanner, bytes_make(document.data + i, 1));
    return title_scanner_finish(scanner);
}

static void assert_title(const struct title_scanner *scanner, enum title_result result,
                         struct bytes document, const char *expected) {
    struct bytes text = title_scanner_text(scanner);
    bool is_right = result == (expected != NULL ? TITLE_FOUND : TITLE_NONE) &&
                    bytes_equal(text, bytes_of(expected != NULL ? expected : ""));
    if (!is_right)
        print_error("%.*s\n-> %d \"%.*s\", not \"%s\"\n", (int)document.size,
                    (const char *)document.data, (int)result, (int)text.size,
                    text.size > 0 ? (const char *)text.data : "",
                    expected != NULL ? expected : "(none)");
    assert_true(is_right);
}

/* The title of a document (NULL for none), however it is cut. */
static void check_bytes(const char *charset, struct bytes document, const char *expected) {
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of(charset), TITLE_SCAN_BYTES);
    for (size_t cut = 0; cut <= document.size; cut++)
        assert_title(&scanner, scan_cut(&scanner, charset, document, cut), document, expected);
    assert_title(&scanner, scan_bytewise(&scanner, charset, document), document, expected);
    title_scanner_fini(&scanner);
}

static void check(const char *document, const char *expected) {
    check_bytes("utf-8", bytes_of(document), expected);
    check_bytes("", bytes_of(document), expected);
}

static void ok(void **state) {
    (void)state;
    check("<title>x</title>", "x");
    check("<!DOCTYPE html><html><head><title>A page</title></head>", "A page");
    check("<TITLE LANG=en>A</TITLE >", "A");
    check("<title\n>A</tItLe\t>", "A");
    check("<title/>A</title/>", "A");
    check("<body><p>late<title>A</title>", "A");
    check("<title>A</title><title>B</title>", "A");
    check("\xEF\xBB\xBF<title>A</title>", "A");
}

static void none(void **state) {
    (void)state;
    check("", NULL);
    check("no markup", NULL);
    check("<titl>x</titl>", NULL);
    check("<titles>x</titles>", NULL);
    check("<abcdefghijklmnopqrstuvwxyztitle>x", NULL);
    check("< title>x</title>", NULL);
    check("</title>x</title>", NULL);
    check("<title", NULL);
    check("<title a='>x</title>", NULL);
    check("&lt;title>x&lt;/title>", NULL);
}

static void empty_counts(void **state) {
    (void)state;
    check("<title></title>", "");
    check("<title> \n\t\f\r </title>", "");
    check("<title>&#32;&Tab;</title>", "");
    check("<title></title><title>B</title>", "");
    check("<title>", "");
}

static void only_the_end_tag_ends_it(void **state) {
    (void)state;
    check("<title>a<b>c</b><!-- d --></title>", "a<b>c</b><!-- d -->");
    check("<title>a</titl></titles></ title><</</title>", "a</titl></titles></ title><</");
    check("<title>a<title>b</title>", "a<title>b");
    check("<title>a</title x='>'>b", "a");
    check("<title>1 < 2</title>", "1 < 2");
}

static void unterminated_ends_with_the_document(void **state) {
    (void)state;
    check("<title>abc", "abc");
    check("<title>abc<", "abc<");
    check("<title>abc</", "abc</");
    check("<title>abc</titl", "abc</titl");
    check("<title>abc</title", "abc</title");
    check("<title>abc</title ", "abc"); /* a tag that the end cuts off is dropped */
    check("<title>abc</title x='>", "abc");
    check("<title>abc</title/", "abc");
    check("<title>a &am", "a &am");
}

static void decoys_in_comments(void **state) {
    (void)state;
    check("<!--<title>x</title>--><title>A</title>", "A");
    check("<!--<title>x</title>--!><title>A</title>", "A");
    check("<!--><title>A</title>-->", "A");
    check("<!---><title>A</title>-->", "A");
    check("<!--!><title>x</title>--><title>A</title>", "A");
    check("<!---!><title>x</title>--><title>A</title>", "A");
    check("<!----!><title>A</title>-->", "A");
    check("<!--x--!-><title>x</title>--><title>A</title>", "A");
    check("<!--x--!--><title>A</title>", "A");
    check("<!--x----><title>A</title>", "A");
    check("<!-- - -> <title>x</title> -- > --><title>A</title>", "A");
    check("<!-- <!-- --><title>A</title>", "A");
    check("<!-- <!--><title>A</title>", "A");
    check("<!-- <title>x</title>", NULL);
    check("<!-<title>A</title>", NULL); /* a bogus comment up to the first ">" */
    check("<!-><title>A</title>", "A");
    check("<!><title>A</title>", "A");
    check("<?<title>x</title>", NULL);
    check("<?x?><title>A</title>", "A");
    check("</ <title>x</title>", NULL);
    check("</><title>A</title>", "A");
    check("<!doctype html PUBLIC \"<title>x</title>", NULL);
    check("<!doctype html PUBLIC \">\"<title>A</title>", "A");
    check("<![CDATA[<title>x</title>]]>", NULL); /* not CDATA in HTML, but ends at ">" */
    check("<![CDATA[><title>A</title>]]>", "A");
}

static void decoys_in_attributes(void **state) {
    (void)state;
    check("<a b=\"<title>x</title>\"><title>A</title>", "A");
    check("<a b='<title>x</title>'><title>A</title>", "A");
    check("<a b = '>' c=\">\"d='>'e><title>A</title>", "A");
    check("<a b=<title>A</title>", NULL);
    check("<a b=/><title>A</title>", "A");
    check("<a b='\"'><title>A</title>", "A");
    check("<a b=x'><title>A</title>", "A");
    check("<a b=x\"y><title>A</title>", "A");
    check("<a =' ><title>A</title>", "A");
    check("<a b==' ><title>A</title>", "A"); /* the value is =' */
    check("<a b c = ><title>A</title>", "A");
    check("<a / b/><title>A</title>", "A");
    check("<a <title>A</title>", NULL);
    check("<a'><title>A</title>'>", "A");
    check("</a b='><title>x</title>'><title>A</title>", "A");
}

static void decoys_in_text_elements(void **state) {
    (void)state;
    static const char *const names[] = {"textarea", "style",    "xmp",   "iframe",
                                        "noembed",  "noframes", "script"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char document[256];
        snprintf(document, sizeof document,
                 "<%s a=b><title>x</title></a></%sx></%s \n></%s ><title>A</title>", names[i],
                 names[i], names[i], names[i]);
        check(document, "A");
        snprintf(document, sizeof document, "<%s><title>x</title>", names[i]);
        check(document, NULL);
        snprintf(document, sizeof document, "<%s/><title>x</title></%s/><title>A", names[i],
                 names[i]);
        check(document, "A");
    }
    check("<plaintext><title>x</title></plaintext><title>y</title>", NULL);
    check("<style><!-- </style><title>A</title>", "A");
    check("<textarea></title><title>x</textarea><title>A</title>", "A");
}

static void decoys_in_scripts(void **state) {
    (void)state;
    check("<script>'<title>x</title>'</script><title>A</title>", "A");
    check("<script><!-- <script> </script> <title>x</title> --></script><title>A</title>", "A");
    check("<script><!-- <script> </script> </script><title>A</title>", "A");
    check("<script><!-- </script><title>A</title>", "A");
    check("<script><!-- <script></script></script><title>A</title>", "A");
    check("<script><!--<script>--></script><title>A</title>", "A");
    check("<script><!--<script></script><title>x</title>", NULL);
    check("<script><!--<scripts></script><title>A</title>", "A");
    check("<script><!--<SCRIPT/</sCript ></script><title>A</title>", "A");
    check("<script><!--<script </scripts></script><title>x</title></script><title>A", "A");
    check("<script><!--><script></script><title>A</title>", "A");
    check("<script><!---><script></script><title>A</title>", "A");
    check("<script><!-<script></script><title>A</title>", "A");
    check("<script><! --<script></script><title>A</title>", "A");
    check("<script><!-- -- ><script></script><title>x</title>", NULL);
    check("<script><!-- --><script></script><title>A</title>", "A");
    check("<script><!-- - -- <</script><title>A</title>", "A");
    check("<script><!--<script>-<-</script>-></script><title>A</title>", "A");
    check("<script></script/x='>'><title>A</title>", "A");
}

/* Scripting is taken as disabled. */
static void noscript_holds_markup(void **state) {
    (void)state;
    check("<noscript><title>A</title></noscript><title>B</title>", "A");
    check("<noscript><!--</noscript><title>x</title>--></noscript><title>A</title>", "A");
}

static void templates_do_not_count(void **state) {
    (void)state;
    check("<template><title>x</title></template><title>A</title>", "A");
    check("<template><template></template><title>x</title></template><title>A</title>", "A");
    check("<template/><title>x</title></template><title>A</title>", "A");
    check("<template><title><p></template></title></template><title>A</title>", "A");
    check("<template><svg></template><title>A</title>", "A");
    check("<template><svg></svg><title>x</title></template><title>A</title>", "A");
    check("<template><title>x</title>", NULL);
    check("</template><title>A</title>", "A");
    check("<svg><template></svg><title>A</title>", "A"); /* that template is SVG */
}

static void foreign_titles_do_not_count(void **state) {
    (void)state;
    check("<svg><title>x</title></svg><title>A</title>", "A");
    check("<svg viewBox='0 0 1 1'><g><title>x</title><path d=''/></g></svg><title>A</title>", "A");
    check("<svg/><title>A</title>", "A");
    check("<svg><title/></svg><title>A</title>", "A");
    check("<math><mi><mglyph/></mi><title>x</title></math><title>A</title>", "A");
    check("<svg><svg></svg><title>x</title></svg><title>A</title>", "A");
    check("<svg><style><title>x</title></style></svg><title>A</title>", "A");
    check("<svg><script>'<title>x</title>'</script></svg><title>A</title>", "A");
    check("<svg><title>x", NULL);
    check("<SVG><TITLE>x</TITLE></SVG><TITLE>A</TITLE>", "A");
}

static void html_inside_foreign_content_counts(void **state) {
    (void)state;
    check("<svg><foreignObject><title>A</title></foreignObject></svg>", "A");
    check("<svg><desc><title>A</title></desc></svg>", "A");
    check("<svg><title><title>A</title></title></svg>", "A");
    check("<svg><foreignObject><p>x</p></foreignObject><title>x</title></svg><title>A", "A");
    check("<svg><desc>x</desc><title>x</title></svg><title>A</title>", "A");
    check("<math><mtext><title>A</title></mtext></math>", "A");
    check("<math><mi><mglyph><title>x</title></mglyph></mi></math><title>A</title>", "A");
    check("<math><annotation-xml><title>x</title></annotation-xml></math><title>A</title>", "A");
    check("<math><annotation-xml encoding=text/html><title>A</title>", "A");
    check("<math><annotation-xml a encoding='Application/XHTML+xml'><title>A</title>", "A");
    check("<math><annotation-xml encoding='text/htmlx' encoding=text/html><title>x</title>", NULL);
    check("<math><annotation-xml encoding=text/plain ><title>x</title>", NULL);
    check("<math><annotation-xml><svg><foreignObject><title>A</title>", "A");
    check("<math><desc><title>x</title></desc></math><title>A</title>", "A");
    check("<svg><mi><title>x</title></mi></svg><title>A</title>", "A");
}

static void html_tags_end_foreign_content(void **state) {
    (void)state;
    check("<svg><g><div><title>A</title>", "A");
    check("<svg><br><title>A</title>", "A");
    check("<div><svg></div><title>A</title>", "A");
    check("<x-y><svg></x-y><title>A</title>", "A");
    check("<svg></div><title>x</title></svg><title>A</title>", "A"); /* there is no such <div> */
    check("<div></div><svg></div><title>x</title></svg><title>A</title>", "A");
    check("<html><body><svg></body></html><title>x</title></svg><title>A</title>", "A");
    check("<svg></p><title>A</title>", "A");
    check("<svg></br><title>A</title>", "A");
    check("<svg><font><title>x</title></font></svg><title>A</title>", "A");
    check("<svg><font color=red><title>A</title>", "A");
    check("<svg><font a b='c' SIZE><title>A</title>", "A");
    check("<svg><foreignObject><svg><p></foreignObject><title>x</title></svg><title>A", "A");
    check("<div><svg></div><title>A</title>", "A");
    check("<svg></body></g><title>x</title></svg><title>A</title>", "A");
}

static void cdata_in_foreign_content(void **state) {
    (void)state;
    check("<svg><![CDATA[</svg><title>x</title>]]></svg><title>A</title>", "A");
    check("<svg><![CDATA[x]]]></svg><title>A</title>", "A");
    check("<svg><![CDATA[x]] ></svg>]>]]></svg><title>A</title>", "A");
    check("<svg><![CDAT[</svg>]]></svg><title>A</title>", "A");
    check("<svg><![cdata[></svg><title>A</title>", "A");
    check("<svg><![CDATA[</svg><title>x</title>", NULL);
    check("<template><![CDATA[</template>]]></template><title>A</title>", "A");
}

/* Deeper foreign elements than are recorded, properly closed. */
static void deep_nesting_ok(void **state) {
    (void)state;
    static const size_t levels = (size_t)3 * TITLE_MAX_DEPTH;
    struct buffer document = {0};
    buffer_append_text(&document, "<svg>");
    for (size_t i = 0; i < levels; i++)
        buffer_append_text(&document, "<g>");
    buffer_append_text(&document, "<title>x</title>");
    for (size_t i = 0; i < levels; i++)
        buffer_append_text(&document, "</g>");
    buffer_append_text(&document, "<title>x</title></svg><title>A</title>");
    check_bytes("utf-8", buffer_bytes(&document), "A");
    buffer_fini(&document);
}

static void references_decoded(void **state) {
    (void)state;
    check("<title>a &amp; b &lt;c&gt; &quot;d&quot;</title>", "a & b <c> \"d\"");
    check("<title>&copy;&copy &#x1F600;&notit;&notin;</title>", "©© 😀¬it;∉");
    check("<title>&#x80;&#0;&#xD800;&#x110000;</title>", "€���");
    check("<title>&amp;amp; & && &; &unknown;</title>", "&amp; & && &; &unknown;");
    check("<title>&lt;/title>&#60;/title></title>", "</title></title>");
    check("<title>R&D; AT&T</title>", "R&D; AT&T");
}

static void space_folded(void **state) {
    (void)state;
    check("<title>\r\n a\t\f b\r\r\nc \n</title>", "a b c");
    check("<title>a&#32;&#x20; &NewLine;b&#13;</title>", "a b");
    check("<title>&nbsp;a\xC2\xA0 b\v</title>", "\xC2\xA0"
                                                "a\xC2\xA0 b\v"); /* ASCII only */
    check_bytes("utf-8", LITERAL("<title>a\0b</title>"),
                "a\uFFFD"
                "b");
}

static void malformed_utf8_is_replaced(void **state) {
    (void)state;
    check_bytes("utf-8", LITERAL("<title>a\xFF\xE2\x82 b\xC3</title>"), "a\uFFFD\uFFFD b\uFFFD");
    check_bytes("utf-8", LITERAL("<title>\xED\xA0\x80\xC0\xAF"), "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
}

/* encodings */

static void encoding_order(void **state) {
    (void)state;
    /* a byte order mark before Content-Type before <meta> before a guess */
    check_bytes("koi8-r", LITERAL("\xEF\xBB\xBF<meta charset=gbk><title>\xC3\xA9</title>"), "é");
    check_bytes("koi8-r", LITERAL("<meta charset=gbk><title>\xF2\xF5</title>"), "РУ");
    check_bytes("bogus", LITERAL("<meta charset=koi8-r><title>\xF2\xF5</title>"), "РУ");
    check_bytes("", LITERAL("<title>\xF2\xF5</title><meta charset=koi8-r>"), "РУ");
    check_bytes("", LITERAL("<title>\xC3\xA9</title>"), "é");
    check_bytes("", LITERAL("<title>caf\xE9</title>"), "café");
    check_bytes("", LITERAL("<title>caf\xE9"), "café");
    check_bytes("", LITERAL("<p>\xE9</p><title>\xC3\xA9</title>"), "Ã©");
    check_bytes("", LITERAL("<title>\xC3\xA9</title>\xE9"), "é"); /* what follows has no say */
    check_bytes("latin1", LITERAL("<title>\x80\x81</title>"), "€\xC2\x81");
    check_bytes("x-user-defined", LITERAL("<title>\x80</title>"), "\uF780");
}

static void replacement_encoding_gives_none(void **state) {
    (void)state;
    check_bytes("iso-2022-kr", LITERAL("<title>x</title>"), NULL);
    check_bytes("", LITERAL("<meta charset=hz-gb-2312><title>x</title>"), NULL);
}

static void hidden_markup_is_no_markup(void **state) {
    (void)state;
    /* In ISO-2022-JP 鹿 is "</" and 少 is ">/"; these two of UTF-16 are ASCII "<0" and ">0". */
    check_bytes("iso-2022-jp", LITERAL("\x1B$B<|K\\\x1B(B<title>\x1B$BF|K\\</>/\x1B(B</title>"),
                "日本鹿少");
    check_bytes("utf-16le", LITERAL("<\0t\0i\0t\0l\0e\0>\0<\x30>\x30<\0/\0t\0i\0t\0l\0e\0>\0"),
                "\u303C\u303E");
    /* trail bytes of Shift_JIS and Big5 that look like letters, backslashes and brackets */
    check_bytes("shift_jis", LITERAL("<title>\x83\x5C\x95\x5C\x83\x7C</title>"), "ソ表ポ");
    check_bytes("big5", LITERAL("<title>\xA5\x5C\xB3\x5C\xBB\x5C</title>"), "功許蓋");
}

/* The pages of tests/data/title, each in the encoding of its name. */
static const struct {
    const char *name, *title;
} pages[] = {
    {"shift_jis", "日本語の題名 ソフト能力表 & x"},
    {"euc-jp", "日本語の題名 ソフト能力表 & x"},
    {"iso-2022-jp", "日本語の題名 ソフト能力表 & x"},
    {"gb2312", "简体中文标题 新闻 & x"},
    {"gbk", "简体中文标题 — 新闻 & x"},
    {"gb18030", "四字节 㐀 😀 标题 & x"},
    {"big5", "繁體中文標題 功蓋許 & x"},
    {"big5-hkscs", "香港 嘅 啲 題 & x"},
    {"euc-kr", "한국어 제목 똠방각하 펲시 & x"},
    {"koi8-r", "Новости дня Ёлка & x"},
    {"koi8-u", "Український заголовок ґ є ї & x"},
    {"windows-1251", "Новости дня – «Ёлка» & x"},
    {"iso-8859-5", "Новости дня Ёлка & x"},
    {"ibm866", "Новости дня Ёлка & x"},
    {"x-mac-cyrillic", "Новости дня & x"},
    {"iso-8859-7", "Ελληνικός τίτλος & x"},
    {"windows-1253", "Ελληνικός τίτλος & x"},
    {"iso-8859-8", "כותרת בעברית & x"},
    {"windows-1255", "כותרת בעברית & x"},
    {"iso-8859-6", "عنوان الصفحة & x"},
    {"windows-1256", "عنوان الصفحة & x"},
    {"windows-874", "ชื่อเรื่องภาษาไทย & x"},
    {"iso-8859-2", "Zażółć gęślą jaźń & x"},
    {"iso-8859-9", "Türkçe başlık İğ & x"},
    {"iso-8859-1", "Café – “naïve” € & x"},
    {"utf-8", "日本語の題名 – ソフト能力表 😀 & x"},
    {"undeclared-utf-8", "Новости дня – «Ёлка» & x"},
    {"undeclared-windows-1252", "Crème brûlée – 5 € & x"},
    {"utf-8-mark", "Ελληνικός τίτλος & x"},
    {"utf-16le", "日本語の題名 – ソフト能力表 😀 & x"},
    {"utf-16be", "한국어 제목 똠방각하 펲시 & x"},
};

static size_t read_page(const char *name, uint8_t *page, size_t size) {
    char path[512];
    snprintf(path, sizeof path, TEST_DATA "/title/%s.html", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t count = fread(page, 1, size, file);
    assert_int_equal(fclose(file), 0);
    assert_in_range(count, 100, size - 1);
    return count;
}

static void pages_declare_their_encoding(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        uint8_t page[1024];
        size_t size = read_page(pages[i].name, page, sizeof page);
        check_bytes("", bytes_make(page, size), pages[i].title);
    }
}

/* The same pages where Content-Type alone says it: a charset, and no <meta> that is understood. */
static void pages_with_a_charset_parameter(void **state) {
    (void)state;
    size_t checked = 0;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        uint8_t page[1024];
        size_t size = read_page(pages[i].name, page, sizeof page);
        uint8_t *meta = memmem(page, size, "charset", 7);
        if (encoding_from_label(bytes_of(pages[i].name)) == ENCODING_UNKNOWN || meta == NULL)
            continue;
        memcpy(meta, "CHARSEX", 7);
        check_bytes(pages[i].name, bytes_make(page, size), pages[i].title);
        checked++;
    }
    assert_true(checked >= 20);
}

/* limits */

/* `before`, `count` times `fill`, `after`. */
static struct bytes repeated(char *room, const char *before, char fill, size_t count,
                             const char *after) {
    struct bytes begin = bytes_of(before), end = bytes_of(after);
    memcpy(room, begin.data, begin.size);
    memset(room + begin.size, fill, count);
    memcpy(room + begin.size + count, end.data, end.size);
    return bytes_make(room, begin.size + count + end.size);
}

static void long_title_is_cut(void **state) {
    (void)state;
    static char room[20000];
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of("utf-8"), TITLE_SCAN_BYTES);
    for (size_t count = 1020; count <= 1030; count++) {
        struct bytes document = repeated(room, "<title>", 'a', count, "é</title>");
        assert_int_equal(scan_cut(&scanner, "utf-8", document, 0), TITLE_FOUND);
        size_t expected = count + 2 <= TITLE_MAX_BYTES ? count + 2
                          : count < TITLE_MAX_BYTES    ? count
                                                       : (size_t)TITLE_MAX_BYTES;
        assert_int_equal(title_scanner_text(&scanner).size, expected);
        assert_true(utf8_is_valid(title_scanner_text(&scanner)));
    }
    /* a space before what is cut off is not kept */
    struct bytes document = repeated(room, "<title>", 'a', TITLE_MAX_BYTES - 1, " b</title>");
    assert_int_equal(scan_cut(&scanner, "utf-8", document, 500), TITLE_FOUND);
    assert_int_equal(title_scanner_text(&scanner).size, TITLE_MAX_BYTES - 1);
    title_scanner_fini(&scanner);
}

/* Of a title's markup only so much is kept, whether it comes in one piece or many. */
static void long_source_is_cut(void **state) {
    (void)state;
    static char room[20000];
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of("utf-8"), TITLE_SCAN_BYTES);
    struct bytes document =
        repeated(room, "<title>a", ' ', TITLE_MAX_SOURCE_BYTES - 2, "bc</title>");
    assert_title(&scanner, scan_cut(&scanner, "utf-8", document, 0), document, "a b");
    assert_title(&scanner, scan_cut(&scanner, "utf-8", document, 100), document, "a b");
    assert_title(&scanner, scan_bytewise(&scanner, "utf-8", document), document, "a b");
    assert_true(scanner.source.size <= TITLE_MAX_SOURCE_BYTES);
    title_scanner_fini(&scanner);
}

/* With every limit and cut: the title counts if it is complete within the limit, or if the document
 * ends there. */
static void check_limits(const char *charset, struct bytes document, size_t complete) {
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of(charset), 0);
    for (size_t limit = 0; limit <= document.size + 1; limit++)
        for (size_t cut = 0; cut <= document.size; cut++) {
            title_scanner_reset(&scanner, bytes_of(charset), limit);
            title_scanner_feed(&scanner, bytes_make(document.data, cut));
            title_scanner_feed(&scanner, bytes_after(document, cut));
            bool is_found = limit >= complete || limit >= document.size;
            assert_int_equal(title_scanner_finish(&scanner), is_found ? TITLE_FOUND : TITLE_NONE);
            assert_true(scanner.scanned <= limit);
        }
    title_scanner_fini(&scanner);
}

static void limit_reached(void **state) {
    (void)state;
    static const char document[] = "<p>x<title>abc</title><p>more";
    check_limits("utf-8", LITERAL(document), strlen("<p>x<title>abc</title>"));
    static const char open[] = "<p>x<title>abc";
    check_limits("utf-8", LITERAL(open), sizeof open - 1);
    check_limits("", LITERAL(open), sizeof open - 1);
}

static void scanning_stops(void **state) {
    (void)state;
    static char room[300 * 1024];
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of("utf-8"), TITLE_SCAN_BYTES);
    assert_true(title_scanner_feed(&scanner, bytes_of("<title>a")));
    assert_false(title_scanner_feed(&scanner, bytes_of("</title>")));
    size_t scanned = scanner.scanned;
    assert_false(title_scanner_feed(&scanner, bytes_of("<title>b</title>")));
    assert_int_equal(scanner.scanned, scanned);
    assert_int_equal(title_scanner_finish(&scanner), TITLE_FOUND);
    assert_int_equal(title_scanner_finish(&scanner), TITLE_FOUND);

    title_scanner_reset(&scanner, bytes_of("utf-8"), TITLE_SCAN_BYTES);
    assert_int_equal(title_scanner_text(&scanner).size, 0);
    memset(room, 'x', sizeof room);
    assert_true(title_scanner_feed(&scanner, bytes_make(room, TITLE_SCAN_BYTES)));
    assert_false(title_scanner_feed(&scanner, bytes_make(room, 1)));
    assert_int_equal(title_scanner_finish(&scanner), TITLE_NONE);

    title_scanner_reset(&scanner, bytes_of("utf-8"), TITLE_SCAN_BYTES);
    assert_false(title_scanner_feed(&scanner, bytes_of("<p><plaintext>")));
    title_scanner_fini(&scanner);
}

static void out_of_memory(void **state) {
    (void)state;
    size_t alive = memory_live_blocks();
    uint8_t page[1024];
    size_t size = read_page("shift_jis", page, sizeof page);
    enum title_result result = TITLE_NO_MEMORY;
    size_t failed = 0;
    for (size_t skip = 0; result == TITLE_NO_MEMORY; skip++) {
        struct title_scanner scanner;
        title_scanner_init(&scanner, bytes_of(""), TITLE_SCAN_BYTES);
        memory_fail_after(skip, 1);
        for (size_t i = 0; i < size; i++)
            title_scanner_feed(&scanner, bytes_make(page + i, 1));
        result = title_scanner_finish(&scanner);
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(result, failures > 0 ? TITLE_NO_MEMORY : TITLE_FOUND);
        assert_true(failures == 0 || title_scanner_text(&scanner).size == 0);
        failed += failures;
        title_scanner_fini(&scanner);
        assert_int_equal(memory_live_blocks(), alive);
    }
    assert_true(failed >= 3); /* the head, the conversion, the text */
}

/* A piece of the usual size costs one block, the text; the next page reuses it. */
static void allocates_only_the_text(void **state) {
    (void)state;
    static char room[4096];
    struct bytes document = repeated(room, "<title>A title</title>", 'x', 2000, "");
    size_t alive = memory_live_blocks();
    struct title_scanner scanner;
    title_scanner_init(&scanner, bytes_of(""), TITLE_SCAN_BYTES);
    assert_false(title_scanner_feed(&scanner, document));
    assert_int_equal(memory_live_blocks(), alive + 1);
    memory_fail_after(0, 1);
    title_scanner_reset(&scanner, bytes_of(""), TITLE_SCAN_BYTES);
    title_scanner_feed(&scanner, document);
    assert_int_equal(memory_failures(), 0);
    memory_fail_after(0, 0);
    assert_title(&scanner, title_scanner_finish(&scanner), document, "A title");
    title_scanner_fini(&scanner);
}

/* random documents */

static uint64_t seed;

static size_t random_below(size_t bound) {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed >> 11) % bound;
}

static const char *const fragments[] = {
    "<title>",
    "</title>",
    "<title a='>'>",
    "<TITLE\n",
    "</tItle",
    "<tit",
    "title",
    "x",
    " ",
    "\n",
    "<!--",
    "-->",
    "--!>",
    "<!-->",
    "<!-",
    "-",
    "--",
    "!",
    "<",
    ">",
    "/",
    "</",
    "=",
    "'",
    "\"",
    "<!doctype html>",
    "<?xml encoding='koi8-r'?>",
    "<script>",
    "</script>",
    "<script",
    "</script ",
    "<style>",
    "</style>",
    "<textarea>",
    "</textarea>",
    "<noscript>",
    "</noscript>",
    "<xmp>",
    "</xmp>",
    "<template>",
    "</template>",
    "<svg>",
    "</svg>",
    "<math>",
    "</math>",
    "<desc>",
    "</desc>",
    "<foreignObject>",
    "</foreignObject>",
    "<annotation-xml encoding=text/html>",
    "<annotation-xml>",
    "</annotation-xml>",
    "<mi>",
    "</mi>",
    "<![CDATA[",
    "]]>",
    "]",
    "<g>",
    "</g>",
    "<p>",
    "</p>",
    "<font color=x>",
    "<a b=\"",
    "<meta charset=",
    "<meta charset=shift_jis>",
    "<meta charset=iso-2022-jp>",
    "<meta http-equiv=content-type content='charset=euc-kr'>",
    "charset=gbk",
    "&",
    "&amp;",
    "&amp",
    "&#",
    "&#x80;",
    "&#xD800;",
    "&notit;",
    "&notin;",
    ";",
    "\xEF\xBB\xBF",
    "\xFF\xFE",
    "\xFE\xFF",
    "\xFF",
    "\x80",
    "\xC3",
    "\xA9",
    "\xE6\x9C\xAC",
    "\x83\x5C",
    "\x1B$B",
    "\x1B(B",
    "\x1B",
    "K\\",
    "\xF0\x9F\x98\x80",
};

static const char *const charsets[] = {"",         "",       "utf-8",        "utf-16le",
                                       "utf-16be", "gbk",    "iso-2022-jp",  "shift_jis",
                                       "euc-jp",   "koi8-r", "windows-1252", "big5"};

static struct bytes random_document(char *room, size_t fragment_count) {
    size_t size = 0;
    for (size_t i = 0; i < fragment_count; i++) {
        const char *fragment = fragments[random_below(sizeof fragments / sizeof *fragments)];
        memcpy(room + size, fragment, strlen(fragment));
        size += strlen(fragment);
        if (random_below(16) == 0)
            room[size++] = '\0';
    }
    return bytes_make(room, size);
}

/* Feeds a document in random pieces, each in a block of its own so that reads beyond it are seen.
 */
static enum title_result scan_randomly(struct title_scanner *scanner, const char *charset,
                                       struct bytes document) {
    title_scanner_reset(scanner, bytes_of(charset), TITLE_SCAN_BYTES);
    while (document.size > 0) {
        size_t size = 1 + random_below(document.size < 20 ? document.size : 20);
        uint8_t *piece = memory_allocate(size);
        assert_non_null(piece);
        memcpy(piece, document.data, size);
        title_scanner_feed(scanner, bytes_make(piece, size));
        memory_free(piece);
        document = bytes_after(document, size);
    }
    return title_scanner_finish(scanner);
}

static void random_documents_split_anyhow(void **state) {
    (void)state;
    struct title_scanner whole, pieces;
    title_scanner_init(&whole, bytes_of(""), TITLE_SCAN_BYTES);
    title_scanner_init(&pieces, bytes_of(""), TITLE_SCAN_BYTES);
    size_t found = 0;
    seed = 88172645463325252u;
    for (size_t round = 0; round < 100000; round++) {
        char room[2048];
        const char *charset = charsets[random_below(sizeof charsets / sizeof *charsets)];
        struct bytes document = random_document(room, 1 + random_below(24));
        enum title_result result = scan_cut(&whole, charset, document, document.size);
        assert_int_equal(scan_randomly(&pieces, charset, document), result);
        struct bytes text = title_scanner_text(&whole);
        assert_true(bytes_equal(text, title_scanner_text(&pieces)));
        assert_true(utf8_is_valid(text) && text.size <= TITLE_MAX_BYTES);
        assert_true(text.size == 0 || memchr(text.data, '\n', text.size) == NULL);
        found += result == TITLE_FOUND;
    }
    assert_in_range(found, 5000, 50000); /* both endings were met often */
    title_scanner_fini(&whole);
    title_scanner_fini(&pieces);
}

static void media_types(void **state) {
    (void)state;
    assert_true(title_is_html(bytes_of("text/html")));
    assert_true(title_is_html(bytes_of("Text/HTML; charset=x")));
    assert_true(title_is_html(bytes_of(" text/html ;")));
    assert_true(title_is_html(bytes_of("application/xhtml+xml")));
    assert_true(title_is_html(bytes_of("")));
    assert_true(title_is_html((struct bytes){0}));
    assert_false(title_is_html(bytes_of("text/plain")));
    assert_false(title_is_html(bytes_of("text/htmlx")));
    assert_false(title_is_html(bytes_of("application/json; text/html")));
    assert_false(title_is_html(bytes_of("image/svg+xml")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ok),
        cmocka_unit_test(none),
        cmocka_unit_test(empty_counts),
        cmocka_unit_test(only_the_end_tag_ends_it),
        cmocka_unit_test(unterminated_ends_with_the_document),
        cmocka_unit_test(decoys_in_comments),
        cmocka_unit_test(decoys_in_attributes),
        cmocka_unit_test(decoys_in_text_elements),
        cmocka_unit_test(decoys_in_scripts),
        cmocka_unit_test(noscript_holds_markup),
        cmocka_unit_test(templates_do_not_count),
        cmocka_unit_test(foreign_titles_do_not_count),
        cmocka_unit_test(html_inside_foreign_content_counts),
        cmocka_unit_test(html_tags_end_foreign_content),
        cmocka_unit_test(cdata_in_foreign_content),
        cmocka_unit_test(deep_nesting_ok),
        cmocka_unit_test(references_decoded),
        cmocka_unit_test(space_folded),
        cmocka_unit_test(malformed_utf8_is_replaced),
        cmocka_unit_test(encoding_order),
        cmocka_unit_test(replacement_encoding_gives_none),
        cmocka_unit_test(hidden_markup_is_no_markup),
        cmocka_unit_test(pages_declare_their_encoding),
        cmocka_unit_test(pages_with_a_charset_parameter),
        cmocka_unit_test(long_title_is_cut),
        cmocka_unit_test(long_source_is_cut),
        cmocka_unit_test(limit_reached),
        cmocka_unit_test(scanning_stops),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(allocates_only_the_text),
        cmocka_unit_test(random_documents_split_anyhow),
        cmocka_unit_test(media_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
