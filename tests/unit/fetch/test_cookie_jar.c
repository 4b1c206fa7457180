/* What the jar takes from whom, and gives to whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "cookie_jar.h"

static const int64_t NOW = 1764000000;

static struct cookie_jar *jar;

static int make_jar(void **state) {
    (void)state;
    return cookie_jar_new(&jar) == ERROR_NONE ? 0 : -1;
}

static int free_jar(void **state) {
    (void)state;
    cookie_jar_free(jar);
    return 0;
}

/* ---- setting and getting --------------------------------------------------------------------- */

static bool trusted = true; /* the certificate was verified */

static enum error take(const char *from, const char *field, int64_t now, bool *changed) {
    struct url url;
    const struct http_field items[] = {{bytes_of("Content-Type"), bytes_of("text/html")},
                                       {bytes_of("SET-cookie"), bytes_of(field)}};
    assert_int_equal(url_parse(&url, bytes_of(from), NULL), ERROR_NONE);
    const struct cookie_party party = {&url, url.scheme == URL_HTTPS && trusted};
    enum error error = cookie_jar_take(jar, &party, (struct http_fields){items, 2}, now, changed);
    url_fini(&url);
    return error;
}

static bool set_at(const char *from, const char *field, int64_t now) {
    bool changed;
    assert_int_equal(take(from, field, now, &changed), ERROR_NONE);
    return changed;
}

static bool set(const char *from, const char *field) {
    return set_at(from, field, NOW);
}

static void assert_sent_at(const char *to, const char *expected, int64_t now) {
    struct buffer out = {0};
    struct url url;
    assert_int_equal(url_parse(&url, bytes_of(to), NULL), ERROR_NONE);
    const struct cookie_party party = {&url, url.scheme == URL_HTTPS && trusted};
    assert_int_equal(cookie_jar_append(jar, &party, now, &out), ERROR_NONE);
    assert_int_equal(buffer_append_byte(&out, 0), ERROR_NONE);
    assert_string_equal((const char *)out.data, expected);
    url_fini(&url);
    buffer_fini(&out);
}

static void assert_sent(const char *to, const char *expected) {
    assert_sent_at(to, expected, NOW);
}

/* ---- hosts and domains ----------------------------------------------------------------------- */

static void without_a_domain_it_is_the_host_s_alone(void **state) {
    (void)state;
    assert_true(set("http://www.example.org/", "a=b"));
    assert_sent("http://www.example.org/", "a=b");
    assert_sent("http://www.example.org:8080/", "a=b"); /* ports are not told apart (§8.5) */
    assert_sent("https://www.example.org/", "a=b");
    assert_sent("http://example.org/", "");
    assert_sent("http://sub.www.example.org/", "");
    assert_sent("http://wwwXexample.org/", "");
}

static void with_a_domain_it_is_for_all_below(void **state) {
    (void)state;
    assert_true(set("http://www.example.org/", "a=b; Domain=.EXAMPLE.org"));
    assert_sent("http://example.org/", "a=b");
    assert_sent("http://www.example.org/", "a=b");
    assert_sent("http://a.b.example.org/", "a=b");
    assert_sent("http://badexample.org/", "");
    assert_sent("http://org/", "");
}

static void nobody_sets_for_others(void **state) {
    (void)state;
    assert_false(set("http://example.org/", "a=b; Domain=example.com"));
    assert_false(set("http://example.org/", "a=b; Domain=www.example.org"));
    assert_false(set("http://badexample.org/", "a=b; Domain=example.org"));
    assert_false(set("http://example.org/", "a=b; Domain=xample.org"));
    assert_false(set("http://example.org/", "a=b; Domain=..example.org"));
    assert_false(set("http://example.org/", "a=b; Domain=example.org."));
    assert_false(set("http://example.org./", "a=b; Domain=org."));
    assert_false(set("http://example.org/", "a=b; Domain=\xC3\xA9.org"));
    assert_int_equal(cookie_jar_size(jar), 0);
}

static void public_suffixes_share_nothing(void **state) {
    (void)state;
    assert_false(set("http://example.org/", "a=b; Domain=org"));
    assert_false(set("http://example.co.uk/", "a=b; Domain=co.uk"));
    assert_false(set("http://www.example.github.io/", "a=b; Domain=github.io"));
    assert_false(set("http://a.b.unlisted/", "a=b; Domain=unlisted"));
    assert_false(set("http://x.xn--p1ai/", "a=b; Domain=xn--p1ai"));
    assert_int_equal(cookie_jar_size(jar), 0);
    /* but one may have a cookie of its own */
    assert_true(set("http://github.io/", "a=b; Domain=github.io"));
    assert_sent("http://github.io/", "a=b");
    assert_sent("http://other.github.io/", "");
    assert_true(set("http://localhost/", "a=c; Domain=localhost"));
    assert_sent("http://localhost/", "a=c");
}

