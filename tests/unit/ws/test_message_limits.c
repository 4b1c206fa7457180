/* What a reader stores, where it stops a peer, and what it does when there is no memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conversation.h"

static const struct setting ten_bytes = {MESSAGE_ROLE_SERVER, 10, 0, 0};

static void a_message_of_just_the_limit(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_TEXT, "0123456789");
    add_client(&wire, FRAME_TEXT, "01234");
    add_client(&wire, FRAME_CONTINUATION, "56789");
    add_client(&wire, FIN | FRAME_CONTINUATION, "");
    assert_conversation(ten_bytes, &wire, "text(0123456789)\ntext(0123456789)\n");
}

static void refused_one_byte_more(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_TEXT, "0123456789A");
    assert_conversation(ten_bytes, &wire, "failed(ws-too-big)\n");
    add_client(&wire, FRAME_TEXT, "01234");
    add_client(&wire, FRAME_CONTINUATION, "56789");
    add_client(&wire, FIN | FRAME_CONTINUATION, "A");
    assert_conversation(ten_bytes, &wire, "failed(ws-too-big)\n");
}

static void the_limit_is_for_each_message(void **state) {
    (void)state;
    struct buffer wire = {0};
    for (int i = 0; i < 3; i++) {
        add_client(&wire, FRAME_BINARY, "01234");
        add_client(&wire, FIN | FRAME_CONTINUATION, "56789");
    }
    assert_conversation(ten_bytes, &wire,
                        "binary(0123456789)\nbinary(0123456789)\nbinary(0123456789)\n");
}

/* Control frames have their own bound. */
static void a_frame_may_be_bounded_beside_its_message(void **state) {
    (void)state;
    struct setting setting = {MESSAGE_ROLE_SERVER, 10, 0, 4};
    struct buffer wire = {0};
    add_client(&wire, FRAME_TEXT, "0123");
    add_client(&wire, FIN | FRAME_PING, "longer than four");
    add_client(&wire, FRAME_CONTINUATION, "4567");
    add_client(&wire, FIN | FRAME_CONTINUATION, "89");
    add_client(&wire, FIN | FRAME_BINARY, "01234");
    assert_conversation(setting, &wire,
                        "ping(longer than four)\ntext(0123456789)\nfailed(ws-too-big)\n");
}

static void a_limit_of_zero_allows_empty_messages(void **state) {
    (void)state;
    struct setting setting = {MESSAGE_ROLE_SERVER, 0, 0, 0};
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_TEXT, "");
    add_client(&wire, FIN | FRAME_PING, "controls have their own limit");
    add_client(&wire, FIN | FRAME_TEXT, "x");
    assert_conversation(setting, &wire,
                        "text()\nping(controls have their own limit)\nfailed(ws-too-big)\n");
}

/* Refused from the header alone: no payload byte has come, and nothing was allocated for one. */
static void giant_lengths_are_refused_before_any_allocation(void **state) {
    (void)state;
    static const char *const headers[] = {
        "\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask",
        "\x82\xFF\x00\x00\x00\x01\x00\x00\x00\x00mask",
        "\x82\xFF\x00\x00\x00\x00\x00\x10\x00\x01mask",
        "\x02\xFF\x00\x00\x00\x00\x80\x00\x00\x00mask",
    };
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        struct message_reader reader;
        struct message message;
        uint8_t header[FRAME_HEADER_MAX];
        uint8_t *data = header;
        size_t size = sizeof header;
        memcpy(header, headers[i], sizeof header);
        message_reader_init(&reader, MESSAGE_ROLE_SERVER, 1 << 20, 0);
        memory_fail_after(0, SIZE_MAX);
        assert_int_equal(message_next(&reader, &data, &size, &message), MESSAGE_FAILED);
        assert_int_equal(memory_failures(), 0);
        memory_fail_after(0, 0);
        assert_int_equal(message.error, ERROR_WS_TOO_BIG);
        message_reader_fini(&reader);
    }
}

static void a_flood_of_empty_fragments_ends(void **state) {
    (void)state;
    for (int beyond = 0; beyond < 2; beyond++) {
        struct buffer wire = {0}, transcript = {0};
        add_client(&wire, FRAME_TEXT, "");
        for (int i = 2; i < MESSAGE_FRAGMENTS_MAX + beyond; i++)
            add_client(&wire, FRAME_CONTINUATION, "");
        add_client(&wire, FIN | FRAME_CONTINUATION, "x");
        run_split(as_server, buffer_bytes(&wire), 0, wire.size / 2, &transcript);
        assert_transcript(&transcript, beyond ? "failed(ws-too-big)\n" : "text(x)\n");
        buffer_fini(&wire);
    }
}

