#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "fetch/encoding.h"

#define LITERAL(text) bytes_make(text, sizeof(text) - 1)

/* labels */

static void labels_ok(void **state) {
    (void)state;
    static const struct {
        const char *label;
        enum encoding encoding;
    } rows[] = {
        {"utf-8", ENCODING_UTF_8},
        {"UTF8", ENCODING_UTF_8},
        {"x-unicode20utf8", ENCODING_UTF_8},
        {"latin1", ENCODING_WINDOWS_1252},
        {"ISO-8859-1", ENCODING_WINDOWS_1252},
        {"us-ascii", ENCODING_WINDOWS_1252},
        {"ansi_x3.4-1968", ENCODING_WINDOWS_1252},
        {"iso-8859-9", ENCODING_WINDOWS_1254},
        {"iso-8859-11", ENCODING_WINDOWS_874},
        {"gb2312", ENCODING_GBK},
        {"GB18030", ENCODING_GB18030},
        {"big5-hkscs", ENCODING_BIG5},
        {"ks_c_5601-1987", ENCODING_EUC_KR},
        {"windows-31j", ENCODING_SHIFT_JIS},
        {"ms932", ENCODING_SHIFT_JIS},
        {"x-euc-jp", ENCODING_EUC_JP},
        {"csiso2022jp", ENCODING_ISO_2022_JP},
        {"hz-gb-2312", ENCODING_REPLACEMENT},
        {"iso-2022-kr", ENCODING_REPLACEMENT},
        {"unicode", ENCODING_UTF_16LE},
        {"unicodefffe", ENCODING_UTF_16BE},
        {"utf-16", ENCODING_UTF_16LE},
        {"logical", ENCODING_ISO_8859_8_I},
        {"visual", ENCODING_ISO_8859_8},
        {"koi8-ru", ENCODING_KOI8_U},
        {"koi", ENCODING_KOI8_R},
        {"866", ENCODING_IBM866},
        {"sun_eu_greek", ENCODING_ISO_8859_7},
        {"x-user-defined", ENCODING_X_USER_DEFINED},
        {"x-mac-ukrainian", ENCODING_X_MAC_CYRILLIC},
        {" \t\nkoi8-r\f\r", ENCODING_KOI8_R},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(encoding_from_label(bytes_of(rows[i].label)), rows[i].encoding);
}

static void unknown_labels_refused(void **state) {
    (void)state;
    static const char *const labels[] = {"",      " ",      "utf-9",    "utf-8x",
                                         "tf-8",  "utf 8",  "cp-866",   "\vutf-8",
                                         "utf-7", "utf-32", "\"utf-8\""};
    for (size_t i = 0; i < sizeof labels / sizeof *labels; i++)
        assert_int_equal(encoding_from_label(bytes_of(labels[i])), ENCODING_UNKNOWN);
    assert_int_equal(encoding_from_label(LITERAL("utf-8\0")), ENCODING_UNKNOWN);
}

/* The standard: each encoding's name is one of its labels. */
static void names_are_labels(void **state) {
    (void)state;
    for (int i = ENCODING_UNKNOWN + 1; i < ENCODING_COUNT; i++)
        assert_int_equal(encoding_from_label(bytes_of(encoding_name((enum encoding)i))), i);
    assert_string_equal(encoding_name(ENCODING_SHIFT_JIS), "Shift_JIS");
}

static void marks(void **state) {
    (void)state;
    assert_int_equal(encoding_from_mark(LITERAL("\xEF\xBB\xBFx")), ENCODING_UTF_8);
    assert_int_equal(encoding_from_mark(LITERAL("\xFE\xFF")), ENCODING_UTF_16BE);
    assert_int_equal(encoding_from_mark(LITERAL("\xFF\xFEx")), ENCODING_UTF_16LE);
    assert_int_equal(encoding_from_mark(LITERAL("\xEF\xBB")), ENCODING_UNKNOWN);
    assert_int_equal(encoding_from_mark(LITERAL("\xFF")), ENCODING_UNKNOWN);
    assert_int_equal(encoding_from_mark(LITERAL("")), ENCODING_UNKNOWN);
    assert_int_equal(encoding_from_mark(LITERAL(" \xEF\xBB\xBF")), ENCODING_UNKNOWN);
}

/* the prescan */

struct prescan_row {
    const char *head;
    enum encoding encoding;
};

static void check_prescan(const struct prescan_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        enum encoding found = encoding_prescan(bytes_of(rows[i].head));
        if (found != rows[i].encoding)
            print_error("%s: %s\n", rows[i].head, encoding_name(found));
        assert_int_equal(found, rows[i].encoding);
    }
}

