#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "http/url.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

enum { ALL = URL_WITH_CREDENTIALS };

static void assert_bytes(struct bytes bytes, const char *text) {
    assert_int_equal(bytes.size, strlen(text));
    assert_memory_equal(bytes.data, text, bytes.size);
}

/* Parses `text`, which must work; the caller ends the result. */
static struct url parsed(const char *text) {
    struct url url;
    enum error error = url_parse(&url, bytes_of(text), NULL);
    if (error != ERROR_NONE)
        fail_msg("%s: %s", text, error_name(error));
    return url;
}

static void assert_href(const struct url *url, unsigned print, const char *expected) {
    struct buffer href = {0};
    assert_int_equal(url_append_href(url, &href, print), ERROR_NONE);
    assert_bytes(buffer_bytes(&href), expected);
    buffer_fini(&href);
}

static void assert_parses(struct bytes input, const char *expected) {
    struct url url;
    assert_int_equal(url_parse(&url, input, NULL), ERROR_NONE);
    assert_href(&url, ALL, expected);
    url_fini(&url);
}

static void assert_refused(const char *text, enum error expected) {
    struct url url;
    enum error error = url_parse(&url, bytes_of(text), NULL);
    if (error != expected)
        fail_msg("%s: %s instead of %s", text, error_name(error), error_name(expected));
    url_fini(&url);
    assert_null(url.text.data);
}

/* What every parsed URL keeps: its promises about the parts, and that its text means itself. */
static void check_promises(const struct url *url) {
    struct buffer href = {0}, again = {0};
    struct url second;
    assert_true(url->host.size > 0);
    assert_true(url->path.size > 0 && url->path.data[0] == '/');
    assert_true(url->has_query || url->query.size == 0);
    assert_true(url->has_fragment || url->fragment.size == 0);
    assert_int_equal(url_append_href(url, &href, ALL), ERROR_NONE);
    for (size_t i = 0; i < href.size; i++)
        assert_in_range(href.data[i], 0x21, 0x7e);
    enum error error = url_parse(&second, buffer_bytes(&href), NULL);
    if (error != ERROR_NONE)
        fail_msg("%.*s: %s", (int)href.size, (char *)href.data, error_name(error));
    assert_int_equal(url_append_href(&second, &again, ALL), ERROR_NONE);
    assert_int_equal(href.size, again.size);
    assert_memory_equal(href.data, again.data, href.size);
    assert_true(url_origin_equal(url, &second));
    assert_int_equal(url->host_kind, second.host_kind);
    assert_memory_equal(url->address, second.address, sizeof url->address);
    url_fini(&second);
    buffer_fini(&href);
    buffer_fini(&again);
}

/* ---- the vectors of the web-platform-tests --------------------------------------------------- */

struct vector {
    struct bytes input;
    struct bytes base; /* "-": none */
    struct bytes expected;
};

/* Undoes \\ and \xHH in place. */
static struct bytes unescaped(char *text) {
    size_t size = 0;
    for (const char *from = text; *from != '\0'; size++) {
        if (from[0] == '\\' && from[1] == 'x') {
            char digits[3] = {from[2], from[3], '\0'};
            text[size] = (char)strtoul(digits, NULL, 16);
            from += 4;
        } else {
            from += from[0] == '\\';
            text[size] = *from++;
        }
    }
    return bytes_make(text, size);
}

/* Cuts a line in place; the last of three or four columns is what is expected here. */
static struct vector vector_of(char *line) {
    char *columns[4] = {NULL};
    size_t count = 0;
    for (char *column; count < COUNT(columns) && (column = strsep(&line, "\t\n")) != NULL;)
        columns[count++] = column;
    assert_true(count >= 3);
    /* the newline leaves an empty column behind */
    char *expected = columns[3] != NULL && columns[3][0] != '\0' ? columns[3] : columns[2];
    return (struct vector){unescaped(columns[0]), unescaped(columns[1]), unescaped(expected)};
}

