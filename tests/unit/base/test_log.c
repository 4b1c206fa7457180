/* Log lines, read back from a pipe in place of standard output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/memory.h"

static char line[4096];
static int pipe_ends[2], saved_output;

static void begin_capture(void) {
    fflush(stdout);
    saved_output = dup(STDOUT_FILENO);
    assert_int_equal(pipe(pipe_ends), 0);
    dup2(pipe_ends[1], STDOUT_FILENO);
    close(pipe_ends[1]);
}

static void end_capture(void) {
    dup2(saved_output, STDOUT_FILENO);
    close(saved_output);
    ssize_t size = read(pipe_ends[0], line, sizeof line - 1);
    line[size > 0 ? size : 0] = '\0';
    close(pipe_ends[0]);
}

/* What stands behind the time, which is as long as this. */
static const char *after_time(const char *lead) {
    static const char shape[] = "0000-00-00T00:00:00.000Z";
    assert_memory_equal(line, lead, strlen(lead));
    const char *time = line + strlen(lead);
    for (size_t i = 0; i < sizeof shape - 1; i++)
        assert_true(shape[i] == '0' ? time[i] >= '0' && time[i] <= '9' : time[i] == shape[i]);
    return time + sizeof shape - 1;
}

static void text_lines(void **state) {
    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    begin_capture();
    log_write(LOG_WARNING, "hub", "client closed", LOG_TEXT("address", "[::1]:80"),
              LOG_NUMBER("code", -7), LOG_TEXT("why", "a b"), LOG_TEXT("none", ""));
    end_capture();
    assert_string_equal(after_time(""), " warning hub: client closed address=[::1]:80 code=-7 "
                                        "why=\"a b\" none=\"\"\n");
}

static void json_lines(void **state) {
    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    begin_capture();
    log_write(LOG_ERROR, "hub", "client \"closed\"", LOG_TEXT("address", "x"),
              LOG_NUMBER("code", 7));
    end_capture();
    assert_string_equal(after_time("{\"time\":\""),
                        "\",\"level\":\"error\",\"component\":\"hub\",\"event\":\"client "
                        "\\\"closed\\\"\",\"address\":\"x\",\"code\":7}\n");
}

static void a_line_without_fields(void **state) {
    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    begin_capture();
    log_write_fields(LOG_INFO, "app", "started", NULL, 0);
    end_capture();
    assert_string_equal(after_time(""), " info app: started\n");
}

static void values_of_peers_cannot_forge_lines(void **state) {
    (void)state;
    static const char forged[] = "\n2026 error app: forged=\"\x1B[31m\xFF";
    char peer[1000];
    memset(peer, 'x', sizeof peer);
    memcpy(peer, forged, sizeof forged - 1);
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    begin_capture();
    log_write(LOG_INFO, "hub", "bad", LOG_BYTES("value", bytes_make(peer, sizeof peer)));
    end_capture();
    const char *value = after_time("");
    assert_null(strchr(value, '\x1B'));
    assert_null(strchr(value, '\xFF'));
    assert_ptr_equal(strchr(value, '\n'), value + strlen(value) - 1);
    assert_non_null(strstr(value, "value=\"\\n2026 error app: forged=\\\"\\u001b[31m"));
    assert_true(strlen(value) < 2 * LOG_VALUE_MAX);
}

static void levels_are_filtered_and_named(void **state) {
    (void)state;
    log_configure(LOG_WARNING, LOG_FORMAT_TEXT);
    begin_capture();
    log_write(LOG_INFO, "hub", "unwanted", LOG_NUMBER("x", 1));
    end_capture();
    assert_string_equal(line, "");
    assert_true(log_wants(LOG_ERROR) && log_wants(LOG_WARNING));
    assert_false(log_wants(LOG_INFO) || log_wants(LOG_DEBUG));
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    enum log_level level;
    assert_true(log_level_parse("debug", &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_true(log_level_parse("error", &level));
    assert_int_equal(level, LOG_ERROR);
    assert_false(log_level_parse("Debug", &level));
    assert_false(log_level_parse("", &level));
}

static void without_memory_a_line_is_short_but_whole(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    for (size_t skip = 0, failures = 1; failures > 0; skip++) {
        begin_capture();
        memory_fail_after(skip, 1);
        log_write(LOG_INFO, "hub", "an event", LOG_TEXT("key", "value"));
        failures = memory_failures();
        memory_fail_after(0, 0);
        end_capture();
        assert_non_null(
            strstr(line, "\"level\":\"info\",\"component\":\"hub\",\"event\":\"an event\""));
        assert_string_equal(line + strlen(line) - 2, "}\n");
    }
    assert_int_equal(memory_live_blocks(), blocks);
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
}

/* The last test: there is no way back. */
static void lines_on_standard_error(void **state) {
    (void)state;
    log_configure(LOG_INFO, LOG_FORMAT_TEXT);
    int saved_error = dup(STDERR_FILENO);
    log_to_standard_error();
    begin_capture();
    dup2(STDOUT_FILENO, STDERR_FILENO);
    dup2(saved_output, STDOUT_FILENO);
    log_write(LOG_INFO, "hub", "there", LOG_NUMBER("n", 1));
    dup2(saved_error, STDERR_FILENO);
    close(saved_error);
    end_capture();
    assert_string_equal(after_time(""), " info hub: there n=1\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_lines),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(a_line_without_fields),
        cmocka_unit_test(values_of_peers_cannot_forge_lines),
        cmocka_unit_test(levels_are_filtered_and_named),
        cmocka_unit_test(without_memory_a_line_is_short_but_whole),
        cmocka_unit_test(lines_on_standard_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
