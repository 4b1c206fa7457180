/* permessage-deflate: what is negotiated, RFC 7692's examples, and messages there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "ws/deflate.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct ws_inflater *inflater;
static struct ws_deflater *deflater;
static struct buffer out, window;

static int set_up(void **state) {
    (void)state;
    inflater = ws_inflater_new();
    deflater = ws_deflater_new();
    assert_non_null(inflater);
    assert_non_null(deflater);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    ws_inflater_free(inflater);
    ws_deflater_free(deflater);
    buffer_fini(&out);
    buffer_fini(&window);
    assert_int_equal(memory_live_blocks(), 0);
    return 0;
}

/* ---- negotiation ----------------------------------------------------------------------------- */

static bool negotiate(const char *offer, struct ws_deflate *agreed) {
    const struct http_field field = {bytes_of("Sec-WebSocket-Extensions"), bytes_of(offer)};
    return ws_deflate_negotiate((struct http_fields){&field, 1}, agreed);
}

static void offers_that_are_taken(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"permessage-deflate", "permessage-deflate; server_no_context_takeover"},
        {"permessage-deflate; server_no_context_takeover",
         "permessage-deflate; server_no_context_takeover"},
        {"permessage-deflate; client_no_context_takeover",
         "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
        {"permessage-deflate; client_max_window_bits",
         "permessage-deflate; server_no_context_takeover; client_max_window_bits=12"},
        {"permessage-deflate; client_max_window_bits=9",
         "permessage-deflate; server_no_context_takeover; client_max_window_bits=9"},
        {"permessage-deflate; client_max_window_bits=\"8\"",
         "permessage-deflate; server_no_context_takeover; client_max_window_bits=8"},
        {"permessage-deflate; client_max_window_bits=\"1\\0\"; server_max_window_bits=\"\\1\\1\"",
         "permessage-deflate; server_no_context_takeover; server_max_window_bits=11; "
         "client_max_window_bits=10"},
        {"permessage-deflate; server_max_window_bits=10",
         "permessage-deflate; server_no_context_takeover; server_max_window_bits=10"},
        {"permessage-deflate; server_max_window_bits=15; client_max_window_bits=15",
         "permessage-deflate; server_no_context_takeover; server_max_window_bits=12; "
         "client_max_window_bits=12"},
        {"x-other, permessage-deflate; unknown, permessage-deflate; client_max_window_bits",
         "permessage-deflate; server_no_context_takeover; client_max_window_bits=12"},
        {"permessage-deflate; server_max_window_bits=7, permessage-deflate",
         "permessage-deflate; server_no_context_takeover"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ws_deflate agreed;
        char answer[WS_DEFLATE_ANSWER_SIZE];
        assert_true(negotiate(cases[i][0], &agreed));
        ws_deflate_answer(&agreed, answer);
        assert_string_equal(answer, cases[i][1]);
    }
}

static void offers_that_are_declined(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "x-webkit-deflate-frame",
        "permessage-bzip2",
        "permessage-deflate; unknown",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; client_no_context_takeover=true",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits; client_max_window_bits=9",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; server_max_window_bits=08",
        "permessage-deflate; server_max_window_bits=1x",
        "permessage-deflate; server_max_window_bits=\"\\08\"",
        "permessage-deflate; server_max_window_bits=\"1\\6\"",
        "permessage-deflate; client_max_window_bits=0",
        "permessage-deflate; client_max_window_bits=99999999999999999999999",
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct ws_deflate agreed;
        if (negotiate(cases[i], &agreed))
            fail_msg("taken: %s", cases[i]);
    }
}

static void what_a_narrow_window_means(void **state) {
    (void)state;
    struct ws_deflate agreed;
    assert_true(negotiate("permessage-deflate; server_max_window_bits=11", &agreed));
    assert_false(ws_deflate_takes_ours(&agreed));
    assert_true(negotiate("permessage-deflate; server_max_window_bits=12", &agreed));
    assert_true(ws_deflate_takes_ours(&agreed));
}