static void prescan_ok(void **state) {
    (void)state;
    static const struct prescan_row rows[] = {
        {"<meta charset=koi8-r>", ENCODING_KOI8_R},
        {"<META CharSet = 'KOI8-R' />", ENCODING_KOI8_R},
        {"<meta/charset=\"euc-jp\">", ENCODING_EUC_JP},
        {"<meta name=a content=b><p><meta charset=gbk>", ENCODING_GBK},
        {"<meta\ncharset\t=\rbig5 >", ENCODING_BIG5},
        {"<meta charset=\" sjis \">", ENCODING_SHIFT_JIS},
        {"<meta http-equiv=Content-Type content='text/html; charset=euc-kr'>", ENCODING_EUC_KR},
        {"<meta content=\"text/html; charset='koi8-u'\" http-equiv=CONTENT-TYPE>", ENCODING_KOI8_U},
        {"<meta http-equiv=content-type content='charset charset = gbk;x'>", ENCODING_GBK},
        {"<meta http-equiv=content-type content='charset=gbk;x'>", ENCODING_GBK},
        {"<meta charset=koi8-r charset=gbk>", ENCODING_KOI8_R},
        {"<meta content='charset=gbk' charset=koi8-r>", ENCODING_KOI8_R},
        {"<meta charset=utf-16>", ENCODING_UTF_8},
        {"<meta charset=utf-16be>", ENCODING_UTF_8},
        {"<meta charset=x-user-defined>", ENCODING_WINDOWS_1252},
        {"<meta charset=bogus><meta charset=gbk>", ENCODING_GBK},
        {"<!--><meta charset=gbk>", ENCODING_GBK},
        {"<!-- x --><meta charset=gbk>", ENCODING_GBK},
        {"<!doctype html><meta charset=gbk>", ENCODING_GBK},
        {"</p x='>'><meta charset=gbk>", ENCODING_GBK},
        {"</ x><meta charset=gbk>", ENCODING_GBK},
        {"< <meta charset=gbk>", ENCODING_GBK},
        {"<a b='<meta charset=koi8-r>'><meta charset=gbk>", ENCODING_GBK},
        {"<script><meta charset=gbk></script>", ENCODING_GBK}, /* it does not know of scripts */
        {"<meta ==x charset=gbk>", ENCODING_GBK},
    };
    check_prescan(rows, sizeof rows / sizeof *rows);
}

static void prescan_finds_nothing(void **state) {
    (void)state;
    static const struct prescan_row rows[] = {
        {"", ENCODING_UNKNOWN},
        {"<", ENCODING_UNKNOWN},
        {"<!--", ENCODING_UNKNOWN},
        {"charset=gbk", ENCODING_UNKNOWN},
        {"<metacharset=gbk>", ENCODING_UNKNOWN},
        {"<metas charset=gbk>", ENCODING_UNKNOWN},
        {"<!-- <meta charset=gbk> -->", ENCODING_UNKNOWN},
        {"<!-- <meta charset=gbk>", ENCODING_UNKNOWN},
        {"<a b='<meta charset=gbk>'>", ENCODING_UNKNOWN},
        {"<? <meta charset=gbk>", ENCODING_UNKNOWN},
        {"<meta charset=gbk", ENCODING_UNKNOWN},
        {"<meta charset='gbk", ENCODING_UNKNOWN},
        {"<meta charset=", ENCODING_UNKNOWN},
        {"<meta charset>", ENCODING_UNKNOWN},
        {"<meta", ENCODING_UNKNOWN},
        {"<meta charset=gbk/>", ENCODING_UNKNOWN}, /* the slash belongs to the value */
        {"<meta content='text/html; charset=gbk'>", ENCODING_UNKNOWN},
        {"<meta http-equiv=refresh content='charset=gbk'>", ENCODING_UNKNOWN},
        {"<meta http-equiv=content-type content='charset'>", ENCODING_UNKNOWN},
        {"<meta http-equiv=content-type content='charset='>", ENCODING_UNKNOWN},
        {"<meta http-equiv=content-type content='charset=\"gbk'>", ENCODING_UNKNOWN},
        {"<meta charset=bogus http-equiv=content-type content='charset=gbk'>", ENCODING_UNKNOWN},
    };
    check_prescan(rows, sizeof rows / sizeof *rows);
}

