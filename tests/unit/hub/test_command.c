/* Commands of the JSON subprotocol: what is read out of a text, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "command.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void check_text(struct bytes found, const char *expected) {
    assert_int_equal(found.size, strlen(expected));
    assert_memory_equal(found.data, expected, found.size);
}

static void every_member(void **state) {
    (void)state;
    struct command command;
    const char *text =
        " { \"type\" : \"subscribe\" , \"id\":18446744073709551615,\"channel\":\"a\",\n"
        "\t\"epoch\":\"00\",\"offset\":7,\"last\":0,\"limit\":9,\"text\":\"t\",\r"
        "\"base64\":\"\",\"other\":null,\"more\":-1.5e3,\"flag\":true} ";
    assert_null(command_read(bytes_of(text), &command));
    check_text(command.type, "subscribe");
    check_text(command.channel, "a");
    check_text(command.epoch, "00");
    check_text(command.text, "t");
    check_text(command.base64, "");
    assert_true(command.has_text && command.has_base64 && command.has_id && command.has_offset &&
                command.has_last && command.has_limit);
    assert_true(command.id == UINT64_MAX);
    assert_int_equal(command.offset, 7);
    assert_int_equal(command.last, 0);
    assert_int_equal(command.limit, 9);
    command_fini(&command);
    assert_int_equal(memory_live_blocks(), 0);
}

static void what_is_not_there(void **state) {
    (void)state;
    struct command command;
    assert_null(command_read(bytes_of("{\"type\":\"ping\"}"), &command));
    assert_false(command.has_text || command.has_base64 || command.has_id || command.has_offset ||
                 command.has_last || command.has_limit);
    assert_int_equal(command.channel.size, 0);
    command_fini(&command);
}

static void strings_with_escapes(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
        {"\\u0041\\u00e9\\u20AC\\ud83d\\uDE00", "A\u00e9\u20ac\U0001f600"},
        {"\u20ac \U0001f600", "\u20ac \U0001f600"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command command;
        char text[200];
        snprintf(text, sizeof text, "{\"type\":\"x\",\"text\":\"%s\"}", cases[i][0]);
        assert_null(command_read(bytes_of(text), &command));
        check_text(command.text, cases[i][1]);
        command_fini(&command);
    }
}

static void what_is_no_command(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        " ",
        "null",
        "[]",
        "{",
        "{}",
        "{\"type\"",
        "{\"type\":",
        "{\"type\":\"",
        "{\"type\":\"x",
        "{\"type\":\"x\"",
        "{\"type\":\"x\",",
        "{\"type\":\"x\",}",
        "{\"type\":\"x\"}}",
        "{\"type\":\"x\"} {}",
        "{\"type\" \"x\"}",
        "{type:\"x\"}",
        "{\"type\":\"x\" \"id\":1}",
        "{\"type\":\"\"}",
        "{\"type\":1}",
        "{\"type\":\"x\",\"id\":\"1\" 2}",
        "{\"type\":\"x\",\"id\":-1}",
        "{\"type\":\"x\",\"id\":1.0}",
        "{\"type\":\"x\",\"id\":18446744073709551616}",
        "{\"type\":\"x\",\"id\":}",
        "{\"type\":\"x\",\"a\":yes}",
        "{\"type\":\"x\",\"a\":{}}",
        "{\"type\":\"x\",\"a\":[]}",
        "{\"type\":\"\\",
        "{\"type\":\"\\q\"}",
        "{\"type\":\"\\u12\"}",
        "{\"type\":\"\\u12g4\"}",
        "{\"type\":\"\\ud800\"}",
        "{\"type\":\"\\ud800\\u0041\"}",
        "{\"type\":\"\\udc00\"}",
        "{\"type\":\"a\nb\"}",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct command command;
        if (command_read(bytes_of(cases[i]), &command) == NULL)
            fail_msg("taken: %s", cases[i]);
        assert_int_equal(memory_live_blocks(), 0);
    }
}

/* No part of a command is one. */
static void every_beginning_is_refused(void **state) {
    (void)state;
    const char *text =
        "{\"type\":\"publish\",\"id\":12,\"channel\":\"a\",\"text\":\"\\u20ac \\n\"}";
    for (size_t size = 0; size < strlen(text); size++) {
        struct command command;
        assert_non_null(command_read(bytes_make(text, size), &command));
    }
}

static void out_of_memory(void **state) {
    (void)state;
    struct command command;
    memory_fail_after(0, 1);
    assert_non_null(command_read(bytes_of("{\"type\":\"ping\"}"), &command));
    assert_int_equal(memory_failures(), 1);
    memory_fail_after(0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(strings_with_escapes),
        cmocka_unit_test(what_is_no_command),
        cmocka_unit_test(every_beginning_is_refused),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("command", tests, NULL, NULL);
}
