/* The line editor: keys in, lines and drawings out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "base/memory.h"
#include "chat_line_editor.h"

static struct line_editor editor;
static struct bytes input, line;

static int set_up(void **state) {
    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    line_editor_fini(&editor);
    return 0;
}

static void press(const char *keys) {
    input = bytes_of(keys);
}

static void expect(enum line_event event) {
    assert_int_equal(line_editor_next(&editor, &input, &line), event);
}

static void expect_line(const char *text) {
    expect(LINE_DONE);
    assert_int_equal(line.size, strlen(text));
    assert_memory_equal(line.data, text, line.size);
}

static void expect_drawn(unsigned columns, const char *text) {
    struct buffer out = {0};
    assert_int_equal(line_editor_draw(&editor, columns, &out), ERROR_NONE);
    assert_int_equal(out.size, strlen(text));
    assert_memory_equal(out.data, text, out.size);
    buffer_fini(&out);
}

#define LEFT  "\x1b[D"
#define RIGHT "\x1b[C"
#define UP    "\x1b[A"
#define DOWN  "\x1b[B"

static void keys_make_lines(void **state) {
    (void)state;
    static const struct {
        const char *keys, *line;
    } cases[] = {
        {"hello\r", "hello"},
        {"hello\n", "hello"},
        {"\r", ""},
        {"ac" LEFT "b\r", "abc"},
        {"bc\x01"
         "a\r",
         "abc"},
        {"bc\x1b[Ha\r", "abc"},
        {"bc\x1bOHa\r", "abc"},
        {"bc\x1b[1~a\x1b[4~d\r", "abcd"},
        {"ab\x01\x05"
         "c\r",
         "abc"},
        {"ab\x1b[H\x1b[Fc\r", "abc"},
        {"ab\x02\x02\x06"
         "c\r",
         "acb"},
        {"abx\x7f"
         "c\r",
         "abc"},
        {"abx\x08"
         "c\r",
         "abc"},
        {"abxc" LEFT LEFT "\x1b[3~\r", "abc"},
        {"abxc" LEFT LEFT "\x04\r", "abc"},
        {"abc\x15"
         "d\r",
         "d"},
        {"abc" LEFT LEFT "\x0b\r", "a"},
        {"one two  \x17three\r", "one three"},
        {"one\x17\x17\r", ""},
        {"\x7f\x7f" LEFT RIGHT "a" RIGHT "b\r", "ab"},
        /* characters are whole, whatever their size */
        {"Grüße\r", "Grüße"},
        {"gru" LEFT "\xc3\xbc" LEFT "\r", "gr\xc3\xbcu"},
        {"\xf0\x9f\x98\x80\xef\xbf\xbd\r", "\xf0\x9f\x98\x80\xef\xbf\xbd"},
        {"x\xf0\x9f\x98\x80\x7f\r", "x"},
        {"\xe2\x82\xac\xc3\xa4" LEFT LEFT "\x1b[3~\r", "\xc3\xa4"},
        /* what is no UTF-8 is no character */
        {"a\xff\xc3"
         "b\x80"
         "c\r",
         "abc"},
        {"a\xed\xa0\x80"
         "b\r",
         "ab"},
        /* keys that mean nothing here */
        {"a\x1b[15~b\x1b[1;5Cc\x1bOPd\x09\x0c"
         "e\r",
         "abcde"},
        {"a\x1bxb\r", "ab"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        press(cases[i].keys);
        expect_line(cases[i].line);
        expect(LINE_NEEDS_MORE);
    }
}

/* However the keys are cut into pieces. */
static void keys_come_in_pieces(void **state) {
    (void)state;
    const char keys[] = "x\x1b[D\xe2\x82\xac\x1b[1~\xc3\xa4\x1b[3~\r";
    for (size_t i = 0; i + 2 < sizeof keys; i++) {
        input = bytes_make(keys + i, 1);
        expect(LINE_NEEDS_MORE);
    }
    press("\r");
    expect_line("\xc3\xa4x");
}

