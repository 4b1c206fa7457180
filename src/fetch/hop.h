/*
 * Where a fetch is on its way through redirects: the URL to ask now, how to ask it, and the rules
 * for the next one. Pure: knows no connection and no time.
 *
 * The rules are those of the fetch standard (https://fetch.spec.whatwg.org/#http-redirect-fetch):
 *   303, and POST on 301 or 302, become GET without the body; 307 and 308 repeat the request
 *   at the first step to another origin every field that may be a secret stays behind, for good
 *   no step leads to another origin at a port of another protocol
 */
#ifndef RINGCAST_FETCH_HOP_H
#define RINGCAST_FETCH_HOP_H

#include "fetch/request.h"
#include "http/url.h"

struct hop {
    struct url url;
    struct bytes method; /* "GET" if the request says nothing */
    bool has_url;        /* `url` is to be ended */
    bool has_body;       /* the request's body goes along, and the fields that describe it */
    bool foreign;        /* a redirect has led to another origin */
    bool downgraded;     /* … from https to http */
    unsigned count;      /* redirects followed */
    struct buffer seen;  /* uint64_t, a keyed hash of each URL and method that was asked */
};

/* At the URL that was asked for. ERROR_URL_…, ERROR_NO_MEMORY. hop_fini() also after an error. */
enum error hop_init(struct hop *hop, const struct fetch_request *request);

void hop_fini(struct hop *hop);

/* Does a response of this status say where to go instead? */
bool hop_is_redirect(int status);

/*
 * Goes where a redirect leads: `location` is the field's value. ERROR_REDIRECT_LIMIT: more than
 * `limit`. ERROR_REDIRECT_LOOP: this was asked before, and `may_repeat` does not allow it.
 * ERROR_REDIRECT_INVALID: to no http or https URL. ERROR_REDIRECT_PORT: to another origin's bad
 * port. ERROR_NO_MEMORY. After an error the fetch has to end. A user name or password in the
 * location is dropped.
 */
enum error hop_follow(struct hop *hop, int status, struct bytes location, unsigned limit,
                      bool may_repeat);

/* Does a field of the request go along on this hop? */
bool hop_carries(const struct hop *hop, struct bytes field_name);

#endif
