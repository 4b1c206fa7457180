#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ws/close.h"

/* RFC 6455 section 7.4, and 1012 to 1014 of IANA's registry. */
static bool expected_valid(unsigned code) {
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) ||
           (code >= 3000 && code <= 4999);
}

static void every_code_is_judged(void **state) {
    (void)state;
    for (unsigned code = 0; code <= UINT16_MAX; code++)
        assert_int_equal(ws_close_code_is_valid_from_peer((uint16_t)code), expected_valid(code));
}

static void every_row_has_its_number_and_names(void **state) {
    (void)state;
    assert_int_equal(WS_CLOSE_NORMAL, 1000);
    assert_int_equal(WS_CLOSE_GOING_AWAY, 1001);
    assert_int_equal(WS_CLOSE_PROTOCOL_ERROR, 1002);
    assert_int_equal(WS_CLOSE_UNSUPPORTED_DATA, 1003);
    assert_int_equal(WS_CLOSE_NO_STATUS, 1005);
    assert_int_equal(WS_CLOSE_ABNORMAL, 1006);
    assert_int_equal(WS_CLOSE_INVALID_PAYLOAD, 1007);
    assert_int_equal(WS_CLOSE_POLICY_VIOLATION, 1008);
    assert_int_equal(WS_CLOSE_TOO_BIG, 1009);
    assert_int_equal(WS_CLOSE_EXTENSION_REQUIRED, 1010);
    assert_int_equal(WS_CLOSE_INTERNAL_ERROR, 1011);
    assert_int_equal(WS_CLOSE_SERVICE_RESTART, 1012);
    assert_int_equal(WS_CLOSE_TRY_AGAIN_LATER, 1013);
    assert_int_equal(WS_CLOSE_BAD_GATEWAY, 1014);
    assert_int_equal(WS_CLOSE_TLS_FAILED, 1015);
    for (uint16_t code = 1000; code <= 1015; code++) {
        assert_string_not_equal(ws_close_name(code), "unknown");
        assert_string_not_equal(ws_close_text(code), "unknown");
    }
    assert_string_equal(ws_close_name(1001), "going-away");
    assert_string_equal(ws_close_text(1001), "going away");
    assert_string_equal(ws_close_name(1015), "tls-failed");
}

static void codes_without_a_row_are_named_by_range(void **state) {
    (void)state;
    static const struct {
        uint16_t code;
        const char *name;
    } cases[] = {{0, "unknown"},       {999, "unknown"},     {1016, "unknown"}, {2999, "unknown"},
                 {3000, "registered"}, {3999, "registered"}, {4000, "private"}, {4999, "private"},
                 {5000, "unknown"},    {65535, "unknown"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_string_equal(ws_close_name(cases[i].code), cases[i].name);
        assert_string_equal(ws_close_text(cases[i].code), cases[i].name);
    }
}

static void every_error_has_a_code_that_may_be_sent(void **state) {
    (void)state;
    assert_int_equal(ws_close_code_of_error(ERROR_NONE), 1000);
    assert_int_equal(ws_close_code_of_error(ERROR_WS_PROTOCOL), 1002);
    assert_int_equal(ws_close_code_of_error(ERROR_WS_UNSUPPORTED_DATA), 1003);
    assert_int_equal(ws_close_code_of_error(ERROR_WS_NOT_UTF8), 1007);
    assert_int_equal(ws_close_code_of_error(ERROR_WS_TOO_BIG), 1009);
    assert_int_equal(ws_close_code_of_error(ERROR_WS_INFLATE_RATIO), 1009);
    assert_int_equal(ws_close_code_of_error(ERROR_NO_MEMORY), 1011);
    assert_int_equal(ws_close_code_of_error(ERROR_CANCELLED), 1001);
    assert_int_equal(ws_close_code_of_error(ERROR_LIMIT_REACHED), 1008);
    for (int error = 0; error < ERROR_COUNT; error++)
        assert_true(
            ws_close_code_is_valid_from_peer((uint16_t)ws_close_code_of_error((enum error)error)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_is_judged),
        cmocka_unit_test(every_row_has_its_number_and_names),
        cmocka_unit_test(codes_without_a_row_are_named_by_range),
        cmocka_unit_test(every_error_has_a_code_that_may_be_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
