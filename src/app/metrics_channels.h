/* The part of the metrics page that is about single channels; see hub/channel_totals.h. */
#ifndef RINGCAST_APP_METRICS_CHANNELS_H
#define RINGCAST_APP_METRICS_CHANNELS_H

#include "base/bytes.h"
#include "hub/hub.h"

/* ERROR_NO_MEMORY. */
enum error metrics_append_channels(struct hub *hub, struct buffer *out);

#endif