static void prescan_of_xml_declarations(void **state) {
    (void)state;
    static const struct prescan_row rows[] = {
        {"<?xml version='1.0' encoding='koi8-r'?>", ENCODING_KOI8_R},
        {"<?xml encoding = \"euc-jp\" ?><p>", ENCODING_EUC_JP},
        {"<?xml encoding='koi8-r'?><meta charset=gbk>", ENCODING_GBK},
        {"<?xml encoding='utf-16'?>", ENCODING_UTF_8},
        {"<?xml encoding='koi8-r'", ENCODING_UNKNOWN},
        {"<?xml encoding=koi8-r?>", ENCODING_UNKNOWN},
        {"<?xml encoding='koi8-r?>", ENCODING_UNKNOWN},
        {"<?xml encoding='koi8 r'?>", ENCODING_UNKNOWN},
        {"<?xml encoding?>", ENCODING_UNKNOWN},
        {"<?xml encoding=?>", ENCODING_UNKNOWN},
        {"<?xml?> encoding='koi8-r'>", ENCODING_UNKNOWN},
        {" <?xml encoding='koi8-r'?>", ENCODING_UNKNOWN},
    };
    check_prescan(rows, sizeof rows / sizeof *rows);
    assert_int_equal(encoding_prescan(LITERAL("<\0?\0x\0m\0")), ENCODING_UTF_16LE);
    assert_int_equal(encoding_prescan(LITERAL("\0<\0?\0x\0m")), ENCODING_UTF_16BE);
}

/* The tag has to end within the first 1024 bytes. */
static void prescan_ends_after_1024_bytes(void **state) {
    (void)state;
    static const char meta[] = "<meta charset=gbk>";
    char page[1200];
    for (size_t at = 1000; at < 1030; at++) {
        memset(page, ' ', sizeof page);
        memcpy(page + at, meta, sizeof meta - 1);
        bool fits = at + sizeof meta - 1 <= ENCODING_PRESCAN_BYTES;
        assert_int_equal(encoding_prescan(bytes_make(page, sizeof page)),
                         fits ? ENCODING_GBK : ENCODING_UNKNOWN);
    }
}

/* conversion */

static void check_conversion(enum encoding encoding, struct bytes text, const char *expected) {
    struct buffer out = {0};
    assert_int_equal(encoding_to_utf8(encoding, text, &out), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&out, '\0'), ERROR_NONE);
    assert_string_equal((char *)out.data, expected);
    buffer_fini(&out);
}

static void conversion_ok(void **state) {
    (void)state;
    check_conversion(ENCODING_UTF_8, LITERAL("a\xC3\xA9"), "aé");
    check_conversion(ENCODING_WINDOWS_1252, LITERAL("\x80\xE9\x93"), "€é“");
    check_conversion(ENCODING_X_USER_DEFINED, LITERAL("a\x80\xFF"), "a\uF780\uF7FF");
    check_conversion(ENCODING_KOI8_R, LITERAL("\xF2\xF5"), "РУ");
    check_conversion(ENCODING_SHIFT_JIS, LITERAL("\x83\x5C\xB1\\~\x87\x40"), "ソｱ\\~①");
    check_conversion(ENCODING_EUC_JP, LITERAL("\xA5\xBD\x8E\xB1\xAD\xA1\x8F\xB0\xA1"), "ソｱ①丂");
    check_conversion(ENCODING_GBK, LITERAL("\xD6\xD0\x80"), "中€");
    check_conversion(ENCODING_GB18030, LITERAL("\xD6\xD0\x94\x39\xFC\x36"), "中😀");
    check_conversion(ENCODING_BIG5, LITERAL("\xA5\x5C\x88\x62"), "功\u00CA\u0304");
    check_conversion(ENCODING_EUC_KR, LITERAL("\xC7\xD1\x8C\x63"), "한똠");
    check_conversion(ENCODING_ISO_8859_8_I, LITERAL("\xE0"), "א");
    check_conversion(ENCODING_WINDOWS_1258, LITERAL("Vi\xEA\xF2t"), "Việt");
    check_conversion(ENCODING_KOI8_R, LITERAL(""), "");
}

