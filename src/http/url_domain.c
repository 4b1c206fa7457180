/*
 * "Domain to ASCII" of the URL standard: UTS 46 non-transitional processing without hyphen, length
 * and STD3 checks. The one file that sees libidn2.
 *
 * libidn2 answers IDNA2008 lookups and refuses more than UTS 46 does, so it gets as little as
 * possible: one label at a time, and no label that is plain ASCII. A label that only its stricter
 * rules refuse is asked about once more, in ways that leave those rules out (see relaxed_lookup).
 *
 * What still differs from the standard:
 * - an international label has at most 63 characters of ASCII
 * - a label that needs relaxing must not be written from right to left, hold a character of
 *   is_unrelaxable(), or have xn-- at its beginning once its international characters are left out
 * - the Bidi rule is checked in each label by itself
 * - the tables are those of the library's Unicode version
 */
#include <ctype.h>
#include <idn2.h>
#include <string.h>

#include "base/memory.h"
#include "base/utf8.h"
#include "url_host.h"

/* Stands for '-' where libidn2 is not to see it. No mapping of UTS 46 yields this character, and no
 * domain may have it. */
static const char hidden_hyphen = '\x01';

static enum error error_from_idn2(int result) {
    if (result == IDN2_OK)
        return ERROR_NONE;
    return result == IDN2_MALLOC ? ERROR_NO_MEMORY : ERROR_URL_HOST;
}

/* IDNA2008's own rules, of which UTS 46 knows nothing or which the URL standard turns off. */
static bool is_too_strict(int result) {
    switch (result) {
    case IDN2_DISALLOWED: /* symbols, for one */
    case IDN2_2HYPHEN:
    case IDN2_HYPHEN_STARTEND:
    case IDN2_CONTEXTO:
    case IDN2_CONTEXTO_NO_RULE:
    case IDN2_ALABEL_ROUNDTRIP_FAILED: /* ASCII punctuation beside international characters */
        return true;
    default:
        return false;
    }
}

/* The caller ends `out`, which is NULL after an error. */
static int lookup(const char *label, int flags, char **out) {
    uint8_t *result = NULL;
    int code = idn2_lookup_u8((const uint8_t *)label, &result, flags);
    *out = (char *)result;
    return code;
}

/* ---- labels that libidn2 refuses too readily ------------------------------------------------- */

static bool is_right_to_left(uint32_t character) {
    return (character >= 0x590 && character <= 0x8ff) || character == 0x200f ||
           (character >= 0xfb1d && character <= 0xfdff) ||
           (character >= 0xfe70 && character <= 0xfefe) ||
           (character >= 0x10800 && character <= 0x10fff) ||
           (character >= 0x1e800 && character <= 0x1efff);
}

/* Those that transitional processing maps otherwise, and those that map to a hyphen. */
static bool is_unrelaxable(uint32_t character) {
    switch (character) {
    case 0xdf:
    case 0x3c2:
    case 0x200c:
    case 0x200d:
    case 0xfe63:
    case 0xff0d:
        return true;
    default:
        return false;
    }
}

static bool has_any(const char *label, bool (*is_one)(uint32_t character)) {
    struct bytes rest = bytes_of(label);
    while (rest.size > 0) {
        uint32_t character;
        rest = bytes_after(rest, utf8_decode(rest, &character));
        if (is_one(character))
            return true;
    }
    return false;
}

static void replace(char *text, char from, char to) {
    for (; *text != '\0'; text++)
        if (*text == from)
            *text = to;
}

/* Puts the hyphens back. False if that makes a second xn-- prefix, which nobody has checked. */
static bool unhide_hyphens(char *result) {
    bool international = strncmp(result, "xn--", 4) == 0;
    replace(result, hidden_hyphen, '-');
    return strncmp(international ? result + 4 : result, "xn--", 4) != 0;
}

/*
 * First without hyphens and without the round trip through Punycode, which minds punctuation. What
 * is then still disallowed may be a symbol: for those, transitional processing skips the rules of
 * IDNA2008, and maps all but the unrelaxable characters in the same way.
 */
static int relaxed_lookup(char *label, char **out) {
    if (has_any(label, is_right_to_left))
        return IDN2_DISALLOWED;
    replace(label, '-', hidden_hyphen);
    int result = lookup(label, IDN2_NONTRANSITIONAL | IDN2_NO_ALABEL_ROUNDTRIP, out);
    if (is_too_strict(result) && !has_any(label, is_unrelaxable))
        result = lookup(label, IDN2_TRANSITIONAL | IDN2_NO_ALABEL_ROUNDTRIP, out);
    if (result == IDN2_OK && !unhide_hyphens(*out)) {
        idn2_free(*out);
        *out = NULL;
        result = IDN2_DISALLOWED;
    }
    return result;
}

