/* Results as CSV (RFC 4180): fields with a comma, a quote or a line end stand in quotes. */
#include <string.h>

#include "fetch/result.h"
#include "milliseconds.h"

enum error fetch_result_append_csv_head(struct buffer *out) {
    return buffer_append_text(out, "index,url,final_url,status,title,sha256,bytes,ms,error_kind,"
                                   "error_detail,attempts,redirects,reused,unchanged");
}

static enum error append_quoted(struct buffer *out, const char *text) {
    enum error error = buffer_append_byte(out, '"');
    for (; *text != '\0' && error == ERROR_NONE; text++) {
        if (*text == '"')
            error = buffer_append_byte(out, '"');
        if (error == ERROR_NONE)
            error = buffer_append_byte(out, (uint8_t)*text);
    }
    return error == ERROR_NONE ? buffer_append_byte(out, '"') : error;
}

/* The field with the comma before it; nothing for NULL. */
static enum error append(struct buffer *out, const char *text) {
    enum error error = buffer_append_byte(out, ',');
    if (error != ERROR_NONE || text == NULL)
        return error;
    return strpbrk(text, ",\"\r\n") == NULL ? buffer_append_text(out, text)
                                            : append_quoted(out, text);
}

static enum error append_numbers(struct buffer *out, const struct fetch_result *result) {
    enum error error = buffer_format(out, ",%llu,", (unsigned long long)result->bytes);
    return error == ERROR_NONE ? milliseconds_append(out, result->timings.total) : error;
}

static enum error append_error(struct buffer *out, const struct fetch_result *result) {
    bool failed = result->error != ERROR_NONE;
    enum error error = append(out, failed ? fetch_error_kind(result->error) : NULL);
    return error == ERROR_NONE ? append(out, failed ? result->detail : NULL) : error;
}

enum error fetch_result_append_csv(const struct fetch_result *result, struct buffer *out) {
    char hex[SHA256_HEX_SIZE];
    sha256_to_hex(result->digest, hex);
    enum error error = buffer_format(out, "%zu", result->index);
    if (error == ERROR_NONE)
        error = append(out, result->url);
    if (error == ERROR_NONE)
        error = append(out, result->final_url);
    if (error == ERROR_NONE)
        error = result->status == 0 ? append(out, NULL) : buffer_format(out, ",%d", result->status);
    if (error == ERROR_NONE)
        error = append(out, result->title);
    if (error == ERROR_NONE)
        error = append(out, result->has_digest ? hex : NULL);
    if (error == ERROR_NONE)
        error = append_numbers(out, result);
    if (error == ERROR_NONE)
        error = append_error(out, result);
    return error == ERROR_NONE ? buffer_format(out, ",%u,%u,%s,%s", result->attempts,
                                               result->redirects, result->reused ? "true" : "false",
                                               result->unchanged ? "true" : "false")
                               : error;
}