/* Where the C library's tables and the standard's differ, the standard's count. */
static void conversion_follows_the_standard(void **state) {
    (void)state;
    check_conversion(ENCODING_KOI8_U, LITERAL("\xAE\xBE\xA4"), "ўЎє");
    check_conversion(ENCODING_MACINTOSH, LITERAL("\xC6\xF0\x80"), "\u2206\uF8FFÄ");
    check_conversion(ENCODING_X_MAC_CYRILLIC, LITERAL("\xFF\x80"), "€А");
    check_conversion(ENCODING_WINDOWS_1252, LITERAL("\x81\x9D"), "\xC2\x81\xC2\x9D");
    check_conversion(ENCODING_WINDOWS_1251, LITERAL("\x98\xC0"), "\xC2\x98А");
    check_conversion(ENCODING_WINDOWS_874, LITERAL("\x81\xA1"), "\xC2\x81ก");
    check_conversion(ENCODING_SHIFT_JIS, LITERAL("\x80z"), "\xC2\x80z");
    check_conversion(ENCODING_GBK, LITERAL("\x80z"), "€z");
    check_conversion(ENCODING_BIG5, LITERAL("a\x80z"), "a�z");
    check_conversion(ENCODING_BIG5, LITERAL("\xA4\x80\xA4\xA4"), "�中");
    check_conversion(ENCODING_EUC_JP, LITERAL("a\x81z\x8D\x90\xA5\xBD"), "a�z��ソ");
    check_conversion(ENCODING_EUC_JP, LITERAL("\xA5\x9F\x8E\xB1"), "�ｱ");
}

static void malformed_is_replaced(void **state) {
    (void)state;
    check_conversion(ENCODING_UTF_8, LITERAL("a\xFF\xE2\x82z\xED\xA0\x80"), "a��z���");
    check_conversion(ENCODING_WINDOWS_874, LITERAL("\xA1\xDB\xA1"), "ก�ก");
    check_conversion(ENCODING_ISO_8859_6, LITERAL("\xC7\xFF\xC7"), "ا�ا");
    check_conversion(ENCODING_SHIFT_JIS, LITERAL("\x83"), "�");
    check_conversion(ENCODING_EUC_JP, LITERAL("\xA5"), "�");
    check_conversion(ENCODING_EUC_JP, LITERAL("\xFF\xA5\xBD"), "�ソ");
    check_conversion(ENCODING_EUC_KR, LITERAL("\xC7<b"), "�<b"); /* markup is not swallowed */
    check_conversion(ENCODING_BIG5, LITERAL("\xA5\xFFx"), "�x");
    check_conversion(ENCODING_GB18030, LITERAL("\xFF\xD6\xD0"), "�中");
}

/* All bytes and byte pairs in all encodings give valid UTF-8, and ASCII stands for itself. */
static void anything_gives_utf8(void **state) {
    (void)state;
    uint8_t text[3 * 256];
    for (int i = ENCODING_UNKNOWN + 1; i < ENCODING_COUNT; i++) {
        enum encoding encoding = (enum encoding)i;
        if (encoding == ENCODING_REPLACEMENT || encoding_stream_needed(encoding))
            continue;
        for (unsigned lead = 0x80; lead <= 0xFF; lead++) {
            for (size_t trail = 0; trail < 256; trail++)
                memcpy(text + 3 * trail, (uint8_t[]){(uint8_t)lead, (uint8_t)trail, ' '}, 3);
            struct buffer out = {0};
            assert_int_equal(encoding_to_utf8(encoding, bytes_make(text, sizeof text), &out),
                             ERROR_NONE);
            assert_true(utf8_is_valid(buffer_bytes(&out)));
            assert_non_null(memchr(out.data, '<', out.size));
            buffer_fini(&out);
        }
    }
}

static void conversion_refused(void **state) {
    (void)state;
    struct buffer out = {0};
    static const enum encoding encodings[] = {ENCODING_UNKNOWN, ENCODING_REPLACEMENT,
                                              ENCODING_UTF_16LE, ENCODING_ISO_2022_JP};
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++)
        assert_int_equal(encoding_to_utf8(encodings[i], LITERAL("x"), &out), ERROR_UNSUPPORTED);
    buffer_fini(&out);
}

static void conversion_out_of_memory(void **state) {
    (void)state;
    static const enum encoding encodings[] = {ENCODING_UTF_8, ENCODING_WINDOWS_1252,
                                              ENCODING_KOI8_R, ENCODING_SHIFT_JIS};
    size_t alive = memory_live_blocks();
    for (size_t i = 0; i < sizeof encodings / sizeof *encodings; i++) {
        enum error error = ERROR_NO_MEMORY;
        for (size_t skip = 0; error != ERROR_NONE; skip++) {
            struct buffer out = {0};
            memory_fail_after(skip, 1);
            error = encoding_to_utf8(encodings[i], LITERAL("\xFF\xFE\x80 text, text, text"), &out);
            size_t failures = memory_failures();
            memory_fail_after(0, 0);
            assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
            assert_true(failures > 0 || skip > 0);
            buffer_fini(&out);
        }
    }
    assert_int_equal(memory_live_blocks(), alive);
}