static void fragments_are_counted_for_each_message(void **state) {
    (void)state;
    struct buffer wire = {0}, transcript = {0};
    for (int message = 0; message < 2; message++) {
        add_client(&wire, FRAME_TEXT, "");
        for (int i = 2; i < MESSAGE_FRAGMENTS_MAX; i++)
            add_client(&wire, FRAME_CONTINUATION, "");
        add_client(&wire, FIN | FRAME_CONTINUATION, "x");
    }
    run_split(as_server, buffer_bytes(&wire), 0, wire.size / 2, &transcript);
    assert_transcript(&transcript, "text(x)\ntext(x)\n");
    buffer_fini(&wire);
}

/* Views point into the lent slice, and nothing is allocated. */
static void whole_messages_are_views_into_the_slice(void **state) {
    (void)state;
    struct message_reader reader;
    struct message message;
    struct buffer wire = {0};
    add_client(&wire, FIN | FRAME_TEXT, "text");
    add_client(&wire, FIN | FRAME_PING, "ping");
    add_client(&wire, FIN | FRAME_CLOSE,
               "\x03\xE8"
               "why");
    uint8_t *data = wire.data;
    size_t size = wire.size;
    message_reader_init(&reader, MESSAGE_ROLE_SERVER, NO_LIMIT, 0);
    memory_fail_after(0, SIZE_MAX);
    assert_int_equal(message_next(&reader, &data, &size, &message), MESSAGE_TEXT);
    assert_ptr_equal(message.payload.data, wire.data + 6);
    assert_int_equal(message_next(&reader, &data, &size, &message), MESSAGE_PING);
    assert_ptr_equal(message.payload.data, wire.data + 16);
    assert_int_equal(message_next(&reader, &data, &size, &message), MESSAGE_CLOSE);
    assert_ptr_equal(message.payload.data, wire.data + 28);
    assert_int_equal(memory_failures(), 0);
    memory_fail_after(0, 0);
    message_reader_fini(&reader);
    buffer_fini(&wire);
}

/* Memory grows with what came: a peer that declares 16 MiB and sends 100 bytes holds little. */
static void memory_grows_with_what_arrived(void **state) {
    (void)state;
    struct message_reader reader;
    struct buffer transcript = {0};
    uint8_t payload[100] = {0};
    message_reader_init(&reader, MESSAGE_ROLE_CLIENT, NO_LIMIT, 0);
    converse(&reader, bytes_make("\x82\x7F\x00\x00\x00\x00\x01\x00\x00\x00", 10), &transcript);
    assert_int_equal(message_reader_held_bytes(&reader), 0);
    converse(&reader, bytes_make(payload, sizeof payload), &transcript);
    assert_in_range(message_reader_held_bytes(&reader), 100, 256);
    message_reader_fini(&reader);
    assert_int_equal(message_reader_held_bytes(&reader), 0);
    assert_int_equal(transcript.size, 0);
}

/* Between messages, and with half a header, a reader holds no memory. */
static void an_idle_reader_holds_no_memory(void **state) {
    (void)state;
    size_t blocks = memory_live_blocks();
    struct message_reader reader;
    struct buffer wire = {0}, transcript = {0};
    message_reader_init(&reader, MESSAGE_ROLE_SERVER, NO_LIMIT, 0);
    add_client(&wire, FIN | FRAME_TEXT, "taken in two pieces");
    size_t message_size = wire.size;
    add_client(&wire, FIN | FRAME_PING, "the same");
    converse(&reader, bytes_make(wire.data, 10), &transcript);
    assert_true(message_reader_held_bytes(&reader) > 0);
    converse(&reader, bytes_make(wire.data + 10, message_size - 10), &transcript);
    assert_int_equal(message_reader_held_bytes(&reader), 0);
    converse(&reader, bytes_make(wire.data + message_size, 5), &transcript);
    assert_int_equal(message_reader_held_bytes(&reader), 0);
    converse(&reader, bytes_make(wire.data + message_size + 5, 3), &transcript);
    assert_int_equal(message_reader_held_bytes(&reader), FRAME_CONTROL_PAYLOAD_MAX);
    converse(&reader, bytes_make(wire.data + message_size + 8, wire.size - message_size - 8),
             &transcript);
    assert_int_equal(message_reader_held_bytes(&reader), 0);
    assert_transcript(&transcript, "text(taken in two pieces)\nping(the same)\n");
    buffer_fini(&wire);
    assert_int_equal(memory_live_blocks(), blocks);
    message_reader_fini(&reader);
}

