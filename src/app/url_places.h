/*
 * Where the URLs of a list stand, to be found by their requests: for what is known of a request
 * from elsewhere, as an earlier list or a file. Pure.
 */
#ifndef RINGCAST_APP_URL_PLACES_H
#define RINGCAST_APP_URL_PLACES_H

#include "app/config.h"

struct url_place;

struct url_places {
    struct url_place *items; /* sorted */
    size_t count;
};

/* ERROR_NO_MEMORY leaves nothing to end. */
enum error url_places_init(struct url_places *places, const struct config_urls *urls);
void url_places_fini(struct url_places *places);

/* The first URL with this request that was not claimed yet. False: there is none. */
bool url_places_claim(struct url_places *places, uint64_t request_hash, size_t *index);

#endif
