/*
 * Another config for a service that runs: all of it or none. It is checked completely first, with
 * the files that it names (keys, tokens, certificates); then all workers stand still for the moment
 * in which it takes the place of the old one. What holds until the service ends, as addresses to
 * listen on, keeps its value, and the log says so.
 */
#ifndef RINGCAST_APP_RELOAD_H
#define RINGCAST_APP_RELOAD_H

#include "service.h"

/* Reads the file of the service's config again, on worker 0's thread. The log says what became of
 * it. */
void reload_file(struct service *service);

/* Takes `next` over, whatever becomes of it. False if it is refused. */
bool reload(struct service *service, struct config *next);

#endif
