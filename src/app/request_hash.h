/* What two requests have in common if they are the same: URL, method, fields and body. Credentials,
 * and how a server is trusted, are not compared. */
#ifndef RINGCAST_APP_REQUEST_HASH_H
#define RINGCAST_APP_REQUEST_HASH_H

#include "app/config.h"

uint64_t request_hash(const struct config_url *url);

#endif
