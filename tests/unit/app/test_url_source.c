/* URLs from arguments, files and pipes: lines, pauses, ends, and what is too long. */
#include "loop_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/url.h"
#include "url_source.h"

static struct url_source source;
static unsigned readies;
static char path[64];

static void ready(struct url_source *ready_source) {
    (void)ready_source;
    readies++;
}

static void begin(const char *const *arguments, int count) {
    readies = 0;
    url_source_init(&source, &loop, arguments, count, ready);
}

static void assert_url(const char *expected) {
    const char *url;
    assert_int_equal(url_source_next(&source, &url), URL_SOURCE_URL);
    assert_string_equal(url, expected);
}

static void assert_next(enum url_source_next expected) {
    const char *url;
    assert_int_equal(url_source_next(&source, &url), expected);
}

/* A file with this content; its name as an argument. */
static const char *file_of(const void *content, size_t size) {
    static char argument[80];
    snprintf(path, sizeof path, "/tmp/ringcast-urls-XXXXXX");
    int descriptor = mkstemp(path);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, size), size);
    close(descriptor);
    snprintf(argument, sizeof argument, "@%s", path);
    return argument;
}

static void test_arguments_as_they_are(void **state) {
    const char *arguments[] = {"http://a/", " b ", "#c", ""};
    (void)state;
    begin(arguments, 4);
    assert_url("http://a/");
    assert_url(" b ");
    assert_url("#c");
    assert_url("");
    assert_next(URL_SOURCE_END);
    assert_next(URL_SOURCE_END);
    url_source_fini(&source);
}

static void test_lines_of_a_file_among_arguments(void **state) {
    static const char content[] = "# comment\n\n http://b/ \r\n\thttp://c/\n  # d\nhttp://e/";
    const char *arguments[] = {"http://a/", file_of(content, sizeof content - 1), "http://f/"};
    (void)state;
    assert_int_equal(url_source_count(&loop, arguments, 3), 5);
    begin(arguments, 3);
    assert_url("http://a/");
    assert_url("http://b/");
    assert_url("http://c/");
    assert_url("http://e/");
    assert_url("http://f/");
    assert_next(URL_SOURCE_END);
    url_source_fini(&source);
    unlink(path);
}

static void test_many_lines(void **state) {
    enum { LINES = 50000 };
    struct buffer content = {0};
    (void)state;
    for (int i = 0; i < LINES; i++)
        assert_int_equal(buffer_format(&content, "http://host/%d\n", i), ERROR_NONE);
    const char *arguments[] = {file_of(content.data, content.size)};
    buffer_fini(&content);
    begin(arguments, 1);
    for (int i = 0; i < LINES; i++) {
        char expected[64];
        snprintf(expected, sizeof expected, "http://host/%d", i);
        assert_url(expected);
    }
    assert_next(URL_SOURCE_END);
    assert_true(source.text.capacity <= 512 * 1024);
    url_source_fini(&source);
    unlink(path);
}

static void test_a_nul_does_not_shorten_a_url(void **state) {
    static const char content[] = "http://a/\0b\nhttp://c/\0";
    const char *arguments[] = {file_of(content, sizeof content - 1)};
    (void)state;
    begin(arguments, 1);
    assert_url("http://a/\xFF"
               "b");
    assert_url("http://c/\xFF");
    assert_next(URL_SOURCE_END);
    url_source_fini(&source);
    unlink(path);
}

static void test_a_line_without_end_is_one_url_that_is_none(void **state) {
    struct buffer content = {0};
    const char *url;
    (void)state;
    while (content.size < 3 * (size_t)URL_INPUT_MAX)
        assert_int_equal(buffer_append_text(&content, "http://very.long/"), ERROR_NONE);
    assert_int_equal(buffer_append_text(&content, "\nhttp://next/\n"), ERROR_NONE);
    const char *arguments[] = {file_of(content.data, content.size)};
    buffer_fini(&content);
    begin(arguments, 1);
    assert_int_equal(url_source_next(&source, &url), URL_SOURCE_URL);
    assert_true(strlen(url) > URL_INPUT_MAX);
    assert_url("http://next/");
    assert_next(URL_SOURCE_END);
    assert_true(source.text.capacity <= 4 * (size_t)URL_INPUT_MAX);
    url_source_fini(&source);
    unlink(path);
}

static void test_what_cannot_be_read(void **state) {
    const char *arguments[] = {"http://a/", "@/nowhere/urls", "http://b/"};
    (void)state;
    begin(arguments, 3);
    assert_url("http://a/");
    assert_next(URL_SOURCE_ERROR);
    assert_int_equal(source.error, ERROR_NOT_FOUND);
    assert_string_equal(source.failed_name, "/nowhere/urls");
    assert_next(URL_SOURCE_ERROR);
    url_source_fini(&source);
    const char *folder[] = {"@/tmp"};
    begin(folder, 1);
    while (readies == 0) {
        const char *url;
        if (url_source_next(&source, &url) != URL_SOURCE_LATER)
            break;
        turn();
    }
    assert_next(URL_SOURCE_ERROR);
    url_source_fini(&source);
}

/* Standard input of the test becomes the reading end of a pipe; returns the writing one. */
static int saved_input;

static int pipe_input(void) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    saved_input = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
    return ends[1];
}

static void restore_input(void) {
    dup2(saved_input, STDIN_FILENO);
    close(saved_input);
}

static void test_a_pipe_is_waited_for(void **state) {
    const char *arguments[] = {"-", "http://last/"};
    int writing = pipe_input();
    (void)state;
    assert_int_equal(url_source_count(&loop, arguments, 2), 0);
    begin(arguments, 2);
    assert_next(URL_SOURCE_LATER);
    assert_next(URL_SOURCE_LATER);
    assert_int_equal(write(writing, "http://a/\nhttp://b", 18), 18);
    wait_for(readies == 1);
    assert_url("http://a/");
    assert_next(URL_SOURCE_LATER);
    assert_int_equal(write(writing, "/c", 2), 2);
    wait_for(readies == 2);
    assert_next(URL_SOURCE_LATER);
    close(writing);
    wait_for(readies == 3);
    assert_url("http://b/c");
    assert_url("http://last/");
    assert_next(URL_SOURCE_END);
    url_source_fini(&source);
    restore_input();
}

static void test_stopped_while_it_waits(void **state) {
    const char *arguments[] = {"-", "http://last/"};
    int writing = pipe_input();
    (void)state;
    begin(arguments, 2);
    assert_next(URL_SOURCE_LATER);
    url_source_stop(&source);
    wait_for(readies == 1);
    assert_url("http://last/");
    assert_next(URL_SOURCE_END);
    url_source_fini(&source);
    close(writing);
    restore_input();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        loop_test(test_arguments_as_they_are),
        loop_test(test_lines_of_a_file_among_arguments),
        loop_test(test_many_lines),
        loop_test(test_a_nul_does_not_shorten_a_url),
        loop_test(test_a_line_without_end_is_one_url_that_is_none),
        loop_test(test_what_cannot_be_read),
        loop_test(test_a_pipe_is_waited_for),
        loop_test(test_stopped_while_it_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
