/* The hub's certificates, from the files that the config names. */
#ifndef RINGCAST_APP_IDENTITIES_H
#define RINGCAST_APP_IDENTITIES_H

#include "app/config.h"
#include "tls/identities.h"

/*
 * NULL without hub.tls. On an error `detail` says which file and why: as tls_context_new_server(),
 * or ERROR_NO_MEMORY.
 */
enum error identities_load(const struct config_tls *tls, struct tls_identities **identities,
                           struct tls_detail *detail);

#endif