static void earlier_lines(void **state) {
    (void)state;
    static const char *const lines[] = {"one\r", "two\r", "two\r", "\r", "three\r"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        press(lines[i]);
        expect(LINE_DONE);
    }
    press(UP "\r");
    expect_line("three");
    press(UP UP "!\r");
    expect_line("two!");
    press("typed" UP UP DOWN DOWN "\r"); /* what was typed is still there */
    expect_line("typed");
    press(UP UP UP UP UP UP UP UP UP UP "\x10\r");
    expect_line("one");
    press(DOWN "\x0e"
               "a\r");
    expect_line("a");
}

static void the_oldest_lines_are_forgotten(void **state) {
    (void)state;
    char text[16];
    for (int i = 0; i < LINE_EDITOR_HISTORY + 10; i++) {
        snprintf(text, sizeof text, "%d\r", i);
        press(text);
        expect(LINE_DONE);
    }
    for (int i = 0; i < 2 * LINE_EDITOR_HISTORY; i++) {
        press(UP);
        expect(LINE_NEEDS_MORE);
    }
    press("\r");
    expect_line("10");
}

static void the_end_and_suspending(void **state) {
    (void)state;
    press("a\x04\x7f\x1a"
          "b\r\x04"
          "rest");
    expect(LINE_SUSPEND);
    expect_line("b");
    expect(LINE_END);
    assert_int_equal(input.size, 4);
}

static void a_line_is_drawn(void **state) {
    (void)state;
    expect_drawn(80, "\r> \x1b[K\r\x1b[2C");
    press("ab\xc3\xa4" LEFT);
    expect(LINE_NEEDS_MORE);
    expect_drawn(80, "\r> ab\xc3\xa4\x1b[K\r\x1b[4C");
    press("\x05\xe4\xbd\xa0\xcc\x81"); /* two columns wide, and a combining accent */
    expect(LINE_NEEDS_MORE);
    expect_drawn(80, "\r> ab\xc3\xa4\xe4\xbd\xa0\xcc\x81\x1b[K\r\x1b[7C");
}

static void a_long_line_scrolls(void **state) {
    (void)state;
    press("0123456789");
    expect(LINE_NEEDS_MORE);
    expect_drawn(10, "\r> 56789\x1b[K\r\x1b[7C");
    press("\x01");
    expect(LINE_NEEDS_MORE);
    expect_drawn(10, "\r> 0123456\x1b[K\r\x1b[2C");
    expect_drawn(0, "\r> 01234\x1b[K\r\x1b[2C"); /* no terminal is that narrow */
}

/* What is pasted may be such a text, too; it is sent as it is. */
static void what_is_pasted_cannot_play_tricks(void **state) {
    (void)state;
    const char pasted[] = "a\xC2\x9B"
                          "1m\xE2\x80\xAE"
                          "b\xE2\x81\xA6\xD7\x90";
    press(pasted);
    expect(LINE_NEEDS_MORE);
    expect_drawn(40, "\r> a\xEF\xBF\xBD"
                     "1m\xEF\xBF\xBD"
                     "b\xEF\xBF\xBD\xD7\x90\x1b[K\r\x1b[10C");
    press("\r");
    expect_line(pasted);
}

/* Every character that is looked at is asked for its width here: the steps that drawing takes. */
static size_t steps;

int wcwidth(wchar_t character) {
    static int (*width)(wchar_t character);
    if (width == NULL)
        *(void **)&width = dlsym(RTLD_NEXT, "wcwidth");
    steps++;
    return width(character);
}

static size_t steps_of_drawing(unsigned columns) {
    struct buffer out = {0};
    steps = 0;
    assert_int_equal(line_editor_draw(&editor, columns, &out), ERROR_NONE);
    assert_in_range(out.size, columns / 2, columns + 20);
    buffer_fini(&out);
    return steps;
}

/* A key far behind the beginning takes no more than what is in sight; a jump over the whole line
 * looks at no character more than twice. */