static void addresses_have_nothing_below(void **state) {
    (void)state;
    assert_true(set("http://127.0.0.1/", "a=b; Domain=127.0.0.1"));
    assert_false(set("http://127.0.0.1/", "c=d; Domain=0.0.1"));
    assert_false(set("http://127.0.0.1/", "c=d; Domain=1"));
    assert_true(set("http://[::1]/", "e=f"));
    assert_sent("http://127.0.0.1/", "a=b");
    assert_sent("http://127.0.0.2/", "");
    assert_sent("http://[::1]/", "e=f");
}

/* ---- paths and order ------------------------------------------------------------------------- */

static void paths_and_their_order(void **state) {
    (void)state;
    set("http://example.org/x/y", "root=1; Path=/");
    set("http://example.org/x/y", "default=2");
    set("http://example.org/x/y", "deep=3; Path=/x/y");
    set("http://example.org/x/y", "wide=4; Path=/; Domain=example.org");
    set("http://example.org/x/y", "other=5; Path=/x/yy");
    set("http://example.org/x/y", "odd=6; Path=y");
    assert_sent("http://example.org/x/y?q", "deep=3; default=2; odd=6; root=1; wide=4");
    assert_sent("http://example.org/x/yy/", "other=5; default=2; odd=6; root=1; wide=4");
    assert_sent("http://example.org/x", "default=2; odd=6; root=1; wide=4");
    assert_sent("http://example.org/", "root=1; wide=4");
    assert_sent("http://www.example.org/", "wide=4");
}

static void order_goes_over_all_domains(void **state) {
    (void)state;
    set("http://a.example.org/", "1=a; Domain=example.org");
    set("http://a.example.org/", "2=b");
    set("http://a.example.org/", "3=c; Domain=example.org");
    set("http://a.example.org/", "4=d; Domain=a.example.org; Path=/p");
    assert_sent("http://a.example.org/p", "4=d; 1=a; 2=b; 3=c");
}

static void same_name_domain_and_path_is_the_same_cookie(void **state) {
    (void)state;
    assert_true(set("http://example.org/", "a=1"));
    assert_true(set("http://example.org/", "b=2"));
    assert_true(set("http://example.org/", "a=3"));
    assert_false(set("http://example.org/", "a=3"));
    assert_sent("http://example.org/", "a=3; b=2"); /* it keeps its age */
    assert_true(set("http://example.org/", "a=4; Domain=example.org"));
    assert_true(set("http://example.org/", "a=5; Path=/x"));
    assert_true(set("http://example.org/", "A=6"));
    assert_sent("http://example.org/x", "a=5; a=3; b=2; a=4; A=6");
}

static void without_a_name_there_is_no_equals_sign(void **state) {
    (void)state;
    set("http://example.org/", "bare");
    set("http://example.org/", "a=");
    assert_sent("http://example.org/", "bare; a=");
    set("http://example.org/", "=other");
    assert_sent("http://example.org/", "other; a=");
}

/* ---- time ------------------------------------------------------------------------------------ */

static void they_expire(void **state) {
    (void)state;
    set("http://example.org/", "short=1; Max-Age=10");
    set("http://example.org/", "long=2; Max-Age=20");
    set("http://example.org/", "session=3");
    assert_sent_at("http://example.org/", "short=1; long=2; session=3", NOW + 9);
    assert_sent_at("http://example.org/", "long=2; session=3", NOW + 10);
    assert_int_equal(cookie_jar_size(jar), 3);
    set_at("http://other.org/", "x=y", NOW + 20);
    assert_int_equal(cookie_jar_size(jar), 2);
    assert_sent_at("http://example.org/", "session=3", NOW + 1000000000);
}

static void they_are_taken_back(void **state) {
    (void)state;
    set("http://example.org/", "a=1");
    set("http://example.org/", "b=2");
    assert_true(set("http://example.org/", "a=; Max-Age=0"));
    assert_false(set("http://example.org/", "a=; Max-Age=0"));
    assert_true(set("http://example.org/", "b=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"));
    assert_sent("http://example.org/", "");
    assert_int_equal(cookie_jar_size(jar), 0);
}

