/*
 * Dates of HTTP fields, and how long an origin asks to be left alone. The first 8 bytes are a time;
 * then two lines, the values of Retry-After and of Date.
 *
 * Oracles: the C library writes the same date in its own locale and reads the same out of it; what
 * it writes of what was read is the text, and nothing else is read; a delay is that of a plain
 * reading of RFC 9110 section 10.2.3.
 */
#include <errno.h>
#include <time.h>

#include "base/clock.h"
#include "fuzz.h"
#include "http/date.h"
#include "retry.h"

enum { YEAR = 365 * 24 * 3600, TEXT_MOST = 200 };

static const char form[] = "%a, %d %b %Y %H:%M:%S GMT";

/* Of years with four digits. */
static bool ref_format(int64_t seconds, char text[TEXT_MOST]) {
    struct tm tm;
    time_t time = seconds;
    return gmtime_r(&time, &tm) != NULL && tm.tm_year >= -900 && tm.tm_year <= 8099 &&
           strftime(text, TEXT_MOST, form, &tm) > 0;
}

/* Only what is written the same again is such a date: strptime() is generous. */
static bool ref_parse(const char *text, int64_t *seconds) {
    char again[TEXT_MOST];
    struct tm tm = {0};
    const char *end = strptime(text, form, &tm);
    if (end == NULL || *end != '\0')
        return false;
    *seconds = timegm(&tm);
    return ref_format(*seconds, again) && strcmp(again, text) == 0;
}

static void check_time(int64_t seconds) {
    char text[HTTP_DATE_SIZE + 1], expected[TEXT_MOST];
    int64_t again;
    bool has_date = http_date_format(seconds, text);
    if (has_date)
        FUZZ_CHECK(http_date_parse(bytes_of(text), &again) && again == seconds);
    if (ref_format(seconds, expected))
        FUZZ_CHECK(has_date && strcmp(text, expected) == 0);
}

/* A year before 1000 is written with zeros, which the library's own form has not. */
static bool check_date(const char *text, int64_t *seconds) {
    int64_t read = 0;
    bool good = http_date_parse(bytes_of(text), &read);
    bool early = strlen(text) == HTTP_DATE_SIZE && text[12] == '0';
    FUZZ_CHECK(early || ref_parse(text, seconds) == good);
    FUZZ_CHECK(early || !good || read == *seconds);
    *seconds = read;
    return good;
}

static bool ref_seconds(const char *text, double *seconds) {
    if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
        return false;
    errno = 0;
    *seconds = (double)strtoull(text, NULL, 10);
    return errno == 0;
}

static void check_delay(const char *value, const char *date) {
    const struct http_field fields[] = {{bytes_of("Date"), bytes_of(date)},
                                        {bytes_of("Retry-After"), bytes_of(value)}};
    int64_t then, now;
    double expected = 0;
    uint64_t delay = 0;
    bool has_then = check_date(value, &then), has_now = check_date(date, &now);
    bool good = retry_after((struct http_fields){fields, 2}, &delay);
    bool is_number = ref_seconds(value, &expected);
    FUZZ_CHECK(good == (is_number || (has_then && has_now)));
    if (!good)
        return;
    if (!is_number)
        expected = then > now ? (double)(then - now) : 0;
    FUZZ_CHECK(delay == (expected > YEAR ? YEAR : (uint64_t)expected) * SECOND);
    bool alone = retry_after((struct http_fields){fields + 1, 1}, &delay);
    FUZZ_CHECK(alone == is_number);
}

static void check_policy(uint8_t choice) {
    static const char *const methods[] = {"GET", "POST", "PATCH", "PUT"};
    int status = 400 + choice % 128;
    uint64_t delay = retry_delay(choice % 64, (uint32_t)choice << 24);
    FUZZ_CHECK(delay <= RETRY_LONGEST_SECONDS * SECOND);
    FUZZ_CHECK(retry_allows_method(bytes_of(methods[choice % 4])) == (choice % 4 % 3 == 0));
    FUZZ_CHECK(!retry_pauses_origin(status) || retry_may_help(ERROR_HTTP_STATUS, status));
    FUZZ_CHECK(retry_may_help((enum error)(choice % ERROR_COUNT), 200) ||
               !retry_may_help(ERROR_HTTP_STATUS, 404));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char texts[2][TEXT_MOST];
    struct bytes input = bytes_make(data, size), number = fuzz_take_bytes(&input, 8);
    uint64_t seconds = 0;
    for (size_t i = 0; i < number.size; i++)
        seconds |= (uint64_t)number.data[i] << 8 * i;
    /* the low bits choose how far away it is */
    check_time((int64_t)seconds >> seconds % 64);
    check_policy((uint8_t)seconds);
    for (size_t i = 0; i < 2; i++) {
        struct bytes line = fuzz_take_until(&input, '\n');
        if (line.size >= TEXT_MOST || (line.size > 0 && memchr(line.data, 0, line.size) != NULL))
            return 0;
        snprintf(texts[i], TEXT_MOST, "%.*s", (int)line.size, (const char *)line.data);
    }
    check_delay(texts[0], texts[1]);
    return 0;
}
