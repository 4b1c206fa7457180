/* UTF-8 in text messages: the cases of Autobahn's group 6, and where exactly a bad text fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conversation.h"

/* Valid texts: Autobahn 6.2, 6.5, 6.7, 6.9, 6.11, 6.13, 6.22, 6.23. */
static const char *const good_texts[] = {
    "Hello-\xC2\xB5@\xC3\x9F\xC3\xB6\xC3\xA4\xC3\xBC\xC3\xA0\xC3\xA1-UTF-8!!",
    "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5",
    "\xC2\x80",
    "\xE0\xA0\x80",
    "\xF0\x90\x80\x80",
    "\x7F",
    "\xDF\xBF",
    "\xEF\xBF\xBF",
    "\xF4\x8F\xBF\xBF",
    "\xED\x9F\xBF",
    "\xEE\x80\x80",
    "\xEF\xBF\xBD",
    "\xEF\xBF\xBE",
    "\xF0\x9F\xBF\xBE",
    "\xF0\x9F\xBF\xBF",
    "\xF0\xAF\xBF\xBE",
    "\xF3\xBF\xBF\xBF",
    "\xF4\x8F\xBF\xBE",
};

/* Texts whose byte number `first_bad` (from 0) no valid text can have there. */
static const struct bad_text {
    const char *text;
    size_t first_bad;
} bad_texts[] = {
    /* 6.3, 6.4: a surrogate, and a point above U+10FFFF, within good text */
    {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80.edited", 12},
    {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xF4\x90\x80\x80.edited", 12},
    /* 6.8: five and six bytes */
    {"\xF8\x88\x80\x80\x80", 0},
    {"\xFC\x84\x80\x80\x80\x80", 0},
    /* 6.10: above U+10FFFF */
    {"\xF7\xBF\xBF\xBF", 0},
    {"\xFB\xBF\xBF\xBF\xBF", 0},
    {"\xFD\xBF\xBF\xBF\xBF\xBF", 0},
    {"\xF4\x90\x80\x80", 1},
    /* 6.12: lonely continuation bytes */
    {"\x80", 0},
    {"\xBF", 0},
    {"\x80\xBF", 0},
    {"\x80\xBF\x80\xBF\x80\xBF", 0},
    /* 6.14: lonely lead bytes, each followed by a space */
    {"\xC2 \xC3 ", 1},
    {"\xDF ", 1},
    {"\xE0 \xE1 ", 1},
    {"\xEF ", 1},
    {"\xF0 \xF1 ", 1},
    {"\xF4 ", 1},
    {"\xF8 ", 0},
    {"\xFC ", 0},
    /* 6.15, 6.16: the last continuation byte missing, and something else instead */
    {"\xC2\xC2\xB5", 1},
    {"\xE0\xA0\xE0\xA0", 2},
    {"\xF0\x90\x80\xF0\x90\x80", 3},
    {"\xEF\xBF\xEF\xBF", 2},
    /* 6.17: impossible bytes */
    {"\xFE", 0},
    {"\xFF", 0},
    {"a\xFE\xFE\xFF\xFF", 1},
    /* 6.18, 6.19: overlong */
    {"\xC0\xAF", 0},
    {"\xC1\xBF", 0},
    {"\xE0\x80\xAF", 1},
    {"\xE0\x9F\xBF", 1},
    {"\xF0\x80\x80\xAF", 1},
    {"\xF0\x8F\xBF\xBF", 1},
    {"\xF8\x80\x80\x80\xAF", 0},
    {"\xFC\x80\x80\x80\x80\xAF", 0},
    {"\xC0\x80", 0},
    {"\xE0\x80\x80", 1},
    {"\xF0\x80\x80\x80", 1},
    /* 6.20, 6.21: surrogates, alone and in pairs */
    {"\xED\xA0\x80", 1},
    {"\xED\xAD\xBF", 1},
    {"\xED\xAE\x80", 1},
    {"\xED\xAF\xBF", 1},
    {"\xED\xB0\x80", 1},
    {"\xED\xBE\x80", 1},
    {"\xED\xBF\xBF", 1},
    {"\xED\xA0\x80\xED\xB0\x80", 1},
    {"\xED\xAF\xBF\xED\xBF\xBF", 1},
};

/* Texts that end within a character. */
static const char *const cut_texts[] = {"\xC2",         "\xE2\x82", "\xE2",
                                        "\xF0\x9F\x98", "\xF4",     "abc\xC3"};

enum {
    GOOD_COUNT = sizeof good_texts / sizeof *good_texts,
    BAD_COUNT = sizeof bad_texts / sizeof *bad_texts,
    CUT_COUNT = sizeof cut_texts / sizeof *cut_texts,
};

static void expect_text(struct buffer *expected, const char *text) {
    struct message message = {.payload = bytes_of(text)};
    write_down(expected, MESSAGE_TEXT, &message);
    add_byte(expected, 0);
}

static void good_texts_in_one_frame(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        struct buffer wire = {0}, expected = {0};
        add_client(&wire, FIN | FRAME_TEXT, good_texts[i]);
        expect_text(&expected, good_texts[i]);
        assert_conversation(as_server, &wire, (char *)expected.data);
        buffer_fini(&expected);
    }
}

/* Autobahn 6.2.3, 6.2.4: a frame for each byte, so characters are cut. */
static void good_texts_in_a_frame_for_each_byte(void **state) {
    (void)state;
    for (size_t i = 0; i < GOOD_COUNT; i++) {
        struct buffer wire = {0}, expected = {0};
        for (const char *byte = good_texts[i]; *byte != '\0'; byte++)
            add_frame(&wire, byte == good_texts[i] ? FRAME_TEXT : FRAME_CONTINUATION, true,
                      bytes_make(byte, 1));
        add_client(&wire, FIN | FRAME_CONTINUATION, "");
        expect_text(&expected, good_texts[i]);
        assert_conversation(as_server, &wire, (char *)expected.data);
        buffer_fini(&expected);
    }
}

static void refused_bad_texts_in_one_frame(void **state) {
    (void)state;
    for (size_t i = 0; i < BAD_COUNT; i++) {
        struct buffer wire = {0};
        add_client(&wire, FIN | FRAME_TEXT, bad_texts[i].text);
        assert_conversation(as_server, &wire, "failed(ws-not-utf8)\n");
    }
}

static void refused_texts_that_end_within_a_character(void **state) {
    (void)state;
    for (size_t i = 0; i < CUT_COUNT; i++) {
        struct buffer wire = {0};
        add_client(&wire, FIN | FRAME_TEXT, cut_texts[i]);
        assert_conversation(as_server, &wire, "failed(ws-not-utf8)\n");
        add_client(&wire, FRAME_TEXT, cut_texts[i]);
        add_client(&wire, FIN | FRAME_CONTINUATION, "");
        assert_conversation(as_server, &wire, "failed(ws-not-utf8)\n");
    }
}

/* How many bytes of `wire` a reader takes, one by one, until it fails. */
static size_t bytes_until_failure(struct bytes wire) {
    struct message_reader reader;
    struct buffer transcript = {0};
    size_t count = 0;
    message_reader_init(&reader, MESSAGE_ROLE_SERVER, NO_LIMIT, 0);
    while (count < wire.size && transcript.size == 0)
        converse(&reader, bytes_make(wire.data + count++, 1), &transcript);
    message_reader_fini(&reader);
    assert_transcript(&transcript, "failed(ws-not-utf8)\n");
    return count;
}

/* Autobahn 6.4.3, 6.4.4: the first bad byte fails, though the frame is far from complete. */
static void fails_at_the_first_bad_byte_of_a_partial_frame(void **state) {
    (void)state;
    for (size_t i = 0; i < BAD_COUNT; i++) {
        struct buffer wire = {0};
        char text[100] = {0};
        memset(text, '.', sizeof text - 1);
        memcpy(text, bad_texts[i].text, strlen(bad_texts[i].text));
        add_client(&wire, FRAME_TEXT, text);
        assert_int_equal(bytes_until_failure(buffer_bytes(&wire)), 6 + bad_texts[i].first_bad + 1);
        buffer_fini(&wire);
    }
}

/* Autobahn 6.4.1, 6.4.2: the same when each byte has a frame of its own. */
static void fails_at_the_first_bad_fragment(void **state) {
    (void)state;
    for (size_t i = 0; i < BAD_COUNT; i++) {
        struct buffer wire = {0};
        for (const char *byte = bad_texts[i].text; *byte != '\0'; byte++)
            add_frame(&wire, byte == bad_texts[i].text ? FRAME_TEXT : FRAME_CONTINUATION, true,
                      bytes_make(byte, 1));
        assert_int_equal(bytes_until_failure(buffer_bytes(&wire)),
                         7 * (bad_texts[i].first_bad + 1));
        buffer_fini(&wire);
    }
}

static void a_ping_within_a_character_changes_nothing(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FRAME_TEXT, "\xE2\x82");
    add_client(&wire, FIN | FRAME_PING, "\xFF");
    add_client(&wire, FIN | FRAME_CONTINUATION, "\xAC");
    assert_conversation(as_server, &wire, "ping(\\xff)\ntext(\\xe2\\x82\\xac)\n");
}