/*
 * A label in Punycode is good if what it stands for is, and would be written like this. Punctuation
 * changes nothing about that, but libidn2 does not decode it. `label` is spoilt.
 */
static int relaxed_punycode_check(char *label) {
    char *decoded = NULL, *encoded = NULL;
    for (char *byte = label; *byte != '\0'; byte++)
        if (ispunct((unsigned char)*byte) && *byte != '-')
            *byte = '_';
    int result = idn2_to_unicode_8z8z(label, &decoded, 0);
    if (result == IDN2_OK)
        result = relaxed_lookup(decoded, &encoded);
    if (result == IDN2_OK && strcasecmp(encoded, label) != 0)
        result = IDN2_ALABEL_ROUNDTRIP_FAILED;
    idn2_free(encoded);
    idn2_free(decoded);
    return result;
}

/* ---- labels ---------------------------------------------------------------------------------- */

static bool is_punycode(struct bytes label) {
    return label.size >= 4 &&
           bytes_equal_ignoring_case(bytes_make(label.data, 4), bytes_of("xn--"));
}

static enum error append_in_lower_case(struct bytes label, struct buffer *out) {
    size_t start = out->size;
    enum error error = buffer_append(out, label.data, label.size);
    for (size_t i = start; i < out->size; i++)
        out->data[i] = bytes_lower(out->data[i]);
    return error;
}

/* `text` is a copy of the label that may be spoilt. */
static enum error append_punycode(struct bytes label, char *text, struct buffer *out) {
    char *ascii = NULL;
    int result = lookup(text, IDN2_NONTRANSITIONAL, &ascii);
    idn2_free(ascii);
    if (result != IDN2_OK && result != IDN2_MALLOC)
        result = relaxed_punycode_check(text);
    enum error error = error_from_idn2(result);
    return error == ERROR_NONE ? append_in_lower_case(label, out) : error;
}

static enum error append_international(char *text, struct buffer *out) {
    char *ascii = NULL;
    int result = lookup(text, IDN2_NONTRANSITIONAL, &ascii);
    if (is_too_strict(result))
        result = relaxed_lookup(text, &ascii);
    enum error error = error_from_idn2(result);
    if (error == ERROR_NONE)
        error = buffer_append_text(out, ascii);
    idn2_free(ascii);
    return error;
}

static enum error append_label(struct bytes label, struct buffer *out) {
    if (utf8_is_ascii(label) && !is_punycode(label))
        return append_in_lower_case(label, out);
    /* no domain has control characters, and these two have a meaning here */
    if (memchr(label.data, '\0', label.size) != NULL ||
        memchr(label.data, hidden_hyphen, label.size) != NULL)
        return ERROR_URL_HOST;
    char *text = memory_copy_text((const char *)label.data, label.size);
    if (text == NULL)
        return ERROR_NO_MEMORY;
    enum error error =
        utf8_is_ascii(label) ? append_punycode(label, text, out) : append_international(text, out);
    memory_free(text);
    return error;
}

/* UTS 46 section 2.3: the full stops that map to '.'. Returns the bytes of the one at the
 * beginning of a text that is not empty, or 0. */
static size_t full_stop(struct bytes text) {
    static const char *const stops[] = {"\u3002", "\uff0e", "\uff61"};
    if (text.data[0] < 0x80)
        return text.data[0] == '.';
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        struct bytes stop = bytes_of(stops[i]);
        if (text.size >= stop.size && memcmp(text.data, stop.data, stop.size) == 0)
            return stop.size;
    }
    return 0;
}

enum error url_domain_to_ascii(struct bytes domain, struct buffer *out) {
    for (;;) {
        size_t size = 0;
        while (size < domain.size && full_stop(bytes_after(domain, size)) == 0)
            size++;
        enum error error = append_label(bytes_make(domain.data, size), out);
        domain = bytes_after(domain, size);
        if (error != ERROR_NONE || domain.size == 0)
            return error;
        error = buffer_append_byte(out, '.');
        if (error != ERROR_NONE)
            return error;
        domain = bytes_after(domain, full_stop(domain));
    }
}