static bool has_expected_result(const struct url *url, enum error error, struct bytes expected) {
    if (bytes_equal(expected, bytes_of("!scheme")))
        return error == ERROR_URL_SCHEME;
    if (bytes_equal(expected, bytes_of("!")))
        return error != ERROR_NONE && error != ERROR_NO_MEMORY;
    struct buffer href = {0};
    bool same = error == ERROR_NONE && url_append_href(url, &href, ALL) == ERROR_NONE &&
                bytes_equal(buffer_bytes(&href), expected);
    buffer_fini(&href);
    return same;
}

static void check_vector(const struct vector *vector, unsigned line) {
    bool has_base = !bytes_equal(vector->base, bytes_of("-"));
    struct url base = {0}, url;
    if (has_base)
        assert_int_equal(url_parse(&base, vector->base, NULL), ERROR_NONE);
    enum error error = url_parse(&url, vector->input, has_base ? &base : NULL);
    if (!has_expected_result(&url, error, vector->expected))
        fail_msg("line %u: %s, expected %.*s", line, error_name(error), (int)vector->expected.size,
                 (const char *)vector->expected.data);
    if (error == ERROR_NONE)
        check_promises(&url);
    url_fini(&url);
    url_fini(&base);
}

static void web_platform_vectors(void **state) {
    (void)state;
    char line[4096];
    unsigned number = 0, vectors = 0;
    size_t live = memory_live_blocks();
    FILE *file = fopen(TEST_DATA "/url/vectors.tsv", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL) {
        number++;
        if (line[0] == '#')
            continue;
        struct vector vector = vector_of(line);
        check_vector(&vector, number);
        vectors++;
    }
    fclose(file);
    assert_true(vectors > 650);
    assert_int_equal(memory_live_blocks(), live);
}

/* ---- parts ----------------------------------------------------------------------------------- */

static void every_part(void **state) {
    (void)state;
    struct url url = parsed("HTTPS://us%65r@:p:w@Example.COM:8443/a/./b?x=1?#f#g");
    assert_int_equal(url.scheme, URL_HTTPS);
    assert_bytes(url.username, "us%65r%40");
    assert_bytes(url.password, "p%3Aw");
    assert_int_equal(url.host_kind, URL_HOST_DOMAIN);
    assert_bytes(url.host, "example.com");
    assert_int_equal(url.port, 8443);
    assert_true(url.has_port);
    assert_bytes(url.path, "/a/b");
    assert_true(url.has_query);
    assert_bytes(url.query, "x=1?");
    assert_true(url.has_fragment);
    assert_bytes(url.fragment, "f#g");
    url_fini(&url);
}

static void only_a_host(void **state) {
    (void)state;
    struct url url = parsed("http:h");
    assert_int_equal(url.scheme, URL_HTTP);
    assert_false(url_has_credentials(&url));
    assert_bytes(url.host, "h");
    assert_int_equal(url.port, 80);
    assert_false(url.has_port);
    assert_bytes(url.path, "/");
    assert_false(url.has_query);
    assert_false(url.has_fragment);
    url_fini(&url);
    url_fini(&url);
}

static void default_ports_are_not_written(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned port;
        bool has_port;
    } cases[] = {{"http://h:80/", 80, false},       {"https://h:443/", 443, false},
                 {"http://h:443/", 443, true},      {"https://h:80/", 80, true},
                 {"https://h:/", 443, false},       {"http://h:0/", 0, true},
                 {"http://h:65535/", 65535, true},  {"http://h:000000081/", 81, true},
                 {"http://[::1]:8080/", 8080, true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct url url = parsed(cases[i].text);
        assert_int_equal(url.port, cases[i].port);
        assert_int_equal(url.has_port, cases[i].has_port);
        url_fini(&url);
    }
}

