/*
 * The grammar of RFC 8259 as a recursive descent, one function a rule: the oracle for the config's
 * JSON scanner. The scanner's own refusals (NUL characters, halves of surrogate pairs, depth, long
 * numbers) are refused here too.
 */
#ifndef RINGCAST_TESTS_JSON_REFERENCE_H
#define RINGCAST_TESTS_JSON_REFERENCE_H

#include <ctype.h>
#include <string.h>

#include "fuzz.h"
#include "ws_reference.h"
#include "json/text.h"

struct ref_json {
    const char *at; /* ended by a NUL */
    unsigned depth;
    bool long_numbers; /* are numbers of any length */
    bool odd;          /* a NUL character or half of a surrogate pair, written as an escape */
};

static inline bool ref_json_value(struct ref_json *json);

static inline void ref_json_space(struct ref_json *json) {
    json->at += strspn(json->at, " \t\n\r");
}

static inline bool ref_json_skip(struct ref_json *json, const char *word) {
    size_t size = strlen(word);
    if (strncmp(json->at, word, size) != 0)
        return false;
    json->at += size;
    return true;
}

static inline bool ref_json_digits(struct ref_json *json) {
    size_t digits = strspn(json->at, "0123456789");
    json->at += digits;
    return digits > 0;
}

static inline bool ref_json_number(struct ref_json *json) {
    const char *begin = json->at;
    ref_json_skip(json, "-");
    if (!ref_json_skip(json, "0") && !ref_json_digits(json))
        return false;
    if (ref_json_skip(json, ".") && !ref_json_digits(json))
        return false;
    if (*json->at == 'e' || *json->at == 'E') {
        json->at++;
        json->at += *json->at == '+' || *json->at == '-';
        if (!ref_json_digits(json))
            return false;
    }
    return json->long_numbers || json->at - begin <= JSON_NUMBER_MAX;
}

/* "\uXXXX"; a high half and a low half in a row are one. */
static inline bool ref_json_unicode(struct ref_json *json, unsigned *unit) {
    char digits[5] = "";
    for (int i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)json->at[i]))
            return false;
        digits[i] = json->at[i];
    }
    *unit = (unsigned)strtoul(digits, NULL, 16);
    json->at += 4;
    return true;
}

static inline bool ref_json_escape(struct ref_json *json) {
    unsigned unit, low = 0;
    if (*json->at != 'u') {
        bool known = *json->at != '\0' && strchr("\"\\/bfnrt", *json->at) != NULL;
        json->at += known;
        return known;
    }
    json->at++;
    if (!ref_json_unicode(json, &unit))
        return false;
    if (unit >> 10 == 0xD800 >> 10) {
        if (json->at[0] != '\\' || json->at[1] != 'u') {
            json->odd = true;
            return true;
        }
        json->at += 2;
        if (!ref_json_unicode(json, &low))
            return false;
        json->odd = json->odd || low >> 10 != 0xDC00 >> 10;
    } else {
        json->odd = json->odd || unit == 0 || unit >> 10 == 0xDC00 >> 10;
    }
    return true;
}

static inline bool ref_json_string(struct ref_json *json) {
    if (!ref_json_skip(json, "\""))
        return false;
    while (*json->at != '"') {
        if ((unsigned char)*json->at < ' ')
            return false;
        if (*json->at++ == '\\' && !ref_json_escape(json))
            return false;
    }
    json->at++;
    return true;
}

static inline bool ref_json_members(struct ref_json *json, bool is_object) {
    const char *end = is_object ? "}" : "]";
    json->at++;
    ref_json_space(json);
    if (ref_json_skip(json, end))
        return true;
    do {
        ref_json_space(json);
        if (is_object) {
            if (!ref_json_string(json))
                return false;
            ref_json_space(json);
            if (!ref_json_skip(json, ":"))
                return false;
        }
        if (!ref_json_value(json))
            return false;
    } while (ref_json_skip(json, ","));
    return ref_json_skip(json, end);
}

/* A value with the white space around it. */
static inline bool ref_json_value(struct ref_json *json) {
    bool good = false;
    ref_json_space(json);
    if (*json->at == '{' || *json->at == '[') {
        if (++json->depth > JSON_DEPTH_MAX)
            return false;
        good = ref_json_members(json, *json->at == '{');
        json->depth--;
    } else if (*json->at == '"') {
        good = ref_json_string(json);
    } else {
        good = ref_json_skip(json, "true") || ref_json_skip(json, "false") ||
               ref_json_skip(json, "null") || ref_json_number(json);
    }
    ref_json_space(json);
    return good;
}

static inline bool ref_is_json_with(struct bytes text, bool long_numbers) {
    static char copy[FUZZ_PIECE_MAX];
    FUZZ_CHECK(text.size < sizeof copy);
    if (text.size == 0 || memchr(text.data, '\0', text.size) != NULL || !ref_utf8(text, true))
        return false;
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    struct ref_json json = {.at = copy, .long_numbers = long_numbers};
    return ref_json_value(&json) && *json.at == '\0' && !json.odd;
}

/* Is it one JSON text in UTF-8, without what could not be carried? */
static inline bool ref_is_json(struct bytes text) {
    return ref_is_json_with(text, false);
}

#endif
