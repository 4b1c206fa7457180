/*
 * What is asked of one URL. `{.url = …}` is a plain GET; everything else may be left out.
 *
 * A request borrows its texts. See session_fetch() for how long.
 */
#ifndef RINGCAST_FETCH_REQUEST_H
#define RINGCAST_FETCH_REQUEST_H

#include <stdbool.h>

#include "http/fields.h"
#include "tls/context.h"

/* Fields of one request beside those that are written by ourselves. */
enum { FETCH_FIELDS_MAX = 64 };

/* What an earlier response said that its content can be recognised by (RFC 9110 §8.8). */
struct fetch_validators {
    const char *url;           /* that it answered for, as in fetch_result.final_url */
    const char *etag;          /* as it was sent, or NULL */
    const char *last_modified; /* as it was sent, or NULL */
};

struct fetch_request {
    const char *url;
    struct bytes method;       /* empty: GET */
    struct http_fields fields; /* in place of ours where the name is the same */
    struct bytes body;
    /* The value of Authorization; goes to the URL's own origin and nowhere else. NULL: none. */
    const char *authorization;
    /* How to trust origins over https, on the whole way. Without authorities: the session's. The
     * certificate is shown to the URL's own origin and to nobody else. */
    struct tls_client_options tls;
    /* What the user has already: a 304 is then a success without a body. NULL: nothing. */
    const struct fetch_validators *validators;
    const char *save_to;   /* the path of a file for its body; NULL: it is not kept */
    bool wants_validators; /* the result should carry those of its response */
};

/*
 * May a request have this method? A token (RFC 9110 §9.1), and neither CONNECT nor TRACE, which are
 * not for fetching.
 */
bool fetch_method_is_allowed(struct bytes method);

/*
 * May a request have a field of this name? Not those that tell where a message ends and whom it is
 * for: they are written by ourselves.
 */
bool fetch_field_is_allowed(struct bytes name);

#endif
