#include "base/clock.h"

#include <time.h>

static uint64_t read_clock(clockid_t which) {
    struct timespec now;
    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_wall(void) {
    return read_clock(CLOCK_REALTIME);
}

static bool unit_parse(struct bytes text, uint64_t *unit) {
    static const struct {
        const char *name;
        uint64_t length;
    } units[] = {{"ns", NANOSECOND}, {"us", MICROSECOND}, {"ms", MILLISECOND}, {"s", SECOND},
                 {"m", MINUTE},      {"h", HOUR},         {"d", 24 * HOUR}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (bytes_equal(text, bytes_of(units[i].name))) {
            *unit = units[i].length;
            return true;
        }
    }
    return false;
}

static size_t digits_at(struct bytes text) {
    size_t count = 0;
    while (count < text.size && text.data[count] >= '0' && text.data[count] <= '9')
        count++;
    return count;
}

bool duration_parse(struct bytes text, uint64_t *duration) {
    if (bytes_equal(text, bytes_of("0"))) {
        *duration = 0;
        return true;
    }
    size_t whole_digits = digits_at(text);
    uint64_t whole, unit, fraction = 0;
    if (!bytes_to_unsigned((struct bytes){text.data, whole_digits}, &whole))
        return false;
    text = bytes_after(text, whole_digits);
    struct bytes decimals = {text.data, 0};
    if (text.size > 0 && text.data[0] == '.') {
        text = bytes_after(text, 1);
        decimals = (struct bytes){text.data, digits_at(text)};
        if (decimals.size == 0)
            return false;
        text = bytes_after(text, decimals.size);
    }
    if (!unit_parse(text, &unit) || __builtin_mul_overflow(whole, unit, &whole))
        return false;
    for (size_t i = 0, place = unit / 10; i < decimals.size && place > 0; i++, place /= 10)
        fraction += (uint64_t)(decimals.data[i] - '0') * place;
    return !__builtin_add_overflow(whole, fraction, duration);
}
