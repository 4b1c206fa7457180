/* From the config to the fetcher's options, for the service and the command. */
#ifndef RINGCAST_APP_FETCHER_H
#define RINGCAST_APP_FETCHER_H

#include "app/config.h"
#include "fetch/session.h"

struct session_options fetcher_options(const struct config *config);

/* What an element of fetch.urls asks for. Borrows its texts. */
struct fetch_request fetcher_request(const struct config_url *url);

/* Threads for hashing: as configured, or one for each processor but the loop's, at least one. */
unsigned fetcher_threads(const struct config *config);

/* How many URLs may be under way or wait for those before them. */
size_t fetcher_window(const struct config *config);

#endif
