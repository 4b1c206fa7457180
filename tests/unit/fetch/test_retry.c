/* When an attempt is made again, and how long to wait before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "retry.h"

static void test_only_what_may_be_repeated_is(void **state) {
    (void)state;
    assert_true(retry_allows_method(bytes_of("GET")) && retry_allows_method(bytes_of("HEAD")));
    assert_true(retry_allows_method(bytes_of("PUT")) && retry_allows_method(bytes_of("DELETE")));
    assert_false(retry_allows_method(bytes_of("POST")) || retry_allows_method(bytes_of("PATCH")));
    assert_false(retry_allows_method(bytes_of("get")) || retry_allows_method(bytes_of("FETCH")));
}

static void test_which_statuses_may_pass(void **state) {
    (void)state;
    for (int status = 100; status < 1000; status++) {
        bool expected = status == 408 || status == 425 || status == 429 || status == 500 ||
                        status == 502 || status == 503 || status == 504;
        assert_int_equal(retry_may_help(ERROR_HTTP_STATUS, status), expected);
        assert_int_equal(retry_pauses_origin(status), status == 429 || status == 503);
    }
}

static void test_which_errors_may_pass(void **state) {
    static const enum error passing[] = {
        ERROR_TIMED_OUT,          ERROR_END_OF_STREAM,    ERROR_CONNECTION_REFUSED,
        ERROR_CONNECTION_RESET,   ERROR_HOST_UNREACHABLE, ERROR_NETWORK_UNREACHABLE,
        ERROR_NAME_SERVER_FAILED, ERROR_TLS_TRUNCATED,    ERROR_HTTP_TRUNCATED};
    static const enum error lasting[] = {
        ERROR_NAME_NOT_FOUND, ERROR_TLS_EXPIRED,    ERROR_TLS_WRONG_NAME, ERROR_HTTP_MALFORMED,
        ERROR_HTTP_FRAMING,   ERROR_BODY_TOO_LARGE, ERROR_CANCELLED,      ERROR_NO_MEMORY,
        ERROR_URL_INVALID,    ERROR_REDIRECT_LOOP,  ERROR_UNSUPPORTED};
    (void)state;
    for (size_t i = 0; i < sizeof passing / sizeof *passing; i++)
        assert_true(retry_may_help(passing[i], 0));
    for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
        assert_false(retry_may_help(lasting[i], 0));
}

static void test_the_wait_doubles_up_to_half_a_minute(void **state) {
    static const uint64_t bounds[] = {500, 1000, 2000, 4000, 8000, 16000, 30000, 30000};
    (void)state;
    for (unsigned retry = 0; retry < sizeof bounds / sizeof *bounds; retry++) {
        assert_int_equal(retry_delay(retry, UINT32_MAX), bounds[retry] * MILLISECOND);
        assert_int_equal(retry_delay(retry, 0), 0);
        uint64_t half = retry_delay(retry, UINT32_MAX / 2);
        assert_in_range(half, (bounds[retry] - 1) * MILLISECOND / 2,
                        bounds[retry] * MILLISECOND / 2);
    }
    assert_int_equal(retry_delay(UINT32_MAX, UINT32_MAX), 30 * SECOND);
}

static bool ask(const char *retry_after_text, const char *date, uint64_t *delay) {
    struct http_field fields[2] = {{bytes_of("Retry-After"), bytes_of(retry_after_text)}};
    size_t count = 1;
    if (date != NULL)
        fields[count++] = (struct http_field){bytes_of("Date"), bytes_of(date)};
    return retry_after((struct http_fields){fields, count}, delay);
}

static void test_retry_after_in_seconds(void **state) {
    uint64_t delay = 0;
    (void)state;
    assert_true(ask("120", NULL, &delay));
    assert_int_equal(delay, 120 * SECOND);
    assert_true(ask("0", NULL, &delay));
    assert_int_equal(delay, 0);
    assert_true(ask("99999999999", NULL, &delay));
    assert_int_equal(delay, 365 * 24 * HOUR);
}

static void test_retry_after_as_a_date_is_held_against_the_date(void **state) {
    uint64_t delay = 0;
    const char *then = "Sun, 06 Nov 1994 08:49:37 GMT";
    (void)state;
    assert_true(ask(then, "Sun, 06 Nov 1994 08:49:07 GMT", &delay));
    assert_int_equal(delay, 30 * SECOND);
    assert_true(ask(then, "Sun, 06 Nov 1994 08:50:07 GMT", &delay));
    assert_int_equal(delay, 0);
    assert_false(ask(then, NULL, &delay));
    assert_false(ask(then, "yesterday", &delay));
}

static void test_retry_after_that_nobody_understands(void **state) {
    static const char *const texts[] = {"", "-1", "1.5", "soon", "10 s", "+3", "0x10"};
    uint64_t delay;
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_false(ask(texts[i], "Sun, 06 Nov 1994 08:49:07 GMT", &delay));
    assert_false(retry_after((struct http_fields){NULL, 0}, &delay));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_may_be_repeated_is),
        cmocka_unit_test(test_which_statuses_may_pass),
        cmocka_unit_test(test_which_errors_may_pass),
        cmocka_unit_test(test_the_wait_doubles_up_to_half_a_minute),
        cmocka_unit_test(test_retry_after_in_seconds),
        cmocka_unit_test(test_retry_after_as_a_date_is_held_against_the_date),
        cmocka_unit_test(test_retry_after_that_nobody_understands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