static void ipv4_hosts(void **state) {
    (void)state;
    static const char *const same[] = {
        "1.2.3.4",  "0x1020304", "16909060",  "1.131844",    "1.2.772",   "01.0x2.03.4",
        "1.2.3.4.", "%31.2.3.4", "0X1.2.3.4", "１.２.３.４", "1。2．3｡4", "000001.2.3.0x0004"};
    for (size_t i = 0; i < COUNT(same); i++) {
        char text[64];
        snprintf(text, sizeof text, "http://%s/", same[i]);
        struct url url = parsed(text);
        assert_bytes(url.host, "1.2.3.4");
        assert_int_equal(url.host_kind, URL_HOST_IPV4);
        assert_memory_equal(url.address, "\1\2\3\4", 4);
        assert_bytes(url_host_name(&url), "1.2.3.4");
        url_fini(&url);
    }
}

static void ipv4_bounds(void **state) {
    (void)state;
    assert_parses(bytes_of("http://4294967295"), "http://255.255.255.255/");
    assert_parses(bytes_of("http://255.16777215"), "http://255.255.255.255/");
    assert_parses(bytes_of("http://0x"), "http://0.0.0.0/");
    assert_refused("http://4294967296", ERROR_URL_HOST);
    assert_refused("http://255.16777216", ERROR_URL_HOST);
    assert_refused("http://1.2.65536", ERROR_URL_HOST);
    assert_refused("http://1.2.3.256", ERROR_URL_HOST);
    assert_refused("http://256.2.3.4", ERROR_URL_HOST);
    assert_refused("http://18446744073709551617", ERROR_URL_HOST);
    assert_refused("http://1..2", ERROR_URL_HOST);
}

