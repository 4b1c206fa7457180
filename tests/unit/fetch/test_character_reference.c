#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/utf8.h"
#include "character_reference.h"
#include "character_reference_table.h"

/* Decodes the text's first reference; checks what it means and what it leaves over. */
static void check(const char *text, const char *meaning, const char *rest) {
    struct character_reference reference = {0};
    size_t used = character_reference_decode(bytes_of(text), &reference);
    char decoded[16] = "";
    size_t size = 0;
    for (size_t i = 0; used > 0 && i < reference.count; i++)
        size += utf8_encode(reference.code_points[i], (uint8_t *)decoded + size);
    assert_string_equal(decoded, meaning);
    assert_string_equal(text + used, rest);
}

static void named_ok(void **state) {
    (void)state;
    check("&amp;b", "&", "b");
    check("&lt;", "<", "");
    check("&Aacute;", "Á", "");
    check("&aacute;", "á", "");
    check("&hellip;…", "…", "…");
    check("&zwnj;", "\u200C", "");
    check("&zwj;", "\u200D", "");
    check("&AElig;", "Æ", "");
    check("&CounterClockwiseContourIntegral;", "∳", "");
    check("&Afr;", "𝔄", "");
}

static void named_of_two_characters_ok(void **state) {
    (void)state;
    check("&NotEqualTilde;", "≂̸", "");
    check("&fjlig;", "fj", "");
    check("&nGt;x", "≫⃒", "x");
}

static void legacy_without_semicolon_ok(void **state) {
    (void)state;
    check("&amp", "&", "");
    check("&ampere", "&", "ere");
    check("&copy 2020", "©", " 2020");
    check("&yuml=", "ÿ", "=");
    check("&GT>", ">", ">");
}

static void longest_name_wins(void **state) {
    (void)state;
    check("&notin;", "∉", "");
    check("&notin", "¬", "in");
    check("&notit;", "¬", "it;");
    check("&not;in;", "¬", "in;");
    check("&not", "¬", "");
    check("&sup1;", "¹", "");
    check("&sup;", "⊃", "");
    check("&sup2", "²", "");
}

static void not_a_reference(void **state) {
    (void)state;
    static const char *const texts[] = {
        "&",       "& ",    "&;",        "&#",  "&#;",    "&#x",        "&#x;",   "&#xg;", "&#a;",
        "&hellip", "&Amp;", "&unknown;", "&1;", "&&amp;", "&\xC3\xA9;", "x&amp;", ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        check(texts[i], "", texts[i]);
}

static void numeric_ok(void **state) {
    (void)state;
    check("&#65;", "A", "");
    check("&#65B", "A", "B");
    check("&#x41;", "A", "");
    check("&#X6a;", "j", "");
    check("&#x1F600;", "😀", "");
    check("&#x10FFFF;", "\U0010FFFF", "");
    check("&#0000000000000000000000000000065;", "A", "");
    check("&#x9g", "\t", "g");
}

static void numeric_in_windows_1252_range_is_remapped(void **state) {
    (void)state;
    check("&#128;", "€", "");
    check("&#x80;", "€", "");
    check("&#x8E;", "Ž", "");
    check("&#x99;", "™", "");
    check("&#x9F;", "Ÿ", "");
    check("&#x81;", "\xC2\x81", ""); /* unused there: stays the control character */
    check("&#x9D;", "\xC2\x9D", "");
    check("&#xA0;", "\xC2\xA0", "");
}

static void numeric_out_of_range_is_replaced(void **state) {
    (void)state;
    check("&#0;", "\uFFFD", "");
    check("&#x0", "\uFFFD", "");
    check("&#xD800;", "\uFFFD", "");
    check("&#xDFFF;", "\uFFFD", "");
    check("&#x110000;", "\uFFFD", "");
    check("&#4294967361;", "\uFFFD", ""); /* 2^32 + 'A' */
    check("&#x100000000000000041;", "\uFFFD", "");
    check("&#99999999999999999999999999;", "\uFFFD", "");
}

/* Every row is found by its own name, alone and with more behind it. */
static void whole_table_found(void **state) {
    (void)state;
    for (size_t i = 0; i < CHARACTER_REFERENCE_COUNT; i++) {
        const struct character_reference_row *row = &character_reference_rows[i];
        size_t size = (size_t)(row[1].name - row->name);
        char text[64] = "&";
        memcpy(text + 1, character_reference_names + row->name, size);
        for (int longer = 0; longer < 2; longer++) {
            struct character_reference reference;
            text[1 + size] = longer ? '\x01' : '\0';
            assert_int_equal(character_reference_decode(bytes_of(text), &reference), size + 1);
            assert_int_equal(reference.code_points[0], row->first);
            assert_int_equal(reference.count, row->second != 0 ? 2 : 1);
            assert_true(row->second == 0 || reference.code_points[1] == row->second);
        }
    }
}

/* What the standard's list is known to contain, so that a damaged table is noticed. */
static void table_sums_up(void **state) {
    (void)state;
    size_t legacy = 0, pairs = 0;
    for (size_t i = 0; i < CHARACTER_REFERENCE_COUNT; i++) {
        legacy += character_reference_names[character_reference_rows[i + 1].name - 1] != ';';
        pairs += character_reference_rows[i].second != 0;
    }
    assert_int_equal(legacy, 106);
    assert_int_equal(pairs, 93);
}

/* A reference that is cut off never reads beyond the end. */
static void cut_at_every_byte(void **state) {
    (void)state;
    static const char *const texts[] = {"&notin;", "&#x1F600;", "&#128;", "&fjlig;"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t size = 0; size <= strlen(texts[i]); size++) {
            struct character_reference reference;
            char copy[16]; /* what follows would complete it */
            memcpy(copy, texts[i], strlen(texts[i]));
            size_t used = character_reference_decode(bytes_make(copy, size), &reference);
            assert_true(used <= size);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(named_ok),
        cmocka_unit_test(named_of_two_characters_ok),
        cmocka_unit_test(legacy_without_semicolon_ok),
        cmocka_unit_test(longest_name_wins),
        cmocka_unit_test(not_a_reference),
        cmocka_unit_test(numeric_ok),
        cmocka_unit_test(numeric_in_windows_1252_range_is_remapped),
        cmocka_unit_test(numeric_out_of_range_is_replaced),
        cmocka_unit_test(whole_table_found),
        cmocka_unit_test(table_sums_up),
        cmocka_unit_test(cut_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
