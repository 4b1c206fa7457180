/* What a Set-Cookie field says, and to whom a cookie goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cookie.h"

static const int64_t NOW = 1764000000; /* 24 November 2025 */
static const int64_t DAY = 24 * 3600;

static void assert_text(struct bytes text, const char *expected) {
    assert_int_equal(text.size, strlen(expected));
    assert_true(bytes_equal(text, bytes_of(expected)));
}

static struct cookie parse(const char *field) {
    struct cookie cookie;
    assert_true(cookie_parse(bytes_of(field), NOW, &cookie));
    return cookie;
}

static void assert_ignored(const char *field) {
    struct cookie cookie;
    assert_false(cookie_parse(bytes_of(field), NOW, &cookie));
}

/* ---- name and value -------------------------------------------------------------------------- */

static void assert_pair(const char *field, const char *name, const char *value) {
    struct cookie cookie = parse(field);
    assert_text(cookie.name, name);
    assert_text(cookie.value, value);
}

static void names_and_values(void **state) {
    (void)state;
    assert_pair("a=b", "a", "b");
    assert_pair(" a\t = \tb ; Path=/", "a", "b");
    assert_pair("a=b=c", "a", "b=c");
    assert_pair("a=", "a", "");
    assert_pair("=b", "", "b");
    assert_pair("b", "", "b");
    assert_pair("a=\"b; c\"", "a", "\"b");
    assert_pair("a=b c", "a", "b c");
    assert_pair("a=\xC3\xA9", "a", "\xC3\xA9");
    assert_pair("a=b;;; ;Secure", "a", "b");
}

static void what_is_ignored_as_a_whole(void **state) {
    static char longest[COOKIE_PAIR_MAX + 3];
    (void)state;
    assert_ignored("");
    assert_ignored("=");
    assert_ignored(" = ;Path=/");
    assert_ignored("; a=b");
    assert_ignored("a=b\x01");
    assert_ignored("a=b; path=/\x7F");
    memset(longest, 'x', sizeof longest - 1);
    longest[1] = '=';
    struct cookie cookie;
    assert_true(cookie_parse(bytes_make(longest, COOKIE_PAIR_MAX + 1), NOW, &cookie));
    assert_false(cookie_parse(bytes_make(longest, COOKIE_PAIR_MAX + 2), NOW, &cookie));
}

/* ---- attributes ------------------------------------------------------------------------------ */

static void domains_and_paths(void **state) {
    (void)state;
    assert_text(parse("a=b; Domain=example.org").domain, "example.org");
    assert_text(parse("a=b; domain = .Example.ORG ").domain, "Example.ORG");
    assert_text(parse("a=b; Domain=one; DOMAIN=two").domain, "two");
    assert_text(parse("a=b; Domain=one; Domain=").domain, "");
    assert_text(parse("a=b; Domain").domain, "");
    assert_text(parse("a=b; Path=/x").path, "/x");
    assert_text(parse("a=b; Path=/x; path=/y/").path, "/y/");
    assert_text(parse("a=b; Path=x").path, "");
    assert_true(parse("a=b; Path=x").has_path);
    assert_false(parse("a=b; Paths=/x").has_path);
    assert_true(parse("a=b;SECURE").is_secure);
    assert_true(parse("a=b; secure=no").is_secure);
    assert_false(parse("a=b; insecure; HttpOnly; SameSite=Strict").is_secure);
}

static void attributes_that_are_too_long_are_not_said(void **state) {
    char field[COOKIE_ATTRIBUTE_MAX + 64] = "a=b; Path=/";
    (void)state;
    size_t size = strlen(field);
    memset(field + size, 'x', COOKIE_ATTRIBUTE_MAX - 1);
    assert_int_equal(parse(field).path.size, COOKIE_ATTRIBUTE_MAX);
    field[size + COOKIE_ATTRIBUTE_MAX - 1] = 'x';
    assert_int_equal(parse(field).path.size, 0);
    assert_false(parse(field).has_path);
}

static void max_age(void **state) {
    (void)state;
    assert_false(parse("a=b").has_expiry);
    assert_int_equal(parse("a=b; Max-Age=60").expiry, NOW + 60);
    assert_true(parse("a=b; Max-Age=0").expiry < NOW);
    assert_true(parse("a=b; Max-Age=-1").expiry < NOW);
    assert_true(parse("a=b; Max-Age=-").has_expiry);
    assert_false(parse("a=b; Max-Age=").has_expiry);
    assert_false(parse("a=b; Max-Age=1.5").has_expiry);
    assert_false(parse("a=b; Max-Age=+5").has_expiry);
    assert_false(parse("a=b; Max-Age=5s").has_expiry);
    assert_int_equal(parse("a=b; Max-Age=99999999999999999999999").expiry, NOW + 400 * DAY);
    assert_int_equal(parse("a=b; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT").expiry,
                     NOW + 5);
    assert_int_equal(parse("a=b; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=5").expiry,
                     NOW + 5);
    assert_int_equal(parse("a=b; Max-Age=x; Expires=Thu, 01 Jan 1970 00:00:07 GMT").expiry, 7);
    assert_int_equal(parse("a=b; Max-Age=9; Max-Age=x").expiry, NOW + 9);
}