/* Our text of an address means the address, says the C library. */
static void ipv6_hosts(void **state) {
    (void)state;
    static const struct {
        const char *written, *printed;
    } cases[] = {{"::", "::"},
                 {"::1", "::1"},
                 {"1::", "1::"},
                 {"0:0:1:0:0:0:1:0", "0:0:1::1:0"},
                 {"1:0:0:2:0:0:3:4", "1::2:0:0:3:4"},
                 {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
                 {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
                 {"FE80::00Ab", "fe80::ab"},
                 {"::ffff:192.0.2.1", "::ffff:c000:201"},
                 {"1:2:3:4:5:6:255.0.0.9", "1:2:3:4:5:6:ff00:9"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[64];
        uint8_t address[16];
        snprintf(text, sizeof text, "https://[%s]:1/", cases[i].written);
        struct url url = parsed(text);
        assert_int_equal(url.host_kind, URL_HOST_IPV6);
        assert_bytes(url_host_name(&url), cases[i].printed);
        assert_int_equal(inet_pton(AF_INET6, cases[i].written, address), 1);
        assert_memory_equal(url.address, address, sizeof address);
        url_fini(&url);
    }
}

static void bad_ipv6_hosts(void **state) {
    (void)state;
    static const char *const bad[] = {"[]",
                                      "[",
                                      "[::1",
                                      "[::1]x",
                                      "[:]",
                                      "[1:]",
                                      "[:1]",
                                      "[:::]",
                                      "[1::2::3]",
                                      "[1:2:3:4:5:6:7]",
                                      "[g::]",
                                      "[12345::]",
                                      "[::1.2.3]",
                                      "[::1.2.3.4.5]",
                                      "[::1.2.3.256]",
                                      "[::01.2.3.4]",
                                      "[::1.2.3.4:5]",
                                      "[::.1.2.3]",
                                      "[::1%25lo]",
                                      "[1:2:3:4:5:6:7:1.2.3.4]",
                                      "[::1..2.3]",
                                      "[1:2:3:4:5:6:7:8:9]",
                                      "[1:2:3:4:5:6:7:8::]",
                                      "[%3a%3a1]",
                                      "a[::1]"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[64];
        snprintf(text, sizeof text, "http://%s/", bad[i]);
        assert_refused(text, ERROR_URL_HOST);
    }
}

/* ---- international names --------------------------------------------------------------------- */

static void international_hosts(void **state) {
    (void)state;
    static const struct {
        const char *written, *printed;
    } cases[] = {
        {"Bücher.example", "xn--bcher-kva.example"},
        {"b%C3%BCcher", "xn--bcher-kva"},
        {"bu\u0308cher", "xn--bcher-kva"},
        {"XN--BCHER-KVA", "xn--bcher-kva"},
        {"faß.de", "xn--fa-hia.de"},
        {"a\u3002b\uff0ec\uff61d", "a.b.c.d"},
        {"ＧＯ.com", "go.com"},
        /* symbols, which IDNA2008 refuses */
        {"i❤.ws", "xn--i-7iq.ws"},
        {"xn--i-7iq.ws", "xn--i-7iq.ws"},
        {"💩", "xn--ls8h"},
        {"XN--LS8H", "xn--ls8h"},
        {"❤\ufe0f", "xn--qei"},
        {"l·l", "xn--ll-0ea"},
        /* hyphens anywhere */
        {"-é-", "xn-----bja"},
        {"xn-----bja", "xn-----bja"},
        {"ab--☃", "xn--ab---8g3b"},
        /* other ASCII beside them */
        {"é!_=", "xn--!_=-9la"},
        {"xn--!_=-9LA", "xn--!_=-9la"},
        {"é..a_b-.", "xn--9ca..a_b-."},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[128], expected[128];
        snprintf(text, sizeof text, "http://%s/", cases[i].written);
        snprintf(expected, sizeof expected, "http://%s/", cases[i].printed);
        assert_parses(bytes_of(text), expected);
    }
}

static void bad_names(void **state) {
    (void)state;
    static const char *const bad[] = {"a b",
                                      "a%20b",
                                      "a%00b",
                                      "a%01é",
                                      "a%c3%a9%00",
                                      "a<b",
                                      "a^b",
                                      "a|b",
                                      "a%25b",
                                      "a%7fb",
                                      "é>",
                                      "é%3a",
                                      "a／b",
                                      "a：b",
                                      "％41",
                                      "%ff",
                                      "%c3",
                                      "\xff",
                                      "\ufffd",
                                      "\xc2\x80",
                                      "\ue000",
                                      "xn--",
                                      "xn--a",
                                      "xn--abc-",
                                      "xn--ls8h-",
                                      "xn--ls8h\u00ad=",
                                      "xn\u00ad--a",
                                      "ｘｎ－－a",
                                      "xn--☃",
                                      "\u0301a",
                                      "a\u200db",
                                      "☃\u200d",
                                      "xn--1ug6825plhas9r",
                                      "☃א",
                                      "א-",
                                      "-א",
                                      "أa",
                                      "a]",
                                      "[a"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char text[128];
        snprintf(text, sizeof text, "http://x.%s.y/", bad[i]);
        assert_refused(text, ERROR_URL_HOST);
    }
}

/* What the standard accepts and we do not, as src/http/url_domain.c says. */
static void names_refused_by_design(void **state) {
    (void)state;
    static const char *const names[] = {
        "é0123456789012345678901234567890123456789012345678901234567890123456789", "xn\u00ad--ls8h",
        "éxn--", "☃ß", "א\u2e50"};
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[128];
        snprintf(text, sizeof text, "http://%s/", names[i]);
        assert_refused(text, ERROR_URL_HOST);
    }
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void refusals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum error error;
    } cases[] = {
        {"", ERROR_URL_SCHEME},
        {" \t", ERROR_URL_SCHEME},
        {"example.org", ERROR_URL_SCHEME},
        {"//h/", ERROR_URL_SCHEME},
        {"ftp://h/", ERROR_URL_SCHEME},
        {"ws://h/", ERROR_URL_SCHEME},
        {"httpx://h/", ERROR_URL_SCHEME},
        {"://h/", ERROR_URL_SCHEME},
        {"1http://h/", ERROR_URL_SCHEME},
        {"http", ERROR_URL_SCHEME},
        {"http:", ERROR_URL_HOST},
        {"http:///", ERROR_URL_HOST},
        {"http://?q", ERROR_URL_HOST},
        {"http://:80", ERROR_URL_HOST},
        {"http://u@", ERROR_URL_HOST},
        {"http://u:p@/x", ERROR_URL_HOST},
        {"http://h:65536", ERROR_URL_PORT},
        {"http://h:1x", ERROR_URL_PORT},
        {"http://h:-1", ERROR_URL_PORT},
        {"http://h:80:80", ERROR_URL_PORT},
        {"http://[::1]:x", ERROR_URL_PORT},
        {"http://h:99999999999999999999", ERROR_URL_PORT},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_refused(cases[i].text, cases[i].error);
}

static void longest_input(void **state) {
    (void)state;
    static const char start[] = "http://h/";
    struct url url;
    uint8_t *text = memory_allocate(URL_INPUT_MAX + 1);
    assert_non_null(text);
    memset(text, '"', URL_INPUT_MAX + 1);
    memcpy(text, start, sizeof start - 1);
    assert_int_equal(url_parse(&url, bytes_make(text, URL_INPUT_MAX + 1), NULL), ERROR_URL_INVALID);
    url_fini(&url);
    assert_int_equal(url_parse(&url, bytes_make(text, URL_INPUT_MAX), NULL), ERROR_NONE);
    assert_int_equal(url.path.size, 1 + 3 * (URL_INPUT_MAX - (sizeof start - 1)));
    url_fini(&url);
    memory_free(text);
}

/* ---- bytes that are not characters, and characters that are dropped -------------------------- */

static void bytes_that_are_not_utf8(void **state) {
    (void)state;
    assert_parses(bytes_of("http://h/\xff?\xc3#\xe2\x8c"),
                  "http://h/%EF%BF%BD?%EF%BF%BD#%EF%BF%BD");
    assert_parses(bytes_of("http://\xc0:\x80@h/"), "http://%EF%BF%BD:%EF%BF%BD@h/");
    /* a newline between two halves is dropped after decoding, so they do not join */
    assert_parses(bytes_of("http://h/\xc3\n\xa9"), "http://h/%EF%BF%BD%EF%BF%BD");
    assert_parses(bytes_make("http://h/\0a\0", 12), "http://h/%00a");
}

static void tab_at_every_byte(void **state) {
    (void)state;
    static const char text[] = "https://u:p@h.example:8/a/%2E./b?c#d";
    for (size_t split = 0; split < sizeof text; split++) {
        char with_tab[sizeof text + 1];
        snprintf(with_tab, sizeof with_tab, "%.*s%c%s", (int)split, text, "\t\n\r"[split % 3],
                 text + split);
        assert_parses(bytes_of(with_tab), "https://u:p@h.example:8/b?c#d");
    }
}

/* ---- printing -------------------------------------------------------------------------------- */

static void printing(void **state) {
    (void)state;
    struct buffer out = {0};
    struct url url = parsed("http://user:secret@[::1]:81/p?#f");
    assert_true(url_has_credentials(&url));
    assert_href(&url, 0, "http://[::1]:81/p?#f");
    assert_href(&url, URL_WITHOUT_FRAGMENT, "http://[::1]:81/p?");
    assert_href(&url, URL_WITH_CREDENTIALS, "http://user:secret@[::1]:81/p?#f");
    assert_href(&url, URL_WITH_CREDENTIALS | URL_WITHOUT_FRAGMENT,
                "http://user:secret@[::1]:81/p?");
    assert_int_equal(url_append_target(&url, &out), ERROR_NONE);
    assert_bytes(buffer_bytes(&out), "/p?");
    assert_int_equal(url_append_host_header(&url, &out), ERROR_NONE);
    assert_bytes(buffer_bytes(&out), "/p?[::1]:81");
    assert_bytes(url_host_name(&url), "::1");
    buffer_fini(&out);
    url_fini(&url);
}

static void printing_without_what_is_not_there(void **state) {
    (void)state;
    struct buffer out = {0};
    struct url url = parsed("https://:@h:443");
    assert_false(url_has_credentials(&url));
    assert_href(&url, ALL, "https://h/");
    assert_int_equal(url_append_host_header(&url, &out), ERROR_NONE);
    assert_int_equal(url_append_target(&url, &out), ERROR_NONE);
    assert_bytes(buffer_bytes(&out), "h/");
    assert_bytes(url_host_name(&url), "h");
    buffer_fini(&out);
    url_fini(&url);
    url = parsed("http://:p@h");
    assert_true(url_has_credentials(&url));
    assert_href(&url, ALL, "http://:p@h/");
    url_fini(&url);
}

static void origins(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } cases[] = {{"http://h/a", "http://u@H:80/b?c", true}, {"http://h", "https://h", false},
                 {"http://h:443", "https://h:443", false},  {"http://h", "http://h:81", false},
                 {"http://h", "http://h.", false},          {"http://1.1", "http://1.0.0.1", true},
                 {"http://[::1]", "http://[0::1]", true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct url a = parsed(cases[i].a), b = parsed(cases[i].b);
        assert_int_equal(url_origin_equal(&a, &b), cases[i].same);
        url_fini(&a);
        url_fini(&b);
    }
}

/* ---- relative to a base ---------------------------------------------------------------------- */

static void relative(void **state) {
    (void)state;
    static const struct {
        const char *input, *href;
    } cases[] = {
        {"", "http://u:p@10.0.0.1:81/a/b?q"},         {"#x", "http://u:p@10.0.0.1:81/a/b?q#x"},
        {"?", "http://u:p@10.0.0.1:81/a/b?"},         {"c", "http://u:p@10.0.0.1:81/a/c"},
        {"../../../c/", "http://u:p@10.0.0.1:81/c/"}, {"\\c", "http://u:p@10.0.0.1:81/c"},
        {"http:c", "http://u:p@10.0.0.1:81/a/c"},     {"/\\h", "http://h/"},
        {"http:\\\\v@h:80", "http://v@h/"},           {"https:c", "https://c/"}};
    struct url base = parsed("http://u:p@10.0.0.1:81/a/b?q#f");
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct url url;
        assert_int_equal(url_parse(&url, bytes_of(cases[i].input), &base), ERROR_NONE);
        assert_href(&url, ALL, cases[i].href);
        check_promises(&url);
        url_fini(&url);
    }
    url_fini(&base);
}

/* The child owns all of itself: a redirect's base may go before it. */
static void outlives_its_base(void **state) {
    (void)state;
    struct url base = parsed("https://u@[1::2]:8/a?q"), url;
    assert_int_equal(url_parse(&url, bytes_of("#f"), &base), ERROR_NONE);
    url_fini(&base);
    assert_href(&url, ALL, "https://u@[1::2]:8/a?q#f");
    assert_int_equal(url.host_kind, URL_HOST_IPV6);
    assert_memory_equal(url.address, "\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\2", 16);
    assert_int_equal(url.port, 8);
    url_fini(&url);
}

/* ---- out of memory --------------------------------------------------------------------------- */

/* Parses and prints while allocation number `failing` fails; true if that one was reached. */
static bool parse_short_of_memory(const char *text, const struct url *base, size_t failing) {
    struct url url;
    struct buffer href = {0};
    memory_fail_after(failing, 1);
    enum error error = url_parse(&url, bytes_of(text), base);
    if (error == ERROR_NONE)
        error = url_append_href(&url, &href, ALL);
    bool failed = memory_failures() > 0;
    memory_fail_after(0, 0);
    assert_int_equal(error, failed ? ERROR_NO_MEMORY : ERROR_NONE);
    buffer_fini(&href);
    url_fini(&url);
    return failed;
}

static void check_every_allocation(const char *text, const struct url *base) {
    size_t live = memory_live_blocks(), failing = 0;
    while (parse_short_of_memory(text, base, failing))
        failing++;
    assert_true(failing >= 2);
    assert_int_equal(memory_live_blocks(), live);
}

static void out_of_memory(void **state) {
    (void)state;
    static const char long_part[] =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    static const char *const starts[] = {"http://u:p@h:81/",
                                         "https://[1:2::3]/?",
                                         "http://1.2.3.4#",
                                         "http://é.☃-.xn--ls8h/../",
                                         "http://é.日本語日本語日本語日本語.b。c。",
                                         "http://"};
    static const char *const references[] = {"", "c/../d?e#f", "//h/", "/", "?"};
    for (size_t i = 0; i < COUNT(starts); i++) {
        char text[512];
        snprintf(text, sizeof text, "%s%s%s", starts[i], long_part, long_part);
        check_every_allocation(text, NULL);
        struct url base = parsed(text);
        for (size_t j = 0; j < COUNT(references); j++)
            check_every_allocation(references[j], &base);
        url_fini(&base);
    }
}

/* ---- anything -------------------------------------------------------------------------------- */

static uint64_t random_state;

static unsigned random_below(unsigned bound) {
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((random_state >> 33) % bound);
}

static const char *const tokens[] = {
    "http:", "https:", "/",  "\\",  "//",   "@",    ":",      "?",    "#",    ".",   "..",
    "%2e",   "%",      "a",  "B",   "é",    "ß",    "☃",      "xn--", "-",    "1",   "08",
    "0x",    "256",    "[",  "::1", "]",    "ls8h", "\u0301", " ",    "\t",   "%00", "^",
    "`",     "=",      "。", "א",   "\xff", "%c3",  "%a9",    "443",  "\x01", "＼",  "\u00ad",
};

/* Half of them random bytes, half of them pieces of URLs at random; mostly behind a scheme. */
static size_t random_input(char *text, size_t capacity) {
    size_t size = 0;
    if (random_below(4) > 0)
        size = (size_t)snprintf(text, capacity, "http://");
    unsigned count = random_below(12);
    bool any_byte = random_below(2) == 0;
    for (unsigned i = 0; i < count; i++) {
        if (any_byte)
            text[size++] = (char)random_below(256);
        else
            size += (size_t)snprintf(text + size, capacity - size, "%s",
                                     tokens[random_below(COUNT(tokens))]);
    }
    return size;
}

static void random_inputs(void **state) {
    (void)state;
    struct url base = parsed("http://u:p@h:81/a/b?q#f");
    size_t live = memory_live_blocks();
    unsigned accepted = 0;
    random_state = 20240229;
    for (unsigned i = 0; i < 100000; i++) {
        char text[256];
        struct url url;
        size_t size = random_input(text, sizeof text);
        /* a block of its exact size, so that reading past the end shows */
        char *exact = memory_allocate(size > 0 ? size : 1);
        assert_non_null(exact);
        memcpy(exact, text, size);
        enum error error = url_parse(&url, bytes_make(exact, size), i % 2 ? &base : NULL);
        memory_free(exact);
        if (error == ERROR_NONE) {
            accepted++;
            check_promises(&url);
        }
        url_fini(&url);
    }
    assert_in_range(accepted, 20000, 90000);
    assert_int_equal(memory_live_blocks(), live);
    url_fini(&base);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(web_platform_vectors),
        cmocka_unit_test(every_part),
        cmocka_unit_test(only_a_host),
        cmocka_unit_test(default_ports_are_not_written),
        cmocka_unit_test(ipv4_hosts),
        cmocka_unit_test(ipv4_bounds),
        cmocka_unit_test(ipv6_hosts),
        cmocka_unit_test(bad_ipv6_hosts),
        cmocka_unit_test(international_hosts),
        cmocka_unit_test(bad_names),
        cmocka_unit_test(names_refused_by_design),
        cmocka_unit_test(refusals),
        cmocka_unit_test(longest_input),
        cmocka_unit_test(bytes_that_are_not_utf8),
        cmocka_unit_test(tab_at_every_byte),
        cmocka_unit_test(printing),
        cmocka_unit_test(printing_without_what_is_not_there),
        cmocka_unit_test(origins),
        cmocka_unit_test(relative),
        cmocka_unit_test(outlives_its_base),
        cmocka_unit_test(out_of_memory),
        cmocka_unit_test(random_inputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
