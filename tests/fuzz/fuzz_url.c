/*
 * URLs. Byte 0: which allocation fails (0: none). Then a line with the base, which may be empty,
 * and the URL.
 *
 * Oracles: the standard's state machine gives the same parts; what is printed parses to the same;
 * the scheme is http or https; an address is the one that its text says; the parts that go into a
 * request hold nothing that could end a line.
 */
#include <arpa/inet.h>

#include "fuzz.h"
#include "http/url.h"
#include "url_reference.h"
#include "ws_reference.h"

static bool same_part(struct bytes part, const struct ref_text *expected) {
    return part.size == expected->size &&
           (part.size == 0 || memcmp(part.data, expected->text, part.size) == 0);
}

static void check_parts(const struct url *url, const struct ref_url *expected) {
    FUZZ_CHECK((url->scheme == URL_HTTPS) == expected->https);
    FUZZ_CHECK(same_part(url->username, &expected->username));
    FUZZ_CHECK(same_part(url->password, &expected->password));
    FUZZ_CHECK(same_part(url->host, &expected->host));
    FUZZ_CHECK(same_part(url->path, &expected->path));
    FUZZ_CHECK(same_part(url->query, &expected->query));
    FUZZ_CHECK(same_part(url->fragment, &expected->fragment));
    FUZZ_CHECK(url->has_query == expected->has_query);
    FUZZ_CHECK(url->has_fragment == expected->has_fragment);
    FUZZ_CHECK(url->has_port == (expected->port >= 0));
    int port = expected->port >= 0 ? expected->port : expected->https ? 443 : 80;
    FUZZ_CHECK(url->port == port);
}

static void check_address(const struct url *url) {
    char text[REF_URL_MAX];
    uint8_t address[16];
    struct bytes name = url_host_name(url);
    FUZZ_CHECK(name.size > 0);
    snprintf(text, sizeof text, "%.*s", (int)name.size, (const char *)name.data);
    if (url->host_kind == URL_HOST_IPV4)
        FUZZ_CHECK(inet_pton(AF_INET, text, address) == 1 && memcmp(address, url->address, 4) == 0);
    else if (url->host_kind == URL_HOST_IPV6)
        FUZZ_CHECK(inet_pton(AF_INET6, text, address) == 1 &&
                   memcmp(address, url->address, 16) == 0);
    else
        FUZZ_CHECK(inet_pton(AF_INET, text, address) != 1 && inet_aton(text, (void *)address) == 0);
}

/* What stands in a request's first lines. */
static void check_visible(struct bytes text) {
    for (size_t i = 0; i < text.size; i++)
        FUZZ_CHECK(text.data[i] > ' ' && text.data[i] < 0x7F);
}

static bool same_url(const struct url *a, const struct url *b) {
    return url_origin_equal(a, b) && a->host_kind == b->host_kind && a->has_port == b->has_port &&
           a->has_query == b->has_query && a->has_fragment == b->has_fragment &&
           bytes_equal(a->username, b->username) && bytes_equal(a->password, b->password) &&
           bytes_equal(a->path, b->path) && bytes_equal(a->query, b->query) &&
           bytes_equal(a->fragment, b->fragment) && memcmp(a->address, b->address, 16) == 0;
}

/* Percent-encoding may have made it longer than what is parsed. */
static void check_round_trip(const struct url *url, struct bytes href) {
    struct buffer again = {0};
    struct url parsed;
    if (href.size > URL_INPUT_MAX)
        return;
    FUZZ_CHECK(url_parse(&parsed, href, NULL) == ERROR_NONE);
    FUZZ_CHECK(same_url(url, &parsed));
    FUZZ_CHECK(url_append_href(&parsed, &again, URL_WITH_CREDENTIALS) == ERROR_NONE);
    FUZZ_CHECK(bytes_equal(href, buffer_bytes(&again)));
    url_fini(&parsed);
    buffer_fini(&again);
}

static void check_print(const struct url *url) {
    struct buffer href = {0}, public = {0}, target = {0}, header = {0};
    FUZZ_CHECK(url_append_href(url, &href, URL_WITH_CREDENTIALS) == ERROR_NONE);
    check_round_trip(url, buffer_bytes(&href));
    FUZZ_CHECK(url_append_href(url, &public, URL_WITHOUT_FRAGMENT) == ERROR_NONE);
    FUZZ_CHECK(memchr(public.data, '#', public.size) == NULL);
    FUZZ_CHECK(url_append_target(url, &target) == ERROR_NONE && target.data[0] == '/');
    FUZZ_CHECK(url_append_host_header(url, &header) == ERROR_NONE && header.size > 0);
    check_visible(buffer_bytes(&target));
    check_visible(buffer_bytes(&header));
    /* nothing else is in what is shown: no user name, no password */
    size_t scheme = url->scheme == URL_HTTPS ? 8 : 7;
    FUZZ_CHECK(public.size == scheme + header.size + target.size);
    buffer_fini(&href);
    buffer_fini(&public);
    buffer_fini(&target);
    buffer_fini(&header);
}

static void check_judged(enum error error, const struct url *url, enum ref_url_result result,
                         const struct ref_url *expected) {
    if (result == REF_URL_UNJUDGED)
        return;
    FUZZ_CHECK((error == ERROR_NONE) == (result == REF_URL_GOOD));
    if (error == ERROR_NONE)
        check_parts(url, expected);
}

/* Against the reference, which needs valid UTF-8 and a base that it has read itself. */
static enum ref_url_result run_reference(struct ref_url *expected, struct bytes input,
                                         const struct ref_url *base) {
    if (input.size > URL_INPUT_MAX)
        return REF_URL_FAILURE;
    if (input.size > REF_URL_MAX / 4 || !ref_utf8(input, true))
        return REF_URL_UNJUDGED;
    return ref_url_parse(expected, input, base);
}

static void check_without_memory(struct bytes input, const struct url *base, enum error expected,
                                 size_t skip) {
    struct url url;
    memory_fail_after(skip, 1);
    enum error error = url_parse(&url, input, base);
    FUZZ_CHECK(error == (memory_failures() > 0 ? ERROR_NO_MEMORY : expected));
    memory_fail_after(0, 0);
    url_fini(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct ref_url expected_base, expected;
    struct bytes input = bytes_make(data, size);
    size_t blocks = memory_live_blocks();
    struct url base, url;
    unsigned failing = fuzz_take(&input);
    struct bytes base_text = fuzz_take_until(&input, '\n');
    enum error error = url_parse(&base, base_text, NULL);
    enum ref_url_result base_result = run_reference(&expected_base, base_text, NULL);
    check_judged(error, &base, base_result, &expected_base);
    bool has_base = error == ERROR_NONE;
    error = url_parse(&url, input, has_base ? &base : NULL);
    if (base_result != REF_URL_UNJUDGED)
        check_judged(error, &url, run_reference(&expected, input, has_base ? &expected_base : NULL),
                     &expected);
    FUZZ_CHECK(error == ERROR_NONE || url.text.data == NULL);
    if (error == ERROR_NONE) {
        check_address(&url);
        check_print(&url);
    }
    if (failing > 0)
        check_without_memory(input, has_base ? &base : NULL, error, failing - 1u);
    url_fini(&url);
    url_fini(&base);
    FUZZ_CHECK(memory_live_blocks() == blocks);
    return 0;
}