static void each_message_begins_anew(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FRAME_TEXT, "\xE2\x82\xAC");
    add_client(&wire, FIN | FRAME_CONTINUATION, "a");
    add_client(&wire, FIN | FRAME_TEXT, "\xAC");
    assert_conversation(as_server, &wire, "text(\\xe2\\x82\\xaca)\nfailed(ws-not-utf8)\n");
}

static void binary_may_be_anything(void **state) {
    (void)state;
    for (size_t i = 0; i < BAD_COUNT; i++) {
        struct buffer wire = {0}, expected = {0};
        struct message message = {.payload = bytes_of(bad_texts[i].text)};
        add_client(&wire, FIN | FRAME_BINARY, bad_texts[i].text);
        write_down(&expected, MESSAGE_BINARY, &message);
        add_byte(&expected, 0);
        assert_conversation(as_server, &wire, (char *)expected.data);
        buffer_fini(&expected);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_texts_in_one_frame),
        cmocka_unit_test(good_texts_in_a_frame_for_each_byte),
        cmocka_unit_test(refused_bad_texts_in_one_frame),
        cmocka_unit_test(refused_texts_that_end_within_a_character),
        cmocka_unit_test(fails_at_the_first_bad_byte_of_a_partial_frame),
        cmocka_unit_test(fails_at_the_first_bad_fragment),
        cmocka_unit_test(a_ping_within_a_character_changes_nothing),
        cmocka_unit_test(each_message_begins_anew),
        cmocka_unit_test(binary_may_be_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
