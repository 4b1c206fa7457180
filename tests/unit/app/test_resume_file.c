/* What is done of a list, remembered over processes, whatever ended them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "resume_file.h"

static char path[] = "/tmp/ringcast-resume-XXXXXX";
static struct resume_file resume;

static int make_file(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/ringcast-resume-XXXXXX");
    int descriptor = mkstemp(path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int remove_file(void **state) {
    (void)state;
    return unlink(path) == 0 && memory_live_blocks() == 0 ? 0 : -1;
}

static void append(const char *text) {
    FILE *file = fopen(path, "a");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void open_file(void) {
    assert_int_equal(resume_file_init(&resume, path), ERROR_NONE);
}

static void test_done_is_what_was_added_and_written(void **state) {
    (void)state;
    open_file();
    assert_false(resume_file_has(&resume, 0, "http://a/"));
    assert_int_equal(resume_file_add(&resume, 0, "http://a/"), ERROR_NONE);
    assert_int_equal(resume_file_add(&resume, 12345, "http://b/\nc"), ERROR_NONE);
    assert_int_equal(resume_file_write(&resume), ERROR_NONE);
    assert_int_equal(resume_file_add(&resume, 2, "http://never-written/"), ERROR_NONE);
    resume_file_fini(&resume);
    open_file();
    assert_true(resume_file_has(&resume, 0, "http://a/"));
    assert_true(resume_file_has(&resume, 12345, "http://b/\nc"));
    assert_false(resume_file_has(&resume, 1, "http://a/"));
    assert_false(resume_file_has(&resume, 0, "http://a/b"));
    assert_false(resume_file_has(&resume, 2, "http://never-written/"));
    resume_file_fini(&resume);
}

static void test_a_line_that_was_cut_does_not_count(void **state) {
    (void)state;
    append("0 http://a/\n1 http://b/");
    open_file();
    assert_true(resume_file_has(&resume, 0, "http://a/"));
    assert_false(resume_file_has(&resume, 1, "http://b/"));
    assert_int_equal(resume_file_add(&resume, 2, "http://c/"), ERROR_NONE);
    assert_int_equal(resume_file_write(&resume), ERROR_NONE);
    resume_file_fini(&resume);
    open_file();
    assert_true(resume_file_has(&resume, 2, "http://c/"));
    resume_file_fini(&resume);
}

static void test_many(void **state) {
    enum { MANY = 30000 };
    (void)state;
    open_file();
    for (size_t i = 0; i < MANY; i += 2)
        assert_int_equal(resume_file_add(&resume, i, "http://example.org/page"), ERROR_NONE);
    assert_int_equal(resume_file_write(&resume), ERROR_NONE);
    resume_file_fini(&resume);
    open_file();
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(resume_file_has(&resume, i, "http://example.org/page"), i % 2 == 0);
    resume_file_fini(&resume);
}

static void test_what_cannot_be_opened(void **state) {
    (void)state;
    assert_int_equal(resume_file_init(&resume, "/nowhere/resume"), ERROR_NOT_FOUND);
    resume_file_fini(&resume);
}

#define resume_test(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int main(void) {
    const struct CMUnitTest tests[] = {
        resume_test(test_done_is_what_was_added_and_written),
        resume_test(test_a_line_that_was_cut_does_not_count),
        resume_test(test_many),
        resume_test(test_what_cannot_be_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
