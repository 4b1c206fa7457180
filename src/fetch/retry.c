#include "retry.h"

#include "base/clock.h"
#include "http/date.h"
#include "http/writer.h"

enum { RETRY_AFTER_LONGEST_SECONDS = 365 * 24 * 3600 };

static const char *const repeatable[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE", NULL};

bool retry_allows_method(struct bytes method) {
    const char *const *name = repeatable;
    while (*name != NULL && !bytes_equal(method, bytes_of(*name)))
        name++;
    return *name != NULL;
}

static bool status_may_pass(int status) {
    switch (status) {
    case HTTP_STATUS_REQUEST_TIMEOUT:
    case HTTP_STATUS_TOO_EARLY:
    case HTTP_STATUS_TOO_MANY_REQUESTS:
    case HTTP_STATUS_INTERNAL_SERVER_ERROR:
    case HTTP_STATUS_BAD_GATEWAY:
    case HTTP_STATUS_SERVICE_UNAVAILABLE:
    case HTTP_STATUS_GATEWAY_TIMEOUT:
        return true;
    default:
        return false;
    }
}

/* Not: what the machine lacks, what the origin says wrongly, and what TLS does not trust. */
bool retry_may_help(enum error error, int status) {
    switch (error) {
    case ERROR_HTTP_STATUS:
        return status_may_pass(status);
    case ERROR_TIMED_OUT:
    case ERROR_END_OF_STREAM:
    case ERROR_CONNECTION_REFUSED:
    case ERROR_CONNECTION_RESET:
    case ERROR_HOST_UNREACHABLE:
    case ERROR_NETWORK_UNREACHABLE:
    case ERROR_NAME_SERVER_FAILED:
    case ERROR_TLS_TRUNCATED:
    case ERROR_HTTP_TRUNCATED:
        return true;
    default:
        return false;
    }
}

bool retry_pauses_origin(int status) {
    return status == HTTP_STATUS_TOO_MANY_REQUESTS || status == HTTP_STATUS_SERVICE_UNAVAILABLE;
}

uint64_t retry_delay(unsigned retry, uint32_t random) {
    uint64_t longest = RETRY_LONGEST_SECONDS * SECOND, bound = longest;
    if (retry < 16 && (RETRY_FIRST_MILLISECONDS * MILLISECOND << retry) < longest)
        bound = RETRY_FIRST_MILLISECONDS * MILLISECOND << retry;
    return (uint64_t)((double)bound * ((double)random / UINT32_MAX));
}

bool retry_after(struct http_fields fields, uint64_t *delay) {
    struct bytes value, date_text;
    uint64_t seconds;
    int64_t then, date;
    if (!http_fields_find(fields, "retry-after", &value))
        return false;
    if (!bytes_to_unsigned(value, &seconds)) {
        if (!http_date_parse(value, &then) || !http_fields_find(fields, "date", &date_text) ||
            !http_date_parse(date_text, &date))
            return false;
        seconds = then > date ? (uint64_t)(then - date) : 0;
    }
    if (seconds > RETRY_AFTER_LONGEST_SECONDS)
        seconds = RETRY_AFTER_LONGEST_SECONDS;
    *delay = seconds * SECOND;
    return true;
}