static void the_longest_line_is_drawn_in_few_steps(void **state) {
    (void)state;
    enum { COLUMNS = 80, LEFT_ROOM = 100 };
    static char keys[LINE_EDITOR_MAX - LEFT_ROOM + 1];
    memset(keys, 'x', sizeof keys - 1);
    press(keys);
    expect(LINE_NEEDS_MORE);
    assert_in_range(steps_of_drawing(COLUMNS), COLUMNS, 2 * LINE_EDITOR_MAX + 4 * COLUMNS);
    for (int i = 0; i < LEFT_ROOM; i++) {
        press(i % 3 == 0 ? "y" : i % 3 == 1 ? "\x02" : "\x06");
        expect(LINE_NEEDS_MORE);
        assert_in_range(steps_of_drawing(COLUMNS), 1, 4 * COLUMNS);
    }
    press("\x01");
    expect(LINE_NEEDS_MORE);
    assert_in_range(steps_of_drawing(COLUMNS), COLUMNS / 2, 2 * COLUMNS);
    press("\x05");
    expect(LINE_NEEDS_MORE);
    assert_in_range(steps_of_drawing(COLUMNS), COLUMNS, 2 * LINE_EDITOR_MAX + 4 * COLUMNS);
}

static void a_line_has_a_limit(void **state) {
    (void)state;
    static char keys[LINE_EDITOR_MAX + 100];
    memset(keys, 'x', sizeof keys - 2);
    keys[sizeof keys - 2] = '\r';
    press(keys);
    expect(LINE_FULL); /* once */
    expect(LINE_DONE);
    assert_int_equal(line.size, LINE_EDITOR_MAX);
    keys[sizeof keys - 2] = 'x';
    press(keys);
    expect(LINE_FULL);
    expect(LINE_NEEDS_MORE);
}

static void what_comes_cannot_play_tricks(void **state) {
    (void)state;
    struct buffer out = {0};
    const char text[] = "a\x1b[2J\x07\x7f\xc2\x9b"
                        "1m\xff\tb\n\xc3\xa4\r\xE2\x80\xAE.";
    const char safe[] = "a^[[2J^G\xEF\xBF\xBD\xEF\xBF\xBD"
                        "1m\xEF\xBF\xBD\tb\n\xc3\xa4^M\xEF\xBF\xBD.";
    assert_int_equal(line_editor_append_harmless(&out, bytes_of(text)), ERROR_NONE);
    assert_int_equal(out.size, sizeof safe - 1);
    assert_memory_equal(out.data, safe, out.size);
    buffer_fini(&out);
}

/* A key that there is no memory for changes nothing; the next one works. */
static void out_of_memory(void **state) {
    (void)state;
    for (size_t spared = 0, failures = 1; failures > 0; spared++) {
        struct line_editor own = {0};
        bool done = false;
        memory_fail_after(spared, 1);
        press("some text\r" UP "!" UP DOWN "\r");
        while (!done) {
            enum line_event event = line_editor_next(&own, &input, &line);
            assert_true(event == LINE_DONE || event == LINE_NEEDS_MORE || event == LINE_FAILED);
            done = event == LINE_NEEDS_MORE;
        }
        failures = memory_failures();
        memory_fail_after(0, 0);
        line_editor_fini(&own);
        assert_true(spared < 100);
    }
}

/* Ctrl-A and deleting in front of what is shown, without drawing between them. */
static void what_is_shown_begins_between_characters(void **state) {
    (void)state;
    press("abcdefghij\xC3\xA4");
    expect(LINE_NEEDS_MORE);
    expect_drawn(12, "\r> fghij\xC3\xA4\x1b[K\r\x1b[8C");
    press("\x01"
          "\x04\x04\x04"
          "\x05"
          "\xC3\xB6");
    expect(LINE_NEEDS_MORE);
    expect_drawn(12, "\r> defghij\xC3\xA4\xC3\xB6\x1b[K\r\x1b[11C");
    press("\r");
    expect_line("defghij\xC3\xA4\xC3\xB6");
}

#define editor_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        editor_test(keys_make_lines),
        editor_test(keys_come_in_pieces),
        editor_test(earlier_lines),
        editor_test(the_oldest_lines_are_forgotten),
        editor_test(the_end_and_suspending),
        editor_test(a_line_is_drawn),
        editor_test(a_long_line_scrolls),
        editor_test(what_is_pasted_cannot_play_tricks),
        editor_test(the_longest_line_is_drawn_in_few_steps),
        editor_test(a_line_has_a_limit),
        editor_test(what_comes_cannot_play_tricks),
        editor_test(out_of_memory),
        editor_test(what_is_shown_begins_between_characters),
    };
    return cmocka_run_group_tests_name("chat_line_editor", tests, NULL, NULL);
}
