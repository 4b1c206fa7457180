/* The values that are lists: fetch.urls and hub.channels. How they are read is in config_table.h.
 */
#ifndef RINGCAST_APP_CONFIG_LISTS_H
#define RINGCAST_APP_CONFIG_LISTS_H

#include "app/config.h"

/*
 * Fills in what the elements of fetch.urls left out, once everything is read: `every` and `channel`
 * may stand behind the list, or in the environment.
 */
enum error config_urls_complete(struct config_fetch *fetch);

#endif
