/* Patterns with stars. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/pattern.h"

static bool matches(const char *pattern, const char *text, const char *barriers) {
    return pattern_matches(bytes_of(pattern), bytes_of(text), barriers);
}

static void stars_stand_for_anything(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool expected;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "abc", true},
        {"news", "news", true},
        {"news", "new", false},
        {"news", "newss", false},
        {"news*", "news", true},
        {"news*", "newspaper", true},
        {"*s", "news", true},
        {"*s", "newsp", false},
        {"n*s", "ns", true},
        {"n*w*s", "news", true},
        {"n**s", "news", true},
        {"*a*b*c*", "xaybzc", true},
        {"*a*b*c*", "xaycz", false},
        {"a*a", "a", false},
        {"*ab", "aab", true},
        {"*aab", "aaab", true},
        {"?", "a", false},
        {"N", "n", false},
        {"[a]", "a", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (matches(cases[i].pattern, cases[i].text, "") != cases[i].expected)
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
}

static void barriers_end_a_star(void **state) {
    (void)state;
    const char *origin = "https://*.example.org";
    assert_true(matches(origin, "https://a.example.org", ":/"));
    assert_true(matches(origin, "https://a.b.example.org", ":/"));
    assert_false(matches(origin, "https://example.org", ":/"));
    assert_false(matches(origin, "https://evil.org/.example.org", ":/"));
    assert_false(matches(origin, "https://evil.org:1.example.org", ":/"));
    assert_false(matches(origin, "https://a.example.org:8443", ":/"));
    assert_true(matches("https://a.example.org:*", "https://a.example.org:8443", ":/"));
    assert_true(matches("*", "nothing", ":/"));
    assert_false(matches("*", "https://a", ":/"));
}

/* What a pattern means, said as plainly as can be. */
static bool means(const char *pattern, const char *text, char barrier) {
    if (*pattern == '\0')
        return *text == '\0';
    if (*pattern != '*')
        return *pattern == *text && *text != '\0' && means(pattern + 1, text + 1, barrier);
    for (;; text++) {
        if (means(pattern + 1, text, barrier))
            return true;
        if (*text == '\0' || *text == barrier)
            return false;
    }
}

static void all_short_patterns_and_texts(void **state) {
    (void)state;
    static const char letters[] = "ab/*";
    for (unsigned i = 0; i < 4 * 4 * 4 * 4 * 4 * 4; i++) {
        char pattern[7], text[7];
        for (unsigned k = 0, rest = i; k < 6; k++, rest /= 4)
            pattern[k] = letters[rest % 4];
        pattern[i % 7] = pattern[6] = '\0';
        for (unsigned j = 0; j < 3 * 3 * 3 * 3 * 3; j++) {
            for (unsigned k = 0, rest = j; k < 5; k++, rest /= 3)
                text[k] = letters[rest % 3];
            text[j % 6] = '\0';
            if (matches(pattern, text, "/") != means(pattern, text, '/'))
                fail_msg("'%s' and '%s'", pattern, text);
        }
    }
}

/* A bad pattern costs time in proportion, not more. */
static void many_stars_are_no_trap(void **state) {
    (void)state;
    enum { SIZE = 4000 };
    char *pattern = malloc(2 * SIZE + 2), *text = malloc(SIZE + 1);
    assert_non_null(pattern);
    assert_non_null(text);
    for (size_t i = 0; i < (size_t)2 * SIZE; i++)
        pattern[i] = i % 2 == 0 ? '*' : 'a';
    pattern[2 * SIZE] = 'b';
    pattern[2 * SIZE + 1] = '\0';
    memset(text, 'a', SIZE);
    text[SIZE] = '\0';
    assert_false(matches(pattern, text, ""));
    free(pattern);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stars_stand_for_anything),
        cmocka_unit_test(barriers_end_a_star),
        cmocka_unit_test(all_short_patterns_and_texts),
        cmocka_unit_test(many_stars_are_no_trap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
