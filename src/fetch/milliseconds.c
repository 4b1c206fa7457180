#include "milliseconds.h"

#include "base/clock.h"

enum error milliseconds_append(struct buffer *out, uint64_t time) {
    unsigned thousandths = (unsigned)(time / MICROSECOND % 1000);
    const char fraction[] = {'.', (char)('0' + thousandths / 100),
                             (char)('0' + thousandths / 10 % 10), (char)('0' + thousandths % 10)};
    enum error error = buffer_append_unsigned(out, time / MILLISECOND);
    return error == ERROR_NONE ? buffer_append(out, fraction, sizeof fraction) : error;
}
