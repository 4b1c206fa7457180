/* What the config says of the hub, in the hub's own words. */
#ifndef RINGCAST_APP_HUB_SETTINGS_H
#define RINGCAST_APP_HUB_SETTINGS_H

#include "app/config.h"
#include "hub/hub.h"

/* Who may do what, and the calls back, are left out. Borrows from the config. */
struct hub_options hub_settings(const struct config *config);

struct channel_settings hub_settings_of_channel(const struct config *config, struct bytes name);

#endif
