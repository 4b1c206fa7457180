/* What the service fetches, and what becomes of the results. On worker 0. */
#ifndef RINGCAST_APP_SCHEDULING_H
#define RINGCAST_APP_SCHEDULING_H

#include "service.h"

/* Starts the schedule of the config's URLs, with what the state file knows of them. */
enum error scheduling_start(struct service *service);

/*
 * The config has other URLs, or wants them at another pace. `old` are those before; what the
 * schedule still needs of them is taken out. A failure is logged.
 */
void scheduling_change(struct service *service, struct config_urls *old);

#endif
