/* The values that are lists: fetch.urls, hub.channels, hub.listen. How they are read is in
 * config_table.h. */
#ifndef RINGCAST_APP_CONFIG_LISTS_H
#define RINGCAST_APP_CONFIG_LISTS_H

#include "config_report.h"

/*
 * Fills in what the elements of fetch.urls left out, once everything is read: `every` and `channel`
 * may stand behind the list, or in the environment.
 */
enum error config_urls_complete(struct config_fetch *fetch);

/* Ends a list, and leaves an empty one. */
void config_urls_release(struct config_urls *urls);

/* What the elements of hub.listen need elsewhere: a line if it is not there. */
enum error config_listens_check(struct config_reader *reader, const struct config_hub *hub);

#endif