/* streams */

/* Rewrites `text` in pieces of `piece` bytes with an output of `room` bytes, and converts the
 * result. */
static void check_stream(enum encoding encoding, struct bytes text, size_t piece, size_t room,
                         const char *expected) {
    struct encoding_stream stream = {.encoding = encoding};
    struct buffer raw = {0};
    uint8_t out[64];
    while (text.size > 0) {
        struct bytes input = bytes_make(text.data, piece < text.size ? piece : text.size);
        text = bytes_after(text, input.size);
        while (input.size > 0) {
            size_t size = encoding_stream_next(&stream, &input, out, room);
            assert_true(size <= room);
            assert_int_equal(buffer_append(&raw, out, size), ERROR_NONE);
        }
    }
    size_t size = encoding_stream_end(&stream, out);
    assert_int_equal(buffer_append(&raw, out, size), ERROR_NONE);
    check_conversion(encoding_stream_result(encoding), buffer_bytes(&raw), expected);
    buffer_fini(&raw);
}

static void check_stream_split(enum encoding encoding, struct bytes text, const char *expected) {
    for (size_t piece = 1; piece <= text.size; piece++)
        for (size_t room = ENCODING_STREAM_ROOM; room <= 64; room += 7)
            check_stream(encoding, text, piece, room, expected);
}

static void utf16_split_at_every_byte(void **state) {
    (void)state;
    check_stream_split(ENCODING_UTF_16LE, LITERAL("<\0\x2C\x67\x3D\xD8\x00\xDE!\0"), "<本😀!");
    check_stream_split(ENCODING_UTF_16BE, LITERAL("\0<\x67\x2C\xD8\x3D\xDE\x00\0!"), "<本😀!");
}

static void utf16_lone_surrogates_are_replaced(void **state) {
    (void)state;
    check_stream_split(ENCODING_UTF_16BE, LITERAL("\xD8\x3D\0a\xDE\x00\0b"), "�a�b");
    check_stream_split(ENCODING_UTF_16BE, LITERAL("\xD8\x3D\xD8\x3D\xDE\x00"), "�😀");
    check_stream_split(ENCODING_UTF_16BE, LITERAL("\0a\xD8\x3D"), "a�");
    check_stream_split(ENCODING_UTF_16LE, LITERAL("a\0b"), "a�");
}

static void iso_2022_jp_split_at_every_byte(void **state) {
    (void)state;
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("<\x1B$B%=F|\x1B(B>\x1B$@K\\\x1B(J!\x1B(I1"),
                       "<ソ日>本!ｱ");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("\x1B$B%=\n%=\x1B(B"), "ソ�ソ");
}

static void iso_2022_jp_malformed_is_replaced(void **state) {
    (void)state;
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("a\x1B(Xb"), "a�(Xb");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("a\x1Bxb"), "a�xb");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("a\x1B\x1B(Bb"), "a�b");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("a\x0E\x80z"), "a��z");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("\x1B$B%\x1B(Bz"), "�z");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("\x1B$B%"), "�");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("a\x1B$"), "a�");
    check_stream_split(ENCODING_ISO_2022_JP, LITERAL("\x1B(I\x7F"), "�");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_ok),
        cmocka_unit_test(unknown_labels_refused),
        cmocka_unit_test(names_are_labels),
        cmocka_unit_test(marks),
        cmocka_unit_test(prescan_ok),
        cmocka_unit_test(prescan_finds_nothing),
        cmocka_unit_test(prescan_of_xml_declarations),
        cmocka_unit_test(prescan_ends_after_1024_bytes),
        cmocka_unit_test(conversion_ok),
        cmocka_unit_test(conversion_follows_the_standard),
        cmocka_unit_test(malformed_is_replaced),
        cmocka_unit_test(anything_gives_utf8),
        cmocka_unit_test(conversion_refused),
        cmocka_unit_test(conversion_out_of_memory),
        cmocka_unit_test(utf16_split_at_every_byte),
        cmocka_unit_test(utf16_lone_surrogates_are_replaced),
        cmocka_unit_test(iso_2022_jp_split_at_every_byte),
        cmocka_unit_test(iso_2022_jp_malformed_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