/* What is under way is freed by a failure and by a close, not only by fini. */
static void the_end_frees_what_was_under_way(void **state) {
    (void)state;
    static const unsigned lasts[] = {FIN | FRAME_CLOSE, FRAME_TEXT};
    for (size_t i = 0; i < sizeof lasts / sizeof *lasts; i++) {
        struct message_reader reader;
        struct buffer wire = {0}, transcript = {0};
        message_reader_init(&reader, MESSAGE_ROLE_SERVER, NO_LIMIT, 0);
        add_client(&wire, FRAME_TEXT, "half a message");
        add_client(&wire, lasts[i], "");
        converse(&reader, buffer_bytes(&wire), &transcript);
        assert_true(message_reader_has_ended(&reader));
        assert_int_equal(message_reader_held_bytes(&reader), 0);
        buffer_fini(&transcript);
        buffer_fini(&wire);
    }
}

static void fini_at_every_point_frees_everything(void **state) {
    (void)state;
    struct buffer wire = {0};
    add_client(&wire, FRAME_TEXT, "fragment");
    add_client(&wire, FIN | FRAME_PING, "between");
    add_client(&wire, FIN | FRAME_CONTINUATION, "the rest");
    size_t blocks = memory_live_blocks();
    for (size_t size = 0; size <= wire.size; size++) {
        struct message_reader reader;
        struct buffer transcript = {0};
        message_reader_init(&reader, MESSAGE_ROLE_SERVER, NO_LIMIT, 0);
        for (size_t i = 0; i < size; i++)
            converse(&reader, bytes_make(wire.data + i, 1), &transcript);
        message_reader_fini(&reader);
        buffer_fini(&transcript);
        assert_int_equal(memory_live_blocks(), blocks);
    }
    buffer_fini(&wire);
}

/* Byte by byte with no transcript, so that only the reader allocates. The last event's error. */
static enum error error_of_reading(struct bytes wire) {
    struct message_reader reader;
    enum error error = ERROR_NONE;
    message_reader_init(&reader, MESSAGE_ROLE_SERVER, NO_LIMIT, 0);
    for (size_t i = 0; i < wire.size; i++) {
        uint8_t byte = wire.data[i];
        uint8_t *data = &byte;
        size_t size = 1;
        struct message message;
        while (message_next(&reader, &data, &size, &message) != MESSAGE_NEEDS_MORE)
            if (error == ERROR_NONE)
                error = message.error;
    }
    assert_int_equal(message_reader_has_ended(&reader), error != ERROR_NONE);
    message_reader_fini(&reader);
    return error;
}

static void out_of_memory_at_each_allocation(void **state) {
    (void)state;
    struct buffer wire = {0};
    uint8_t payload[300];
    memset(payload, 'x', sizeof payload);
    add_client(&wire, FIN | FRAME_PING, "ping");
    add_frame(&wire, FRAME_TEXT, true, bytes_make(payload, sizeof payload));
    add_client(&wire, FIN | FRAME_PONG, "pong");
    add_client(&wire, FIN | FRAME_CONTINUATION, "end");
    size_t blocks = memory_live_blocks();
    size_t skip = 0;
    for (;; skip++) {
        memory_fail_after(skip, 1);
        enum error error = error_of_reading(buffer_bytes(&wire));
        size_t failures = memory_failures();
        memory_fail_after(0, 0);
        assert_int_equal(memory_live_blocks(), blocks);
        assert_int_equal(error, failures > 0 ? ERROR_NO_MEMORY : ERROR_NONE);
        if (failures == 0)
            break;
    }
    assert_true(skip >= 4);
    buffer_fini(&wire);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_of_just_the_limit),
        cmocka_unit_test(refused_one_byte_more),
        cmocka_unit_test(the_limit_is_for_each_message),
        cmocka_unit_test(a_frame_may_be_bounded_beside_its_message),
        cmocka_unit_test(a_limit_of_zero_allows_empty_messages),
        cmocka_unit_test(giant_lengths_are_refused_before_any_allocation),
        cmocka_unit_test(a_flood_of_empty_fragments_ends),
        cmocka_unit_test(fragments_are_counted_for_each_message),
        cmocka_unit_test(whole_messages_are_views_into_the_slice),
        cmocka_unit_test(memory_grows_with_what_arrived),
        cmocka_unit_test(an_idle_reader_holds_no_memory),
        cmocka_unit_test(the_end_frees_what_was_under_way),
        cmocka_unit_test(fini_at_every_point_frees_everything),
        cmocka_unit_test(out_of_memory_at_each_allocation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