static void expires(void **state) {
    (void)state;
    assert_false(parse("a=b; Expires=tomorrow").has_expiry);
    assert_int_equal(parse("a=b; Expires=Fri, 31 Dec 9999 23:59:59 GMT").expiry, NOW + 400 * DAY);
    assert_int_equal(parse("a=b; Expires=Mon, 24 Nov 2025 16:00:01 GMT").expiry, NOW + 1);
}

/* ---- dates ----------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    int64_t seconds;
} dates[] = {
    {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
    {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
    {"Sun Nov  6 08:49:37 1994", 784111777},
    {"08:49:37 1994 nOVEMBER 6 (any zone) +0500", 784111777},
    {"6 Nov 94 8:49:37", 784111777},
    {"Thu, 01-Jan-1970 00:00:00 GMT", 0},
    {"1 jan 69 0:0:0", 3124224000},
    {"29 feb 2000 23:59:59", 951868799},
    {"1 mar 2000 00:00:00", 951868800},
    {"1 jan 1601 00:00:00", -11644473600},
    {"06 11:22:33 Nov 1994x 4", 784120953},
};

static const char *const no_dates[] = {
    "",
    "Sun, 06 Nov 1994",
    "06 Nov 08:49:37",
    "Nov 1994 08:49:37 GMT",
    "06 1994 08:49:37",
    "29 feb 1900 00:00:00",
    "30 feb 2000 00:00:00",
    "31 apr 2000 00:00:00",
    "0 jan 2000 00:00:00",
    "32 jan 2000 00:00:00",
    "1 jan 1600 00:00:00",
    "1 jan 2000 24:00:00",
    "1 jan 2000 00:60:00",
    "1 jan 2000 00:00:60",
    "1 jan 2000 000:00:00",
    "1 jan 20000 00:00:00",
    "1 ja 2000 00:00:00",
};

static void dates_of_many_forms(void **state) {
    int64_t seconds;
    (void)state;
    for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
        assert_true(cookie_date_parse(bytes_of(dates[i].text), &seconds));
        assert_int_equal(seconds, dates[i].seconds);
    }
    for (size_t i = 0; i < sizeof no_dates / sizeof *no_dates; i++)
        assert_false(cookie_date_parse(bytes_of(no_dates[i]), &seconds));
}

/* ---- promises -------------------------------------------------------------------------------- */

static bool keeps(const char *field, bool host_only, const char *path) {
    struct cookie cookie = parse(field);
    return cookie_keeps_promises(&cookie, host_only, bytes_of(path));
}

static void names_that_make_promises(void **state) {
    (void)state;
    assert_true(keeps("__Secure-a=b; Secure", false, "/x"));
    assert_false(keeps("__Secure-a=b", true, "/"));
    assert_false(keeps("__SECURE-a=b", true, "/"));
    assert_true(keeps("__Secure=b", true, "/"));
    assert_true(keeps("__Host-a=b; Secure; Path=/", true, "/"));
    assert_false(keeps("__Host-a=b; Path=/", true, "/"));
    assert_false(keeps("__Host-a=b; Secure; Path=/", false, "/"));
    assert_false(keeps("__Host-a=b; Secure", true, "/"));
    assert_false(keeps("__host-a=b; Secure; Path=/x", true, "/x"));
    assert_false(keeps("=__Host-a", true, "/"));
    assert_false(keeps("__secure-a", true, "/"));
    assert_true(keeps("=b", true, "/"));
}

/* ---- where it goes --------------------------------------------------------------------------- */

static bool path_matches(const char *path, const char *cookie_path) {
    return cookie_path_matches(bytes_of(path), bytes_of(cookie_path));
}

static void paths(void **state) {
    (void)state;
    assert_text(cookie_default_path(bytes_of("/")), "/");
    assert_text(cookie_default_path(bytes_of("/a")), "/");
    assert_text(cookie_default_path(bytes_of("/a/")), "/a");
    assert_text(cookie_default_path(bytes_of("/a/b")), "/a");
    assert_text(cookie_default_path(bytes_of("")), "/");
    assert_true(path_matches("/a", "/a") && path_matches("/a/b", "/a") &&
                path_matches("/a/b", "/a/") && path_matches("/a", "/"));
    assert_false(path_matches("/ab", "/a") || path_matches("/a", "/a/") ||
                 path_matches("/", "/a") || path_matches("/A", "/a") || path_matches("/", ""));
}

static bool domain_matches(const char *host, const char *domain) {
    return cookie_domain_matches(bytes_of(host), bytes_of(domain));
}

static void domains(void **state) {
    (void)state;
    assert_true(domain_matches("example.org", "example.org") &&
                domain_matches("a.b.example.org", "example.org"));
    assert_false(domain_matches("badexample.org", "example.org") ||
                 domain_matches("example.org", "www.example.org") ||
                 domain_matches("example.org", "") || domain_matches("example.org", "rg"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_values),
        cmocka_unit_test(what_is_ignored_as_a_whole),
        cmocka_unit_test(domains_and_paths),
        cmocka_unit_test(attributes_that_are_too_long_are_not_said),
        cmocka_unit_test(max_age),
        cmocka_unit_test(expires),
        cmocka_unit_test(dates_of_many_forms),
        cmocka_unit_test(names_that_make_promises),
        cmocka_unit_test(paths),
        cmocka_unit_test(domains),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