/* ---- secure cookies -------------------------------------------------------------------------- */

static void secure_ones_stay_on_secure_ways(void **state) {
    (void)state;
    assert_false(set("http://example.org/", "a=b; Secure"));
    assert_true(set("https://example.org/", "a=b; Secure"));
    assert_sent("http://example.org/", "");
    assert_sent("https://example.org/", "a=b");
    trusted = false;
    assert_false(set("https://example.org/", "c=d; Secure"));
    assert_sent("https://example.org/", "");
    trusted = true;
}

static void nobody_without_tls_replaces_a_secure_one(void **state) {
    (void)state;
    set("https://www.example.org/", "a=b; Secure; Path=/p");
    assert_false(set("http://www.example.org/", "a=c; Path=/p"));
    assert_false(set("http://www.example.org/", "a=c; Path=/p/q"));
    assert_false(set("http://www.example.org/", "a=c; Domain=example.org; Path=/p"));
    assert_false(set("http://www.example.org/", "a=; Max-Age=0; Path=/p"));
    assert_true(set("http://www.example.org/", "a=c; Path=/"));
    assert_true(set("http://www.example.org/", "b=c; Path=/p"));
    assert_true(set("http://other.example.org/", "a=c; Path=/p"));
    assert_sent("https://www.example.org/p", "a=b; b=c; a=c");
    assert_true(set("https://www.example.org/", "a=d; Path=/p"));
    assert_sent("http://www.example.org/p", "a=d; b=c; a=c");
}

static void promises_are_kept(void **state) {
    (void)state;
    assert_true(set("https://example.org/", "__Host-a=b; Secure; Path=/"));
    assert_false(set("https://example.org/", "__Host-b=b; Secure; Path=/; Domain=example.org"));
    assert_false(set("http://example.org/", "__Host-c=b; Path=/"));
    assert_false(set("https://example.org/x/y", "__Host-d=b; Secure; Path=x"));
    assert_true(set("https://example.org/x", "__Host-e=b; Secure; Path=x"));
    assert_false(set("http://example.org/", "__Secure-f=b; Secure"));
    assert_sent("https://example.org/", "__Host-a=b; __Host-e=b");
}

/* ---- bounds ---------------------------------------------------------------------------------- */

static void a_domain_s_longest_unused_gives_way(void **state) {
    char field[64];
    (void)state;
    set("https://example.org/", "secure=s; Secure");
    for (int i = 0; i < COOKIES_OF_DOMAIN_MAX; i++) {
        snprintf(field, sizeof field, "c%d=v; Path=/%d", i, i);
        set("https://example.org/", field);
        if (i == 1)
            assert_sent("http://example.org/0", "c0=v"); /* used later than c1 */
    }
    assert_int_equal(cookie_jar_size(jar), COOKIES_OF_DOMAIN_MAX);
    assert_sent("https://example.org/0", "c0=v; secure=s");
    assert_sent("https://example.org/1", "secure=s");
}

static void in_all_too(void **state) {
    char from[64];
    (void)state;
    for (int i = 0; i < COOKIES_MAX + 10; i++) {
        snprintf(from, sizeof from, "http://h%d.example.org/", i);
        set(from, "a=b");
    }
    assert_int_equal(cookie_jar_size(jar), COOKIES_MAX);
    assert_sent("http://h9.example.org/", "");
    assert_sent("http://h10.example.org/", "a=b");
}

static void a_request_carries_so_much(void **state) {
    char field[4096], name[32];
    (void)state;
    struct buffer out = {0};
    struct url url;
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "long%d=", i);
        memset(field, 'x', sizeof field - 1);
        field[sizeof field - 1] = '\0';
        memcpy(field, name, strlen(name));
        set("http://example.org/", field);
    }
    set("http://example.org/", "short=1");
    assert_int_equal(url_parse(&url, bytes_of("http://example.org/"), NULL), ERROR_NONE);
    const struct cookie_party party = {&url, false};
    assert_int_equal(cookie_jar_append(jar, &party, NOW, &out), ERROR_NONE);
    assert_true(out.size <= COOKIES_SENT_BYTES && out.size > 4096);
    assert_memory_equal(out.data + out.size - 7, "short=1", 7);
    buffer_fini(&out);
    for (int i = 0; i < COOKIES_OF_DOMAIN_MAX; i++) {
        snprintf(field, sizeof field, "%d=", i);
        set("http://many.example.org/", field);
    }
    struct url many;
    assert_int_equal(url_parse(&many, bytes_of("http://many.example.org/"), NULL), ERROR_NONE);
    const struct cookie_party other = {&many, false};
    assert_int_equal(cookie_jar_append(jar, &other, NOW, &out), ERROR_NONE);
    size_t separators = 0;
    for (size_t i = 0; i < out.size; i++)
        separators += out.data[i] == ';';
    assert_int_equal(separators, COOKIES_SENT_MAX - 1);
    buffer_fini(&out);
    url_fini(&url);
    url_fini(&many);
}

