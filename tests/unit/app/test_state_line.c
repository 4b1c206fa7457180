/* The lines of a state file: what is written is read again, and nothing else is believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "request_hash.h"
#include "state_line.h"
#include "json/text.h"

static char address[] = "http://example.org/", secret[] = "Basic c2VjcmV0";
static uint8_t digest[SHA256_SIZE] = {0xAB, 1, 2, 3};

static const struct schedule_memory full = {
    .known = true,
    .status = 200,
    .error = ERROR_NONE,
    .title = "A \"title\"\n\xF0\x9F\x98\x80",
    .digest = digest,
    .validators = {.url = "http://example.org/there",
                   .etag = "W/\"\xC3\xA9\"",
                   .last_modified = "Sun, 06 Nov 1994 08:49:37 GMT"},
    .full_time = 1764000000,
    .asked_time = 1764000030,
    .failures = 0,
};

static const struct schedule_memory failing = {
    .known = true, .error = ERROR_NAME_NOT_FOUND, .failures = 7, .due = 1764000060};

static const struct schedule_memory nothing = {0};

static const char *or_none(const char *text) {
    return text == NULL ? "(none)" : text;
}

static void assert_same(const struct schedule_memory *a, const struct schedule_memory *b) {
    assert_int_equal(a->known, b->known);
    assert_int_equal(a->status, b->status);
    assert_int_equal(a->error, b->error);
    assert_string_equal(or_none(a->title), or_none(b->title));
    assert_int_equal(a->digest == NULL, b->digest == NULL);
    if (a->digest != NULL)
        assert_memory_equal(a->digest, b->digest, SHA256_SIZE);
    assert_string_equal(or_none(a->validators.url), or_none(b->validators.url));
    assert_string_equal(or_none(a->validators.etag), or_none(b->validators.etag));
    assert_string_equal(or_none(a->validators.last_modified), or_none(b->validators.last_modified));
    assert_int_equal(a->full_time, b->full_time);
    assert_int_equal(a->asked_time, b->asked_time);
    assert_int_equal(a->failures, b->failures);
    assert_int_equal(a->due, b->due);
}

static void assert_round_trip(const struct schedule_memory *memory) {
    struct config_url url = {.url = address, .basic = secret};
    url.request_hash = request_hash(&url);
    struct buffer line = {0};
    struct state_memory read;
    uint64_t hash;
    assert_int_equal(state_line_append(&line, &url, memory), ERROR_NONE);
    assert_int_equal(line.data[line.size - 1], '\n');
    assert_null(memchr(line.data, '\n', line.size - 1));
    assert_null(memmem(line.data, line.size, "c2VjcmV0", 8));
    assert_int_equal(state_line_read(bytes_make(line.data, line.size - 1), &hash, &read),
                     ERROR_NONE);
    assert_true(hash == request_hash(&url) && read.found);
    assert_same(&read.memory, memory);
    state_memory_fini(&read);
    buffer_fini(&line);
}

static void what_is_written_is_read(void **state) {
    (void)state;
    assert_round_trip(&full);
    assert_round_trip(&failing);
    assert_round_trip(&nothing);
}

static void other_requests_are_others(void **state) {
    static char other[] = "http://example.org/x", post[] = "POST", get[] = "GET", body[] = "b";
    struct http_field one = {bytes_of("a"), bytes_of("b")}, two = {bytes_of("ab"), bytes_of("")};
    (void)state;
    const struct config_url plain = {.url = address};
    const struct config_url others[] = {{.url = other},
                                        {.url = address, .method = post},
                                        {.url = address, .body = body},
                                        {.url = address, .headers = {.items = &one, .count = 1}},
                                        {.url = address, .headers = {.items = &two, .count = 1}}};
    const struct config_url same[] = {{.url = address, .method = get},
                                      {.url = address, .basic = secret},
                                      {.url = address, .every = 1, .insecure = true}};
    uint64_t seen[6] = {request_hash(&plain)};
    for (size_t i = 0; i < 5; i++) {
        seen[i + 1] = request_hash(&others[i]);
        for (size_t j = 0; j <= i; j++)
            assert_true(seen[i + 1] != seen[j]);
    }
    for (size_t i = 0; i < 3; i++)
        assert_true(request_hash(&same[i]) == seen[0]);
}

static void what_is_no_line(void **state) {
    static const char *const lines[] = {
        "",
        "{}",
        "[]",
        "{\"request\":\"0123456789abcde\"}",
        "{\"request\":\"0123456789ABCDEF\"}",
        "{\"request\":1}",
        "{\"request\":\"0123456789abcdef\"",
        "\"0123456789abcdef\"",
    };
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct state_memory memory;
        uint64_t hash;
        assert_int_equal(state_line_read(bytes_of(lines[i]), &hash, &memory), ERROR_CONFIG_INVALID);
    }
}

/* Each value that cannot be counts as none. */
/* As a file has that was filled with zeros, or is no state file at all. */
static void a_line_that_is_far_too_long(void **state) {
    (void)state;
    size_t size = JSON_TEXT_MAX + 1;
    uint8_t *zeros = calloc(1, size);
    struct state_memory memory;
    uint64_t hash;
    assert_non_null(zeros);
    assert_int_equal(state_line_read(bytes_make(zeros, size), &hash, &memory),
                     ERROR_CONFIG_INVALID);
    free(zeros);
}

static void values_that_cannot_be(void **state) {
    static const char line[] = "{\"request\":\"0123456789abcdef\",\"error\":\"NO_SUCH\","
                               "\"status\":-1,\"sha256\":\"xy\",\"title\":7,\"failures\":1e99,"
                               "\"due\":\"soon\",\"content_url\":null,\"more\":[{}]}";
    struct state_memory memory;
    uint64_t hash;
    (void)state;
    assert_int_equal(state_line_read(bytes_of(line), &hash, &memory), ERROR_NONE);
    assert_true(hash == 0x0123456789ABCDEF);
    assert_same(&memory.memory, &nothing);
    state_memory_fini(&memory);
}

static void no_memory(void **state) {
    const struct config_url url = {.url = address};
    struct buffer line = {0};
    (void)state;
    assert_int_equal(state_line_append(&line, &url, &full), ERROR_NONE);
    size_t blocks = memory_live_blocks();
    for (size_t skip = 0;; skip++) {
        struct state_memory memory;
        uint64_t hash;
        memory_fail_after(skip, 1);
        enum error error = state_line_read(bytes_make(line.data, line.size - 1), &hash, &memory);
        bool failed = memory_failures() > 0;
        memory_fail_after(0, 0);
        assert_int_equal(error, failed ? ERROR_NO_MEMORY : ERROR_NONE);
        if (!failed)
            state_memory_fini(&memory);
        assert_int_equal(memory_live_blocks(), blocks);
        if (!failed)
            break;
    }
    buffer_fini(&line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read), cmocka_unit_test(other_requests_are_others),
        cmocka_unit_test(what_is_no_line),         cmocka_unit_test(a_line_that_is_far_too_long),
        cmocka_unit_test(values_that_cannot_be),   cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
