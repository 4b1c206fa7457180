/*
 * What became of one URL. Every URL asked for ends in exactly one of these, whatever happens.
 */
#ifndef RINGCAST_FETCH_RESULT_H
#define RINGCAST_FETCH_RESULT_H

#include "base/bytes.h"
#include "digest/sha256.h"

enum { FETCH_DETAIL_SIZE = 200 };

/* A phase that did not take place. */
#define FETCH_NO_TIME UINT64_MAX

/* Nanoseconds. The phases are those of the last attempt; a pooled connection has none before ttfb.
 */
struct fetch_timings {
    uint64_t dns;
    uint64_t connect; /* TCP */
    uint64_t tls;
    uint64_t ttfb;  /* from sending the request to the first byte of the response */
    uint64_t total; /* from the start of the fetch to its end, everything in between included */
};

/*
 * Owns its texts. A digest and a title are there only for a complete, correctly framed, verified
 * body of a 2xx response.
 */
struct fetch_result {
    size_t index;    /* among the URLs asked for, from 0 */
    char *url;       /* as asked for */
    char *final_url; /* that answered, without user name, password and fragment; NULL: none */
    int status;      /* of the response; 0: none */
    int http_minor;  /* of its HTTP/1.x */
    char *title;     /* UTF-8; NULL: none */
    bool has_digest;
    uint8_t digest[SHA256_SIZE];
    uint64_t bytes;      /* of the body, as far as it came */
    uint64_t wire_bytes; /* the same before its content coding was undone */
    struct fetch_timings timings;
    unsigned attempts;    /* 1, and one for each retry */
    unsigned redirects;   /* that were followed */
    bool reused;          /* the last attempt's connection had served before */
    bool unchanged;       /* a 304: the content is what the validators were for */
    bool unverified;      /* a certificate on the way was not looked at, as was asked for */
    bool downgraded;      /* a redirect led from https to http */
    char *saved;          /* the file that has the body; NULL: none */
    uint64_t retry_after; /* nanoseconds that a failure's response asked for; 0: nothing */
    uint64_t fresh;       /* nanoseconds that a success says it will stay so; 0: nothing */
    char *etag;           /* validators, where they were asked for; NULL: none */
    char *last_modified;  /* the same */
    enum error error;     /* ERROR_NONE: a success */
    char detail[FETCH_DETAIL_SIZE]; /* of the error, in words */
};

/* Frees the texts. */
void fetch_result_fini(struct fetch_result *result);

/* The class of an error for users and metrics: "dns", "connect", "timeout" … (see the README). */
const char *fetch_error_kind(enum error error);

/* All classes, for metrics: NULL behind the last. */
const char *fetch_error_kind_at(size_t index);

/* Appends the result as one JSON object, without a line end. */
enum error fetch_result_append_json(const struct fetch_result *result, struct buffer *out);

/* Appends the line for people: "✅ URL → title" or "❌ URL: error", without a line end. */
enum error fetch_result_append_text(const struct fetch_result *result, struct buffer *out);

/* Appends the result as one record of CSV (RFC 4180) without a line end, or the names of its
 * fields. */
enum error fetch_result_append_csv(const struct fetch_result *result, struct buffer *out);
enum error fetch_result_append_csv_head(struct buffer *out);

/* Do two results of the same URL say the same to who watches it: status, title, digest, error? */
bool fetch_result_equal(const struct fetch_result *a, const struct fetch_result *b);

#endif