static void a_response_sets_so_many(void **state) {
    struct http_field items[COOKIES_SET_MAX + 1];
    char values[COOKIES_SET_MAX + 1][16];
    bool changed;
    struct url url;
    (void)state;
    for (int i = 0; i <= COOKIES_SET_MAX; i++) {
        snprintf(values[i], sizeof values[i], "c%d=v", i);
        items[i] = (struct http_field){bytes_of("set-cookie"), bytes_of(values[i])};
    }
    assert_int_equal(url_parse(&url, bytes_of("http://example.org/"), NULL), ERROR_NONE);
    const struct cookie_party party = {&url, false};
    assert_int_equal(cookie_jar_take(jar, &party, (struct http_fields){items, COOKIES_SET_MAX + 1},
                                     NOW, &changed),
                     ERROR_NONE);
    assert_int_equal(cookie_jar_size(jar), COOKIES_SET_MAX);
    url_fini(&url);
}

static void a_host_of_dots_alone(void **state) {
    struct buffer from = {0};
    (void)state;
    assert_int_equal(buffer_append_text(&from, "http://"), ERROR_NONE);
    for (int i = 0; i < 120; i++)
        assert_int_equal(buffer_append_text(&from, "a."), ERROR_NONE);
    assert_int_equal(buffer_append(&from, "org/", sizeof "org/"), ERROR_NONE);
    set((const char *)from.data, "a=b; Domain=a.org");
    assert_sent((const char *)from.data, "a=b");
    assert_sent("http://a.org/", "a=b");
    buffer_fini(&from);
}

static void no_memory(void **state) {
    (void)state;
    for (size_t skip = 0;; skip++) {
        bool changed;
        cookie_jar_free(jar);
        size_t blocks = memory_live_blocks();
        assert_int_equal(cookie_jar_new(&jar), ERROR_NONE);
        struct url url;
        const struct http_field item = {bytes_of("set-cookie"), bytes_of("a=b; Path=/")};
        assert_int_equal(url_parse(&url, bytes_of("http://example.org/"), NULL), ERROR_NONE);
        const struct cookie_party party = {&url, false};
        struct buffer out = {0};
        memory_fail_after(skip, 1);
        enum error error =
            cookie_jar_take(jar, &party, (struct http_fields){&item, 1}, NOW, &changed);
        if (error == ERROR_NONE)
            error = cookie_jar_append(jar, &party, NOW, &out);
        bool failed = memory_failures() > 0;
        memory_fail_after(0, 0);
        assert_int_equal(error, failed ? ERROR_NO_MEMORY : ERROR_NONE);
        buffer_fini(&out);
        url_fini(&url);
        if (!failed)
            break;
        cookie_jar_free(jar);
        assert_int_equal(memory_live_blocks(), blocks);
        assert_int_equal(cookie_jar_new(&jar), ERROR_NONE);
    }
}

#define jar_test(name) cmocka_unit_test_setup_teardown(name, make_jar, free_jar)

int main(void) {
    const struct CMUnitTest tests[] = {
        jar_test(without_a_domain_it_is_the_host_s_alone),
        jar_test(with_a_domain_it_is_for_all_below),
        jar_test(nobody_sets_for_others),
        jar_test(public_suffixes_share_nothing),
        jar_test(addresses_have_nothing_below),
        jar_test(paths_and_their_order),
        jar_test(order_goes_over_all_domains),
        jar_test(same_name_domain_and_path_is_the_same_cookie),
        jar_test(without_a_name_there_is_no_equals_sign),
        jar_test(they_expire),
        jar_test(they_are_taken_back),
        jar_test(secure_ones_stay_on_secure_ways),
        jar_test(nobody_without_tls_replaces_a_secure_one),
        jar_test(promises_are_kept),
        jar_test(a_domain_s_longest_unused_gives_way),
        jar_test(in_all_too),
        jar_test(a_request_carries_so_much),
        jar_test(a_response_sets_so_many),
        jar_test(a_host_of_dots_alone),
        jar_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