/* ---- inflating ------------------------------------------------------------------------------- */

static const struct ws_deflate plain_agreement = {.client_window_bits = 15,
                                                  .server_window_bits = 12};

static enum error inflate_within(struct bytes payload, size_t max_size, unsigned ratio) {
    const struct ws_inflate_limits limits = {max_size, ratio};
    return ws_inflater_message(inflater, &plain_agreement, payload, limits, &window, &out);
}

static enum error inflate_bytes(const void *data, size_t size, size_t max_size) {
    return inflate_within(bytes_make(data, size), max_size, 0);
}

static void expect_inflated(const void *data, size_t size, const char *text) {
    assert_int_equal(inflate_bytes(data, size, 1000), ERROR_NONE);
    assert_int_equal(out.size, strlen(text));
    assert_memory_equal(out.data, text, out.size);
}

/* RFC 7692 section 7.2.3. */
static void examples_of_the_rfc(void **state) {
    (void)state;
    expect_inflated("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
    expect_inflated("\xf2\x00\x11\x00\x00", 5, "Hello"); /* refers to the one before */
    buffer_clear(&window);
    expect_inflated("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello"); /* stored */
    expect_inflated("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello");              /* BFINAL is 1 */
    expect_inflated("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello");
    expect_inflated("\x02\x00", 2, "");
    expect_inflated("\x00", 1, "");
    expect_inflated("", 0, "");
}

/* What comes behind a final block may refer to what was before it. */
static void blocks_behind_a_final_one(void **state) {
    (void)state;
    expect_inflated("\xf3\x48\xcd\xc9\xc9\x07\x00"
                    "\xf2\x00\x11\x00\x00",
                    12, "HelloHello");
}

static void without_takeover_nothing_is_kept(void **state) {
    (void)state;
    const struct ws_deflate agreed = {.client_no_context_takeover = true, .client_window_bits = 15};
    const struct ws_inflate_limits limits = {.size = 1000};
    const struct bytes hello = bytes_make("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    const struct bytes again = bytes_make("\xf2\x00\x11\x00\x00", 5);
    assert_int_equal(ws_inflater_message(inflater, &agreed, hello, limits, NULL, &out), ERROR_NONE);
    assert_int_equal(ws_inflater_message(inflater, &agreed, again, limits, NULL, &out),
                     ERROR_WS_PROTOCOL);
}

static void what_is_not_deflated(void **state) {
    (void)state;
    assert_int_equal(inflate_bytes("\xff\xff\xff\xff", 4, 1000), ERROR_WS_PROTOCOL);
    assert_int_equal(inflate_bytes("\x00\x05\x00\xfa\xfe", 5, 1000), ERROR_WS_PROTOCOL);
    expect_inflated("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"); /* it recovers */
}

/* Cut anywhere, a message is refused, and not taken for a shorter one. */
static void what_is_cut_short(void **state) {
    (void)state;
    static const uint8_t whole[] = {0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00};
    for (size_t size = 1; size < sizeof whole; size++)
        assert_int_equal(inflate_bytes(whole, size, 1000), ERROR_WS_PROTOCOL);
    /* more than it should be, in and behind the empty block at its end */
    assert_int_equal(inflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00\x00", 8, 1000), ERROR_WS_PROTOCOL);
    assert_int_equal(inflate_bytes("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11, 1000),
                     ERROR_WS_PROTOCOL);
    assert_int_equal(inflate_bytes("\xf2", 1, 1000), ERROR_WS_PROTOCOL);
    expect_inflated("\xf3\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"); /* nothing behind a final block */
}

/* Whole steps of room end with the final block: nothing is asked for behind it. */
static void final_blocks_that_fill_the_room(void **state) {
    (void)state;
    static const uint8_t one[34] = {0xed, 0xc1, 0x31, 0x01,        0x00, 0x00, 0x00,
                                    0xc2, 0xa0, 0xac, 0xeb,        0x5f, 0xc2, 0x18,
                                    0x3e, 0x40, 0x01, [32] = 0x6f, 0x03};
    static const uint8_t two[47] = {0xed, 0xc1, 0x81, 0x00, 0x00, 0x00, 0x00, 0x80,       0x20,
                                    0xd6, 0xfd, 0x25, 0x16, 0xa9, 0x0a, 0x00, [46] = 0x18};
    static const struct {
        struct bytes deflated;
        size_t size;
    } cases[] = {{{one, sizeof one}, 16 * 1024}, {{two, sizeof two}, 32 * 1024}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t longer[sizeof two + 1] = {0}; /* the head of an empty block behind it */
        const struct bytes whole = cases[i].deflated;
        memcpy(longer, whole.data, whole.size);
        for (size_t size = 1; size < whole.size; size++)
            assert_int_equal(inflate_bytes(longer, size, SIZE_MAX), ERROR_WS_PROTOCOL);
        for (size_t size = whole.size; size <= whole.size + 1; size++) {
            assert_int_equal(inflate_bytes(longer, size, cases[i].size), ERROR_NONE);
            assert_int_equal(out.size, cases[i].size);
            assert_int_equal(out.data[0], 'a');
            assert_memory_equal(out.data, out.data + 1, out.size - 1);
            assert_int_equal(inflate_bytes(longer, size, cases[i].size - 1), ERROR_WS_TOO_BIG);
        }
        expect_inflated("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello"); /* and it goes on */
    }
}

static void deflate_whole(struct bytes payload, struct buffer *deflated) {
    assert_true(ws_deflater_message(deflater, &payload, 1, deflated));
}

static void more_than_is_allowed(void **state) {
    (void)state;
    static uint8_t zeros[1 << 20];
    struct buffer deflated = {0};
    deflate_whole(bytes_make(zeros, 1000), &deflated);
    assert_int_equal(inflate_bytes(deflated.data, deflated.size, 1000), ERROR_NONE);
    assert_int_equal(inflate_bytes(deflated.data, deflated.size, 999), ERROR_WS_TOO_BIG);
    buffer_fini(&deflated);
}

/* Far more than its size, though less than the limit. */
static void more_than_is_in_proportion(void **state) {
    (void)state;
    static uint8_t zeros[WS_INFLATE_RATIO_FREE];
    struct buffer deflated = {0}, bomb = {0};
    deflate_whole(bytes_make(zeros, sizeof zeros), &deflated);
    unsigned ratio = (unsigned)(sizeof zeros / deflated.size);
    assert_true(ratio > 200);
    assert_int_equal(inflate_within(buffer_bytes(&deflated), SIZE_MAX, 10), ERROR_NONE);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(buffer_append(&bomb, "\x00\x00\xff\xff", i == 0 ? 0 : 4), ERROR_NONE);
        assert_int_equal(buffer_append(&bomb, deflated.data, deflated.size), ERROR_NONE);
    }
    struct bytes whole = buffer_bytes(&bomb);
    assert_int_equal(inflate_within(whole, SIZE_MAX, 200), ERROR_WS_INFLATE_RATIO);
    assert_true(out.size <= 200 * (whole.size + 1) + 16 * 1024); /* not a step further */
    assert_int_equal(inflate_within(whole, sizeof zeros, 200), ERROR_WS_TOO_BIG);
    assert_int_equal(inflate_within(whole, SIZE_MAX, ratio + 1), ERROR_NONE);
    assert_int_equal(inflate_within(whole, SIZE_MAX, 0), ERROR_NONE);
    assert_int_equal(out.size, 8 * sizeof zeros);
    buffer_fini(&deflated);
    buffer_fini(&bomb);
}

/* ---- there and back -------------------------------------------------------------------------- */

static void messages_there_and_back(void **state) {
    (void)state;
    static uint8_t data[300000];
    struct buffer deflated = {0};
    srand(1);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)("etaoin shrdlu"[rand() % 13]);
    for (size_t size = WS_DEFLATE_SMALLEST * 2; size <= sizeof data; size = size * 3 / 2) {
        const struct bytes parts[] = {bytes_make(data, size / 3),
                                      bytes_make(data + size / 3, size - size / 3)};
        assert_true(ws_deflater_message(deflater, parts, 2, &deflated));
        assert_true(deflated.size < size);
        assert_int_equal(inflate_bytes(deflated.data, deflated.size, size), ERROR_NONE);
        assert_int_equal(out.size, size);
        assert_memory_equal(out.data, data, size);
        struct buffer again = {0};
        assert_true(ws_deflater_message(deflater, parts, 2, &again));
        assert_int_equal(again.size, deflated.size); /* each message by itself */
        assert_memory_equal(again.data, deflated.data, again.size);
        buffer_fini(&again);
    }
    buffer_fini(&deflated);
}

/* Nothing in what we send reaches back further than the agreed window. */
static void our_window_is_narrow(void **state) {
    (void)state;
    static uint8_t data[64 * 1024];
    struct buffer deflated = {0};
    srand(2);
    for (size_t i = 0; i < sizeof data / 2; i++)
        data[i] = (uint8_t)rand();
    memcpy(data + sizeof data / 2, data, sizeof data / 2); /* only a wide window could use this */
    assert_false(ws_deflater_message(deflater, &(struct bytes){data, sizeof data}, 1, &deflated));
    buffer_fini(&deflated);
}

static void what_is_not_worth_it(void **state) {
    (void)state;
    static uint8_t large[WS_DEFLATE_LARGEST + 1];
    uint8_t random[200];
    srand(3);
    for (size_t i = 0; i < sizeof random; i++)
        random[i] = (uint8_t)rand();
    const struct bytes cases[] = {bytes_of(""), bytes_of("short"),
                                  bytes_make(random, sizeof random),
                                  bytes_make(large, sizeof large)};
    for (size_t i = 0; i < COUNT(cases); i++)
        assert_false(ws_deflater_message(deflater, &cases[i], 1, &out));
}

static void out_of_memory(void **state) {
    (void)state;
    const struct bytes hello = bytes_make("\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
    const struct ws_inflate_limits limits = {.size = 100};
    for (size_t spared = 0, failures = 1; failures > 0; spared++) {
        memory_fail_after(spared, 1);
        struct ws_inflater *scarce = ws_inflater_new();
        struct ws_deflater *other = ws_deflater_new();
        struct buffer text = {0}, kept = {0};
        if (scarce != NULL)
            ws_inflater_message(scarce, &plain_agreement, hello, limits, &kept, &text);
        ws_inflater_free(scarce);
        ws_deflater_free(other);
        buffer_fini(&text);
        buffer_fini(&kept);
        failures = memory_failures();
        memory_fail_after(0, 0);
        assert_true(spared < 100);
    }
}

#define deflate_test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers_that_are_taken),
        cmocka_unit_test(offers_that_are_declined),
        cmocka_unit_test(what_a_narrow_window_means),
        deflate_test(examples_of_the_rfc),
        deflate_test(blocks_behind_a_final_one),
        deflate_test(without_takeover_nothing_is_kept),
        deflate_test(what_is_not_deflated),
        deflate_test(what_is_cut_short),
        deflate_test(final_blocks_that_fill_the_room),
        deflate_test(more_than_is_allowed),
        deflate_test(more_than_is_in_proportion),
        deflate_test(messages_there_and_back),
        deflate_test(our_window_is_narrow),
        deflate_test(what_is_not_worth_it),
        deflate_test(out_of_memory),
    };
    return cmocka_run_group_tests_name("deflate", tests, NULL, NULL);
}
