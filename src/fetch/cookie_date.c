/*
 * Dates of cookies (section 5.1.1): time, day, month and year are taken from wherever they stand,
 * the first that looks like each.
 */
#include <string.h>

#include "cookie.h"

enum { FIRST_YEAR = 1601 };

struct date {
    bool has_time, has_day, has_month, has_year;
    int hour, minute, second, day, month, year;
};

/* ---- tokens ---------------------------------------------------------------------------------- */

static bool is_delimiter(uint8_t byte) {
    return byte == '\t' || (byte >= 0x20 && byte <= 0x2F) || (byte >= 0x3B && byte <= 0x40) ||
           (byte >= 0x5B && byte <= 0x60) || (byte >= 0x7B && byte <= 0x7E);
}

static bool next_token(struct bytes *rest, struct bytes *token) {
    while (rest->size > 0 && is_delimiter(rest->data[0]))
        *rest = bytes_after(*rest, 1);
    size_t size = 0;
    while (size < rest->size && !is_delimiter(rest->data[size]))
        size++;
    *token = bytes_make(rest->data, size);
    *rest = bytes_after(*rest, size);
    return size > 0;
}

static bool is_digit(struct bytes text, size_t at) {
    return at < text.size && text.data[at] >= '0' && text.data[at] <= '9';
}

/* Takes a number of `least` to `most` digits, behind which no other stands. */
static bool take_number(struct bytes *text, size_t least, size_t most, int *number) {
    size_t size = 0;
    int value = 0;
    for (; size <= most && is_digit(*text, size); size++)
        value = value * 10 + (text->data[size] - '0');
    if (size < least || size > most)
        return false;
    *number = value;
    *text = bytes_after(*text, size);
    return true;
}

static bool take_colon(struct bytes *text) {
    if (text->size == 0 || text->data[0] != ':')
        return false;
    *text = bytes_after(*text, 1);
    return true;
}

/* ---- what a token may be --------------------------------------------------------------------- */

static bool take_time(struct date *date, struct bytes token) {
    return take_number(&token, 1, 2, &date->hour) && take_colon(&token) &&
           take_number(&token, 1, 2, &date->minute) && take_colon(&token) &&
           take_number(&token, 1, 2, &date->second);
}

static bool take_month(struct date *date, struct bytes token) {
    static const char names[12][4] = {"jan", "feb", "mar", "apr", "may", "jun",
                                      "jul", "aug", "sep", "oct", "nov", "dec"};
    for (int month = 0; token.size >= 3 && month < 12; month++) {
        if (bytes_equal_ignoring_case(bytes_make(token.data, 3), bytes_of(names[month]))) {
            date->month = month + 1;
            return true;
        }
    }
    return false;
}

static bool take_year(struct date *date, struct bytes token) {
    if (!take_number(&token, 2, 4, &date->year))
        return false;
    if (date->year < 100)
        date->year += date->year >= 70 ? 1900 : 2000;
    return true;
}

static void take_token(struct date *date, struct bytes token) {
    struct bytes day = token;
    if (!date->has_time && take_time(date, token))
        date->has_time = true;
    else if (!date->has_day && take_number(&day, 1, 2, &date->day))
        date->has_day = true;
    else if (!date->has_month && take_month(date, token))
        date->has_month = true;
    else if (!date->has_year && take_year(date, token))
        date->has_year = true;
}

/* ---- the date -------------------------------------------------------------------------------- */

static bool is_leap(int year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool exists(const struct date *date) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (!date->has_time || !date->has_day || !date->has_month || !date->has_year)
        return false;
    int length = lengths[date->month - 1] + (date->month == 2 && is_leap(date->year));
    return date->year >= FIRST_YEAR && date->day >= 1 && date->day <= length && date->hour <= 23 &&
           date->minute <= 59 && date->second <= 59;
}

/* Days since 1970-01-01, in years that begin in March, so that the leap day comes last. */
static int64_t days_of(const struct date *date) {
    int64_t year = date->month > 2 ? date->year : date->year - 1;
    int64_t month = (date->month + 9) % 12;
    int64_t day_of_year = (153 * month + 2) / 5 + date->day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

bool cookie_date_parse(struct bytes text, int64_t *seconds) {
    struct date date = {0};
    struct bytes token;
    while (next_token(&text, &token))
        take_token(&date, token);
    if (!exists(&date))
        return false;
    *seconds = ((days_of(&date) * 24 + date.hour) * 60 + date.minute) * 60 + date.second;
    return true;
}
