#include "http/date.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* strftime() would write them in the language of the locale. */
static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

enum { NAME_SIZE = 3, FIRST_YEAR = 1900, LAST_YEAR = 9999 };

static const char *name_at(const char *names, int index) {
    return names + (ptrdiff_t)NAME_SIZE * index;
}

bool http_date_format(int64_t seconds, char text[HTTP_DATE_SIZE + 1]) {
    struct tm tm;
    time_t time = seconds;
    /* longer than needed: the compiler does not know how small these numbers are */
    char long_text[128];
    if (gmtime_r(&time, &tm) == NULL || tm.tm_year < -FIRST_YEAR ||
        tm.tm_year > LAST_YEAR - FIRST_YEAR)
        return false;
    snprintf(long_text, sizeof long_text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT",
             name_at(days, tm.tm_wday), tm.tm_mday, name_at(months, tm.tm_mon),
             tm.tm_year + FIRST_YEAR, tm.tm_hour, tm.tm_min, tm.tm_sec);
    memcpy(text, long_text, HTTP_DATE_SIZE);
    text[HTTP_DATE_SIZE] = '\0';
    return true;
}

/* The number in `size` digits at `offset`; -1 if they are not all digits. */
static int number_at(struct bytes text, size_t offset, size_t size) {
    uint64_t value;
    return bytes_to_unsigned(bytes_make(text.data + offset, size), &value) ? (int)value : -1;
}

static int month_at(struct bytes text, size_t offset) {
    for (int month = 0; month < 12; month++)
        if (memcmp(text.data + offset, name_at(months, month), NAME_SIZE) == 0)
            return month;
    return -1;
}

/*
 * The numbers are read from their places; writing the result again and comparing checks all the
 * rest: the letters between them, the name of the day, and that such a day and time exist.
 */
bool http_date_parse(struct bytes text, int64_t *seconds) {
    char again[HTTP_DATE_SIZE + 1];
    if (text.size != HTTP_DATE_SIZE)
        return false;
    int day = number_at(text, 5, 2), month = month_at(text, 8), year = number_at(text, 12, 4);
    int hour = number_at(text, 17, 2), minute = number_at(text, 20, 2);
    int second = number_at(text, 23, 2);
    if (day < 1 || month < 0 || year < 0 || hour < 0 || minute < 0 || second < 0)
        return false;
    struct tm tm = {.tm_mday = day,
                    .tm_mon = month,
                    .tm_year = year - FIRST_YEAR,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    int64_t time = timegm(&tm);
    if (!http_date_format(time, again) || memcmp(again, text.data, HTTP_DATE_SIZE) != 0)
        return false;
    *seconds = time;
    return true;
}
